# PostgreSQL crashes, is away for a while, and comes back: what was confirmed is
# there, and what was in doubt is decided by asking again.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  ();

my $t = Boxoffice::Test->new(nodes => 2, workers => 1, postgres => 'own');

my $crowd = Boxoffice::Crowd->new($t);
$crowd->wait(2);
$crowd->fault(sub { $t->kill_postgres });
$crowd->wait(1);

my $r = $t->get('/api/v1/orders', user => 'ann');
is $r->code, 503, 'no orders without PostgreSQL';
ok $r->header('retry-after'), 'says when to try again';
ok $r->seconds < 0.5, 'at once' or diag $r->seconds;
is $t->get('/readyz')->code, 503, 'not ready';
is $t->get('/healthz')->code, 200, 'but alive';

# of a show that the node knows, far from where the crowd is
is $t->post('/api/v1/holds', { showId => Boxoffice::Test::STADIUM_SHOW,
    seatIds => ['110-A1'] }, user => 'ann')->code, 201,
    'seats can be held without PostgreSQL';

$crowd->healed(sub { $t->start_postgres });
$crowd->finish;

$crowd->check(recovery => 3);

$t->done;
done_testing;
