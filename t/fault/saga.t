# The saga under fire: bookings against a payment provider that fails, hangs,
# takes money twice, and sends its events early, late, never and many times,
# while PostgreSQL, Redis and workers are killed.  Afterwards the provider's
# ledger and ours agree: captured = confirmed + given back, each once.
#
#     SAGA_BOOKINGS=10000 SAGA_SEEDS=50 SAGA_SEED=1 BOXOFFICE_TEST_SECONDS=3600 \
#         ./dev test t/fault/saga.t
#
# runs that many bookings in all, spread over that many seeds from SAGA_SEED.  A
# seed takes some twenty seconds, and up to two minutes more when a worker is
# killed that is comparing the books: others have to wait for the end of its
# lease.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Provider ();
use Boxoffice::Test     qw(STADIUM_SHOW uuid);
use Boxoffice::Test::Booking qw(CUSTOMER metrics);
use Boxoffice::Test::Process ();
use List::Util  qw(sum0);
use Mojo::IOLoop    ();
use Mojo::JSON      qw(encode_json);
use Mojo::UserAgent ();
use Time::HiRes     qw(sleep time);

my $SEEDS    = $ENV{SAGA_SEEDS}    // 2;
my $BOOKINGS = $ENV{SAGA_BOOKINGS} // 300;
my $FIRST    = $ENV{SAGA_SEED}     // time % 1_000_000;
my $AT_ONCE  = $ENV{SAGA_AT_ONCE}  // 24;
my $EACH     = int($BOOKINGS / $SEEDS) || 1;

my $t = Boxoffice::Test->new(start => 0, nodes => 2, workers => 2,
    postgres => 'own', allow_log => [
        qr/worker process \d+ exited on signal 9/,
        qr/\[(?:alert|crit)\].*(?:connect|recv|SSL|shutdown)/ ]);
my $ua = Mojo::UserAgent->new(request_timeout => 6, connect_timeout => 2,
    max_connections => 100);
my $seats;
my %seen;


sub one ($sql, @bind) {
    return ($t->dbh->selectrow_array($sql, undef, @bind))[0];
}


# --- one booking: a chain of requests, each sent again until it is answered

sub send_it ($b, $path, $body, $done, $key = uuid(), $try = 0) {
    my $url = $t->url("/api/v1$path", node => 1 + int rand 2);

    $ua->post($url => { 'x-user-id' => $b->{user}, 'Idempotency-Key' => $key,
        'Content-Type' => 'application/json' } => encode_json($body)
        => sub ($, $tx) {
            my $code = $tx->res->code // 0;
            my $json = $code ? $tx->res->json : undef;
            my $word = ref $json && ref $json->{error}
                ? $json->{error}{code} // '' : '';

            $seen{ $path =~ s{/orders/\S+/}{}r . " $code $word" }++;

            # not known, or not now: the same again
            if (($code == 0 || $code >= 500 || $word eq 'payment_pending'
                || $word eq 'request_in_progress') && $try < $b->{patience})
            {
                return Mojo::IOLoop->timer(0.1 + rand 0.4 => sub {
                    send_it($b, $path, $body, $done, $key, $try + 1) });
            }

            return $done->($code, $json);
        });
    return;
}


sub book ($n, $provider, $ended) {
    my $b = { user => "u$n-$$", patience => 8 + int rand 20 };
    my @seats = map { $seats->[($n * 2 + $_) % @$seats] } 0, 1;

    send_it($b, '/holds', { showId => STADIUM_SHOW, seatIds => \@seats },
        sub ($code, $hold) {
            return $ended->() if $code != 201;
            send_it($b, '/orders', { holdId => $hold->{holdId},
                paymentMethod => 'CARD', customer => CUSTOMER },
                sub ($status, $order) {
                    return $ended->() if $status != 201;
                    $b->{order} = $order->{orderId};
                    pay_it($b, $provider, $ended);
                });
        });
    return;
}


