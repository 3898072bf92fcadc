#!/usr/bin/perl

# A payment provider that behaves as the published API of Razorpay: orders that
# customers pay by payments, which are authorised and then captured; refunds of
# payments; amounts in minor units; lists as collections; 400 for whatever does
# not fit, unknown ids and unknown fields included; events signed over their
# bytes.
#
#     razorpay.pl PORT WEBHOOK_URL
#
# The key is rzp_test_key:rzp_test_secret, the secret of webhooks rzp_hook.
# For the test: POST /test/pay/ORDER?how=captured|authorized|failed[&quiet=1],
# /test/desk/PAYMENT?amount=N, /test/lose/N (that many answers are lost: it is
# done, and the connection ends), GET /test/ledger.

use v5.36;

use Digest::SHA  qw(hmac_sha256_hex);
use MIME::Base64 qw(encode_base64);
use Mojolicious::Lite -signatures;
use Mojo::IOLoop ();
use Mojo::JSON   qw(encode_json);
use Mojo::Server::Daemon ();
use Mojo::UserAgent ();

use constant AUTH => 'Basic ' . encode_base64('rzp_test_key:rzp_test_secret', '');

my ($port, $hook) = @ARGV;
my (%order, %payment, %refund, %done);
my ($n, $lose) = (0, 0);
my $ua = Mojo::UserAgent->new(request_timeout => 5);


sub name ($prefix) { return sprintf '%s_%014d', $prefix, ++$n }

sub collection (@items) {
    return { entity => 'collection', count => scalar @items,
        items => \@items };
}

sub bad ($why) {
    return [400, { error => { code => 'BAD_REQUEST_ERROR',
        description => $why, source => 'business' } }];
}


sub announce ($event, %what) {
    my $body = encode_json { entity => 'event', event => $event,
        contains => [keys %what], created_at => time,
        payload => { map { $_ => { entity => $what{$_} } } keys %what } };
    my $id = name('evt');

    send_event($id, $body, 0);
    return;
}


