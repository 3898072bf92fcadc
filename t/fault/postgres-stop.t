# PostgreSQL, with all of its backends, hangs for five seconds.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  ();

my $t = Boxoffice::Test->new(nodes => 2, workers => 1, postgres => 'own');

my $crowd = Boxoffice::Crowd->new($t);
$crowd->wait(2);
$crowd->fault(sub { $t->stop_postgres });
$crowd->wait(2.5);

my $r = $t->get('/api/v1/orders', user => 'ann');
is $r->code, 503, 'no orders without PostgreSQL';
ok $r->header('retry-after'), 'says when to try again';
ok $r->seconds < 2.25, 'within 250 ms of the deadline' or diag $r->seconds;

$crowd->wait(2.5);
$crowd->healed(sub { $t->cont_postgres });
$crowd->finish;
$crowd->check(recovery => 3);

$t->done;
done_testing;
