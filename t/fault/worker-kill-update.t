# A worker is killed in the middle of an update of a seat map, with the zone's
# mutex held: at each step of it.  The others go on, and the map becomes exact
# by itself.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW);
use Boxoffice::Test::Booking qw(map_states seat_states seatmap try_hold);
use Boxoffice::Test::Stream ();
use Boxoffice::Test::Trap ();
use Time::HiRes qw(sleep time);

# the master says so when it takes the mutex from a dead worker
my $t = Boxoffice::Test->new(nodes => 2, workers => 2,
    allow_log => qr{shared memory zone "seats" was locked by});
my $module = $t->node->{module};
my @seats = map { my $row = $_; map { "$row$_" } 1 .. 20 } 'A' .. 'E';

# somebody looks, so that the subscription keeps the map
my $looks = Boxoffice::Test::Stream->new($t, SHOW);
$looks->next;
seatmap($t, SHOW, node => $_) for 1, 2;

my $n = 0;

for my $step (qw(bo_map_set ngx_bo_body_seat bo_availability_set
    bo_availability_note bo_stats_move ngx_bo_map_seen ngx_bo_maps_end))
{
    my $trap = Boxoffice::Test::Trap->set($module, $step, $t->worker_pids)
        // do { skip_all('this machine does not let processes be traced') };

    # by the other node, whose workers are not in the way
    my ($one, $two) = ($seats[2 * $n], $seats[2 * $n + 1]);
    is try_hold($t, 'user' . ++$n, SHOW, [$one, $two], node => 2)->code, 201,
        "$step: a change";

    # and somebody looks, whose worker notes that
    my $looks_too = Boxoffice::Test::Stream->new($t, SHOW);

    my $pid = $trap->caught(5);
    ok $pid, 'a worker is in the middle of it' or next;

    $trap->kill($pid);
    $trap->free;
    $t->kill_worker($pid);
    my $killed = time;

    my $map;
    $t->wait_until(sub { $map = map_states($t, SHOW, @seats);
        "@$map" eq "@{ seat_states($t, SHOW, @seats) }" }, 1,
        'exact within 1 s', strict => 1);
    diag sprintf 'after %.0f ms', 1000 * (time - $killed);

    my @answers = map { $t->get('/api/v1/shows/' . SHOW . '/availability') }
        1 .. 20;
    is scalar(grep { $_->code != 200 } @answers), 0, 'all workers answer';
}

# A map that begins anew, as the layout has changed, gives its memory back: and
# right after that its worker dies.  Given back twice, nginx says so.
{
    my ($one) = $t->worker_pids;
    my $nginx = readlink "/proc/$one/exe";
    my $trap  = Boxoffice::Test::Trap->set($nginx, 'ngx_slab_free_locked',
        $t->worker_pids);
    my $r = $t->put('/api/v1/admin/shows/' . SHOW . '/seats',
        { broken => ['Q20'] }, user => 'root', node => 2,
        headers => { 'x-user-role' => 'ADMIN', 'If-Match' => '*' });
    is $r->code, 200, 'a seat less' or diag $r->body;

    my $pid = $trap->caught(10);
    ok $pid && $trap->finish($pid), 'a worker has given memory back';
    $trap->kill($pid);
    $trap->free;
    $t->kill_worker($pid);

    $t->wait_until(sub { map_states($t, SHOW, 'Q20')->[0] eq 'UNAVAILABLE' },
        5, 'the map begins anew');
}

# the map is followed again, not only read when somebody asks
my $s = Boxoffice::Test::Stream->new($t, SHOW);
$s->next;
my $start = time;
try_hold($t, 'last', SHOW, [qw(Q1 Q2)], node => 2);
ok $s->until(sub { $s->{state}[-20] == 1 }, 2), 'changes come';
ok time - $start < 0.5, 'at once' or diag time - $start;

$t->check_invariants;
$t->done;
done_testing;
