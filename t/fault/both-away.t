# Redis and PostgreSQL are away at the same time, PostgreSQL comes back first.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  qw(SHOW);

my $t = Boxoffice::Test->new(nodes => 2, workers => 1, postgres => 'own');

my $crowd = Boxoffice::Crowd->new($t);

$crowd->wait(2);
$crowd->fault(sub { $t->kill_redis; $t->kill_postgres });
$crowd->wait(1);

for my $request (['POST', '/api/v1/holds', { showId => SHOW,
        seatIds => ['A1'] }], ['GET', '/api/v1/orders'])
{
    my $r = $t->request(@$request[0 .. 2], user => 'ann');
    is $r->code, 503, "$request->[1]: refused";
    ok $r->header('retry-after'), 'says when to try again';
    ok $r->seconds < 0.5, 'at once' or diag $r->seconds;
}

is $t->get('/healthz')->code, 200, 'nginx is alive';

$t->start_postgres;
$crowd->wait(0.5);
$crowd->healed(sub { $t->start_redis });
$crowd->finish;
$crowd->check(recovery => 3, redis_lost => 1);

$t->done;
done_testing;
