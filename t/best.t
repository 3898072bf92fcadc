# POST /holds with bestAvailable, and the orphan rule.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW LARGE_SHOW STADIUM_SHOW uuid);
use Boxoffice::Test::Booking qw(hold map_states metrics seatmap try_hold
    UUID);
use Boxoffice::Test::Stream ();
my $t = Boxoffice::Test->new(nodes => 2, conf => { orphan_rule => undef });

sub best ($user, $show, $want, %o) {
    return $t->post('/api/v1/holds', { showId => $show,
        bestAvailable => $want }, user => $user, %o);
}


sub seats ($r) { return join ' ', ($r->json->{seatIds} // [])->@* }


subtest 'best available' => sub {
    my $r = best('ann', SHOW, { count => 4 });
    is $r->code, 201, 'held';
    like $r->json, { holdId => UUID, showId => SHOW, userId => 'ann',
        quantity => 4, status => 'HELD' }, 'as any hold';
    # 18 rows with the aisle before F and N: two thirds of the depth is L
    is seats($r), 'L9 L10 L11 L12', 'in the middle, at two thirds';
    $t->wait_until(sub { "@{ map_states($t, SHOW, qw(L9 L12)) }"
        eq 'HELD HELD' }, 1, 'on the map');

    is seats(best('bob', SHOW, { count => 4 })), 'K9 K10 K11 K12',
        'the next best for the next';
    is seats(best('cat', SHOW, { count => 2, category => 'PLATINUM' })),
        'N10 N11', 'of a category';
    is seats(best('dan', SHOW, { count => 2, maxPrice => 15_000 })),
        'E10 E11', 'of a price at the most';
    is seats(best('eve', SHOW, { count => 2, minPrice => 15_001,
        maxPrice => 39_999 })), 'M10 M11', 'of a price between';

    $r = best('ann', SHOW, { count => 2 });
    isnt seats($r), 'L9 L10', 'another hold in place of the first';
    $t->wait_until(sub { map_states($t, SHOW, 'L9')->[0] eq 'AVAILABLE' }, 1,
        'which is free');

    my $key = uuid();
    $r = best('fay', SHOW, { count => 3 }, key => $key);
    my $again = best('fay', SHOW, { count => 3 }, key => $key);
    is [$again->code, $again->body, $again->header('idempotency-replayed')],
        [201, $r->body, 'true'], 'the same key: the same seats';

    is scalar(best('hal', STADIUM_SHOW, { count => 8 })->json->{seatIds}->@*),
        8, 'in a stadium';
};


subtest 'refused' => sub {
    my %refused = (
        'no count'       => [400, 'missing_field', {}],
        'count 0'        => [400, 'invalid_field', { count => 0 }],
        'count 65'       => [400, 'invalid_field', { count => 65 }],
        'count 11'       => [422, 'too_many_seats', { count => 11 }],
        'a text'         => [400, 'invalid_field', { count => '2' }],
        'no category'    => [400, 'invalid_field',
            { count => 2, category => 'ROYAL' }],
        'prices crossed' => [400, 'invalid_field',
            { count => 2, minPrice => 2, maxPrice => 1 }],
        'a price below'  => [400, 'invalid_field',
            { count => 2, minPrice => -1 }],
        'unknown field'  => [400, 'unknown_field',
            { count => 2, row => 'A' }],
        'too cheap'      => [409, 'seats_not_together',
            { count => 2, maxPrice => 1 }],
    );

    for my $name (sort keys %refused) {
        my ($status, $code, $want) = $refused{$name}->@*;
        my $r = best('ian', SHOW, $want);
        is [$r->code, $r->error_code], [$status, $code], $name;
    }

    my $both = $t->post('/api/v1/holds', { showId => SHOW, seatIds => ['A1'],
        bestAvailable => { count => 2 } }, user => 'ian');
    is $both->error_code, 'invalid_field', 'seats and the best';
    my $none = $t->post('/api/v1/holds', { showId => SHOW }, user => 'ian');
    is $none->error_code, 'missing_field', 'neither';
};


# While somebody looks, the map by which a node judges follows each change; a
# hold that was answered is on it some milliseconds later.
subtest 'the orphan rule' => sub {
    my @looking = map { Boxoffice::Test::Stream->new($t, SHOW, node => $_) }
        1, 2;
    $_->next for @looking;
    my $there = sub ($seat, $state) { $t->wait_until(sub {
        map_states($t, SHOW, $seat)->[0] eq $state }, 1, "$seat is $state") };

    my $r = try_hold($t, 'jan', SHOW, [qw(A2 A3)]);
    is [$r->code, $r->error_code], [409, 'seat_stranded'], 'refused';
    is $r->json->{error}{details}, { stranded => ['A1'] }, 'with the seat';
    is metrics($t)->{holds_stranding_total}, 1, 'counted';
    is try_hold($t, 'jan', SHOW, [qw(A1 A2)])->code, 201, 'from the aisle on';
    $there->('A1', 'HELD');
    is try_hold($t, 'kim', SHOW, [qw(A4 A5)])->error_code, 'seat_stranded',
        'beside a neighbour that is held';
    is try_hold($t, 'kim', SHOW, [qw(A3 A4)])->error_code, 'seat_stranded',
        'or one before the aisle';
    is try_hold($t, 'kim', SHOW, [qw(A3 A4 A5)])->code, 201, 'all of them';

    # what a hold gives back counts as free
    my $hold = hold($t, 'lea', SHOW, [qw(B1 B2 B3)]);
    $there->('B1', 'HELD');
    my $put = sub (@seats) { $t->put("/api/v1/holds/$hold->{holdId}",
        { seatIds => \@seats }, user => 'lea') };
    is $put->(qw(B2 B3))->error_code, 'seat_stranded', 'a change as well';
    is $put->(qw(B1 B2))->code, 200, 'another change';
    $there->('B3', 'AVAILABLE');
    is $put->(qw(B4 B5))->code, 200, 'away from its own seats';

    is try_hold($t, 'max', SHOW, [qw(A1 A2)])->error_code, 'seat_held',
        'whose it is comes first';
};


subtest 'no other choice' => sub {
    # a hall of which all but three seats are held
    my $map = seatmap($t, SMALL_SHOW);
    my @free = grep { $_->{status} eq 'AVAILABLE' } $map->{seats}->@*;
    my %left = map { $_ => 1 } qw(F3 F4 F5);
    my $n = 0;

    # with the rule off, it matters not in which order
    $t->dbh->do('update shows set orphan_rule = false where show_id = ?',
        undef, SMALL_SHOW);
    $t->reload(node => $_) for 1, 2;
    my @rest = map { $_->{seatId} } grep { !$left{ $_->{seatId} } } @free;
    while (my @some = splice @rest, 0, 10) {
        hold($t, 'crowd' . ++$n, SMALL_SHOW, \@some);
    }
    is $t->get('/api/v1/shows/' . SMALL_SHOW)->json->{orphanRule},
        Mojo::JSON::false, 'off for the show';
    $t->dbh->do('update shows set orphan_rule = true where show_id = ?',
        undef, SMALL_SHOW);
    $t->reload(node => $_) for 1, 2;

    is best('nan', SMALL_SHOW, { count => 4 })->error_code,
        'seats_not_together', 'four are not together';
    is try_hold($t, 'oda', SMALL_SHOW, ['F4'])->error_code, 'seat_stranded',
        'one in the middle leaves two';
    is try_hold($t, 'oda', SMALL_SHOW, [qw(F3 F4)])->code, 201,
        'two of three: there is no other way';
    my $key = uuid();
    my $last = best('pat', SMALL_SHOW, { count => 1 }, key => $key);
    is seats($last), 'F5', 'the last one';
    is best('quy', SMALL_SHOW, { count => 1 })->error_code,
        'seats_not_together', 'and then none';

    # whose answer was lost asks again, and it is his request that took them
    my $again = best('pat', SMALL_SHOW, { count => 1 }, key => $key,
        node => 2);
    is [$again->code, $again->body, $again->header('idempotency-replayed')],
        [201, $last->body, 'true'], 'the last one, asked for twice';
    is best('pat', SMALL_SHOW, { count => 2 }, key => $key)->error_code,
        'idempotency_key_reused', 'another request with its key';
    is best('pat', SMALL_SHOW, { count => 1 })->error_code,
        'seats_not_together', 'another key';
};


# One worker: what one request chose is in another one's way, or is not.
subtest 'what nobody holds is not kept away' => sub {
    my $one = Boxoffice::Test->new(workers => 1);
    my $ask = sub ($user, %o) {
        return $one->post('/api/v1/holds', { showId => SMALL_SHOW,
            bestAvailable => { count => 2 } }, user => $user, %o);
    };
    my @free = map { $_->{seatId} } grep { $_->{status} eq 'AVAILABLE' }
        seatmap($one, SMALL_SHOW)->{seats}->@*;
    my %left = map { $_ => 1 } qw(F3 F4 E3 E4);
    my $n = 0;

    my @rest = grep { !$left{$_} } @free;
    while (my @some = splice @rest, 0, 10) {
        hold($one, 'crowd' . ++$n, SMALL_SHOW, \@some);
    }

    my $key = uuid();
    is $ask->('ann', key => $key)->code, 201, 'two of four';
    is $ask->('ann', key => $key)->header('idempotency-replayed'), 'true',
        'asked again';
    is $ask->('bob')->code, 201, 'the other two are there for the next';
    is $ask->('cat')->error_code, 'seats_not_together', 'and then none';

    is $one->del('/api/v1/holds/'
        . $ask->('ann', key => $key)->json->{holdId},
        user => 'ann')->code, 204, 'two are given back';
    is $ask->('cat')->code, 201, 'and are there at once';
    $one->check_invariants;
    $one->done;
};


subtest 'what would strand a seat by now' => sub {
    my $first = hold($t, 'tom', SHOW, ['D1']);
    $t->wait_until(sub { map_states($t, SHOW, 'D1')->[0] eq 'HELD' }, 1,
        'one at the aisle');
    my $key = uuid();
    my $hold = try_hold($t, 'uma', SHOW, [qw(D2 D3)], key => $key);
    is $hold->code, 201, 'its neighbours';

    for (['tom', $first->{holdId}], ['uma', $hold->json->{holdId}]) {
        $t->del("/api/v1/holds/$_->[1]", user => $_->[0]);
    }
    $t->wait_until(sub { "@{ map_states($t, SHOW, qw(D1 D2)) }"
        eq 'AVAILABLE AVAILABLE' }, 1, 'all given back');
    is try_hold($t, 'vic', SHOW, [qw(D2 D3)])->error_code, 'seat_stranded',
        'refused to somebody else';
    my $again = try_hold($t, 'uma', SHOW, [qw(D2 D3)], key => $key);
    is [$again->code, $again->body], [201, $hold->body],
        'asked again: as it was answered';
};


subtest 'off' => sub {
    my $new = $t->post('/api/v1/shows', { screenId =>
        '00000000-0000-4000-8000-000000000201', movieTitle => 'Loners',
        startsAt => '2099-01-01T20:00:00Z', durationMinutes => 90,
        currency => 'INR', orphanRule => Mojo::JSON::false,
        prices => { SILVER => 1, GOLD => 2, PLATINUM => 3 } },
        user => 'admin', headers => { 'x-user-role' => 'ADMIN' });
    is $new->code, 201, 'a show without the rule' or diag $new->body;
    is try_hold($t, 'ron', $new->json->{showId}, [qw(A2 A3)])->code, 201,
        'takes what it gets';

    $t->reload(orphan_rule => 'off');
    is try_hold($t, 'sue', SHOW, [qw(C2 C3)])->code, 201,
        'and without it in the configuration';
};


# 200 at once want four together, on two nodes of two workers: more than there
# is room for.
subtest 'a crowd' => sub {
    $t->reload(node => $_) for 1, 2;
    my @answers;
    my @requests = map { ['POST', '/api/v1/holds', { showId => LARGE_SHOW,
        bestAvailable => { count => 4 } }, user => "buyer$_",
        node => 1 + $_ % 2] } 1 .. 200;

    $t->run_many(200, \@requests, sub ($r, $n, $request) {
        push @answers, $r }, timeout => 30);

    my %status;
    $status{ $_->code }++ for @answers;
    is [sort keys %status], [201, 409], 'held, or too late' or diag
        join ' ', %status;

    my %holder;
    my $double = 0;
    for my $r (grep { $_->code == 201 } @answers) {
        $double += $holder{$_}++ for $r->json->{seatIds}->@*;
    }
    is $double, 0, 'no seat twice';

    # what is left has no four together anywhere
    my $map = $t->get('/api/v1/shows/' . LARGE_SHOW . '/seatmap')->json;
    $t->wait_until(sub {
        $map = $t->get('/api/v1/shows/' . LARGE_SHOW . '/seatmap')->json;
        $map->{statistics}{held} == 4 * $status{201} }, 2, 'the map has it');
    my ($run, $most, $last) = (0, 0);
    for my $seat ($map->{seats}->@*) {
        $run = 0 if !$last || $last->{row} ne $seat->{row}
            || $last->{x} + 1 != $seat->{x};
        $run = $seat->{status} eq 'AVAILABLE' ? $run + 1 : 0;
        $most = $run if $run > $most;
        $last = $seat;
    }
    cmp_ok $most, '<', 4, 'nobody was refused what was there';
    note "$status{201} held";
};


$t->check_invariants;
$t->done;
done_testing;
