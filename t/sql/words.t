#!/usr/bin/perl

# What gateways say, in any order and any number of times: the same end.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use DBD::Pg qw(:async);
use Test::More;
use TestPg;

*order = \&TestPg::order;
*create = \&TestPg::create;
*cancel = \&TestPg::cancel;
*healthy = \&TestPg::healthy;

my $pg = TestPg->new();
my $dbh = $pg->load();
my ($show, $next);

$dbh->do('set search_path = boxoffice');

sub another_show { $show = TestPg::show($dbh, 26); $next = 0 }
sub fresh { my $n = shift || 1; $next += $n; return [$next - $n .. $next - 1] }
sub one   { return $dbh->selectrow_array(@_) }

sub begin {
    my ($o, %more) = @_;
    return $dbh->selectrow_hashref(
        'select * from begin_payment(?, ?, ?, ?, ?, 600000, ?, ?)', undef,
        $o->{order_id}, $o->{show_no},
        exists $more{owner} ? $more{owner} : $o->{user_id}, 'gw',
        TestPg::uuid(), $more{key}, $o->{order_id});
}

# An order and its payment, as a gateway knows it.
sub payable {
    my (%more) = @_;
    my $o = order($show, fresh(2), user_id => 'u' . TestPg::uuid(), %more);
    create($dbh, $o);
    my $i = begin($o);
    return { order => $o, payment_id => "pi_$i->{intent_id}",
             reference => "pi_$i->{intent_id}", amount => 200,
             currency => 'EUR', order_id => $o->{order_id},
             intent_id => $i->{intent_id}, provider => 'gw' };
}

my @WORD = qw(provider kind payment_id reference intent_id order_id amount
              currency refund_id provider_refund);

sub webhook {
    my ($p, $kind, %more) = @_;
    my %w = (%$p, kind => $kind, %more);
    return $dbh->selectrow_hashref(
        'select * from take_webhook(?, ?, row(' . join(', ', ('?') x @WORD)
        . ')::gateway_word, ?, 10, ?)', undef, $w{event} // TestPg::uuid(),
        $w{digest} // 'd', @w{@WORD}, 'T-' . TestPg::uuid(), $w{mark});
}

# What a customer has the gateway asked about, under a key.
sub asked {
    my ($p, $kind, $key, %more) = @_;
    my %w = (%$p, kind => $kind, %more);
    return $dbh->selectrow_hashref(
        'select * from take_word(row(' . join(', ', ('?') x @WORD)
        . ')::gateway_word, ?, ?, ?, ?, 10)', undef, @w{@WORD},
        $w{owner} // $p->{order}{user_id}, $key, $w{fingerprint} // 'f',
        'T-' . TestPg::uuid());
}

# Tries each that is parked once; those that are so no more.
sub parked {
    my $n = $dbh->do("update webhook_events set next_at = now() - interval "
                     . "'1 s' where next_at is not null");
    return [grep { $_->{outcome} ne 'parked' } map { $dbh->selectrow_hashref(
        'select * from take_parked(?, 10)', undef, 'T-' . TestPg::uuid())
    } 1 .. $n];
}

sub state_of {
    my ($p) = @_;
    return join(' ', map { $_ // '-' } one(
        'select o.status, p.status, p.refunded, i.status from orders o '
        . 'join payment_intents i using (order_id) '
        . 'left join payments p on p.payment_id = ? where o.order_id = ?',
        undef, $p->{payment_id}, $p->{order_id}));
}

sub books {
    my ($p) = @_;
    return join(' ', sort map { s/:.*//r } @{$dbh->selectcol_arrayref(
        'select step from ledger where payment_id = ?', undef,
        $p->{payment_id})});
}

sub permutations {
    return [] if !@_;
    my @list = @_;
    return map { my $i = $_; my @rest = @list; my ($x) = splice(@rest, $i, 1);
                 map { [$x, @$_] } permutations(@rest) } 0 .. $#list;
}

another_show();


subtest 'beginning' => sub {
    my $o = order($show, fresh(1), user_id => 'b1');
    create($dbh, $o);

    my $i = begin($o, key => 'k1');
    is($i->{outcome}, 'created', 'begun');
    is("$i->{amount} $i->{currency} $i->{method}", '100 EUR CARD', 'of that');
    is(begin($o)->{intent_id}, $i->{intent_id}, 'again: the same');
    is(begin($o)->{outcome}, 'open', 'and it says so');
    is(begin($o, key => 'k1')->{outcome}, 'open', 'the same key');
    is(begin($o, owner => 'eve'), undef, "another's");
    is(begin($o, owner => undef)->{outcome}, 'open', 'an admin');

    my $x = order($show, fresh(1), user_id => 'b1');
    create($dbh, $x);
    is(begin($x, key => 'k1')->{outcome}, 'key_reused', 'a key of another');
    cancel($dbh, TestPg::withdrawal($x));
    is(begin($x, key => 'k2')->{outcome}, 'CANCELLED', 'cancelled');
    $dbh->do("update orders set expires_at = now() - interval '1 s' "
             . 'where order_id = ?', undef, $o->{order_id});
    is(begin($o)->{outcome}, 'EXPIRED', 'its time is over');

    my $free = order($show, fresh(1), user_id => 'b1', amount => 0);
    create($dbh, $free);
    is(begin($free)->{outcome}, 'free', 'nothing to pay');
};