sub pay_it ($b, $provider, $ended) {
    my $path = "/orders/$b->{order}";

    send_it($b, "$path/pay", {}, sub ($code, $pay) {
        return $ended->() if $code != 200;

        my $dice = rand;
        my $how  = $dice < 0.08 ? 'decline' : $dice < 0.2 ? 'late'
            . int(2000 + rand 5000) : 'ok';

        $ua->post($provider->url("/test/pay/$pay->{paymentId}?how=$how")
            => sub {
                # some close the window, and leave it to the servers
                return $ended->() if rand() < 0.4;
                send_it($b, "$path/confirm-payment",
                    { paymentId => $pay->{paymentId} }, sub ($status, $) {
                        return $ended->() if $status != 200 || rand() > 0.2;
                        send_it($b, "$path/cancel", {}, sub { $ended->() });
                    });
            });
    });
    return;
}


# --- what goes wrong with ours; by itself it gets well again

sub fault () {
    my $dice = rand;

    # of a short run, too, a worker's death is a part
    if ($dice < 0.5 || !$seen{'worker killed'}) {
        my $node = 1 + int rand 2;
        my @pids = $t->worker_pids(node => $node);
        kill 'KILL', $pids[rand @pids] if @pids;
        $seen{'worker killed'}++;
    }
    elsif ($dice < 0.75) {
        $t->kill_redis;
        $t->start_redis;
        $seen{'redis killed'}++;
    }
    else {
        $t->kill_postgres;
        Mojo::IOLoop->timer(0.3 + rand 0.7 => sub { $t->start_postgres });
        $seen{'postgres killed'}++;
        return 4;
    }

    return 1;
}


sub run_bookings ($provider, $from, $count) {
    my ($next, $busy) = (0, 0);
    my $down = 0;
    my ($more, $strike);

    $more = sub {
        while ($next < $count && $busy < $AT_ONCE) {
            $busy++;
            book($from + $next++, $provider, sub { $busy--; $more->() });
        }
        Mojo::IOLoop->stop if !$busy && $next >= $count;
    };
    $strike = Mojo::IOLoop->recurring(1.5 => sub {
        $down = fault() if --$down <= 0 && $next < $count;
    });

    $more->();
    Mojo::IOLoop->start;
    Mojo::IOLoop->remove($strike);

    # a server that is still away comes back
    my $end = time + 3;
    Mojo::IOLoop->one_tick while time < $end && !eval { $t->dbh->ping };
    return;
}


# --- the judgement

