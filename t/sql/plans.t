#!/usr/bin/perl

# What a call reads must not grow with the tables, although its plan was made
# when they were empty and nobody has analyzed them since.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;
use TestPg;

my $pg = TestPg->new(autovacuum => 'off');
my $dbh = $pg->load();
my $show = TestPg::show($dbh, 26);
my $seat = 0;


# Blocks that $code read, cached or not, in tables and indexes.

sub blocks {
    my ($code) = @_;
    my $count = sub {
        $dbh->do('select pg_stat_force_next_flush()');
        return $dbh->selectrow_array(
            'select sum(coalesce(heap_blks_read, 0) + coalesce(heap_blks_hit, 0)'
            . ' + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0)) '
            . "from pg_statio_user_tables where schemaname = 'boxoffice'");
    };
    my $before = $count->();
    $code->();
    return $count->() - $before;
}


# Seats of a show are not looked up in its layout, so numbers may be large.

my $order = sub {
    return TestPg::order($show, [++$seat], user_id => 'u' . int($seat / 3),
                         user_limit => 9, idem_key => "k$seat", @_);
};

my (@made, @paid);
my %calls = (
    create => sub {
        my $o = $order->();
        TestPg::create($dbh, $o);
        push @made, $o;
    },
    conflict => sub {
        TestPg::create($dbh, $order->(seat_nos => '{1}'));
    },
    replay => sub { TestPg::create($dbh, $made[0]) },
    hold_ordered => sub {
        TestPg::create($dbh, $order->(hold_id => $made[0]{hold_id},
                                      user_id => $made[0]{user_id}));
    },
    confirm => sub {
        my $o = shift @made;
        TestPg::confirm($dbh, TestPg::payment($o, idem_key => 'c' . ++$seat));
        push @paid, $o;
    },
    again => sub { TestPg::confirm($dbh, TestPg::payment($paid[0])) },
    decline => sub {
        TestPg::confirm($dbh, TestPg::payment(shift @made,
                                              verdict => 'DECLINED'));
    },
    cancel => sub {
        TestPg::cancel($dbh, TestPg::withdrawal(shift @paid));
    },
    part => sub {
        my $o = $order->(seat_nos => '{' . ($seat + 1) . ',' . ($seat + 2)
                         . '}', seat_ids => 'X,Y', seat_prices => '{50,50}',
                         amount => 100);
        $seat += 2;
        TestPg::create($dbh, $o);
        TestPg::confirm($dbh, TestPg::payment($o));
        TestPg::give_back($dbh, TestPg::withdrawal($o, seats => 'X',
                                                   terms => 'POLICY'));
    },
    quote => sub {
        $dbh->do('select * from boxoffice.refund_quote(?, ?, ?, false, null)',
                 undef, @{$paid[0]}{qw(order_id show_no user_id)});
    },
    closing => sub {
        $dbh->do('select * from boxoffice.cancel_show_orders(10)');
    },
    expire => sub {
        my $o = $order->(ttl_ms => 0);
        TestPg::create($dbh, $o);
        $dbh->do('select * from boxoffice.expire_orders(10)');
    },
    read => sub {
        $dbh->do('select * from boxoffice.order_by_id(?, ?, ?, false)', undef,
                 @{$paid[0]}{qw(order_id show_no user_id)});
    },
    history => sub {
        $dbh->do('select * from boxoffice.orders_of_user(?, ?, ?, 20)', undef,
                 $paid[0]{user_id}, 9223372036854, TestPg::uuid());
    },
    hold => sub {
        TestPg::holds($dbh, { hold_id => TestPg::uuid(),
                              show_id => $show->{show_id}, user_id => 'u',
                              seat_nos => '{1}', created_ms => 1,
                              expires_ms => 2, outcome => 'HELD' });
    },
);

my @sequence = qw(create create create create create create conflict replay
                  confirm confirm confirm hold_ordered again decline cancel
                  part quote closing expire read history hold);

# the first ten rounds make every plan there is
my %small;
for my $round (1 .. 10) {
    $small{$_} = blocks($calls{$_}) for @sequence;
}

for (1 .. 150) {
    my @batch = map { $order->() } 1 .. 32;
    TestPg::create($dbh, @batch);
    TestPg::confirm($dbh, map { TestPg::payment($_) } @batch[0 .. 15]);
    TestPg::holds($dbh, map { { hold_id => TestPg::uuid(),
        show_id => $show->{show_id}, user_id => 'u', seat_nos => '{1}',
        created_ms => 1, expires_ms => 2, outcome => 'HELD' } } 1 .. 32);
}

my ($rows) = $dbh->selectrow_array('select count(*) from boxoffice.orders');
ok($rows > 4000, "$rows orders");

my %large;
for my $round (1 .. 3) {
    $large{$_} = blocks($calls{$_}) for @sequence;
}

# trees grow by a level or two, nothing else does
for my $call (sort keys %small) {
    ok($large{$call} <= 2 * $small{$call} + 30,
       "$call: $small{$call} blocks, then $large{$call}");
}

done_testing();
