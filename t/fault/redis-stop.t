# Redis hangs for five seconds, and goes on with all it had.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  ();

my $t = Boxoffice::Test->new(nodes => 2, workers => 1);

my $crowd = Boxoffice::Crowd->new($t, seconds => 10);
$crowd->wait(2);
$crowd->fault(sub { $t->stop_redis });
$crowd->wait(2.5);

my $r = $t->post('/api/v1/holds', { showId => Boxoffice::Test::STADIUM_SHOW,
    seatIds => ['101-A1'] }, user => 'ann');
is $r->code, 503, 'no holds without Redis';
ok $r->header('retry-after'), 'says when to try again';
ok $r->seconds < 0.45, 'within 250 ms of the deadline' or diag $r->seconds;

$crowd->wait(2.5);
$crowd->healed(sub { $t->cont_redis });
$crowd->finish;
$crowd->check(recovery => 2);

$t->done;
done_testing;
