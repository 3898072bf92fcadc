# Three reloads under load: nobody notices, but for kept connections that are
# closed while they are idle.
#
# Runs alone: it measures times.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  ();

my $t = Boxoffice::Test->new(workers => 2, start => 0);

# a busy machine must not be taken for what this is about
$t->node->{conf}{redis} = $t->{redis_server}->url . ' timeout=1s';
$t->node->{conf}{postgres} = '"' . $t->conninfo . '" connections=2 timeout=4s';
$t->node->start;

my $crowd = Boxoffice::Crowd->new($t, close => 32);
$crowd->wait(2);

for (1 .. 3) {
    $crowd->fault(sub { $t->reload });
    $crowd->wait(0.5);
}

$crowd->healed;
$crowd->finish;

my (@failed, @other, $idle);

# A request may meet a kept connection that is being closed; the crowd cannot
# tell that from one that was dropped, so half of it keeps no connections.
for my $op ($crowd->ops) {
    for my $attempt (grep { $_->[2] == 0 } $op->{attempts}->@*) {
        if ($op->{close} || $attempt->[3] ne 'idle') {
            push @failed, "$op->{what}: $attempt->[3]";
        } else {
            $idle++;
        }
    }
}

is \@failed, [], 'no request is dropped';
diag +($idle // 0), ' requests met a kept connection that was just closed';

# each reload closes each of the kept connections once
$crowd->check(recovery => 0.5, unanswered => 3 * 32, refused => 0);

$t->done;
done_testing;
