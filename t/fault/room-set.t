# What an operator changes is what all nodes have in the end, whatever comes late
# or not at all: PostgreSQL says what it is.

use v5.36;
use lib 't/lib';

use Boxoffice::Room;
use Boxoffice::Test;
use IO::Socket::IP ();
use Mojo::File     qw(path);
use Mojo::JSON     qw(encode_json);
use Test2::V0;
use Time::HiRes    qw(sleep);

my $t = Boxoffice::Test->new(
    append => 'always',
    conf   => { waiting_room_zone => ['premiere:1m rate=100/s',
        'auto:1m rate=100/s automatic=100r/s'] },

    # Redis has no memory for a while
    allow_log => qr/OOM/,
);

my $room = Boxoffice::Room->new($t);
my @keys = map { "$_:{premiere}" } qw(room room_log room_nodes);

sub in_redis ($field) { return $t->redis->hget($keys[0], $field) }

sub in_postgres ($field) {
    return $t->dbh->selectrow_array(
        "select $field from waiting_rooms where room = 'premiere'");
}


$room->wait_ready;


# Of two changes the first one comes last, with the sale that was then.
subtest 'a change that is late' => sub {
    my ($old, $settings) = map { in_redis($_) } qw(sale settings);

    $room->set(newSale => \1);
    $t->wait_until(sub { in_redis('sale') ne $old }, 3, 'a new sale');

    my $sale = in_redis('sale');
    my $n    = $room->join('ann')->json->{number};

    is $t->redis->eval(path('lua/room_set.lua')->slurp, 3, @keys, 'ab' x 16,
        $old, 'ab' x 16, 'ab' x 32, 'ab' x 32, 0, 200_000, 'OPEN', 100, 0, 0,
        '', '', $settings, 0), 1, 'it is told that there are newer ones';
    is in_redis('sale'), $sale, 'the sale stays';
    is $room->join('ann')->json->{number}, $n, 'and who has a place';
};


subtest 'Redis is away' => sub {
    my $old = in_redis('sale');

    $t->kill_redis;
    is $room->try_set(newSale => \1, rate => 33)->code, 503, 'nobody knows';
    $t->start_redis;

    isnt in_postgres('sale'), $old, 'PostgreSQL has it';
    $t->wait_until(sub { in_redis('sale') eq in_postgres('sale') }, 10,
        'and Redis soon');
    $t->wait_until(sub { $room->now->{rate} == 33 }, 3, 'and the node');
};


# It is gone before the change is there.
subtest 'an operator who leaves' => sub {
    my $body = encode_json({ rate => 44 });

    $t->dbh->do($_) for
        q(create function slowly() returns trigger language plpgsql as
            $$ begin perform pg_sleep(0.5); return new; end $$),
        q(create trigger slowly before update on waiting_rooms
            for each row when (new.rate = 44) execute function slowly());

    my $s = IO::Socket::IP->new(PeerHost => '127.0.0.1',
        PeerPort => $t->node->port) or die "$@";

    $s->print(join "\r\n", 'PUT ' . $room->path . ' HTTP/1.1',
        'Host: localhost', 'x-user-id: root', 'x-user-role: ADMIN',
        'Content-Type: application/json', 'Content-Length: ' . length $body,
        '', $body);
    $s->flush;

    # or, on a slow machine, done already
    $t->wait_until(sub { in_postgres('rate') == 44 || $t->dbh->selectrow_array(
        q(select 1 from pg_stat_activity where datname = current_database()
            and wait_event = 'PgSleep')) }, 5, 'it is under way');
    $s->close;

    $t->wait_until(sub { in_postgres('rate') == 44 }, 5, 'it is done');
    $t->wait_until(sub { $room->now->{rate} == 44 }, 10, 'all the same');
};

sub logged ($what) { return scalar(() = $t->node->log =~ /$what/g) }

subtest 'a script that goes on failing' => sub {
    $t->redis->config('set', 'maxmemory', 1);
    $t->wait_until(sub { logged('"room_\w+" failed: OOM') }, 5, 'it is logged');
    sleep 2;
    is logged('"room_tick" failed: OOM'), 2, 'once for each room';
    $t->redis->config('set', 'maxmemory', 0);
    $t->wait_until(sub { logged('goes on again') == 2 }, 5,
        'and once that it is over');
};


# An operator has opened it, and nobody is there.
subtest 'a node that is new does not switch a room off' => sub {
    my $auto = Boxoffice::Room->new($t, 'auto');

    $auto->set(phase => 'OPEN');
    $t->wait_until(sub { $auto->now->{phase} eq 'OPEN' }, 3, 'open');
    $t->node->stop;
    $t->node->start;
    $auto->wait_ready(10);
    sleep 3;
    is $auto->now->{phase}, 'OPEN', 'it is still open';
};

$t->done;
done_testing;
