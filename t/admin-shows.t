# /admin/shows: one or a series put on at once, all or nothing; prices before
# the sale; seats that break while people hold others; what was sold.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test          qw(SHOW SMALL_SHOW uuid);
use Boxoffice::Test::Booking qw(CUSTOMER TIME UUID hold order pay seatmap
    map_states try_hold try_order);
use Mojo::JSON               qw(encode_json false true);
use POSIX                    qw(strftime);

my $t = Boxoffice::Test->new(nodes => 2);
my @root  = (user => 'root', headers => { 'x-user-role' => 'ADMIN' });
my $base  = '/api/v1/admin';
my $SHOWS = "$base/shows";

my ($SCREEN, $THEATRE) = $t->dbh->selectrow_array('select s.screen_id,
    c.theatre_id from shows s join screens c using (screen_id)
    where show_id = ?', undef, SMALL_SHOW);
my $MOVIE = $t->post("$base/movies", { title => 'Late Rain',
    durationMinutes => 90 }, @root)->json->{movieId};
my %show  = (screenId => $SCREEN, movieId => $MOVIE, currency => 'INR',
    prices => { SILVER => 100, GOLD => 200 });

sub refused ($r, $code, $error, $name, $details = undef) {
    like { code => $r->code, error => $r->error_code },
        { code => $code, error => $error }, $name or diag $r->body;
    is $r->json->{error}{details}, $details, "$name: details" if $details;
    return;
}

sub if_match ($tag, %o) {
    $tag = $tag->header('etag') if ref $tag;
    return (user => 'root', headers => { 'x-user-role' => 'ADMIN',
        'If-Match' => $tag }, %o);
}

sub get ($path, %o) { return $t->get($path, @root, %o) }

sub day ($days) { return strftime('%Y-%m-%d', gmtime(time + 86_400 * $days)) }

sub create (%change) {
    my %o    = (delete $change{o} // [])->@*;
    my %body = (%show, %change);
    delete @body{ grep { !defined $body{$_} } keys %body };
    return $t->post($SHOWS, \%body, @root, %o);
}

sub mistakes ($r) {
    return [map { "$_->{field}: $_->{problem}" }
        $r->json->{error}{details}{mistakes}->@*];
}


subtest 'administrators only' => sub {
    for my $case (['GET', $SHOWS], ['POST', $SHOWS, \%show],
        map { ["$_->[0]", "$SHOWS/" . SHOW . $_->[1], $_->[2]] }
        ['GET', ''], ['PUT', '', {}], ['PUT', '/prices', {}],
        ['PUT', '/seats', {}], ['GET', '/sales'])
    {
        my ($method, $path, $body) = @$case;
        refused($t->request($method, $path, $body, user => 'ann'), 403,
            'forbidden', "$method $path");
    }
};


subtest 'one and a series' => sub {
    my $key = uuid();
    my $one = create(startsAt => day(60) . 'T10:00:00Z', o => [key => $key]);

    is $one->code, 201, 'one' or diag $one->body;
    is $one->json, { items => [{ showId => match(UUID), version => 2,
        startsAt => day(60) . 'T10:00:00.000Z',
        endsAt => day(60) . 'T11:30:00.000Z' }] }, 'its time';
    is create(startsAt => day(60) . 'T10:00:00Z', o => [key => $key])->body,
        $one->body, 'again with its key';

    my $id   = $one->json->{items}[0]{showId};
    my $read = get("$SHOWS/$id");
    is $read->json, {
        showId => $id, version => 2, movieId => $MOVIE,
        movieTitle => 'Late Rain', theatreId => $THEATRE,
        theatreName => 'Galaxy Cinema', screenId => $SCREEN,
        screenName => 'Screen 2', timezone => 'Asia/Kolkata',
        layoutId => match(UUID), startsAt => day(60) . 'T10:00:00.000Z',
        endsAt => day(60) . 'T11:30:00.000Z', status => 'SCHEDULED',
        currency => 'INR', orphanRule => true, seats => 117,
        broken => ['E5'], house => bag { etc }, createdAt => match(TIME),
        prices => { SILVER => 100, GOLD => 200 },
    }, 'all of it' or diag $read->body;
    is [$read->header('etag'), map { $_->{version} }
        get("$base/audit?objectId=$id")->json->{items}->@*], ['"2"', 2],
        'one version, in its tag and in the audit';

    my $series = create(dates => [day(61), day(62)],
        times => ['10:00', '14:30', '20:00'], durationMinutes => 120);
    is $series->code, 201, 'a series' or diag $series->body;
    is [map { $_->{startsAt} } $series->json->{items}->@*],
        [map { my $d = $_; map { day($d) . "T$_:00.000Z" }
            qw(04:30 09:00 14:30) } 61, 62], 'on the clock of the theatre';
    is scalar get("$base/audit?kind=show&limit=100")->json->{items}->@*, 7,
        'each is noted';

    # one of four is in the way of another, and none is put on
    my $before = $t->dbh->selectrow_array('select count(*) from shows');
    my $clash = create(dates => [day(62), day(63)],
        times => ['15:30', '22:30']);
    refused($clash, 409, 'show_clash', 'a clash');
    is $clash->json->{error}{details}{clashes}, [{
        startsAt => day(62) . 'T10:00:00.000Z', showId => match(UUID),
        movieTitle => 'Late Rain', showStartsAt => day(62) . 'T09:00:00.000Z',
        showEndsAt => day(62) . 'T11:00:00.000Z' }], 'with what';
    is $t->dbh->selectrow_array('select count(*) from shows'), $before,
        'all or nothing';

    # many at once for the same time: one is put on
    my @codes = map { $_->code } $t->run_many(8, [map { ['POST', $SHOWS,
        { %show, startsAt => day(70) . 'T10:00:00Z' }, @root,
        node => 1 + $_ % 2] } 1 .. 12])->@*;
    is [sort grep { $_ != 503 } @codes], array { item 201;
        all_items in_set(201, 409); etc }, 'one of many';
    is scalar(grep { $_ == 201 } @codes), 1, 'and no more';
};


subtest 'what contradicts itself' => sub {
    my $r = create(dates => [day(80), '2027-02-30', day(-3)],
        times => ['10:00', '11:00', '25:00'],
        prices => { SILVER => 1, BOX => 2 });
    refused($r, 422, 'invalid_schedule', 'a bad series');
    is mistakes($r), bag {
        item 'dates[1]: is no day there is';
        item 'times[2]: is not a time from 00:00 to 23:59';
        item 'dates[2], times[0]: is not in the future';
        item 'dates[2], times[1]: is not in the future';
        item 'dates[0], times[1]: is before dates[0], times[0] is over';
        item 'dates[2], times[1]: is before dates[2], times[0] is over';
        item 'prices.BOX: is no category of the screen';
        item 'prices: has none for GOLD';
        end }, 'every mistake' or diag $r->body;

    my $plain = $t->post("$base/movies", { title => 'No length' }, @root)
        ->json->{movieId};
    refused(create(movieId => $plain, startsAt => day(80) . 'T10:00:00Z'),
        422, 'invalid_schedule', 'nobody knows how long');
    refused(create(dates => [map { day(80 + $_) } 1 .. 100],
        times => [map { sprintf '%02d:00', 2 * $_ } 0 .. 11]), 422,
        'invalid_schedule', 'more than a year of shows');

    # a time that the clocks skip
    my $london = $t->dbh->selectrow_array(q{select screen_id from screens c
        join theatres t using (theatre_id) where timezone = 'Europe/London'
        limit 1});
    $r = create(screenId => $london, dates => ['2027-03-28'],
        times => ['01:30']);
    like mistakes($r), bag { item qr/clocks are put forward/; etc },
        'a time that is not there';

    for my $case ([{ startsAt => 'soon' }, 400, 'invalid_field'],
        [{}, 400, 'invalid_field'], [{ dates => [day(80)] }, 400,
        'invalid_field'], [{ startsAt => day(80) . 'T10:00:00Z',
        dates => [day(80)], times => ['10:00'] }, 400, 'invalid_field'],
        [{ startsAt => day(80) . 'T10:00:00Z', currency => 'inr' }, 400,
        'invalid_field'], [{ startsAt => day(80) . 'T10:00:00Z',
        status => 'CANCELLED' }, 400, 'unknown_field'],
        [{ startsAt => day(80) . 'T10:00:00Z', startsAtMs => 1 }, 400,
        'unknown_field'], [{ startsAt => day(80) . 'T10:00:00Z',
        screenId => uuid() }, 404, 'screen_not_found'],
        [{ startsAt => day(80) . 'T10:00:00Z', movieId => uuid() }, 404,
        'movie_not_found'])
    {
        refused(create($case->[0]->%*), $case->@[1, 2],
            encode_json($case->[0]) =~ s/(.{50}).*/$1/r);
    }
};


subtest 'moved' => sub {
    my $id   = create(startsAt => day(90) . 'T10:00:00Z')->json
        ->{items}[0]{showId};
    my $path = "$SHOWS/$id";

    refused($t->put($path, { startsAt => day(91) . 'T10:00:00Z',
        durationMinutes => 60 }, @root), 428, 'precondition_required',
        'without If-Match');
    my $r = $t->put($path, { startsAt => day(91) . 'T10:00:00Z',
        durationMinutes => 60, orphanRule => false }, if_match('*'));
    is [$r->code, $r->json->@{qw(startsAt endsAt orphanRule)}],
        [200, day(91) . 'T10:00:00.000Z', day(91) . 'T11:00:00.000Z', false],
        'another time' or diag $r->body;
    refused($t->put($path, { startsAt => day(60) . 'T10:30:00Z',
        durationMinutes => 60 }, if_match($r)), 409, 'show_clash',
        'into another');
    refused($t->put($path, { startsAt => day(-1) . 'T10:30:00Z',
        durationMinutes => 60 }, if_match($r)), 400, 'invalid_field',
        'into the past');
    $t->wait_until(sub {
        $t->get("/api/v1/shows/$id", node => 2)->json->{startsAt}
            eq day(91) . 'T10:00:00.000Z' }, 10, 'other nodes know');

    order($t, 'ann', $id, ['A1']);
    refused($t->put($path, { startsAt => day(92) . 'T10:00:00Z',
        durationMinutes => 60 }, if_match('*')), 409, 'in_use',
        'not when somebody has a seat', { usedBy => { orders => 1 } });
};


subtest 'moved while seats are held' => sub {
    my $id   = create(startsAt => day(95) . 'T10:00:00Z')->json
        ->{items}[0]{showId};
    my ($old, $new) = map { day($_) . 'T10:00:00.000Z' } 95, 96;
    my $order = sub ($hold, $starts, %o) {
        return $t->post('/api/v1/orders', { holdId => $hold->{holdId},
            paymentMethod => 'CARD', customer => CUSTOMER,
            $starts ? (startsAt => $starts) : () }, user => 'ann', %o);
    };

    $t->get("/api/v1/shows/$id", node => 2);
    my $hold = hold($t, 'ann', $id, ['A1'], node => 2);
    my $r = $t->put("$SHOWS/$id", { startsAt => $new, durationMinutes => 60 },
        if_match('*'));
    is $r->code, 200, 'nobody has an order' or diag $r->body;

    refused($order->($hold, undef, node => 2), 409, 'show_changed',
        'held for another time', { startsAt => $new });
    $t->wait_until(sub { $t->get("/api/v1/shows/$id", node => 2)->json
        ->{startsAt} eq $new }, 10, 'the node knows');
    refused($order->($hold, undef, node => $_), 409, 'show_changed',
        "held for another time, node $_ knows it", { startsAt => $new })
        for 1, 2;
    refused($order->($hold, $old), 409, 'show_changed', 'the old time',
        { startsAt => $new });
    refused($order->($hold, 'tomorrow'), 400, 'invalid_field', 'no time',
        { field => 'startsAt' });
    is map_states($t, $id, 'A1'), ['HELD'], 'the seat is still held';
    my %until = map { $_ => $t->redis->pexpiretime("$_:{$id}") }
        qw(version state hold expiry);
    is \%until, { map { $_ => $until{version} } keys %until },
        'all of it stays in Redis for the same time';
    is $until{version}, within(1000 * (86400 + $t->dbh->selectrow_array(
        'select extract(epoch from ends_at) from shows where show_id = ?',
        undef, $id)), 1), 'a day after its new end';
    is $t->dbh->selectrow_array('select count(*) from orders
        where show_id = ?', undef, $id), 0, 'nothing was ordered';

    my $made = $order->($hold, $new =~ s/\.000//r, node => 2);
    is $made->code, 201, 'the new time' or diag $made->body;
    refused($order->($hold, $old), 409, 'hold_ordered', 'once',
        { orderId => $made->json->{orderId}, status => 'PAYMENT_PENDING' });
};


subtest 'prices' => sub {
    my $id   = create(startsAt => day(100) . 'T10:00:00Z')->json
        ->{items}[0]{showId};
    my $path = "$SHOWS/$id/prices";

    # both nodes know the show, and somebody holds a seat
    seatmap($t, $id, node => $_) for 1, 2;
    $t->get("/api/v1/shows/$id", node => 2);
    my $held = hold($t, 'bob', $id, ['B1']);

    my $r = $t->put($path, { prices => { SILVER => 150, GOLD => 250 } },
        if_match('*'));
    is [$r->code, $r->json->{prices}], [200, { SILVER => 150, GOLD => 250 }],
        'changed' or diag $r->body;

    $t->wait_until(sub { $t->get("/api/v1/shows/$id", node => 2)->json
        ->{prices}{SILVER} == 150 }, 10, 'the other node has them');
    $t->wait_until(sub { my ($seat) = grep { $_->{seatId} eq 'B1' }
        seatmap($t, $id, node => 2)->{seats}->@*;
        $seat->{price} == 150 && $seat->{status} eq 'HELD' }, 10,
        'on its map, too, and what was held is');
    is try_order($t, 'bob', $held->{holdId}, node => 2)->json->{amount}, 150,
        'who held a seat pays the new price';

    refused($t->put($path, { prices => { SILVER => 1, GOLD => 2 } },
        if_match('*')), 409, 'sale_begun', 'not after the first order');

    my $other = create(startsAt => day(101) . 'T10:00:00Z')->json
        ->{items}[0]{showId};
    $r = $t->put("$SHOWS/$other/prices", { prices => { SILVER => 1,
        BOX => 2 } }, if_match('*'));
    refused($r, 422, 'invalid_prices', 'prices that cannot be');
    is scalar mistakes($r)->@*, 2, 'every mistake';
    refused($t->put("$SHOWS/$other/prices", { prices => { SILVER => -1 } },
        if_match('*')), 400, 'invalid_field', 'no price');
};


subtest 'seats that break' => sub {
    my $id   = create(startsAt => day(110) . 'T10:00:00Z')->json
        ->{items}[0]{showId};
    my $path = "$SHOWS/$id/seats";
    my $sold = order($t, 'ann', $id, ['A1']);
    my $key  = uuid();
    my $held = try_hold($t, 'bob', $id, ['B1', 'B2'], key => $key);
    my $lost = $held->json;
    my $kept = hold($t, 'cat', $id, ['C1', 'C2']);

    seatmap($t, $id, node => $_) for 1, 2;

    my $state = sub ($node) {
        return { map { $_->{seatId} => $_->{status} }
            seatmap($t, $id, node => $node)->{seats}->@* };
    };

    refused($t->put($path, { broken => ['A1', 'A2'] }, if_match('*')), 409,
        'seat_sold', 'a seat that is sold', { conflicts => ['A1'] });
    my $r = $t->put($path, { broken => ['B1'], house => ['D1', 'D2'] },
        if_match('*'));
    is $r->code, 200, 'changed' or diag $r->body;
    is $r->json->{broken}, ['B1', 'E5'], 'those that are broken';
    is $r->json->{seats}, 114, 'fewer to be sold';

    for my $node (1, 2) {
        $t->wait_until(sub {
            my $map = $state->($node);
            return !grep { $_ ne 'UNAVAILABLE' } $map->@{qw(B1 D1 D2)};
        }, 10, "node $node shows it");
        my $map = $state->($node);
        is [$map->@{qw(A1 C1 C2)}], ['HELD', 'HELD', 'HELD'],
            'what others have, they have';
    }

    is try_order($t, 'bob', $lost->{holdId})->code, in_set(409, 410),
        'who held it cannot order it';
    refused(try_hold($t, 'dan', $id, ['B1'], node => 2), 409,
        'seat_unavailable', 'nor anybody hold it');
    my $again = try_hold($t, 'bob', $id, ['B1', 'B2'], key => $key, node => 2);
    is [$again->code, $again->body], [201, $held->body],
        'but who asks again hears what he was answered';
    is try_order($t, 'cat', $kept->{holdId}, node => 2)->code, 201,
        'who held others can';

    $r = $t->put($path, { normal => ['B1', 'D1'] }, if_match('*'));
    is [$r->code, $r->json->{broken}], [200, ['E5']], 'mended';
    $t->wait_until(sub { my $map = $state->(2);
        $map->{B1} eq 'AVAILABLE' && $map->{D1} eq 'AVAILABLE' }, 10,
        'free again');
    $t->wait_until(sub { try_hold($t, 'eve', $id, ['D1'], node => 2)->code
        == 201 }, 10, 'and can be held');

    # a Redis that has forgotten everything is loaded with it
    $t->redis->flushall;
    $t->wait_until(sub { $state->(1)->{D2} eq 'UNAVAILABLE'
        && $state->(1)->{B1} eq 'AVAILABLE' }, 10, 'after FLUSHALL, too');

    $r = $t->put($path, { broken => ['Z99'] }, if_match('*'));
    refused($r, 422, 'invalid_layout', 'no such seat');
    is map_states($t, SMALL_SHOW, 'B1'), ['AVAILABLE'],
        'the other shows of the hall have it';
};


subtest 'sales' => sub {
    my $id   = create(startsAt => day(120) . 'T10:00:00Z')->json
        ->{items}[0]{showId};
    my @gold = map { $_->{seatId} } grep { $_->{category} eq 'GOLD' }
        seatmap($t, $id)->{seats}->@*;

    is get("$SHOWS/$id/sales")->json->@{qw(sold pending amount)}, 0,
        'nothing at first';
    pay($t, 'ann', order($t, 'ann', $id, ['A1', 'A2'])->{orderId});
    pay($t, 'bob', order($t, 'bob', $id, [@gold[0, 1, 2]])->{orderId});
    order($t, 'cat', $id, ['B1']);

    is get("$SHOWS/$id/sales")->json, {
        showId => $id, startsAt => day(120) . 'T10:00:00.000Z',
        status => 'SCHEDULED', currency => 'INR', seats => 117, sold => 5,
        pending => 1, amount => 800, checkedIn => 0, byCategory => [
            { category => 'GOLD', seats => match(qr/^\d+$/), sold => 3,
                pending => 0, amount => 600 },
            { category => 'SILVER', seats => match(qr/^\d+$/), sold => 2,
                pending => 1, amount => 200 }],
    }, 'by category';
    refused(get("$SHOWS/" . uuid() . '/sales'), 404, 'show_not_found',
        'of no show');

    my $list = get("$SHOWS?date=" . day(120))->json->{items};
    is $list, [{ showId => $id, version => match(qr/^\d+$/),
        movieId => $MOVIE, movieTitle => 'Late Rain', theatreId => $THEATRE,
        theatreName => 'Galaxy Cinema', screenId => $SCREEN,
        screenName => 'Screen 2', timezone => 'Asia/Kolkata',
        startsAt => day(120) . 'T10:00:00.000Z',
        endsAt => day(120) . 'T11:30:00.000Z', status => 'SCHEDULED',
        currency => 'INR', seats => 117, sold => 5, pending => 1,
        amount => 800 }], 'of a day';

    my ($cursor, @seen);
    do {
        my $page = get("$SHOWS?movieId=$MOVIE&limit=4"
            . ($cursor ? "&cursor=$cursor" : ''))->json;
        push @seen, $page->{items}->@*;
        $cursor = $page->{nextCursor};
    } while ($cursor && @seen < 100);
    is scalar @seen, $t->dbh->selectrow_array('select count(*) from shows
        where movie_id = ?', undef, $MOVIE), 'page by page';
    is [map { $_->{startsAt} } @seen], [sort map { $_->{startsAt} } @seen],
        'by the time they start';
    is scalar get("$SHOWS?theatreId=$THEATRE&screenId=$SCREEN&date="
        . day(120))->json->{items}->@*, 1, 'all filters';
    refused(get("$SHOWS?date=$_"), 400, 'invalid_query', "no date: $_")
        for '2026-1-1', '2026-02-30', '2026-13-01', '2026-00-00', '2025-02-29';
    is get("$SHOWS?date=2028-02-29")->code, 200, 'a leap day is one';

    is $t->post("/api/v1/shows/$id/cancel", {}, @root)->code, 202,
        'cancelled';
    refused($t->put("$SHOWS/$id/seats", { broken => ['A3'] }, if_match('*')),
        410, 'sale_closed', 'and closed');
};


# What the catalogue keeps of a day is of that day: another day stays.
subtest 'the catalogue' => sub {
    my $path = "/api/v1/movies/$MOVIE/shows?date=";
    my %seen = map { $_ => $t->get($path . day($_), node => 2)->json }
        61, 130;

    is $seen{130}{theatres}, [], 'nothing yet';
    is create(startsAt => day(130) . 'T10:00:00Z')->code, 201, 'put on';
    $t->wait_until(sub { ($t->get($path . day(130), node => 2)->json
        ->{theatres} // [])->@* == 1 }, 10, 'the other node has it');
    is $t->get($path . day(61), node => 2)->json, $seen{61},
        'the other day is as it was';
};


$t->check_invariants;
$t->done;
done_testing;
