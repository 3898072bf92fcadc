# A waiting room on one node: who gets a place, who is let in, and what is
# refused.

use v5.36;
use lib 't/lib';

use Boxoffice::Room;
use Boxoffice::Test qw(SHOW);
use Boxoffice::Test::Stream ();
use Test2::V0;
use Time::HiRes     qw(sleep time);

my $t = Boxoffice::Test->new(
    conf => { waiting_room_zone => 'premiere:1m rate=100/s abandon=1s' },
    server_extra => <<~'END',
        location = /gated {
            boxoffice_waiting_room premiere;
            root html; try_files /nothing =404;
        }
        END
);

my $room = Boxoffice::Room->new($t);

sub bearing ($token) { return { 'x-boxoffice-pass'   => $token } }


$room->wait_ready;
is $room->now->{phase}, 'OPEN', 'it is open, as configured';


subtest 'in and through' => sub {
    my $r = $room->join('ann');

    is $r->code, 200, 'joined';
    is $r->json->{state}, 'WAITING', 'waits';
    is $r->json->{ahead}, 0, 'nobody is ahead';
    is $room->join('ann')->json->{number}, $r->json->{number},
        'one person, one place';
    like $r->header('Set-Cookie'), qr/^boxoffice_ticket_premiere=\S+; Path=\/; .*HttpOnly; SameSite=Lax$/,
        'a cookie for the browser';

    my $seen;
    sleep 0.6;
    $t->wait_until(sub {
        $seen = $room->place('ann', $r->json->{ticket});
        return ($seen->json->{state} // '') eq 'ADMITTED' }, 5, 'admitted');

    ok $seen->json->{pass}, 'has a pass';

    my $pass = $seen->json->{pass};

    is $t->get('/gated', user => 'ann', headers => bearing($pass))->code, 404,
        'may enter';
    is $t->get('/gated', user => 'bob', headers => bearing($pass))->error_code,
        'token_foreign', 'nobody else may';
    is $t->get('/gated', headers => bearing($pass))->code, 401, 'nobody may not';
    is $t->get('/gated', user => 'ann')->error_code, 'waiting_room',
        'not without it';
    is $t->get('/gated', user => 'ann')->json->{error}{details}{join},
        $room->path . '/join', 'where to join';
    is $t->get('/gated', user => 'ann', headers =>
        { accept => 'text/html,*/*' })->header('Location'),
        '/waiting.html?room=premiere&to=%2Fgated', 'browsers get the page';
    is $t->get('/gated', user => 'ann', headers => { cookie =>
        "a=b; boxoffice_pass_premiere=$pass" })->code, 404,
        'the cookie will do';

    is $room->leave('ann', $r->json->{ticket})->code, 204, 'leaves';
    is $t->get('/gated', user => 'ann', headers => bearing($pass))->error_code,
        'pass_over', 'and the pass is over';
};


$room->set(phase => 'PAUSED');
$t->wait_until(sub { $room->now->{phase} eq 'PAUSED' }, 2, 'paused');

my %ticket = map { $_ => $room->join($_)->json->{ticket} } qw(a b c d e);

subtest 'how it moves' => sub {
    my $s = Boxoffice::Test::Stream->new($t, undef,
        path => $room->path . '/events',
        headers => { 'x-user-id' => 'a', 'x-boxoffice-ticket' => $ticket{a} });
    my ($status, $headers) = $s->head(5);

    is $status, 200, 'a stream';
    is $headers->{'content-type'}, 'text/event-stream', 'of events';
    like $s->next(5), { event => 'room', data => { phase => 'PAUSED' } }, 'begins';
    $s->close;
};

subtest 'what is no ticket' => sub {
    my $good = $ticket{a};

    is $room->place('a', $good)->code, 429, 'a good one, but too soon';
    is $room->place('b', $good)->error_code, 'token_foreign', "somebody else's";

    for my $bad ('', 'x', substr($good, 0, -1), "${good}A",
        $good =~ s/^./substr($&, 0, 1) eq 'V' ? 'W' : 'V'/er, 'A' x 63,
        scalar reverse($good), "$good=", '%2e' x 21)
    {
        my $r = $room->place('a', $bad);
        is $r->code, 401, "401: $bad";
        is $r->error_code, 'token_invalid', 'code';
    }

    # every bit counts
    my @alphabet = ('A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_');
    my %value    = map { $alphabet[$_] => $_ } 0 .. 63;
    my $passed   = 0;

    for my $at (0 .. 62) {
        for my $bit (0 .. 5) {
            my $bad = $good;
            substr($bad, $at, 1) =
                $alphabet[$value{ substr $good, $at, 1 } ^ 1 << $bit];
            $passed++ if $room->place('a', $bad)->code != 401;
        }
    }

    is $passed, 0, 'no altered ticket passes';
    is $t->get('/gated', user => 'a', headers => bearing($good))->error_code,
        'token_invalid', 'a ticket is no pass';
    is $t->get($room->path . '/place', user => 'a')->code, 401, 'none at all';
};


subtest 'who is not there' => sub {
    is $t->post($room->path . '/join', undef)->code, 401, 'nobody has a place';
    is $t->get('/api/v1/waiting-rooms/other')->code, 404, 'no such room';
    is $t->get('/api/v1/waiting-rooms/')->code, 404, 'no list';
    is $t->get($room->path . '/nothing')->code, 404, 'no such thing';
    is $t->get($room->path . '/join')->code, 405, 'wrong method';
};


subtest 'polling' => sub {
    sleep 5.5;
    my $r = $room->place('b', $ticket{b});

    is $r->code, 200, 'after a while';
    is $r->json->{ahead}, 1, 'one is ahead' or diag $r->body;
    ok $r->json->{pollAfter} >= 2000, 'when to come again';

    $r = $room->place('b', $ticket{b});
    is $r->code, 429, 'at once';
    is $r->error_code, 'polling_too_fast', 'code';
    ok $r->header('Retry-After') >= 1, 'when to come again';
};


subtest 'leaving makes others move up' => sub {
    my $before = $t->wait_until(sub { $room->now->{waiting} == 5 }, 2, 'five wait');

    is $room->leave('a', $ticket{a})
        ->code, 204, 'the first one leaves';
    $t->wait_until(sub { $room->now->{waiting} == 4 }, 2, 'four wait');
    is $room->join('b')->json->{ahead}, 0, 'the second is the first now';
    is $room->leave('b', $ticket{c})
        ->error_code, 'token_foreign', "nobody gives up another's place";
};


subtest 'who is silent is passed over' => sub {
    # c, d and e said nothing for longer than they were given
    my $end = time + 16;

    while (time < $end) {
        $room->join('b');
        sleep 1;
    }

    $room->set(phase => 'OPEN');
    $t->wait_until(sub { $room->join('b')->json->{state} eq 'ADMITTED' }, 5,
        'who asked is in');
    is $room->place('c', $ticket{c})->error_code, 'place_over',
        'who did not has had their turn';
    is $room->now->{skipped}, 3, 'three were passed over';
};


subtest 'the operator' => sub {
    is $t->put($room->path, { rate => 5 }, user => 'ann')->code, 403,
        'only an administrator';
    is $t->put($room->path, { rate => 5 })->code, 401, 'nobody may not';

    for my $bad ([rate => 0], [rate => 'x'], [rate => -1], [rate => 100001],
        [phase => 'open'], [phase => ''], [opensAt => 'now'], [showId => 'x'],
        [capacity => -1], [message => 'x' x 201], [newSale => 1])
    {
        my $r = $room->try_set(@$bad);
        is $r->code, 400, "400: @$bad";
    }

    is $room->try_set(colour => 'red')->error_code, 'unknown_field', 'unknown field';
    is $room->try_set(showId => Boxoffice::Test::uuid())->error_code, 'show_not_found',
        'a show that is not there';

    is $room->try_set(rate => 7, capacity => 3, message => 'Doors "open" at <8>')->code,
        202, 'changed';
    $t->wait_until(sub { $room->now->{rate} == 7 }, 2, 'all workers know');
    is $room->now->{capacity}, 3, 'capacity';
    is $room->now->{message}, 'Doors "open" at <8>', 'message';

    $room->set(rate => 100, capacity => 0, message => '', phase => 'DRAINING');
    $t->wait_until(sub { $room->now->{phase} eq 'DRAINING' }, 2, 'draining');
    is $room->join('zoe')->error_code, 'room_closed', 'nobody joins';
    $room->set(phase => 'OFF');
    $t->wait_until(sub { $room->now->{phase} eq 'OFF' }, 2, 'off');
    is $t->get('/gated')->code, 404, 'everybody passes';
    $room->set(phase => 'OPEN');
    $t->wait_until(sub { $room->now->{phase} eq 'OPEN' }, 2, 'open');
};


subtest 'capacity' => sub {
    $room->set(capacity => 2, newSale => \1);
    $t->wait_until(sub { $room->now->{capacity} == 2 && $room->now->{waiting} == 0 }, 2,
        'a new sale');

    is $room->place('b', $ticket{b})->error_code, 'token_foreign',
        'tickets of the one before are void';

    my %place = map { $_ => $room->join($_)->json } qw(f g h i);

    $t->wait_until(sub { $room->now->{inside} == 2 }, 3, 'two are in');
    sleep 0.5;
    is $room->now->{inside}, 2, 'and no more';
    is $room->join('h')->json->{state}, 'WAITING', 'the third waits';

    $room->leave('f', $place{f}{ticket});
    $t->wait_until(sub { $room->join('h')->json->{state} eq 'ADMITTED' }, 2,
        'when one leaves, the third comes in');
};


# Nobody is there, so nothing else is told.
subtest 'a stream hears of every phase' => sub {
    $room->set(phase => 'PAUSED', capacity => 0, newSale => \1);
    $t->wait_until(sub { my $now = $room->now;
        $now->{phase} eq 'PAUSED' && $now->{inside} == 0 && $now->{ready} }, 2,
        'a new sale');

    my $s = Boxoffice::Test::Stream->new($t, undef,
        path => $room->path . '/events');

    $s->head(5);
    $s->next(10);

    for my $phase (qw(OPEN DRAINING PAUSED LOBBY OFF OPEN)) {
        my $e;

        $room->set(phase => $phase);
        $t->wait_until(sub { $e = $s->next(1);
            $e && $e->{data}{phase} eq $phase }, 3, "$phase is told");
    }

    $s->close;
};


subtest 'full' => sub {
    my (%codes, $n);

    $room->set(phase => 'PAUSED');
    $t->wait_until(sub { $room->now->{phase} eq 'PAUSED' }, 2, 'paused');

    my @requests = map { ['POST', $room->path . '/join', undef, user => "crowd$_"] }
        1 .. 32_000;

    $t->run_many(64, \@requests, sub ($r, @) { $codes{ $r->code }++ });

    is [sort keys %codes], [200, 503], 'some found no place' or diag join ' ', %codes;
    is $room->join('crowd1')->code, 200, 'those inside keep theirs';
    is $room->join('late')->error_code, 'room_full', 'newcomers do not';
    note "$codes{200} places in 1m";

    # a lobby as well: whoever has a place is drawn, and comes in
    $room->set(phase => 'LOBBY', rate => 1000);
    $t->wait_until(sub { my $now = $room->now;
        $now->{phase} eq 'LOBBY' && $now->{waiting} == 0 && $now->{ready} }, 3,
        'a lobby');
    %codes = ();
    $t->run_many(64, \@requests, sub ($r, @) { $codes{ $r->code }++ });
    is [sort keys %codes], [200, 503], 'some found no place' or diag join ' ', %codes;
    $room->set(phase => 'OPEN');
    $t->wait_until(sub { $room->now->{drawn} }, 5, 'it is drawn');
    $t->wait_until(sub { my $now = $room->now;
        $now->{admitted} > 100 && $now->{admitted} + $now->{skipped} > 1000 },
        20, 'and people come in');
};

$t->done;
done_testing;
