# A waiting room on two nodes: its order and its rate hold while Redis stops,
# loses everything, and the nodes are reloaded.

use v5.36;
use lib 't/lib';

use Boxoffice::Queue;
use Boxoffice::Room;
use Boxoffice::Test;
use Test2::V0;
use Time::HiRes qw(sleep time);

my $t = Boxoffice::Test->new(
    nodes => 2,
    conf  => { waiting_room_zone => 'premiere:4m rate=50/s abandon=15s' },
);

my $room = Boxoffice::Room->new($t);


$room->wait_ready;

# A node hears of an admission a tick after the others, and half a second after
# them when the worker that ticks was killed.
my $q = Boxoffice::Queue->new(test => $t, room => 'premiere', people => 1000,
    behind => 25);
my ($inside, $stopped);

$q->join;
is [sort keys $q->{codes}->%*], [200], 'everybody has a place';
sleep 0.6;

ok $q->wait_for_all(60,
    2 => sub { $t->reload(node => 1) },
    4 => sub { $t->reload(node => 2) },
    6 => sub {
        $t->stop_redis;
        $stopped = time;
        sleep 0.5;
        $inside = $room->now(1)->{admitted};
    },
    9 => sub {
        # on a slow machine the last step may be just over
        my $left = $stopped + 2 - time;
        sleep $left if $left > 0;

        is $room->now(1)->{admitted}, $inside, 'without Redis nobody is let in';
        my ($in) = sort { $q->{at}{$a} <=> $q->{at}{$b} } $q->admitted;
        my $r = $room->join($in);
        is $r->json->{state}, 'ADMITTED', 'who is in stays in';
        ok $r->json->{pass}, 'and has a pass';
        is $room->join('late')->code, 503,
            'there are no numbers';
    },
    11 => sub { $t->cont_redis },
    13 => sub { $t->kill_worker(undef, node => 1) },
    15 => sub { $t->kill_worker(undef, node => 2) },
), 'everybody comes in';

$q->check(rate => 50, burst => 50);
is $room->now(1)->{skipped}, 0, 'nobody was passed over';
$t->wait_until(sub { $room->now(2)->{cursor} == $room->now(1)->{cursor} }, 5,
    'both nodes agree');
is $room->now(2)->{admitted}, 1000, 'on everybody';


# The log is gone with Redis: what the nodes saw themselves is what counts.
subtest 'Redis loses everything' => sub {
    my $more = Boxoffice::Queue->new(test => $t, room => 'premiere',
        people => 300, behind => 10);

    $room->set(phase => 'PAUSED', rate => 100, newSale => \1);
    $t->wait_until(sub { $room->now($_)->{phase} eq 'PAUSED'
        && $room->now($_)->{waiting} == 0 && $room->now($_)->{ready} }, 3, 'a new sale')
        for 1, 2;
    $more->join;
    sleep 0.6;

    my %number = $more->{number}->%*;

    $t->redis->flushall;
    $t->wait_until(sub { $room->now($_)->{ready} && $t->redis->exists('room:{premiere}') }, 5,
        'it is made again') for 1, 2;

    my $r;

    $t->wait_until(sub {
        $r = $room->join('newcomer');
        $r->code == 200 }, 5, 'numbers go on');

    my ($highest) = sort { $b <=> $a } values %number;

    ok $r->json->{number} > $highest, 'above all that were given'
        or diag "$highest, then " . $r->json->{number};

    # a node that comes now hears nothing of them but by their tickets
    my $first = $t->redis->hget('room:{premiere}', 'cursor');
    my %ticket = map { $_ => $room->join($_)->json->{ticket} } qw(p1 p2 p3);

    $t->node(2)->stop;
    $t->node(2)->start;
    $room->wait_ready(10, 2);
    sleep 0.5;
    is $t->redis->hget('room:{premiere}', 'cursor'), $first,
        'it takes the cursor as it is';
    is $room->now(2)->{cursor}, $first, 'and begins there';

    for my $person (sort keys %ticket) {
        my $r = $room->place($person, $ticket{$person}, 2);

        is $r->json->{state}, 'WAITING', 'there, too, their place is good'
            or diag $r->body;
        is $r->json->{number}, $number{$person}, 'and it is theirs';
    }

    $more->use_nodes(1);
    $room->set(phase => 'OPEN');
    ok $more->wait_for_all(60), 'everybody comes in';
    is { $more->{number}->%* }, \%number, 'with the place they had';
    is $room->now(1)->{skipped}, 0, 'nobody was passed over';
    $more->check(rate => 100, burst => 100);
};