# The differences between the provider's ledger and ours.
sub differences ($provider) {
    my $ledger = $provider->ledger;
    my $ours   = $t->dbh->selectall_hashref(q{
        select p.payment_id, p.amount, p.status, p.refunded, p.kept,
               coalesce(o.status = 'CONFIRMED' and o.payment_id = p.payment_id,
                        false) as confirmed
        from payments p left join orders o using (order_id, show_date)},
        'payment_id');
    my (%back, %times, @wrong);

    for my $r ($ledger->{refunds}->@*) {
        $back{ $r->{payment_intent} } += $r->{amount};
        push @wrong, "refund $r->{metadata}{refund_id} was done twice"
            if $times{ $r->{metadata}{refund_id} }++;
    }

    for my $p (grep { $_->{amount_received} } $ledger->{payments}->@*) {
        my $o    = delete $ours->{ $p->{id} };
        my $back = $back{ $p->{id} } // 0;

        if (!$o) {
            push @wrong, "$p->{id} was captured, and we do not know it";
            next;
        }

        my $kept = $o->{confirmed} ? $p->{amount_received} : 0;
        push @wrong, "$p->{id}: captured $p->{amount_received}, confirmed "
            . "$kept, given back $back, kept $o->{kept}"
            if $p->{amount_received} != $kept + $back + $o->{kept}
            || $o->{refunded} != $back;
    }

    push @wrong, map { "$_ is captured with us alone" }
        grep { $ours->{$_}{status} eq 'CAPTURED' } keys %$ours;
    push @wrong, map { "refund $_->[0] of $_->[1] is $_->[2]" }
        $t->dbh->selectall_arrayref('select refund_id, payment_id, status
            from refunds where status <> ?', undef, 'DONE')->@*;
    push @wrong, 'events are parked' if one('select count(*)
        from webhook_events where next_at is not null');
    push @wrong, 'orders wait for money that is there' if one(q{
        select count(*) from orders o join payment_intents i using (order_id)
        where o.status = 'PAYMENT_PENDING' and i.status = 'CAPTURED'});
    push @wrong, 'payments are quarantined' if one(q{select count(*)
        from payments where status = 'QUARANTINED'});
    return @wrong;
}


# What both books say in all; the provider's are read last, so money that it
# takes meanwhile is a difference that heals.
sub totals ($provider) {
    my $booked = sub ($steps) {
        return one('select coalesce(sum(amount), 0) from ledger
            where step like ?', $steps);
    };
    my @ours   = map { $booked->($_) } 'captured', 'refunded:%';
    my $ledger = $provider->ledger;

    return (\@ours, [
        sum0(map { $_->{amount_received} } $ledger->{payments}->@*),
        sum0(map { $_->{amount} } $ledger->{refunds}->@*) ], $ledger);
}


sub judge ($provider, $seed) {
    my (@wrong, $ours, $theirs, $ledger);
    my $healed = time;

    # captures that come late go on meanwhile: all at one moment
    $t->wait_until(sub {
        @wrong = differences($provider);
        ($ours, $theirs, $ledger) = totals($provider);
        return !@wrong && "@$ours" eq "@$theirs";
    }, 60);
    is \@wrong, [], "seed $seed: the books agree";
    diag sprintf 'seed %d: healed within %.1f s', $seed, time - $healed;

    is $ours->[0], $theirs->[0], "seed $seed: captured";
    is $ours->[1], $theirs->[1], "seed $seed: given back";
    $t->check_invariants("seed $seed: invariants");
    diag sprintf 'seed %d: %d captures, %d refunds, orders: %s', $seed,
        scalar(grep { $_->{amount_received} } $ledger->{payments}->@*),
        scalar($ledger->{refunds}->@*),
        join ', ', map { "$_->[0] $_->[1]" } $t->dbh->selectall_arrayref(
            'select status, count(*) from orders group by 1 order by 1')->@*;
    return;
}


my $made = 0;

for my $round (1 .. $SEEDS) {
    my $seed = $FIRST + $round - 1;
    my $dir  = $t->dir . "/provider$round";

    mkdir $dir;
    srand $seed;
    diag "seed $seed, $EACH bookings";

    my $provider = Boxoffice::Provider->new($dir, seed => $seed);
    my %conf = (order_ttl => '6s', gateway => $provider->gateway(
        "name=gw$round", 'timeout=1s', 'check=1s', 'compare=3s',
        'connections=32', $round % 2 ? 'capture=automatic' : 'capture=manual'));

    if ($round == 1) {
        for my $node (1, 2) {
            $t->node($node)->{conf} = { ($t->node($node)->{conf} // {})->%*,
                %conf };
            $t->node($node)->start;
        }

        $seats = $t->dbh->selectcol_arrayref(q{select label from layout_seats
            where layout_id = (select layout_id from shows where show_id = ?)
              and kind = 'NORMAL' order by seat_no}, undef, STADIUM_SHOW);
    }
    else {
        # the books of each seed are its own
        my $tables = join ', ', $t->dbh->selectcol_arrayref(q{
            select distinct c.table_name from information_schema.columns c
            join information_schema.tables t using (table_schema, table_name)
            where table_schema = 'boxoffice' and t.table_type = 'BASE TABLE'
              and c.table_name !~ '^orders_'
              and c.column_name in ('order_id', 'event_id')
            })->@*, qw(user_seats gateway_checks holds);
        $t->dbh->do("truncate $tables cascade");
        $t->node($_)->{conf} = { $t->node($_)->{conf}->%*, %conf } for 1, 2;
        $t->reload(node => $_) for 1, 2;
        $t->redis->flushall;
    }

    $provider->start(map { $t->url("/api/v1/webhooks/gw$round", node => $_) }
        1, 2);
    $provider->chaos($ENV{SAGA_CHAOS} // 70);
    run_bookings($provider, $made, $EACH);
    $made += $EACH;

    $provider->chaos(0);
    judge($provider, $seed);
    $provider->stop;
}

diag join "\n", map { "$seen{$_} x $_" } sort keys %seen;
ok $seen{'worker killed'} || $BOOKINGS < 100, 'workers were killed';

my $m = metrics($t);
diag join ', ', map { "$_ " . ($m->{"${_}_total"} // 0) } qw(payments_begun
    payments_captured payments_repaired refunds_done webhooks_taken
    webhooks_parked);

$t->done;
done_testing;
