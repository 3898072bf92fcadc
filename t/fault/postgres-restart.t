# PostgreSQL crashes, is away for a while, and comes back: what was confirmed is
# there, and what was in doubt is decided by asking again.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  ();

my $t = Boxoffice::Test->new(nodes => 2, workers => 1, postgres => 'own');

my $crowd = Boxoffice::Crowd->new($t, seconds => 9);
$crowd->wait(2);
$crowd->fault(sub { $t->kill_postgres });
$crowd->wait(1);

my $r = $t->get('/api/v1/orders', user => 'ann');
is $r->code, 503, 'no orders without PostgreSQL';
ok $r->header('retry-after'), 'says when to try again';
ok $r->seconds < 0.5, 'at once' or diag $r->seconds;
is $t->get('/readyz')->code, 503, 'not ready';
is $t->get('/healthz')->code, 200, 'but alive';

$crowd->healed(sub { $t->start_postgres });
$crowd->finish;

my @held = grep { $_->{what} eq 'hold' && ($_->{code} // 0) == 201
    && $_->{attempts}[-1][1] > $crowd->{fault} + 0.3
    && $_->{attempts}[-1][1] < $crowd->{healed} } $crowd->ops;
ok scalar(@held), @held . ' holds were made without PostgreSQL';

$crowd->check(recovery => 3);

$t->done;
done_testing;
