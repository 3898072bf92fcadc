# Three reloads under load: nobody notices, but for kept connections that are
# closed while they are idle.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  ();

my $t = Boxoffice::Test->new(nodes => 1, workers => 2);

my $crowd = Boxoffice::Crowd->new($t, seconds => 7, close => 32);
$crowd->wait(2);

for (1 .. 3) {
    $crowd->fault(sub { $t->reload });
    $crowd->wait(0.5);
}

$crowd->healed;
$crowd->finish;

my (@closed, @kept, $kept);

for my $op ($crowd->ops) {
    my @failed = grep { $_->[2] == 0 || $_->[2] >= 500 } $op->{attempts}->@*;

    if ($op->{close}) {
        push @closed, map { "$op->{what}: $_->[2] $_->[3]" } @failed;
    } else {
        push @kept, grep { $_->[3] ne 'idle' } @failed;
        $kept += grep { $_->[3] eq 'idle' } @failed;
    }
}

is \@closed, [], 'nothing fails on connections of one request';
is \@kept, [], 'and nothing that has reached the server on kept ones';
diag +($kept // 0), ' requests met a kept connection that was just closed';
$crowd->check(recovery => 0.5, unanswered => 0.002 * $crowd->attempts,
    refused => 0);

$t->done;
done_testing;
