#!/usr/bin/perl

# Refunds and the ledger: what they refuse, and what follows from a row.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use POSIX ();
use Test::More;
use TestPg;

*order = \&TestPg::order;
*payment = \&TestPg::payment;
*create = \&TestPg::create;
*confirm = \&TestPg::confirm;
*healthy = \&TestPg::healthy;

my $pg = TestPg->new();
my $dbh = $pg->load();
my $show = TestPg::show($dbh, 26);
my $next = 0;

$dbh->do('set search_path = boxoffice');

sub fresh { my $n = shift || 1; $next += $n; return [$next - $n .. $next - 1] }
sub one   { return $dbh->selectrow_array(@_) }

sub paid {
    my ($seats) = @_;
    my $o = order($show, fresh($seats), user_id => 'u' . TestPg::uuid());
    create($dbh, $o);
    my $p = payment($o);
    confirm($dbh, $p);
    return { %$o, payment_id => $p->{payment_id} };
}

sub refund {
    my ($p, $amount, $cause, %more) = @_;
    my %row = (payment_id => $p->{payment_id}, order_id => $p->{order_id},
               show_date => '2030-01-01', amount => $amount,
               currency => 'EUR', cause => $cause, reason => 'TEST', %more);
    my @names = sort keys %row;
    return one('insert into refunds (' . join(', ', @names) . ') values ('
               . join(', ', ('?') x @names) . ') returning refund_id', undef,
               @row{@names});
}

sub refused {
    my ($name, $like, $do) = @_;
    $dbh->begin_work();
    ok(!eval { $do->(); 1 }, $name);
    like($@, $like, '... for that reason');
    $dbh->rollback();
}

sub events {
    return join(' ', @{$dbh->selectcol_arrayref(
        "select version || ':' || type from outbox where aggregate_id = ? "
        . 'order by version', undef, shift)});
}

sub balance {
    my ($account) = @_;
    return one('select coalesce(sum(case when debit = $1 then amount '
               . 'else -amount end), 0) from ledger '
               . 'where $1 in (debit, credit)', undef, $account);
}


subtest 'no more than was captured, and a cause once' => sub {
    my $p = paid(4);

    refused('more', qr/payments_refund_bound/, sub { refund($p, 401, 'a') });
    refused('nothing', qr/refunds_amount_positive/,
            sub { refund($p, 0, 'a') });
    refused('another currency', qr/without its payment/,
            sub { refund($p, 1, 'a', currency => 'USD') });
    refused('another order', qr/without its payment/,
            sub { refund($p, 1, 'a', order_id => TestPg::uuid()) });
    refused('no payment', qr/without its payment/,
            sub { refund($p, 1, 'a', payment_id => 'none') });

    refund($p, 300, 'seats:1');
    refused('the same again', qr/refunds_cause_key/,
            sub { refund($p, 1, 'seats:1') });
    refused('more than is left', qr/payments_refund_bound/,
            sub { refund($p, 101, 'seats:2') });
    refused('what is kept is not there either', qr/payments_refund_bound/,
            sub {
                $dbh->do('update payments set kept = 50 where payment_id = ?',
                         undef, $p->{payment_id});
                refund($p, 51, 'seats:2');
            });
    refund($p, 100, 'seats:2');
    is(one('select refunded from payments where payment_id = ?', undef,
           $p->{payment_id}), 400, 'all of it');
    healthy($dbh, 'refunds');
};


subtest 'two at once' => sub {
    my $p = paid(1);
    my $other = $pg->dbh();

    $other->do('set search_path = boxoffice');
    $dbh->begin_work();
    refund($p, 60, 'one');

    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        $other->{InactiveDestroy} = 1;
        my $mine = $pg->dbh();
        my $ok = eval {
            $mine->do('insert into boxoffice.refunds (payment_id, order_id, '
                      . 'show_date, amount, currency, cause, reason) values '
                      . "(?, ?, '2030-01-01', 60, 'EUR', 'two', 'TEST')",
                      undef, $p->{payment_id}, $p->{order_id});
            1;
        };
        POSIX::_exit($ok ? 1 : 0);
    }
    for (1 .. 100) {
        last if $other->selectrow_array('select count(*) from pg_locks '
                                        . 'where not granted');
        select(undef, undef, undef, 0.05);
    }
    $dbh->commit();
    waitpid($pid, 0);
    is($?, 0, 'the second was refused');
    is(one('select refunded from payments where payment_id = ?', undef,
           $p->{payment_id}), 60, 'and one is counted');
};


subtest 'states, events and books' => sub {
    my $p = paid(3);
    my $id = refund($p, 200, 'seats:1');
    my $set = sub {
        $dbh->do("update refunds set status = ?, done_at = case when ? = "
                 . "'DONE' then now() end where refund_id = ?", undef,
                 $_[0], $_[0], $id);
    };
    my ($orders, $gateway) = map { balance($_) } 'orders', 'gateway:mock';

    is(events($id), '1:payment.refund_requested', 'asked for');
    $set->($_) for qw(SENT PENDING SENT);
    is(events($id), '1:payment.refund_requested', 'sending is no event');
    $set->('FAILED');
    is(events($id), '1:payment.refund_requested 2:payment.refund_failed',
       'failed');
    refused('FAILED to SENT', qr/is no step/, sub { $set->('SENT') });
    is(balance('orders') - $orders, 0, 'nothing is in the books');

    $set->($_) for qw(PENDING SENT DONE);
    is(events($id), '1:payment.refund_requested 2:payment.refund_failed '
       . '3:payment.refunded', 'done after all');
    is(balance('orders') - $orders, 200, 'orders have it no more');
    is(balance('gateway:mock') - $gateway, -200, 'nor has the gateway');

    refused("DONE to $_", qr/is no step/, sub { $set->($_) })
        for qw(PENDING SENT DONE);     # FAILED: the money came back
    refused("a new $_", qr/is no step/, sub {
        my $r = refund($p, 10, 'x');
        $dbh->do("update refunds set $_ where refund_id = ?", undef, $r);
    }) for "amount = 5", "cause = 'y'", 'order_id = gen_random_uuid()',
           'version = 2';
    refused('a refund goes away', qr/is no step/, sub {
        $dbh->do('delete from refunds where refund_id = ?', undef, $id);
    });
    refused("the ledger: $_", qr/only added to/, sub { $dbh->do($_) })
        for 'update ledger set amount = 1', 'delete from ledger';
    refused('a step twice', qr/ledger_pkey/, sub {
        $dbh->do('insert into ledger select * from ledger limit 1');
    });
    is(one('select sum(d) from (select sum(amount) as d from ledger '
           . 'group by debit union all select -sum(amount) from ledger '
           . 'group by credit) b'), 0, 'the accounts balance');
    healthy($dbh, 'states');
};


healthy($dbh, 'at the end');
unlike($pg->log(), qr/FATAL|PANIC|deadlock/, 'log');
done_testing();