subtest 'orders that cost nothing' => sub {
    my $confirm = sub {
        my ($o, %more) = @_;
        return $dbh->selectrow_hashref(
            'select * from confirm_free(?, ?, ?, ?, ?, ?, 10)', undef,
            $o->{order_id}, $o->{show_no}, $more{owner} // $o->{user_id},
            $more{key}, $more{fingerprint} // $o->{order_id},
            'T-' . TestPg::uuid());
    };
    my ($o, $gone, $late) = map { order($show, fresh(1), user_id => 'f1',
                                        amount => 0) } 1 .. 3;
    my $dear = order($show, fresh(1), user_id => 'f1');
    create($dbh, $o, $gone, $late, $dear);

    is($confirm->($dear), undef, 'one that costs something');
    is($confirm->($o, owner => 'eve'), undef, "another's");
    is(begin($o, key => 'f')->{outcome}, 'free', 'nothing to pay');
    my $r = $confirm->($o, key => 'f');
    is("$r->{outcome} $r->{status}", 'confirmed CONFIRMED', 'confirmed');
    is_deeply($dbh->selectrow_arrayref('select payment_id, provider, amount,
        status, (select count(*) from ledger l
                 where l.payment_id = p.payment_id)
        from payments p where order_id = ?', undef, $o->{order_id}),
        ["free-$o->{order_id}", 'free', 0, 'CAPTURED', 1], 'in the books');
    for my $key ('f', 'g', undef) {
        is(begin($o, key => $key)->{outcome}, 'free', 'again');
        my $again = $confirm->($o, key => $key);
        is("$again->{outcome} $again->{ticket_code}",
           "already $r->{ticket_code}", 'the same ticket');
    }
    is($confirm->($gone, key => 'f')->{outcome}, 'key_reused',
       'a key of another');

    cancel($dbh, TestPg::withdrawal($gone));
    is(begin($gone)->{outcome}, 'CANCELLED', 'cancelled');
    is($confirm->($gone, key => 'h')->{outcome}, 'cancelled', 'meanwhile, too');
    is(one("select count(*) from idempotency where user_id = 'f1'
            and key = 'h'"), 0, 'which leaves no key');
    $dbh->do("update orders set expires_at = now() - interval '1 s' "
             . 'where order_id = ?', undef, $late->{order_id});
    is(begin($late)->{outcome}, 'EXPIRED', 'its time is over');

    cancel($dbh, TestPg::withdrawal($o));
    is(begin($o, key => 'f')->{outcome}, 'CANCELLED', 'given back');
    is(one("select count(*) from refunds where payment_id like 'free-%'"), 0,
       'without money');
    healthy($dbh, 'orders that cost nothing');
};


subtest 'any order, any number of times' => sub {
    my @kinds = qw(AUTHORISED CAPTURED FAILED REFUNDED);
    my (%end, %books);

    srand(my $seed = $ENV{SEED} // time());
    diag("seed $seed");

    for my $order (permutations(@kinds)) {
        another_show() if $next > 240;
        my $p = payable();
        my $re = 're_' . TestPg::uuid();
        my $said;

        for my $kind (map { ($_) x (1 + int(rand(2))) } @$order) {
            $said .= ' ' . webhook($p, $kind, event => "$kind-$re",
                $kind eq 'REFUNDED' ? (provider_refund => $re,
                                       amount => 50) : ())->{outcome};
        }
        parked();
        push(@{$end{state_of($p)}}, "@$order:$said");
        push(@{$books{books($p) =~ s/authorised | released//gr}}, "@$order");
    }

    is_deeply([keys %end], ['CONFIRMED CAPTURED 50 CAPTURED'], 'one end')
        or diag(explain(\%end));
    is(scalar(keys %books), 1, 'the same books') or diag(explain(\%books));
    healthy($dbh, 'after all orders');
};


subtest 'promises' => sub {
    another_show();
    my $p = payable();
    is(webhook($p, 'AUTHORISED')->{outcome}, 'authorised', 'promised');
    is(state_of($p), 'PAYMENT_PENDING AUTHORISED 0 AUTHORISED', 'noted');
    is(webhook($p, 'CAPTURED')->{outcome}, 'confirmed', 'kept');
    is(books($p), 'authorised captured released', 'in the books');

    $p = payable();
    webhook($p, 'AUTHORISED');
    is(webhook($p, 'FAILED')->{outcome}, 'gone', 'broken');
    is(books($p), 'authorised released', 'in the books');
    is(state_of($p), 'PAYMENT_PENDING FAILED 0 FAILED', 'the order waits');
    is(begin($p->{order})->{outcome}, 'created', 'for another payment');
    is(webhook($p, 'CAPTURED')->{outcome}, 'confirmed', 'captured after all');
    healthy($dbh, 'promises');
};


sub due {
    my ($p) = @_;
    $dbh->do("update payment_intents set check_at = now() - interval '1 s' "
             . 'where intent_id = ?', undef, $p->{intent_id});
    my $due = $dbh->selectcol_arrayref(
        'select intent_id from due_payments(1000, 60000)');
    return 0 + grep { $_ eq $p->{intent_id} } @$due;
}

sub key_of {
    my ($p, $key) = @_;
    return one('select operation from idempotency where user_id = ? and '
               . 'key = ?', undef, $p->{order}{user_id}, $key);
}


subtest 'keys' => sub {
    another_show();

    # one that was used for something else
    my $p = payable(idem_key => 'k', fingerprint => 'order');
    is(asked($p, 'AUTHORISED', 'k')->{outcome}, 'key_reused', 'a promise');
    is(state_of($p), 'PAYMENT_PENDING - - CREATED', 'nothing is written down');
    webhook($p, 'AUTHORISED');
    my $r = asked($p, 'CAPTURED', 'k');
    is($r->{outcome}, 'key_reused', 'money');
    is($r->{order_id}, undef, 'no order');
    is(state_of($p), 'PAYMENT_PENDING AUTHORISED 0 AUTHORISED',
       'the promise is not over');
    is(books($p), 'authorised', 'nor in the books');
    is(due($p), 1, 'the gateway is asked again');
    is(webhook($p, 'CAPTURED')->{outcome}, 'confirmed', 'and it is paid');
    is(state_of($p), 'CONFIRMED CAPTURED 0 CAPTURED', 'in all books');

    # one of its own
    $p = payable();
    is(asked($p, 'AUTHORISED', 'k1')->{outcome}, 'authorised', 'promised');
    is(key_of($p, 'k1'), undef, 'which is not what the key is for');
    is(asked($p, 'CAPTURED', 'k1')->{outcome}, 'confirmed', 'confirmed');
    is(key_of($p, 'k1'), 'confirm', 'that is');
    for my $kind (qw(AUTHORISED CAPTURED)) {
        $r = asked($p, $kind, 'k1');
        is("$r->{outcome} $r->{order_id}", "replayed $p->{order_id}",
           "again: $kind");
        is(asked($p, $kind, 'k1', fingerprint => 'g')->{outcome}, 'key_reused',
           'of another request');
    }
    is(asked($p, 'CAPTURED', 'k2')->{outcome}, 'already', 'another key');
    is(key_of($p, 'k2'), 'confirm', 'is kept');
    is(asked($p, 'CAPTURED', undef)->{outcome}, 'already', 'no key');
    is(one('select count(*) from refunds where order_id = ?', undef,
           $p->{order_id}), 0, 'all of it once');

    # one that has no effect is free for the next request
    my ($late, $q) = (payable(), payable());
    cancel($dbh, TestPg::withdrawal($late->{order}));
    is(asked(@$_)->{outcome}, $_->[-1], $_->[-1])
        for [$q, 'CAPTURED', 'k3', owner => 'eve', x => 'not_found'],
            [$q, 'CAPTURED', 'k3', amount => 1, x => 'quarantined'],
            [$q, 'CAPTURED', 'k3', intent_id => TestPg::uuid(),
             x => 'unknown'],
            [$late, 'CAPTURED', 'k3', x => 'cancelled'];
    is(one("select count(*) from idempotency where key = 'k3'"), 0,
       'no key is kept');
    is(state_of($late), 'CANCELLED CAPTURED 200 CAPTURED', 'it goes back');
    healthy($dbh, 'keys');
};


# Whoever takes a key has no lock that another with the same key waits for.
subtest 'a key before all locks' => sub {
    my ($other, $async) = ($pg->dbh(), $pg->dbh());
    $other->do('set search_path = boxoffice');

    for my $what (qw(order intent)) {
        my $p = payable();
        my $waits = 0;

        # the beginning of cancel_seats(), and of begin_payment()
        $other->begin_work();
        $other->selectrow_array('select take_keys(?, ?, ?, ?, ?, '
            . '(select array_agg(show_date) from orders where order_id = ?))', undef, [$p->{order}{user_id}], ["k-$what"],
            ['f'], $what eq 'order' ? 'cancel' : 'pay', [$p->{order_id}],
            $p->{order_id});

        my $sth = $async->prepare('select * from boxoffice.take_word(row('
            . join(', ', ('?') x @WORD) . ')::boxoffice.gateway_word, ?, ?, '
            . '?, ?, 10)', { pg_async => PG_ASYNC });
        my %w = (%$p, kind => 'CAPTURED');
        $sth->execute(@w{@WORD}, $p->{order}{user_id}, "k-$what", 'f',
                      'T-' . TestPg::uuid());
        for (1 .. 600) {
            $waits = one('select count(*) from pg_locks where not granted');
            last if $waits;
            select(undef, undef, undef, 0.1);
        }
        is($waits, 1, 'confirm waits for the key');

        $other->do("set local lock_timeout = '500ms'");
        is(eval { $other->do($what eq 'order'
               ? 'select from orders where order_id = ? for update'
               : 'select from payment_intents where order_id = ? for update', undef, $p->{order_id}) } || $@, 1,
           "and has not the $what");
        $other->commit();
        $async->pg_result();
        is($sth->fetchrow_hashref()->{outcome}, 'key_reused', 'then it goes on');
        $sth->finish();
        is(webhook($p, 'CAPTURED')->{outcome}, 'confirmed', 'nothing is lost');
    }
    healthy($dbh, 'a key before all locks');
};


subtest 'refused words' => sub {
    my $p = payable();
    my $other = payable();

    is(webhook($p, 'CAPTURED', amount => 199)->{outcome}, 'quarantined',
       'another amount');
    is(state_of($p), 'PAYMENT_PENDING QUARANTINED 0 OPEN', 'not confirmed');
    is(one("select credit from ledger where payment_id = ?", undef,
           $p->{payment_id}), 'suspense', 'kept apart in the books');
    is(webhook($p, 'CAPTURED')->{outcome}, 'quarantined', 'it stays there');
    is(webhook($p, 'CAPTURED', payment_id => 'pi_usd',
               currency => 'USD')->{outcome}, 'quarantined',
       'another currency');
    is(webhook($p, 'CAPTURED', payment_id => 'pi_order',
               order_id => $other->{order_id})->{outcome}, 'quarantined',
       'of another order');
    is(webhook($p, 'CAPTURED', payment_id => 'pi_gw',
               provider => 'other')->{outcome}, 'quarantined',
       'from another gateway');
    is(webhook($other, 'CAPTURED')->{outcome}, 'confirmed', 'the other');
    is(webhook($p, 'CAPTURED', payment_id => 'pi_ref',
               reference => $other->{reference})->{outcome}, 'quarantined',
       "another's reference");
    is(webhook($p, 'DECLINED')->{outcome}, 'noted', 'declined is no end');

    my $id = TestPg::uuid();
    is(webhook($other, 'CAPTURED', event => $id)->{outcome}, 'already', 'new');
    is(webhook($other, 'CAPTURED', event => $id)->{outcome}, 'duplicate',
       'again');
    is(webhook($other, 'FAILED', event => $id, digest => 'x')->{outcome},
       'altered', 'another body');
    healthy($dbh, 'refused words');
};


subtest 'twice the money' => sub {
    my $p = payable();
    is(webhook($p, 'CAPTURED')->{outcome}, 'confirmed', 'once');
    is(webhook($p, 'CAPTURED', payment_id => "$p->{payment_id}x",
               reference => undef)->{outcome}, 'already', 'twice');
    is_deeply($dbh->selectall_arrayref(
        'select payment_id, amount, reason from refunds where order_id = ?',
        undef, $p->{order_id}), [["$p->{payment_id}x", 200, 'DUPLICATE']],
        'the second goes back');
    healthy($dbh, 'twice');
};


subtest 'what comes too early' => sub {
    my $p = payable();
    $dbh->begin_work();
    $dbh->do('delete from payment_intents where intent_id = ?', undef,
             $p->{intent_id});
    is(webhook($p, 'CAPTURED', event => 'early')->{outcome}, 'parked',
       'it is kept');
    is(one("select count(*) from payments where payment_id = ?", undef,
           $p->{payment_id}), 0, 'and has no effect');
    is(scalar(@{parked()}), 0, 'tried again: still nothing');
    $dbh->do('insert into payment_intents (intent_id, order_id, show_date, '
             . 'show_no, amount, currency, method, provider, check_at) '
             . "select ?, order_id, show_date, show_no, amount, currency, "
             . "'CARD', 'gw', now() from orders where order_id = ?", undef,
             $p->{intent_id}, $p->{order_id});
    is(parked()->[0]{outcome}, 'confirmed', 'now it can');
    is(webhook($p, 'CAPTURED', event => 'early')->{outcome}, 'duplicate',
       'and was');
    $dbh->commit();
    healthy($dbh, 'early');
};


subtest 'what never comes' => sub {
    my $mine = one('select site_id from site');
    my @none = map { +{ %{payable()}, intent_id => TestPg::uuid(),
                        payment_id => "pi_none_$_", reference => "none_$_" }
    } 1 .. 4;

    # what we ask for is here before the gateway hears of it
    is(webhook($none[0], 'CAPTURED', intent_id => undef)->{outcome}, 'foreign',
       'it bears no mark at all');
    is(webhook($none[0], 'CAPTURED', mark => TestPg::uuid())->{outcome},
       'foreign', "another database's mark");
    is(webhook($none[0], 'REFUNDED', refund_id => TestPg::uuid(),
               provider_refund => 're_none')->{outcome}, 'foreign',
       "another's refund");
    is(webhook($none[1], 'CAPTURED', event => 'mine', mark => $mine)
       ->{outcome}, 'parked', 'our mark');
    is(webhook($none[2], 'FAILED', event => 'failed', mark => $mine)
       ->{outcome}, 'parked', 'whatever it says');
    is(webhook($none[3], 'REFUNDED', event => 'desk', provider_refund => 're_x',
               intent_id => undef)->{outcome}, 'parked',
       "a refund may come before its capture");
    is(one(q{select count(*) from webhook_events where outcome = 'foreign'
             and next_at is null and word is null}), 3,
       'of the others nothing is kept');

    is_deeply(parked(), [], 'they wait');
    $dbh->do(q{update webhook_events set received_at = now()
               - interval '4 d 1 s' where next_at is not null});
    is(join(' ', sort map { $_->{outcome} } @{parked()}), 'foreign lost lost',
       'but not for ever');
    is(one('select count(*) from webhook_events where next_at is not null'), 0,
       'none is parked');
    is_deeply($dbh->selectrow_arrayref(
        'select why, amount, order_id from quarantine where payment_id = ?',
        undef, $none[1]{payment_id}), ['UNKNOWN', 200, undef],
        'money that is ours is a case');
    is(one('select count(*) from quarantine where payment_id in (?, ?, ?)',
           undef, map { $_->{payment_id} } @none[0, 2, 3]), 0,
       'what is none is not');
    is(webhook($none[1], 'CAPTURED', event => 'mine')->{outcome}, 'duplicate',
       'told again');
    is(decide(one('select case_id from quarantine where payment_id = ?', undef,
                  $none[1]{payment_id}), 'DISMISS', note => 'asked there')
       ->{outcome}, 'decided', 'and can be closed');
    healthy($dbh, 'what never comes');
};


subtest 'an event that cannot be taken' => sub {
    my ($bad, $good) = (payable(), payable());
    my %away;

    for my $p ($bad, $good) {
        $away{$p->{intent_id}} = TestPg::uuid();
        $dbh->do('update payment_intents set intent_id = ? where intent_id = ?',
                 undef, $away{$p->{intent_id}}, $p->{intent_id});
        is(webhook($p, 'CAPTURED', reference => undef)->{outcome}, 'parked',
           'parked');
        $dbh->do('update payment_intents set intent_id = ? where intent_id = ?',
                 undef, $p->{intent_id}, $away{$p->{intent_id}});
    }

    # something that nobody has thought of
    $dbh->do("alter table payments add constraint none check "
             . "(payment_id <> '$bad->{payment_id}')");
    my %said = map { ($_->{order_id} // $_->{status} => $_->{outcome}) }
        @{parked()};
    is_deeply(\%said, { $good->{order_id} => 'confirmed', 23514 => 'error' },
              'keeps no other waiting');
    $dbh->do('alter table payments drop constraint none');
    is_deeply([map { $_->{outcome} } @{parked()}], ['confirmed'],
              'and is taken when it can be');
    healthy($dbh, 'an event that cannot be taken');
};


subtest 'a payment ends while another is begun' => sub {
    my $p = payable();
    my ($other, $async) = ($pg->dbh(), $pg->dbh());
    my $waits = 0;

    # it waits where it has found that there is one
    $other->do('set search_path = boxoffice');
    $other->do('create function pause() returns trigger language plpgsql as '
               . '$$ begin perform pg_advisory_xact_lock_shared(1); return '
               . 'null; end $$');
    $other->do('create trigger pause after insert on payment_intents '
               . 'for each statement execute function pause()');
    $other->selectrow_array('select pg_advisory_lock(1)');

    my $sth = $async->prepare(
        'select * from boxoffice.begin_payment(?, ?, ?, ?, ?, 600000, null, '
        . 'null)', { pg_async => PG_ASYNC });
    $sth->execute($p->{order_id}, $p->{order}{show_no},
                  $p->{order}{user_id}, 'gw', my $new = TestPg::uuid());
    for (1 .. 600) {
        $waits = one("select count(*) from pg_locks where locktype = "
                     . "'advisory' and not granted");
        last if $waits;
        select(undef, undef, undef, 0.1);
    }
    is($waits, 1, 'it is at that point');

    is(webhook($p, 'FAILED')->{outcome}, 'gone', 'the one before ends');
    $other->selectrow_array('select pg_advisory_unlock(1)');
    $async->pg_result();
    my $r = $sth->fetchrow_hashref();
    is_deeply([@$r{qw(outcome intent_id)}], ['created', $new],
              'a new one is begun');
    $sth->finish();
    $dbh->do('drop trigger pause on payment_intents');
    $dbh->do('drop function pause()');
};


subtest 'refunds' => sub {
    my $p = payable();
    webhook($p, 'CAPTURED');
    cancel($dbh, TestPg::withdrawal($p->{order}));

    my $due = sub { $dbh->selectall_arrayref(
        'select * from due_refunds(100, 1000)', { Slice => {} }) };
    my ($r) = grep { $_->{payment_id} eq $p->{payment_id} } @{$due->()};

    ok($r, 'to be sent') or return;
    is("$r->{amount} $r->{currency} $r->{provider} $r->{again}",
       '200 EUR gw 0', 'what and where');
    is(scalar(@{$due->()}), 0, 'somebody has it');
    $dbh->do("update refunds set next_at = now() - interval '1 s' "
             . "where status = 'SENT'");
    is((grep { $_->{again} } @{$due->()}) + 0,
       one("select count(*) from refunds where status = 'SENT'"),
       'after its time it may be with the gateway');

    is(webhook($p, 'REFUNDED', refund_id => $r->{refund_id}, amount => 199,
               provider_refund => 're_1')->{outcome}, 'quarantined',
       'not that much');
    is(webhook($p, 'REFUNDED', refund_id => $r->{refund_id},
               provider_refund => 're_1')->{outcome}, 'refunded', 'done');
    is(one('select settle_refund(?, ?, ?)', undef, $r->{refund_id}, 'FAILED',
           're_1'), 'already', 'an answer that is late changes nothing');
    is(webhook($p, 'REFUND_FAILED', refund_id => $r->{refund_id},
               provider_refund => 're_0')->{outcome}, 'already',
       'nor a word about another try');
    healthy($dbh, 'done');
    is(webhook($p, $_->[0], refund_id => $r->{refund_id},
               provider_refund => 're_1')->{outcome}, $_->[1], $_->[2])
        for (['REFUND_FAILED', 'refund_failed', 'the money came back'],
             ['REFUND_FAILED', 'already', 'once'],
             ['REFUNDED', 'already', 'a word that is late']);
    is(one('select status from refunds where refund_id = ?', undef,
           $r->{refund_id}), 'FAILED', 'it failed');
    is(one('select sum(case when debit like ? then amount else -amount end) '
           . 'from ledger where payment_id = ?', undef, 'gateway:%',
           $p->{payment_id}), 200, 'the gateway has it');
    healthy($dbh, 'returned');
    is(webhook($p, 'REFUNDED', refund_id => $r->{refund_id},
               provider_refund => 're_3')->{outcome}, 'refunded',
       'given back once more');
    is(webhook($p, 'REFUNDED', provider_refund => 're_2',
               amount => 1)->{outcome}, 'quarantined',
       'the gateway gives back what is not there');
    is(books($p), 'captured refunded refunded returned', 'books');
    healthy($dbh, 'refunds');
};


subtest 'refunds that are tried again' => sub {
    my $due = sub {
        my ($p) = @_;
        $dbh->do("update refunds set next_at = now() - interval '1 s' "
                 . "where status in ('PENDING', 'SENT')");
        return (grep { $_->{payment_id} eq $p->{payment_id} }
            @{$dbh->selectall_arrayref('select * from due_refunds(1000, 1000)',
                                       { Slice => {} })})[0];
    };
    my $settled = sub { one('select settle_refund(?, ?, ?)', undef, @_) };
    my $again = sub { one('select retry_refund(?)', undef, $_[0]) };
    my $state = sub { one('select status from refunds where refund_id = ?',
                          undef, $_[0]) };
    my $given_up = sub {
        my $p = payable();
        webhook($p, 'CAPTURED');
        cancel($dbh, TestPg::withdrawal($p->{order}));
        my $r = $due->($p);
        $settled->($r->{refund_id}, 'FAILED', "re_1_$p->{payment_id}");
        return ($p, $r->{refund_id}, "re_1_$p->{payment_id}");
    };

    my ($p, $id, $first) = $given_up->();
    is($again->(TestPg::uuid()), 'not_found', 'none');
    is($due->($p), undef, 'what failed is left alone');
    is($again->($id), 'retried', 'until somebody says so');
    is($again->($id), 'not_failed', 'once');
    my $r = $due->($p);
    is("$r->{key} $r->{failed_as} $r->{again}", "$id-1 $first 1",
       'under a key of its own, and looked for before');
    is(webhook($p, 'REFUND_FAILED', refund_id => $id,
               provider_refund => $first)->{outcome}, 'already',
       'a late word about the first try does not end the second');
    is($settled->($id, 'DONE', 're_2'), 'done', 'done');
    is($again->($id), 'not_failed', 'and never again');
    is(webhook($p, 'REFUNDED', refund_id => $id,
               provider_refund => $first)->{outcome}, 'quarantined',
       'given back twice: somebody hears of it');
    is(one('select sum(amount) from ledger where payment_id = ? and step like '
           . "'refunded:%'", undef, $p->{payment_id}), 200, 'the books: once');
    healthy($dbh, 'again');

    # the gateway did the first try after all
    ($p, $id, $first) = $given_up->();
    $again->($id);
    is(webhook($p, 'REFUNDED', refund_id => $id,
               provider_refund => $first)->{outcome}, 'refunded',
       'the first try was done after all');
    is($due->($p), undef, 'so there is no second');

    # done, returned, tried again: what is late says nothing
    ($p, $id, $first) = $given_up->();
    webhook($p, $_, refund_id => $id, provider_refund => $first)
        for 'REFUNDED', 'REFUND_FAILED';
    $again->($id);
    is(webhook($p, 'REFUNDED', refund_id => $id,
               provider_refund => $first)->{outcome}, 'already',
       'a late word about a try that came back');
    is($state->($id), 'PENDING', 'which is to be sent');

    # by hand, at the gateway
    ($p, $id) = $given_up->();
    is(webhook($p, 'REFUNDED', provider_refund => 're_desk')->{outcome},
       'refunded', "given back at the gateway's desk");
    is($state->($id), 'DONE', 'that is it');
    is($again->($id), 'not_failed', 'so it is not sent any more');
    is(one('select count(*) from refunds where payment_id = ?', undef,
           $p->{payment_id}), 1, 'one refund');

    # of a part: the order stays
    $p = payable();
    webhook($p, 'CAPTURED');
    my $seat = one('select seat_ids[1] from orders where order_id = ?', undef,
                   $p->{order_id});
    one('select outcome from cancel_seats(?, ?, ?, ?, ?, ?, ?, ?)', undef,
        [$p->{order_id}], [$p->{order}{show_no}], ['root'], ['t'], [$seat],
        ['FULL'], ['k2'], ['f']);
    $r = $due->($p);
    $settled->($r->{refund_id}, 'FAILED', undef);
    is(webhook($p, 'REFUNDED', provider_refund => 're_part',
               amount => 100)->{outcome}, 'refunded', 'a part, by the desk');
    like(state_of($p), qr/^CONFIRMED CAPTURED 100/, 'it ends nothing else');
    healthy($dbh, 'by hand');

    $dbh->do('set enable_seqscan = off');
    my $plan = join("\n", @{$dbh->selectcol_arrayref(
        'explain ' . one("select prosrc from pg_proc where proname = "
                         . "'payment_figures'"))});
    like($plan, qr/\b$_\b/, "counted by $_")
        for qw(refunds_due refunds_failed payments_quarantined
               webhook_events_due quarantine_open);
    $dbh->do('reset enable_seqscan');
};


sub released {
    my ($p) = @_;
    return 0 == one('select count(*) from seat_claims where order_id = ?',
                    undef, $p->{order_id});
}


subtest 'all the money back, by the desk' => sub {
    my @kinds = qw(AUTHORISED CAPTURED FAILED REFUNDED);
    my %end;

    another_show();

    for my $order (permutations(@kinds)) {
        my $p  = payable();
        my $re = 're_' . TestPg::uuid();

        webhook($p, $_, event => "$_-$re", $_ eq 'REFUNDED'
                ? (provider_refund => $re) : ()) for map { ($_) x 2 } @$order;
        parked();
        push(@{$end{state_of($p) . ' ' . released($p)}}, "@$order");
    }

    is_deeply([keys %end], ['CANCELLED CAPTURED 200 CAPTURED 1'],
              'in whatever order it is told: one end, the seats are free')
        or diag(explain(\%end));

    my $p = payable();
    my $re = 're_' . TestPg::uuid();
    webhook($p, 'CAPTURED');
    my $r = webhook($p, 'REFUNDED', provider_refund => $re);
    is("$r->{outcome} $r->{order_id} $r->{status}",
       "order_cancelled $p->{order_id} CANCELLED", 'cancelled');
    is(webhook($p, 'REFUNDED', provider_refund => $re)->{outcome}, 'already',
       'told again');
    is(webhook($p, 'CAPTURED')->{outcome}, 'cancelled', 'a word that is late');
    is_deeply(one("select array_agg(type order by version) from outbox
                   where aggregate_id = ?", undef, $p->{order_id}),
              [qw(order.created order.confirmed order.cancelled)],
              'the customer hears of it');
    is_deeply($dbh->selectrow_arrayref(
        'select amount, kept, terms, by_user from cancellations
         where order_id = ?', undef, $p->{order_id}),
        [200, 0, 'FULL', 'gateway:gw'], 'it is noted who did it');
    is(books($p), 'captured refunded', 'the books');

    # in parts: the order ends with the last of them
    $p = payable();
    webhook($p, 'CAPTURED');
    is(webhook($p, 'REFUNDED', provider_refund => "$re-1",
               amount => 150)->{outcome}, 'refunded', 'some');
    like(state_of($p), qr/^CONFIRMED CAPTURED 150/, 'it goes on');
    is(webhook($p, 'REFUNDED', provider_refund => "$re-2",
               amount => 50)->{outcome}, 'order_cancelled', 'the rest');
    like(state_of($p), qr/^CANCELLED CAPTURED 200/, 'it ends');

    # what was kept of a seat by the terms goes back as well
    $p = payable();
    webhook($p, 'CAPTURED');
    my $seat = one('select seat_ids[1] from orders where order_id = ?', undef,
                   $p->{order_id});
    is(one('select outcome from cancel_seats(?, ?, ?, ?, ?, ?, ?, ?)', undef,
           [$p->{order_id}], [$p->{order}{show_no}], ['root'], ['t'], [$seat],
           ['NONE'], ['k'], ['f']), 'seats_cancelled', 'one seat, for nothing');
    is(webhook($p, 'REFUNDED', provider_refund => "$re-3")->{outcome},
       'order_cancelled', 'and all the money');
    is_deeply($dbh->selectcol_arrayref('select amount from refunds
        where order_id = ? order by reason', undef, $p->{order_id}),
        [100, 100], 'of both');
    is(webhook($p, 'REFUNDED', provider_refund => "$re-3")->{outcome},
       'already', 'told again');
    is(webhook($p, 'REFUNDED', provider_refund => "$re-4",
               amount => 1)->{outcome}, 'quarantined', 'no more than that');

    # who is inside stays inside
    $p = payable();
    webhook($p, 'CAPTURED');
    $dbh->do("insert into checkins (order_id, show_id, seat_no, seat_id,
        outcome, device_id, nonce, staff_id, scanned_at, offline)
        select order_id, show_id, seat_nos[1], seat_ids[1], 'admitted', 'd',
        order_id, 's', now(), false from orders where order_id = ?", undef,
        $p->{order_id});
    is(webhook($p, 'REFUNDED', provider_refund => "$re-5")->{outcome},
       'refunded', 'somebody was let in');
    like(state_of($p), qr/^CONFIRMED CAPTURED 200/, 'the order stays');
    $dbh->do('delete from checkins where order_id = ?', undef, $p->{order_id});
    healthy($dbh, 'the desk');
};


sub decide {
    my ($case, $what, %more) = @_;
    return $dbh->selectrow_hashref('select * from decide_quarantine('
        . '?, ?, ?, ?, ?, ?, ?, ?)', undef, $case, $what, $more{who} // 'root',
        $more{note}, $more{order} && $more{order}{order_id},
        $more{order} && $more{order}{show_no}, 'T-' . TestPg::uuid(),
        $more{limit} // 10);
}

sub case_of {
    my ($p) = @_;
    return one('select case_id from quarantine where payment_id = ?
        order by opened_at desc limit 1', undef, $p->{payment_id});
}

# A payment whose money is in quarantine.
sub doubtful {
    my (%more) = @_;
    my $p = payable();
    webhook($p, 'CAPTURED', %more);
    return $p;
}


subtest 'quarantine' => sub {
    another_show();
    my $p = doubtful(amount => 250);
    my $c = case_of($p);

    is_deeply($dbh->selectrow_arrayref('select why, order_id, amount
        from quarantine where case_id = ?', undef, $c),
        ['AMOUNT', $p->{order_id}, 250], 'a case');
    webhook($p, 'CAPTURED', amount => 250) for 1 .. 2;
    is(one('select count(*) from quarantine where payment_id = ?', undef,
           $p->{payment_id}), 1, 'told again: one case');
    is(one("select check_at = 'infinity' from payment_intents
            where intent_id = ?", undef, $p->{intent_id}), 1,
       'nobody is asked about it meanwhile');
    is(decide($c, 'DISMISS')->{outcome}, 'money', 'money is not dismissed');
    is(decide(TestPg::uuid(), 'REFUND')->{outcome}, 'not_found', 'no case');

    is(decide($c, 'REFUND', note => 'wrong')->{outcome}, 'decided', 'refund');
    is(decide($c, 'REFUND', who => 'eve')->{outcome}, 'same', 'again');
    is(decide($c, 'DISMISS')->{outcome}, 'other', 'otherwise: too late');
    is(decide($c, 'MATCH', order => $p->{order})->{outcome}, 'other', 'nor so');
    is_deeply($dbh->selectall_arrayref('select amount, reason, status
        from refunds where payment_id = ?', undef, $p->{payment_id}),
        [[250, 'QUARANTINED', 'PENDING']], 'it goes back, once');
    is_deeply($dbh->selectrow_arrayref('select decision, decided_by, note
        from quarantine where case_id = ?', undef, $c),
        ['REFUND', 'root', 'wrong'], 'who, and why');
    is(begin($p->{order})->{outcome}, 'created', 'the order can be paid');
    is(one('select settle_refund(refund_id, ?, ?) from refunds
            where payment_id = ?', undef, 'DONE', 're_q', $p->{payment_id}),
       'done', 'given back');
    is(one("select debit from ledger where payment_id = ?
            and step like 'refunded:%'", undef, $p->{payment_id}), 'suspense',
       'from where it was');
    healthy($dbh, 'refunded');

    # more than was asked for pays the order, and the rest goes back
    $p = doubtful(amount => 250);
    my $r = decide(case_of($p), 'MATCH', order => $p->{order});
    is("$r->{outcome} $r->{order_id} $r->{status}",
       "confirmed $p->{order_id} CONFIRMED", 'matched');
    is(state_of($p), 'CONFIRMED CAPTURED 50 CAPTURED', 'as if it had fit');
    is(books($p), 'captured matched', 'in the books');
    is(decide(case_of($p), 'MATCH', order => $p->{order})->{outcome}, 'same',
       'again');
    one('select settle_refund(refund_id, ?, ?) from refunds
         where payment_id = ?', undef, 'DONE', 're_x', $p->{payment_id});
    is_deeply($dbh->selectrow_arrayref("select debit, credit from ledger
        where payment_id = ? and step like 'refunded:%'", undef,
        $p->{payment_id}), ['orders', 'gateway:gw'], 'the rest comes from it');
    is((cancel($dbh, TestPg::withdrawal($p->{order})))[0]{outcome}, 'cancelled',
       'it can be cancelled as any other');
    healthy($dbh, 'matched');

    $p = doubtful(amount => 199);
    is(decide(case_of($p), 'MATCH', order => $p->{order})->{outcome}, 'short',
       'too little');
    is(decide(case_of($p), 'MATCH', order => { order_id => TestPg::uuid(),
        show_no => $p->{order}{show_no} })->{outcome}, 'no_order', 'no order');

    # it was another order's
    my $mine = payable();
    my $paid = payable();
    webhook($paid, 'CAPTURED');
    $p = doubtful(order_id => $mine->{order_id});
    is(decide(case_of($p), 'MATCH', order => $paid->{order})->{outcome},
       'ended', 'one that is paid');
    is(decide(case_of($p), 'MATCH', order => $mine->{order})->{outcome},
       'confirmed', 'one that is not');
    is(one('select status from orders where order_id = ?', undef,
           $p->{order_id}), 'PAYMENT_PENDING', 'the named one waits');
    is(begin($p->{order})->{outcome}, 'created', 'for another payment');

    # one that has expired, when its seats are still there
    for my $gone (0, 1) {
        $p = doubtful(amount => 250);
        $dbh->do("update orders set expires_at = now() - interval '1 s'
                  where order_id = ?", undef, $p->{order_id});
        $dbh->do('select expire_orders(10)');
        is(one('select status from orders where order_id = ?', undef,
               $p->{order_id}), 'EXPIRED', 'expired');
        my $other = order($show, one('select seat_nos from orders
            where order_id = ?', undef, $p->{order_id}));
        create($dbh, $other) if $gone;
        is(decide(case_of($p), 'MATCH', order => $p->{order})->{outcome},
           $gone ? 'seats_gone' : 'confirmed', 'its seats');
    }
    is(decide(case_of($p), 'REFUND')->{outcome}, 'decided', 'then it goes back');

    # a word about a refund has no money to decide about
    $p = payable();
    webhook($p, 'CAPTURED');
    webhook($p, 'REFUNDED', provider_refund => 're_much', amount => 999) for 1, 2;
    is(decide(case_of($p), $_)->{outcome}, 'no_money', $_) for qw(REFUND);
    is(decide(case_of($p), 'MATCH', order => $p->{order})->{outcome},
       'no_money', 'MATCH');
    is(decide(case_of($p), 'DISMISS', note => 'their mistake')->{outcome},
       'decided', 'DISMISS');

    my $all = $dbh->selectall_arrayref('select * from list_quarantine('
        . "?, 9223372036854, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 100)",
        { Slice => {} }, 't');
    is(scalar(@$all), one('select count(*) from quarantine
        where decision is not null'), 'those that were decided');
    my $rest = $dbh->selectall_arrayref('select * from list_quarantine('
        . '?, ?, ?, 100)', { Slice => {} }, 't', $all->[2]{opened_ms},
        $all->[2]{case_id});
    is_deeply([map { $_->{case_id} } @$rest],
              [map { $_->{case_id} } @$all[3 .. $#$all]], 'page by page');
    healthy($dbh, 'quarantine');
};


sub compared {
    my @of = @_;
    return $dbh->selectall_arrayref(
        'select * from compare_payments(?, ?, ?, ?, ?, ?) order by 1', undef,
        'gw', map { my $n = $_; [map { $_->[$n] } @of] } 0 .. 4);
}

sub leased {
    my ($sweep, $back) = @_;
    return $dbh->selectrow_hashref('select * from lease_compare(?, ?, ?, ?)',
        undef, 'gw', $sweep // 'recent', 60000, $back // 864000);
}

sub moved {
    my ($c, $step, $last, $total, $sweep) = @_;
    $dbh->do('select move_compare(?, ?, ?, ?, ?, ?, 60000)', undef, 'gw',
             $sweep // 'recent', $c->{until_s}, $step, $last, $total);
}

sub expire {
    $dbh->do("update gateway_checks set next_at = now() - interval '1 s' "
             . 'where sweep = ?', undef, $_[0]);
}


subtest 'comparing' => sub {
    my ($p, $q) = (payable(), payable());
    my $mark = one('select site_id from site');

    webhook($p, 'CAPTURED');
    is_deeply(compared([$p->{payment_id}, 0, undef, undef, undef],
                       [$q->{payment_id}, 0, $q->{intent_id}, undef, undef],
                       ['pi_x', 0, TestPg::uuid(), 'pi_x', TestPg::uuid()],
                       ['pi_y', 0, undef, 'pi_y', undef],
                       ['pi_z', 0, TestPg::uuid(), 'pi_z', $mark]),
              [sort { $a->[0] cmp $b->[0] } [$q->{payment_id}, 'missing'],
               ['pi_x', 'foreign'], ['pi_y', 'foreign'], ['pi_z', 'missing']],
              'missing, and those of others');
    is_deeply(compared([$p->{payment_id}, 7, undef, undef, undef]),
              [[$p->{payment_id}, 'refunds']], 'refunds');
    my $r = leased();
    like($r->{until_s} - $r->{from_s}, qr/^8640[01]$/, 'the latest day');
    my $d = leased('deep');
    like($d->{until_s} - $d->{from_s}, qr/^86400[01]$/, 'all of them');
    is(leased($_), undef, "not another's, $_") for 'recent', 'deep';

    moved($r, 'page', 'pi_9', 100);
    expire('recent');
    is_deeply({ %{leased()} }, { %$r, after => 'pi_9', seen => 100 },
              'whoever comes next goes on there');
    moved($r, 'failed');
    is(leased(), undef, 'after a failure not at once');
    is(one("select failures from gateway_checks where sweep = 'recent'"), 1,
       'it is counted');
    expire('recent');
    is(leased()->{after}, 'pi_9', 'and nothing is lost');
    moved($r, 'page', 'pi_8', 200);
    moved($r, 'rest');
    is(leased()->{after}, 'pi_8', 'a share was done');
    moved($r, 'done');
    is(leased(), undef, 'all was done');
    moved($r, 'page', 'pi_7', 300);
    expire('recent');
    my $n = leased();
    is_deeply([@$n{qw(after seen)}], [undef, 0],
              'a new round begins at its beginning');
    is(one("select failures from gateway_checks where sweep = 'recent'"), 0,
       'and all is well');

    moved($d, 'page', 'pi_1', 100, 'deep');
    moved($d, 'rest', undef, undef, 'deep');
    is(leased('deep'), undef, 'the other one has time');
    expire('deep');
    is(leased('deep')->{after}, 'pi_1', 'for its next share');
    moved($d, 'done', undef, undef, 'deep');
    expire('deep');
    is(leased('deep', 86400), undef, 'there is none for a shorter time');

    $dbh->do("update payment_intents set check_at = now() - interval '1 s' "
             . 'where intent_id = ?', undef, $q->{intent_id});
    my $due = $dbh->selectall_arrayref('select * from due_payments(100, 60000)',
                                       { Slice => {} });
    is((grep { $_->{intent_id} eq $q->{intent_id} } @$due) + 0, 1, 'asked');
    is(scalar(@{$dbh->selectall_arrayref(
        'select * from due_payments(100, 60000)')}), 0, 'once');
};

healthy($dbh, 'at the end');
unlike($pg->log(), qr/FATAL|PANIC|deadlock/, 'log');
done_testing();
