#!/usr/bin/perl

# A payment provider with an API in the manner of Stripe and a ledger of its
# own, which is a file that is only added to.  It is as bad as real ones are,
# and worse, by a seed: it fails, hangs, forgets to answer, answers nonsense,
# takes money twice, and sends its events early, late, never or many times.
#
#     provider.pl PORT LEDGER SEED WEBHOOK_URL...
#
# The key is sk_test_provider, the secret of webhooks whsec_provider.
# POST /test/pay/ID lets the customer pay; POST /test/chaos sets how much of the
# above happens, 0..1; GET /test/ledger is the truth.

use v5.36;

use Digest::SHA qw(hmac_sha256_hex);
use Mojolicious::Lite -signatures;
use Mojo::IOLoop ();
use Mojo::JSON  qw(encode_json decode_json);
use Mojo::Server::Daemon ();
use Mojo::UserAgent ();

use constant KEY    => 'sk_test_provider';
use constant SECRET => 'whsec_provider';
use constant DEBUG  => $ENV{PROVIDER_DEBUG};

my ($port, $ledger, $seed, @hooks) = @ARGV;
my (%pi, %refund, %answers, %waiting);
my ($chaos, $n, $failing, $silent, $looks) = (0, 0, 0, 0, 0);

srand $seed;

my $ua = Mojo::UserAgent->new(request_timeout => 5, connect_timeout => 1,
    max_connections => 50);

