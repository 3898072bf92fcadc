# The comparison with a gateway's own list: it goes on where it stopped, looks
# back as far as money may come late, says when it could not, and leaves alone
# what others have on the same account.  Nobody tells us of anything here, and
# no payment is asked about by itself.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Provider ();
use Boxoffice::Test qw(SHOW uuid);
use Boxoffice::Test::Booking qw(order metrics);
use File::Temp ();

use constant DAY => 86_400;

my $dir      = File::Temp->newdir;
my $provider = Boxoffice::Provider->new("$dir");
my $seat     = 0;

$provider->start('http://127.0.0.1:9/nobody');

my $t = Boxoffice::Test->new(workers => 1, conf => { order_ttl => '10m',
    gateway => [$provider->gateway('check=1h', 'compare=1s', 'back=10d',
        'timeout=20s')] });


sub value ($sql, @bind) {
    return ($t->dbh->selectrow_array($sql, undef, @bind))[0];
}


sub status_of ($o) {
    return value('select status from orders where order_id = ?', $o->{orderId});
}


# An order whose payment was begun.
sub begun () {
    my $user  = 'u' . ++$seat;
    my $order = order($t, $user, SHOW,
        [chr(65 + $seat / 10) . (1 + $seat % 10)]);
    my $r = $t->post("/api/v1/orders/$order->{orderId}/pay", {}, user => $user);
    die $r->code . $r->body if $r->code != 200;
    return { %$order, user => $user, $r->json->%* };
}


# The round over all of them is once a day.
sub deep_now () {
    $t->dbh->do(q{update gateway_checks set next_at = now()
        where sweep = 'deep'});
    return;
}


sub paid_late ($age) {
    my $o = begun();
    $provider->pay($o->{paymentId});
    $provider->age($o->{paymentId}, $age);
    return $o;
}


subtest 'as far back as it takes' => sub {
    my ($new, $old, $oldest) = (begun(), begun(), begun());

    $provider->age($_->[0]{paymentId}, $_->[1])
        for [$old, 3 * DAY], [$oldest, 20 * DAY];
    $provider->pay($_->{paymentId}) for $new, $old, $oldest;
    deep_now();

    $t->wait_until(sub { status_of($new) eq 'CONFIRMED' }, 5, 'of today');
    $t->wait_until(sub { status_of($old) eq 'CONFIRMED' }, 8, 'of last week');
    $t->wait_until(sub { value(q{select until_at is null from gateway_checks
        where sweep = 'deep'}) }, 8, 'then that is complete');
    is status_of($oldest), 'PAYMENT_PENDING', 'but no further than was said';
    $t->wait_until(sub { value(q{select count(*) from gateway_checks
        where done_at is not null}) == 2 }, 8, 'as is that over the latest');

    # by the desk, of a payment of last week
    $provider->desk($old->{paymentId}, 7);
    deep_now();
    $t->wait_until(sub { (value('select sum(amount) from refunds
        where order_id = ?', $old->{orderId}) // 0) == 7 }, 8,
        'a refund that is late');
};


subtest 'others have many payments' => sub {
    my $o = paid_late(3600);
    $provider->others(n => 5300);

    my $before = metrics($t)->{payments_foreign_total};
    $t->wait_until(sub { status_of($o) eq 'CONFIRMED' }, 30,
        'behind more pages than one run takes');
    ok metrics($t)->{payments_foreign_total} - $before >= 5000,
        'they are counted';
    is value('select count(*) from quarantine'), 0, 'and left alone';
    is value('select count(*) from payments'), 3, 'they are not in our books';
    $provider->others(n => 0);
};


subtest 'whose payment it is' => sub {
    my $mark   = value('select site_id from site');
    my $before = metrics($t)->{payments_foreign_total};

    $provider->others(n => 3, site => uuid(), intent_id => uuid(),
        order_id => uuid());
    $t->wait_until(sub { metrics($t)->{payments_foreign_total} > $before }, 10,
        'that of another Boxoffice');
    is value('select count(*) from quarantine'), 0, 'is no concern of ours';
    $provider->others(n => 1, site => $mark, intent_id => uuid(),
        order_id => uuid());
    $t->wait_until(sub { value('select count(*) from quarantine') }, 10,
        'with our own mark, and unknown');
    is $t->dbh->selectall_arrayref('select why, amount from quarantine'),
        [['UNKNOWN', 100]], 'it is a case';
    my $rounds = value(q{select done_at from gateway_checks
        where sweep = 'recent'});
    $t->wait_until(sub { value(q{select done_at > ? from gateway_checks
        where sweep = 'recent'}, $rounds) }, 60, 'and when it is seen again');
    is value('select count(*) from quarantine'), 1, 'that is the same case';
    is metrics($t)->{webhooks_lost_total}, 1, 'told once';
    like $t->node->log, qr/bears our mark/, 'in the log, too';
};


subtest 'an answer that is too long' => sub {
    my $o = paid_late(60);

    # pages of 100 of these have more than a megabyte
    $provider->others(n => 250, size => 30_000);
    $t->wait_until(sub { status_of($o) eq 'CONFIRMED' }, 10,
        'is asked for in smaller ones');
    is metrics($t)->{compares_failed_total}, 0, 'nothing failed';
};


subtest 'a gateway that is away' => sub {
    my $o = begun();

    $provider->stop;
    $t->wait_until(sub { metrics($t)->{compares_failed_total} >= 2 }, 10,
        'it is counted');
    like $t->node->log, qr/the books could not be compared with gateway "stripe"/,
        'and told';
    is value(q{select failures > 0 from gateway_checks
        where sweep = 'recent'}), 1, 'and can be seen in the table';

    $provider->start('http://127.0.0.1:9/nobody');
    $provider->pay($o->{paymentId});
    $t->wait_until(sub { status_of($o) eq 'CONFIRMED' }, 10,
        'it goes on when it is back');
    is value(q{select failures from gateway_checks where sweep = 'recent'}),
        0, 'and all is well';
};


$t->check_invariants;
$t->done;
$provider->stop;
done_testing;
