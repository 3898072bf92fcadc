# A waiting room on four nodes: the one that leads is killed, one comes, all
# are reloaded, one is upgraded in place.

use v5.36;
use lib 't/lib';

use Boxoffice::Queue;
use Boxoffice::Room;
use Boxoffice::Test;
use Boxoffice::Test::Process ();
use Test2::V0;
use Time::HiRes qw(sleep);

my $t = Boxoffice::Test->new(
    nodes => 4,
    start => 0,

    # of a sanitizer: nginx gives a new binary only what it is told to
    main_extra => 'env ASAN_OPTIONS; env UBSAN_OPTIONS; env LSAN_OPTIONS;',
    conf  => { waiting_room_zone => 'premiere:4m rate=50/s abandon=20s' },
);

my $room = Boxoffice::Room->new($t);


# nginx takes a new binary only as a daemon
sub start_daemon ($node) {
    my $file = $node->write_conf;
    my $text = do { local (@ARGV, $/) = $file; <> };

    open my $fh, '>', $file or die "$file: $!";
    print {$fh} $text =~ s/daemon off/daemon on/r;
    close $fh or die "$file: $!";

    my %env = $node->env->%*;
    local @ENV{ keys %env } = values %env;

    system($node->_command) == 0 or die "nginx did not start\n";
    return;
}


sub pid_of ($node, $suffix = '') {
    open my $fh, '<', $node->dir . "/nginx.pid$suffix" or return;
    my ($pid) = <$fh> =~ /(\d+)/;
    return $pid;
}


sub upgrade ($node) {
    my $old = pid_of($node);

    kill USR2 => $old;
    Boxoffice::Test::Process::wait_until(sub {
        my $new = pid_of($node);
        return $new && $new != $old && -e $node->dir . '/nginx.pid.oldbin';
    }, 10) or die "no new binary\n" . $node->log;
    kill WINCH => $old;
    sleep 1;
    kill QUIT => $old;
    Boxoffice::Test::Process::wait_until(sub { !kill 0 => $old }, 20)
        or die "the old binary stays\n";
    return;
}


# the harness does not know a daemon: it must go with the test, however that ends
my $test = $$;
my @pids = map { $t->node(4)->dir . "/nginx.pid$_" } '', '.oldbin';

END {
    if (defined $test && $$ == $test) {
        for my $file (@pids) {
            open my $fh, '<', $file or next;
            my ($pid) = (<$fh> // '') =~ /(\d+)/;
            kill TERM => $pid if $pid;
        }
    }
}


# alone, so that it leads
$t->node(1)->start;
$room->wait_ready(10, 1);
$t->node(2)->start;
start_daemon($t->node(4));
$room->wait_ready(10, 1, 2, 4);

my $q = Boxoffice::Queue->new(test => $t, room => 'premiere', people => 1200,
    behind => 50);

$q->use_nodes(1, 2, 4);
$q->join;
is [sort keys $q->{codes}->%*], [200], 'everybody has a place';
sleep 0.6;

# the leader, by what Redis says
sub leader () { return $t->redis->hget('room:{premiere}', 'leader') }


my $first = leader();

ok $q->wait_for_all(80,
    2 => sub {
        $t->node(1)->kill;    # the one that leads
        $q->use_nodes(2, 4);
    },
    6 => sub {
        $t->node(3)->start;
        $t->wait_until(sub { $room->now(3)->{ready} }, 10, 'a node comes');
        $q->use_nodes(2, 3, 4);
    },
    9  => sub { $t->reload(node => 2) },
    11 => sub { $t->reload(node => 3) },
    13 => sub { upgrade($t->node(4)) },
    16 => sub {
        is $t->get($room->path, node => 4)->code, 200, 'the new binary answers';
        $t->wait_until(sub { $room->now(4)->{ready} }, 5, 'and has caught up');
    },
    17 => sub {
        $t->node(1)->start;
        $t->wait_until(sub { $room->now(1)->{ready} }, 10, 'the killed one is back');
        $q->use_nodes(1 .. 4);
    },
), 'everybody comes in';

isnt leader(), $first, 'another one leads now';
$q->check(rate => 50, burst => 50);

# The number of nobody: those that the killed node gave last are nowhere but
# with their people, and were taken up when those came to another node.
my $now = $room->now(2);

is $now->{waiting}, 0, 'nobody waits';
is $now->{skipped}, 0, 'nobody was passed over';

for my $n (1, 3, 4) {
    is $room->now($n)->{cursor}, $now->{cursor}, "node $n is where the others are";
}

kill QUIT => pid_of($t->node(4));
Boxoffice::Test::Process::wait_until(sub { !pid_of($t->node(4)) }, 20);
is [$t->node(4)->problems], [], 'nothing bad in the log of the daemon';

$t->done;
done_testing;