sub send_event ($id, $body, $try) {
    $ua->post($hook => { 'Content-Type' => 'application/json',
        'X-Razorpay-Signature' => hmac_sha256_hex($body, 'rzp_hook'),
        'x-razorpay-event-id' => $id } => $body => sub ($, $tx) {
            return if ($tx->res->code // 0) == 200 || $try > 5;
            Mojo::IOLoop->timer(0.3 => sub { send_event($id, $body, $try + 1) });
        });
    return;
}


# A request of a merchant: who, what is allowed in the body, what is done.
sub serve ($c, $fields, $code) {
    return $c->render(status => 401, json => { error => {
        code => 'BAD_REQUEST_ERROR', description => 'Authentication failed' } })
        if ($c->req->headers->authorization // '') ne AUTH;

    my $body = $c->req->json // {};

    if (my @more = grep { my $f = $_; !grep { $_ eq $f } @$fields } keys %$body) {
        my $r = bad("@more is/are not required and should not be sent");
        return $c->render(status => $r->[0], json => $r->[1]);
    }

    my $r = $code->($body);

    if ($c->req->method eq 'POST' && $r->[0] == 200 && $lose > 0) {
        $lose--;
        $c->render_later;
        return Mojo::IOLoop->remove($c->tx->connection);
    }

    return $c->render(status => $r->[0], json => $r->[1]);
}


post '/v1/orders' => sub ($c) {
    serve($c, [qw(amount currency receipt notes)], sub ($b) {
        return bad('Order amount less than minimum amount allowed')
            if ($b->{amount} // 0) !~ /\A\d+\z/ || $b->{amount} < 100;
        return bad('The receipt may not be greater than 40 characters.')
            if length($b->{receipt} // '') > 40;
        return bad('currency') if ($b->{currency} // '') !~ /\A[A-Z]{3}\z/;
        my $id = name('order');
        return [200, $order{$id} = { id => $id, entity => 'order',
            amount => $b->{amount}, amount_paid => 0,
            amount_due => $b->{amount}, currency => $b->{currency},
            receipt => $b->{receipt}, offer_id => undef, status => 'created',
            attempts => 0, notes => $b->{notes} // [], created_at => time }];
    });
};


get '/v1/orders' => sub ($c) {
    my $q = $c->req->query_params->to_hash;

    serve($c, [], sub ($) {
        my @found = grep { !defined $q->{receipt}
            || $_->{receipt} eq $q->{receipt} }
            map { $order{$_} } reverse sort keys %order;
        splice @found, $q->{count} // 10 if @found > ($q->{count} // 10);
        return [200, collection(@found)];
    });
};


get '/v1/orders/:id/payments' => sub ($c) {
    my $id = $c->param('id');

    serve($c, [], sub ($) {
        return bad('The id provided does not exist') if !$order{$id};
        return [200, collection(grep { $_->{order_id} eq $id }
            map { $payment{$_} } reverse sort keys %payment)];
    });
};


get '/v1/payments' => sub ($c) {
    my $q = $c->req->query_params->to_hash;

    serve($c, [], sub ($) {
        my @all = grep { $_->{created_at} >= ($q->{from} // 0)
            && $_->{created_at} <= ($q->{to} // 9e9) }
            map { $payment{$_} } reverse sort keys %payment;
        splice @all, 0, $q->{skip} // 0;
        splice @all, $q->{count} // 10 if @all > ($q->{count} // 10);
        return [200, collection(@all)];
    });
};


get '/v1/payments/:id' => sub ($c) {
    my $p = $payment{ $c->param('id') };
    serve($c, [], sub ($) { $p ? [200, $p]
        : bad('The id provided does not exist') });
};


sub captured ($p, $quiet = 0) {
    $p->@{qw(status captured)} = ('captured', \1);
    my $o = $order{ $p->{order_id} };
    $o->@{qw(status amount_paid amount_due)} = ('paid', $p->{amount}, 0);
    return $p if $quiet;
    announce('payment.captured', payment => $p);
    announce('order.paid', payment => $p, order => $o);
    return $p;
}


post '/v1/payments/:id/capture' => sub ($c) {
    my $p = $payment{ $c->param('id') };

    serve($c, [qw(amount currency)], sub ($b) {
        return bad('The id provided does not exist') if !$p;
        return bad('This payment has already been captured')
            if $p->{status} ne 'authorized';
        return bad('Capture amount must be equal to the amount authorized')
            if $b->{amount} != $p->{amount} || $b->{currency} ne $p->{currency};
        return [200, captured($p)];
    });
};


sub give_back ($p, $amount, %more) {
    my $id = name('rfnd');

    $p->{amount_refunded} += $amount;
    $p->{refund_status} = $p->{amount_refunded} == $p->{amount} ? 'full'
        : 'partial';
    $p->{status} = 'refunded' if $p->{refund_status} eq 'full';
    $refund{$id} = { id => $id, entity => 'refund', amount => 0 + $amount,
        currency => $p->{currency}, payment_id => $p->{id}, notes => [],
        receipt => undef, created_at => time, status => 'processed', %more };
    announce('refund.processed', refund => $refund{$id}, payment => $p);
    return $refund{$id};
}


post '/v1/payments/:id/refund' => sub ($c) {
    my $p   = $payment{ $c->param('id') };
    my $key = $c->req->headers->header('X-Refund-Idempotency');

    serve($c, [qw(amount speed notes receipt)], sub ($b) {
        return bad('The id provided does not exist') if !$p;
        return $done{$key} if defined $key && $done{$key};
        return bad('The payment status should be captured')
            if $p->{status} ne 'captured';
        return bad('The refund amount provided is greater than amount captured')
            if $b->{amount} > $p->{amount} - $p->{amount_refunded};
        my $r = [200, give_back($p, $b->{amount}, notes => $b->{notes},
            receipt => $b->{receipt})];
        $done{$key} = $r if defined $key;
        return $r;
    });
};


get '/v1/payments/:id/refunds' => sub ($c) {
    my $id = $c->param('id');
    serve($c, [], sub ($) { [200, collection(grep { $_->{payment_id} eq $id }
        map { $refund{$_} } reverse sort keys %refund)] });
};


# --- the customer, the desk, the test

post '/test/pay/:order' => sub ($c) {
    my $o   = $order{ $c->param('order') }
        or return $c->render(status => 404, json => {});
    my $how = $c->param('how') // 'captured';
    my $id  = name('pay');
    my $p   = $payment{$id} = { id => $id, entity => 'payment',
        amount => $o->{amount}, currency => $o->{currency},
        status => $how eq 'failed' ? 'failed' : 'authorized',
        order_id => $o->{id}, invoice_id => undef, international => \0,
        method => 'upi', amount_refunded => 0, refund_status => undef,
        captured => \0, vpa => 'someone@bank', email => 'a@example.com',
        contact => '+919000090000', notes => $o->{notes},
        error_code => $how eq 'failed' ? 'BAD_REQUEST_ERROR' : undef,
        created_at => time };

    $o->{attempts}++;
    $o->{status} = 'attempted';

    if (!$c->param('quiet')) {
        announce($how eq 'failed' ? 'payment.failed' : 'payment.authorized',
            payment => $p);
    }

    captured($p, $c->param('quiet')) if $how eq 'captured';
    return $c->render(json => $p);
};


post '/test/desk/:payment' => sub ($c) {
    return $c->render(json => give_back($payment{ $c->param('payment') },
        $c->param('amount')));
};


post '/test/lose/:n' => sub ($c) {
    $lose = $c->param('n');
    return $c->render(json => {});
};


get '/test/ledger' => sub ($c) {
    return $c->render(json => { orders => [values %order],
        payments => [values %payment], refunds => [values %refund] });
};


app->log->level('warn');
my $daemon = Mojo::Server::Daemon->new(app => app, silent => 1,
    listen => ["http://127.0.0.1:$port"]);
$daemon->run;
