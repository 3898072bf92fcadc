# Redis loses everything at once and goes on: shows are loaded again from
# PostgreSQL, holds are gone, orders are not.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  ();

my $t = Boxoffice::Test->new(nodes => 2, workers => 1);

my $crowd = Boxoffice::Crowd->new($t);
$crowd->wait(2);
$crowd->fault(sub { $t->redis->flushall });
$crowd->wait(1.5);
$t->redis->flushall;
$crowd->finish;
$crowd->check(recovery => 2, redis_lost => 1);

$t->done;
done_testing;
