# Redis and PostgreSQL stand still: what is known of the hall is still shown,
# and says that it is old, for as long as the operator allows; when they are
# back it is exact within a second.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW);
use Boxoffice::Test::Booking qw(booked hold map_states seat_states);
use Boxoffice::Test::Stream ();
use Time::HiRes qw(sleep time);

use constant STALE => 3;

my $t = Boxoffice::Test->new(workers => 2, postgres => 'own',
    conf => { stale => STALE . 's', hold_ttl => '2s' });
my @seats = map { my $row = $_; map { "$row$_" } 1 .. 20 } 'A' .. 'C';

hold($t, 'ann', SHOW, [qw(A1 A2)]);
booked($t, 'bob', SHOW, [qw(B1 B2)]);
$t->wait_until(sub { "@{ map_states($t, SHOW, qw(A1 B1)) }"
    eq 'HELD BOOKED' }, 1, 'known');
my $looks = Boxoffice::Test::Stream->new($t, SHOW);
$looks->next;

# every worker has served it once
$t->get('/api/v1/shows/' . SHOW . "/$_") for ('seatmap', 'availability') x 10;

$t->stop_redis;
$t->stop_postgres;
my $start = time;
my (%code, $longest, $fresh_for, $stale_for);

while (time < $start + STALE + 1.5) {
    for my $what (qw(seatmap availability)) {
        my $r  = $t->get('/api/v1/shows/' . SHOW . "/$what");
        my $at = time - $start;

        $code{ $r->code }++;
        $longest = $r->seconds if $r->seconds > ($longest // 0);
        next if $r->code != 200;

        if ($r->json->{stale}) {
            $stale_for = $at;
            is $r->header('etag'), undef, 'no tag' if $at > 2.9;
        } else {
            $fresh_for = $at;
        }
    }
    sleep 0.05;
}

is [sort keys %code], [200, 503], 'served, then refused';
cmp_ok $fresh_for, '<', 1.5, 'called fresh for a second';
cmp_ok $stale_for, '>=', STALE - 1, 'then stale, for the time configured';
cmp_ok $stale_for, '<=', STALE + 1, 'and no longer';
cmp_ok $longest, '<', 0.75, 'nobody waits' or diag $longest;
ok $looks->until(sub { $looks->{stale} }, 0.5), 'whoever listens was told';

$t->cont_postgres;
$t->cont_redis;
my $back = time;
my $exact;

# the hold has run out meanwhile
$t->wait_until(sub {
    my $r = $t->get('/api/v1/shows/' . SHOW . '/seatmap');
    return 0 if $r->code != 200 || $r->json->{stale};
    my %state = map { $_->{seatId} => $_->{status} } $r->json->{seats}->@*;
    $exact = time - $back;
    return "@state{@seats}" eq "@{ seat_states($t, SHOW, @seats) }"
        && $state{A1} eq 'AVAILABLE';
}, 1, 'exact within 1 s');
diag sprintf 'after %.0f ms', 1000 * $exact;
ok $looks->until(sub { !$looks->{stale} && $looks->{state}[0] == 0 }, 1),
    'and on the stream';

$t->check_invariants;
$t->done;
done_testing;
