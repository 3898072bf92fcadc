# A worker dies, three times, as by a bug or for want of memory: only requests
# on its connections fail, and what was in doubt is decided by asking again.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  ();

my $t = Boxoffice::Test->new(workers => 2, start => 0);

# a busy machine must not be taken for what this is about
$t->node->{conf}{redis} = $t->{redis_server}->url . ' timeout=1s';
$t->node->start;

my $crowd = Boxoffice::Crowd->new($t);
$crowd->wait(2);

for (1 .. 3) {
    $crowd->fault(sub { $t->kill_worker });
    $crowd->healed;
    $crowd->wait(0.8);
}

$crowd->finish;

# all connections of the crowd may have been those of the worker that died
$crowd->check(recovery => 1, unanswered => 3 * 64, refused => 0);

$t->done;
done_testing;
