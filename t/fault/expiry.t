# Users who go away: what they held is free the moment it ends, for the next
# user at once and on the seat map within a second; what they ordered and did
# not pay is free soon after its deadline.
#
# Runs alone: it measures times.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  qw(SHOW);
use List::Util       qw(max);
use Time::HiRes      qw(sleep time);
use Time::Piece      ();

my $t = Boxoffice::Test->new(nodes => 2, workers => 1,
    conf => { hold_ttl => '1500ms', order_ttl => '1500ms' });


sub hold ($user, $node, @seats) {
    return $t->post('/api/v1/holds', { showId => SHOW, seatIds => \@seats },
        user => $user, node => $node);
}


# RFC 3339 as ms since 1970
sub ms ($text) {
    my ($seconds, $ms) = $text =~ /^(.*)\.(\d{3})Z$/ or die $text;
    return Time::Piece->strptime($seconds, '%Y-%m-%dT%H:%M:%S')->epoch * 1000
        + $ms;
}


sub redis_ms () {
    my ($seconds, $usec) = $t->redis->time->@*;
    return $seconds * 1000 + int $usec / 1000;
}


sub statuses ($node) {
    my $map = $t->get('/api/v1/shows/' . SHOW . '/seatmap', node => $node);
    return { map { $_->{seatId} => $_->{status} } $map->json->{seats}->@* };
}


# --- holds that are taken again as soon as they end

for my $n (1 .. 5) {
    my $end = ms(hold("early$n", 1, "A$n", "A1$n")->json->{expiresAt});

    is hold("eager$n", 2, "A$n")->code, 409, 'held by another' if $n == 1;
    1 while redis_ms() < $end;

    my $r = hold("late$n", 2, "A$n", "A1$n");
    is $r->code, 201, 'taken by the next as soon as the hold has ended'
        or diag $r->body;
    cmp_ok ms($r->json->{createdAt}), '>=', $end, 'and not before';
    diag 'after ', ms($r->json->{createdAt}) - $end, ' ms';
}


# --- the seat map of both nodes

my $held = hold('absent', 1, map { "B$_" } 1 .. 10)->json;
my $end  = ms($held->{expiresAt}) / 1000;

for my $node (1, 2) {
    $t->wait_until(sub { statuses($node)->{B1} eq 'HELD' }, 1,
        "the map of node $node shows the hold");
}

my %seen;

while (keys %seen < 2 && time < $end + 3) {
    for my $node (grep { !$seen{$_} } 1, 2) {
        my $map = statuses($node);
        $seen{$node} = time if !grep { $map->{"B$_"} ne 'AVAILABLE' } 1 .. 10;
    }
    sleep 0.01;
}

for my $node (1, 2) {
    my $late = ($seen{$node} // 'inf') - $end;
    cmp_ok $late, '<=', 1, "the map of node $node shows the end within 1 s";
    cmp_ok $late, '>', -0.05, 'and not before it';
    diag sprintf 'after %.0f ms', $late * 1000;
}


# --- orders that are not paid

my @orders = map { Boxoffice::Crowd->order($t, "order$_", "C$_") } 1 .. 20;
my $due    = max map { ms($_->{expiresAt}) } @orders;

is $t->dbh->selectrow_array('select count(*) from seat_claims'), 20,
    'orders claim their seats';
sleep max(0, ($due - 1000 * time) / 1000);

$t->wait_until(sub {
    return $t->dbh->selectrow_array(q{select count(*) from orders
        where status = 'EXPIRED'}) == 20;
}, 2, 'expired within 2 s of their deadline', strict => 1);
is $t->dbh->selectrow_array('select count(*) from seat_claims'), 0,
    'their claims are gone';
$t->wait_until(sub { !$t->redis->keys('seat_lock:*') }, 1,
    'and their locks');

is hold('next', 2, map { "C$_" } 2 .. 10)->code, 201, 'their seats are free';
Boxoffice::Crowd->order($t, 'other', 'C1');

my $paid = $t->post("/api/v1/orders/$orders[0]{orderId}/confirm-payment",
    { paymentId => 'mock-ok-1' }, user => 'order1');
is $paid->code, 409, 'too late to pay, for the seat is sold again';
is $paid->error_code, 'order_ended', 'because it has ended';

$paid = $t->post("/api/v1/orders/$orders[19]{orderId}/confirm-payment",
    { paymentId => 'mock-ok-2' }, user => 'order20');
is $paid->code, 200, 'in time for a seat that nobody took';

$t->check_invariants;
$t->done;
done_testing;
