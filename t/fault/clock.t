# Somebody sets a clock, that of Redis or that of a node, by ten minutes: holds
# end early or late, nothing is sold twice, orders are not concerned, and
# /metrics and the error log say which clock it is.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test          qw(SHOW);
use Boxoffice::Test::Booking qw(hold map_states metrics order pay try_hold
    try_order try_pay);
use Boxoffice::Test::Clocks  ();

use constant STEP => 600;

my $clocks = Boxoffice::Test::Clocks->new;
my $t = Boxoffice::Test->new(clocks => $clocks, conf => { hold_ttl => '60s' },
    allow_log => qr/the clock of (?:redis|postgres) is -?\d+ ms ahead/);

# What the node says of a clock, in seconds; it looks every few seconds.
sub says ($upstream, $seconds) {
    my $name = "clock_ahead_milliseconds{upstream=\"$upstream\"}";

    return $t->wait_until(sub {
        abs(metrics($t)->{$name} / 1000 - $seconds) < 5;
    }, 15, "$upstream is $seconds s ahead of the node");
}

$t->wait_ready;
says(redis    => 0);
says(postgres => 0);

my $late  = hold($t, 'ann', SHOW, ['A1'])->{holdId};
my $order = order($t, 'bea', SHOW, ['B1'])->{orderId};

$clocks->set(redis => STEP);

subtest 'Redis is ahead: holds end early, orders do not' => sub {
    my $r = try_order($t, 'ann', $late);
    is [$r->code, $r->error_code], [409, 'hold_expired'], 'a hold is over';
    is pay($t, 'bea', $order)->{status}, 'CONFIRMED', 'an order is not';

    # Redis is told behind the back of who has paid; until then the seat's lock
    # is over, too, and who holds it can only not order it
    $t->wait_until(sub { map_states($t, SHOW, 'B1')->[0] eq 'BOOKED' }, 5,
        'Redis has heard of it');
    $r = try_hold($t, 'eve', SHOW, ['B1']);
    is [$r->code, $r->error_code], [409, 'seat_sold'], 'nor is its seat free';

    is try_hold($t, 'cat', SHOW, ['A1'])->code, 201,
        'the seat of the hold is';
    $t->wait_until(sub { map_states($t, SHOW, 'A1', 'B1')->[0] eq 'HELD' }, 2);
    is map_states($t, SHOW, 'A1', 'B1'), [qw(HELD BOOKED)], 'as the map says';

    says(redis => STEP);
    like $t->node->log, qr/the clock of redis is 6\d{5} ms ahead/,
        'and so does the log';
};

# Holds that were made meanwhile last longer now; who has one can order.
my $long = hold($t, 'dee', SHOW, ['C1'])->{holdId};

$clocks->set(redis => 0);

subtest 'Redis goes back: holds last longer, and nobody has two' => sub {
    my $r = try_hold($t, 'eve', SHOW, ['C1']);
    is [$r->code, $r->error_code], [409, 'seat_held'], 'a hold holds';

    $r = try_order($t, 'dee', $long);
    is $r->code, 201, 'and can be ordered';
    is try_pay($t, 'dee', $r->json->{orderId}, 'mock-ok-dee')->code, 200,
        'and paid';

    is $t->del("/api/v1/holds/" . hold($t, 'fay', SHOW, ['D1'])->{holdId},
        user => 'fay')->code, 204, 'a new one can be given back';
    is try_hold($t, 'gil', SHOW, ['D1'])->code, 201, 'and taken by another';
    says(redis => 0);
};

$clocks->set(node => STEP);

subtest 'a node is ahead: what others decide is as it was' => sub {
    my $hold = hold($t, 'hal', SHOW, ['E1'])->{holdId};

    says(redis    => -STEP());
    says(postgres => -STEP());

    my $r = try_order($t, 'hal', $hold);
    is $r->code, 201, 'a hold lasts as long as Redis says';
    is try_pay($t, 'hal', $r->json->{orderId}, 'mock-ok-hal')->code, 200,
        'an order as long as PostgreSQL says';
    $t->wait_until(sub { map_states($t, SHOW, 'E1')->[0] eq 'BOOKED' }, 5,
        'the map goes on');
};

$clocks->set(node => -STEP());
says(postgres => STEP);
is pay($t, 'ida', order($t, 'ida', SHOW, ['F1'])->{orderId})->{status},
    'CONFIRMED', 'a node is behind: a booking all the same';

$clocks->set(node => 0);
says(redis => 0);

$t->check_invariants;
$t->done;
done_testing;