if (open my $fh, '<', $ledger) {
    while (my $line = <$fh>) {
        my $e = decode_json $line;
        ($e->{object} eq 'refund' ? \%refund : \%pi)->{ $e->{id} } = $e;
        my ($number) = $e->{id} =~ /_${\ sprintf '%x', $seed}(\d+)T\z/;
        $n = $number if ($number // 0) > $n;
    }
}

# names that are in no ledger, of events, were given too
$n += 1_000_000 if $n;

open my $book, '>>', $ledger or die "$ledger: $!";
$book->autoflush(1);


sub write_down ($o) { say {$book} encode_json $o; return $o }

sub name ($prefix) { return sprintf '%s_%x%06dT', $prefix, $seed, ++$n }

sub chance ($p) { return rand() < $p * $chaos }


# --- events

sub announce ($type, $object, $soon = 0) {
    my $id   = name('evt');
    my $body = encode_json { id => $id, object => 'event', type => $type,
        created => time, data => { object => { %$object } } };

    return if chance(0.1);      # it is never sent

    for (1 .. (chance(0.3) ? 2 + int rand 3 : 1)) {
        my $delay = $soon ? 0 : chance(0.3) ? rand 4 : rand 0.2;
        Mojo::IOLoop->timer($delay => sub { deliver($body, 0) });
    }

    return;
}


sub deliver ($body, $try) {
    my $now = time;
    my $url = $hooks[rand @hooks];

    $ua->post($url => {
        'Content-Type'     => 'application/json',
        'Stripe-Signature' => "t=$now,v1=" . hmac_sha256_hex("$now.$body", SECRET),
    } => $body => sub ($, $tx) {
        my $code = $tx->res->code // 0;
        print STDERR "event $code ", $tx->res->body, "\n" if DEBUG;
        return if $code >= 200 && $code < 300 || $try > 8;
        Mojo::IOLoop->timer(0.2 * 2**$try => sub { deliver($body, $try + 1) });
    });
    return;
}


# --- what money does

sub take ($p, $amount = $p->{amount}) {
    $p->@{qw(status amount_received)} = ('succeeded', $amount);
    write_down($p);
    announce('payment_intent.succeeded', $p, $p->{soon});
    return;
}


sub customer_pays ($p, $how) {
    return if $p->{status} ne 'requires_payment_method';

    if ($how eq 'decline') {
        $p->{last_payment_error} = { code => 'card_declined' };
        write_down($p);
        announce('payment_intent.payment_failed', $p);
        return;
    }

    delete $p->{last_payment_error};

    if ($p->{capture_method} eq 'manual') {
        $p->{status} = 'requires_capture';
        write_down($p);
        announce('payment_intent.amount_capturable_updated', $p);
        return;
    }

    take($p);

    # the same customer, the same order, once more
    if (chance(0.05)) {
        my $id = name('pi');
        take($pi{$id} = { %$p, id => $id, created => time });
    }

    return;
}


sub give_back ($p, $amount, $metadata, $status = 'succeeded') {
    my $id = name('re');

    $refund{$id} = write_down({ id => $id, object => 'refund',
        payment_intent => $p->{id}, created => time, amount => int $amount,
        currency => $p->{currency}, status => $status,
        metadata => $metadata });
    announce($status eq 'failed' ? 'refund.failed' : 'refund.created',
        $refund{$id});
    return $refund{$id};
}


sub shown ($p) {
    my $back = 0;
    $back += $_->{amount} for grep { $_->{payment_intent} eq $p->{id}
        && $_->{status} eq 'succeeded' } values %refund;
    return { %$p, latest_charge => { amount_refunded => $back } };
}


# --- the API

# [STATUS, BODY] of a request; what it does, it does once for a key.
sub handle ($c, $code) {
    my $key = $c->req->headers->header('Idempotency-Key');
    return $answers{$key} if defined $key && $answers{$key};

    my $answer = $code->();
    $answers{$key} = $answer if defined $key && $answer->[0] == 200;
    return $answer;
}


sub serve ($c, $code) {
    return $c->render(status => 401, json => { error => {} })
        if ($c->req->headers->authorization // '') ne 'Bearer ' . KEY;

    my $dice = $chaos ? rand() / $chaos : 1;
    my $id   = $c->tx->connection;

    $c->render_later;

    if ($dice < 0.05) {
        return $c->render(status => 500, json => { error => {} });
    }
    if ($dice < 0.08) {
        return $c->render(status => 429, json => { error => {} });
    }
    if ($dice < 0.11) {
        return $waiting{$id} = $c->tx;          # never heard of again
    }

    my $answer = handle($c, $code);

    if ($dice < 0.16) {
        return $waiting{$id} = $c->tx;          # done, and never answered
    }
    if ($dice < 0.20) {
        return Mojo::IOLoop->remove($id);       # done, and cut off
    }
    if ($dice < 0.23) {
        return $c->render(status => 200, text => '{"id":"pi_');
    }

    my $tx    = $c->tx;
    my $delay = $dice < 0.35 ? 0.2 + rand 1.2 : 0;

    Mojo::IOLoop->timer($delay => sub {
        return $c->render(status => $answer->[0], json => $answer->[1]);
    });
    return;
}


sub refuse ($why, $status = 400) {
    return [$status, { error => { code => $why } }];
}


post '/v1/payment_intents' => sub ($c) {
    my $p = $c->req->body_params->to_hash;

    serve($c, sub {
        my $id = name('pi');

        $pi{$id} = write_down({
            id => $id, object => 'payment_intent', created => time,
            amount => int $p->{amount}, amount_received => 0,
            currency => $p->{currency}, status => 'requires_payment_method',
            capture_method => $p->{capture_method} // 'automatic',
            client_secret => "${id}_secret_" . int rand 1e9,
            metadata => { map { /^metadata\[(.*)\]\z/ ? ($1 => $p->{$_}) : () }
                keys %$p },
        });

        # paid before anybody has been told that there is something to pay
        if (chance(0.1)) {
            local $pi{$id}{soon} = 1;
            customer_pays($pi{$id}, 'ok');
        }

        return [200, $pi{$id}];
    });
};


get '/v1/payment_intents' => sub ($c) {
    my $q = $c->req->query_params->to_hash;

    serve($c, sub {
        my @all = map { $_->[1] } sort { $b->[0] cmp $a->[0] }
            map { [sprintf('%010d', $_->{created}) . $_->{id}, $_] } grep { $_->{created} >= ($q->{'created[gte]'} // 0)
                && $_->{created} <= ($q->{'created[lte]'} // 9e9) } values %pi;

        if (my $after = $q->{starting_after}) {
            shift @all while @all && $all[0]{id} ne $after;
            shift @all;
        }

        my $more = @all > $q->{limit};
        splice @all, $q->{limit} if $more;
        return [200, { object => 'list', has_more => $more ? \1 : \0,
            data => [map { shown($_) } @all] }];
    });
};


get '/v1/payment_intents/:id' => sub ($c) {
    my $p = $pi{ $c->param('id') };
    serve($c, sub { $p ? [200, $p] : refuse('resource_missing', 404) });
};


post '/v1/payment_intents/:id/:step' => sub ($c) {
    my ($p, $step) = ($pi{ $c->param('id') }, $c->param('step'));

    serve($c, sub {
        return refuse('resource_missing', 404) if !$p;

        if ($step eq 'capture') {
            return refuse('unexpected_state')
                if $p->{status} ne 'requires_capture';
            take($p);
            return [200, $p];
        }

        return refuse('unexpected_state') if $step ne 'cancel'
            || $p->{status} !~ /^requires_/;
        $p->{status} = 'canceled';
        write_down($p);
        announce('payment_intent.canceled', $p);
        return [200, $p];
    });
};


post '/v1/refunds' => sub ($c) {
    my $q = $c->req->body_params->to_hash;

    serve($c, sub {
        my $p = $pi{ $q->{payment_intent} }
            or return refuse('resource_missing', 404);
        my $back = shown($p)->{latest_charge}{amount_refunded};

        return refuse('charge_already_refunded')
            if $back + $q->{amount} > $p->{amount_received};

        my $refund = give_back($p, $q->{amount},
            { refund_id => $q->{'metadata[refund_id]'} },
            $failing ? 'failed' : 'succeeded');
        return $silent ? [500, {}] : [200, $refund];
    });
};


get '/v1/refunds' => sub ($c) {
    my $p = $c->param('payment_intent');

    serve($c, sub {
        $looks++;
        return refuse('parameter_unknown') if $silent;
        return [200, { object => 'list', has_more => \0,
            data => [grep { $_->{payment_intent} eq $p } values %refund] }];
    });
};


# --- for the test

post '/test/pay/:id' => sub ($c) {
    my $p = $pi{ $c->param('id') }
        or return $c->render(status => 404, json => {});
    my $how = $c->param('how') // 'ok';

    if ($how =~ /^late(\d+)/) {
        Mojo::IOLoop->timer($1 / 1000 => sub { customer_pays($p, 'ok') });
    }
    else {
        customer_pays($p, $how);
    }
    $c->render(json => { status => $p->{status} });
};


# what was promised is taken
post '/test/capture/:id' => sub ($c) {
    take($pi{ $c->param('id') });
    $c->render(json => {});
};


post '/test/chaos/:rate' => sub ($c) {
    $chaos = $c->param('rate') / 100;
    $c->render(json => {});
};


# whether refunds fail
post '/test/failing/:yes' => sub ($c) {
    $failing = $c->param('yes');
    $c->render(json => {});
};


# whether refunds are made without a word, and lists of them refused
post '/test/silent/:yes' => sub ($c) {
    $silent = $c->param('yes');
    $c->render(json => {});
};


get '/test/ledger' => sub ($c) {
    $c->render(json => { payments => [values %pi],
        refunds => [values %refund], looks => $looks });
};


# payments of others: how many, when, and what they look like; those of before
# are gone
post '/test/others' => sub ($c) {
    my $q = $c->req->query_params->to_hash;

    delete @pi{ grep { $pi{$_}{of_others} } keys %pi };

    for (1 .. $q->{n}) {
        my $id = name('pi');
        $pi{$id} = { id => $id, object => 'payment_intent',
            amount => 0 + ($q->{amount} // 100),
            amount_received => 0 + ($q->{amount} // 100), currency => 'inr',
            status => $q->{status} // 'succeeded',
            created => time - ($q->{age} // 0), of_others => \1,
            description => 'x' x ($q->{size} // 0), metadata => {
                map { $q->{$_} ? ($_ => $q->{$_}) : () }
                    qw(site intent_id order_id) } };
    }
    $c->render(json => {});
};


# a payment was made long ago
post '/test/age/:id' => sub ($c) {
    $pi{ $c->param('id') }{created} = time - $c->param('age');
    $c->render(json => {});
};


# somebody at the provider gives money back
post '/test/desk/:id' => sub ($c) {
    give_back($pi{ $c->param('id') }, $c->param('amount'), {});
    $c->render(json => {});
};


app->log->level('fatal');

Mojo::Server::Daemon->new(app => app, listen => ["http://127.0.0.1:$port"],
    inactivity_timeout => 60, max_clients => 2000, silent => 1)->run;
