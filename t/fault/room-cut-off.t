# The worker that tells of one node's people is stopped for longer than its
# numbers are good, while the other one gives them out.

use v5.36;
use lib 't/lib';

use Boxoffice::Queue;
use Boxoffice::Room;
use Boxoffice::Test;
use Test2::V0;
use Time::HiRes qw(sleep time);

my $t = Boxoffice::Test->new(
    nodes => 2,
    conf  => { waiting_room_zone => 'premiere:4m rate=400/s abandon=30s' },
);

my $room = Boxoffice::Room->new($t);


# The numbers of those who find a place there.
sub join_at ($node, @people) {
    my %number;

    for (1 .. 5) {
        my @ask = grep { !defined $number{$_} } @people;

        $t->run_many(8, [map { ['POST', $room->path . '/join', undef,
            user => $_, key => undef, node => $node] } @ask], sub ($r, $n, @) {
            $number{ $ask[$n] } = $r->json->{number} if $r->code == 200 });
        last if keys %number == @people;
        sleep 0.2;
    }

    return sort { $a <=> $b } values %number;
}


# Of the two nodes one has the lower numbers: that one is cut off, so that others
# stand behind its people.  The worker that ticks is the first one of a node.
sub cut_off ($cut, $other) {
    my ($ticker) = sort { $a <=> $b } $t->worker_pids(node => $cut);

    $room->set(phase => 'PAUSED', newSale => \1);
    $t->wait_until(sub { my $now = $room->now($_); $now->{phase} eq 'PAUSED'
        && $now->{waiting} == 0 && $now->{ready} }, 3, 'a new sale') for 1, 2;
    sleep 0.5;
    kill STOP => $ticker;
    sleep 0.05;

    my @untold = join_at($cut, map { "p$_" } 1 .. 100);
    my @known  = join_at($other, map { "late$_" } 1 .. 300);

    return ($ticker, \@known)
        if @untold > 50 && @known && $untold[-1] < $known[0];
    kill CONT => $ticker;
    return;
}


$room->wait_ready;

my ($cut, $other, $ticker, $known) = (2, 1);

for (1 .. 20) {
    ($cut, $other) = ($other, $cut);
    ($ticker, $known) = cut_off($cut, $other);
    last if $ticker;
}

ok $ticker, 'others stand behind those whom nobody knows';
sleep 4;
$room->set(phase => 'OPEN');
$t->wait_until(sub { $room->now($other)->{admitted} == @$known }, 10,
    'those who are known come in');
kill CONT => $ticker;
$t->wait_until(sub { my $now = $room->now($cut); $now->{admitted} >= @$known
    && $now->{cursor} >= $room->now($other)->{cursor} }, 10, 'it is back');
is $room->now($cut)->{admitted}, scalar @$known, 'and lets in nobody besides';
is $room->now($cut)->{waiting}, 0, 'their turn is over';
cmp_ok +(join_at($cut, 'p1'))[0], '>', $known->[-1], 'and they join again, behind';

$t->done;
done_testing;