# Nobody is left who knows who waits: they lose their places, and others come.
subtest 'and all nodes are lost as well' => sub {
    $room->set(phase => 'PAUSED', rate => 100, newSale => \1);
    $t->wait_until(sub { $room->now($_)->{phase} eq 'PAUSED'
        && $room->now($_)->{waiting} == 0 && $room->now($_)->{ready} }, 3, 'a new sale')
        for 1, 2;

    my $lost   = $room->join('lost')->json;
    my $cursor = $room->now(1)->{cursor};

    sleep 0.6;
    $t->redis->flushall;
    $t->wait_until(sub { ($t->redis->hget('room:{premiere}', 'cursor') // 0)
        == $cursor }, 5, 'it is made again where it was');
    $_->stop  for $t->node(1), $t->node(2);
    $_->start for $t->node(1), $t->node(2);
    $room->wait_ready(10);
    $room->set(phase => 'OPEN');

    my $late = $room->join('late')->json;

    sleep 1;
    is $room->now(1)->{admitted}, 0, 'for a while they are waited for';

    # half a minute, as Redis sees it
    $t->redis->hset('room:{premiere}', $_,
        $t->redis->hget('room:{premiere}', $_) - 40_000) for qw(born until);
    $t->wait_until(sub { $room->join('late')->json->{state} eq 'ADMITTED' },
        5, 'then the room goes on');
    is $room->place('lost', $lost->{ticket})->error_code, 'place_over',
        'without them';

    # the next one begins with a phase that tells it from this one
    $room->set(phase => 'PAUSED');
    $t->wait_until(sub { $room->now($_)->{phase} eq 'PAUSED' }, 3, 'paused')
        for 1, 2;
};


# As a replica that was promoted without the last writes.
subtest 'Redis is behind' => sub {
    my $more = Boxoffice::Queue->new(test => $t, room => 'premiere',
        people => 100, behind => 20);

    $room->set(phase => 'OPEN', rate => 100, newSale => \1);
    $t->wait_until(sub { $room->now($_)->{phase} eq 'OPEN'
        && $room->now($_)->{waiting} == 0 && $room->now($_)->{ready} }, 3, 'a new sale')
        for 1, 2;
    $more->join;
    # the pace may still be low, from what happened to Redis before
    ok $more->wait_for_all(60), 'the first hundred come in';

    my ($highest) = sort { $b <=> $a } values $more->{number}->%*;
    my %room = $t->redis->hgetall('room:{premiere}')->@*;

    $t->redis->hset('room:{premiere}', next => $room{next} - 3000,
        cursor => $room{cursor} - 50);
    sleep 0.4;

    my $after = Boxoffice::Queue->new(test => $t, room => 'premiere',
        people => 400, behind => 20);

    $after->join(map { "p$_" } 101 .. 400);
    ok !(grep { $_ <= $highest } map { $after->{number}{"p$_"} // 0 }
        101 .. 400), 'no number is given twice';
    ok $after->wait_for_all(60), 'and people go on coming in';
};


# As when Redis loses everything between two nodes' hearing of a grant.
subtest 'the node that leads is behind another' => sub {
    my $more = Boxoffice::Queue->new(test => $t, room => 'premiere',
        people => 100, behind => 20);

    $room->set(phase => 'OPEN', rate => 100, newSale => \1);
    $t->wait_until(sub { $room->join('early')->json->{state} eq 'ADMITTED'
        && $t->redis->hexists('room:{premiere}', 'granted') }, 5, 'a new sale');
    $room->set(phase => 'PAUSED');
    $t->wait_until(sub { $room->now($_)->{phase} eq 'PAUSED' }, 3, 'paused')
        for 1, 2;
    $more->join;
    sleep 0.6;
    $t->redis->hincrby('room:{premiere}', 'cursor', 10);
    $room->set(phase => 'OPEN');
    ok $more->wait_for_all(60), 'everybody comes in';
};


subtest 'the rate is changed under way' => sub {
    my $more = Boxoffice::Queue->new(test => $t, room => 'premiere',
        people => 400, behind => 20);

    $room->set(phase => 'OPEN', rate => 200, newSale => \1);
    sleep 0.5;
    $more->join;
    sleep 0.6;
    ok $more->wait_for_all(60, 0 => sub {
        $room->set(rate => 100) }), 'everybody comes in';
    $more->check(rate => 200, burst => 200);
};

$t->done;
done_testing;
