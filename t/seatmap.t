# GET /shows/{id}/seatmap: the layout, the states, versions and caching.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW LARGE_SHOW THEATRE_SHOW STADIUM_SHOW
    uuid);
use Boxoffice::Test::Booking qw(booked hold map_states order raw seatmap);
use IO::Uncompress::Gunzip ();
use Time::HiRes qw(sleep time);

my $t = Boxoffice::Test->new(nodes => 2, conf => { stale => '2s' });

sub path ($show) { return "/api/v1/shows/$show/seatmap" }

sub with_tag ($show, $tag, %o) {
    return $t->get(path($show), headers => { 'If-None-Match' => $tag }, %o);
}


# Totals as the statistics must have them.
sub count (@seats) {
    my %n = (total => scalar @seats, map { $_ => 0 }
        qw(available held booked unavailable));
    $n{ lc $_->{status} }++ for @seats;
    return \%n;
}


# The statistics are the sums over the seats, whatever these are.
sub adds_up ($map, $name) {
    my %of;
    push $of{ $_->{category} }->@*, $_ for $map->{seats}->@*;

    is $map->{statistics}, {
        count($map->{seats}->@*)->%*,
        byCategory => { map { $_ => count($of{$_}->@*) } keys %of },
    }, "$name: statistics add up";
    return;
}


# The states of the map as soon as they are wanted, 1 s at the most.
sub become ($show, $seats, $states, $name) {
    $t->wait_until(sub { "@{ map_states($t, $show, @$seats) }" eq "@$states" },
        1, $name);
    return;
}


subtest 'a hall' => sub {
    my $r = $t->get(path(SHOW));

    is $r->code, 200, 'there it is';
    is $r->header('content-type'), 'application/json', 'JSON';
    is $r->header('cache-control'), 'public, max-age=1', 'for caches, 1 s';

    my $map = $r->json;
    like $map, { showId => SHOW, stale => Mojo::JSON::false,
        currency => 'INR' }, 'its head';
    is [sort keys %$map],
        [qw(currency seats showId stale statistics version)],
        'these fields, and no others';
    like $r->body, qr/"version":\d+ *,/, 'the version is an integer';
    is scalar($map->{seats}->@*), 300, 'all seats';
    is $map->{seats}[0], {
        seatId => 'A1', row => 'A', number => 1, category => 'SILVER',
        price => 15000, status => 'AVAILABLE', kind => 'NORMAL',
        x => match(qr/\A\d+\z/), y => match(qr/\A\d+\z/), section => '',
    }, 'a seat: these fields, and no others';

    my (%ids, %places);
    $ids{ $_->{seatId} }++, $places{"$_->{x} $_->{y}"}++
        for $map->{seats}->@*;
    is [scalar(keys %ids), scalar(keys %places)], [300, 300],
        'each with an id and a place of its own';
    adds_up($map, 'a new hall');
    is $map->{statistics}{available}, 300, 'all free';

    is $t->get('/api/v1/shows/' . uuid() . '/seatmap')->error_code,
        'show_not_found', 'of no show';
};


subtest 'others' => sub {
    my %unavailable = (SMALL_SHOW, 3, LARGE_SHOW, 6, THEATRE_SHOW, 6,
        STADIUM_SHOW, 0);

    for my $show (SMALL_SHOW, LARGE_SHOW, THEATRE_SHOW, STADIUM_SHOW) {
        my $map = seatmap($t, $show);
        adds_up($map, $show);
        is $map->{statistics}{unavailable}, $unavailable{$show},
            'seats that are not for sale';
        is [grep { !/\A(?:NORMAL|ACCESSIBLE|BROKEN|HOUSE)\z/ }
            map { $_->{kind} } $map->{seats}->@*], [], 'kinds';
    }

    is [sort keys seatmap($t, LARGE_SHOW)->{statistics}{byCategory}->%*],
        [qw(GOLD PLATINUM SILVER)], 'categories';
    is [grep { $_->{kind} =~ /BROKEN|HOUSE/ xor $_->{status} eq 'UNAVAILABLE' }
        seatmap($t, THEATRE_SHOW)->{seats}->@*], [],
        'what is broken or kept back is unavailable';
};


subtest 'states' => sub {
    my @seats = qw(B1 B2 B3);
    my $first = seatmap($t, SHOW)->{version};

    my $hold = hold($t, 'ann', SHOW, [qw(B1 B2)]);
    become(SHOW, \@seats, [qw(HELD HELD AVAILABLE)], 'held');
    my $map = seatmap($t, SHOW);
    adds_up($map, 'held');
    is [$map->{statistics}->@{qw(available held booked)}], [298, 2, 0],
        'in numbers';
    ok $map->{version} > $first, 'a later version';

    $t->put("/api/v1/holds/$hold->{holdId}", { seatIds => [qw(B2 B3)] },
        user => 'ann');
    become(SHOW, \@seats, [qw(AVAILABLE HELD HELD)], 'changed');
    adds_up(seatmap($t, SHOW), 'changed');

    $t->del("/api/v1/holds/$hold->{holdId}", user => 'ann');
    become(SHOW, \@seats, [('AVAILABLE') x 3], 'released');

    my $order = order($t, 'ann', SHOW, [qw(B1 B2)]);
    become(SHOW, \@seats, [qw(HELD HELD AVAILABLE)], 'ordered');

    booked($t, 'bea', SHOW, [qw(F1 N1)]);
    become(SHOW, [qw(F1 N1)], [qw(BOOKED BOOKED)], 'booked');
    $map = seatmap($t, SHOW);
    adds_up($map, 'booked');
    is [$map->{statistics}->@{qw(available held booked)}], [296, 2, 2],
        'in numbers';
    is $map->{statistics}{byCategory}{GOLD}{booked}, 1, 'of a category';

    $t->post("/api/v1/orders/$order->{orderId}/cancel", {}, user => 'ann');
    become(SHOW, \@seats, [('AVAILABLE') x 3], 'cancelled');
};


subtest 'both nodes show the same' => sub {
    hold($t, 'cat', SHOW, [qw(C1 C2)], node => 1);
    booked($t, 'dan', SHOW, ['C5']);

    my @maps;
    $t->wait_until(sub {
        @maps = map { $t->get(path(SHOW), node => $_)->json } 1, 2;
        return $maps[0]{version} == $maps[1]{version}
            && $maps[1]{statistics}{held} == 2
            && $maps[1]{statistics}{booked} == 3;
    }, 1, 'the same version');
    is $maps[1]{seats}, $maps[0]{seats}, 'the same seats';
};


subtest 'ETag' => sub {
    my $r   = $t->get(path(LARGE_SHOW));
    my $tag = $r->header('etag');

    like $tag, qr/\A"z?\d+-\d+"\z/, 'there is one';
    like $tag, qr/-$r->{json}{version}"\z/, 'of the version' if $r->json;

    for my $node (1, 2) {
        my $same = with_tag(LARGE_SHOW, $tag, node => $node);
        is [$same->code, $same->body, $same->header('etag'),
            $same->header('cache-control')],
            [304, '', $tag, 'public, max-age=1'], "304, node $node";
    }

    is with_tag(LARGE_SHOW, "W/$tag")->code, 304, 'a weakened one';

    for my $other ('"x"', '""', 'W/', '*x', $tag =~ s/"\z//r,
        $tag =~ s/\d+"/1"/r, $tag =~ s/\A"(z?)\d+/"${1}999/r, '"1-99999999999999999"',
        with_tag(SHOW, '"x"')->header('etag'))
    {
        is with_tag(LARGE_SHOW, $other)->code, 200, "another: $other";
    }

    my $head = $t->request('HEAD', path(LARGE_SHOW), undef,
        headers => { 'If-None-Match' => $tag });
    is [$head->code, $head->body], [304, ''], 'HEAD';

    hold($t, 'eve', LARGE_SHOW, ['A1']);
    my $new;
    $t->wait_until(sub {
        $new = with_tag(LARGE_SHOW, $tag);
        return $new->code == 200;
    }, 1, 'a new version');
    isnt $new->header('etag'), $tag, 'has another tag';
    is $new->json->{statistics}{held}, 1, 'and the change';
};


# Compressed once for all, not for each; over the wire as it is.
subtest 'gzip' => sub {
    my $ask = sub ($what, $show = LARGE_SHOW, %headers) {
        my $raw = raw($t, join("\r\n", "GET /api/v1/shows/$show/$what HTTP/1.1",
            'Host: x', 'Connection: close', (map { "$_: $headers{$_}" }
            keys %headers), '', ''));
        my ($head, $body) = split /\r\n\r\n/, $raw, 2;
        my ($tag) = $head =~ /^ETag: (\S+)/m;
        my $text = '';
        IO::Uncompress::Gunzip::gunzip(\$body, \$text)
            if $head =~ /^Content-Encoding: gzip\r?$/m;
        return { head => $head, body => $body, tag => $tag, text => $text };
    };

    for my $what (qw(seatmap layout)) {
        my $plain = $ask->($what);
        my $packed = $ask->($what, LARGE_SHOW, 'Accept-Encoding' => 'gzip');

        unlike $plain->{head}, qr/Content-Encoding/, "$what: plain";
        is $packed->{text}, $plain->{body}, 'the same, compressed';
        cmp_ok length $packed->{body}, '<', length($plain->{body}) / 4,
            'and much smaller';
        isnt $packed->{tag}, $plain->{tag}, 'each with its own tag';
        like $_->{head}, qr/^Vary: Accept-Encoding\r?$/m, 'as caches are told'
            for $plain, $packed;

        for my $other ('identity', 'gzip;q=0', 'br, gzip; q=0.0', 'xgzip') {
            unlike $ask->($what, LARGE_SHOW, 'Accept-Encoding' => $other)
                ->{head}, qr/Content-Encoding/, "plain for $other";
        }

        for my $other ('gzip, br', 'deflate, GZIP;q=0.5', 'br;q=1,gzip') {
            like $ask->($what, LARGE_SHOW, 'Accept-Encoding' => $other)
                ->{head}, qr/^Content-Encoding: gzip/m, "gzip for $other";
        }

        like $ask->($what, LARGE_SHOW, 'Accept-Encoding' => 'gzip',
            'If-None-Match' => $packed->{tag})->{head}, qr{\AHTTP/1.1 304},
            '304 by its tag';
    }

    unlike $ask->('seatmap', STADIUM_SHOW, 'Accept-Encoding' => 'gzip')
        ->{head}, qr/Content-Encoding/, 'not a stadium: that takes too long';

    my $version = $t->get(path(LARGE_SHOW))->json->{version};
    hold($t, 'gus', LARGE_SHOW, ['A2']);
    $t->wait_until(sub { $t->get(path(LARGE_SHOW))->json->{version}
        > $version }, 0.5, 'a change is in it soon');
};


subtest 'a change of price' => sub {
    my $tag = $t->get(path(SMALL_SHOW))->header('etag');

    $t->dbh->do(q{update show_prices set price = 777
        where show_id = ? and category = 'GOLD'}, undef, SMALL_SHOW);

    # a worker reads a show again when an order was made of what it knew
    my $order = order($t, 'fay', SMALL_SHOW, ['G1']);
    is $order->{amount}, 777, 'the order has the new price';
    $t->reload;

    my $r = with_tag(SMALL_SHOW, $tag);
    is $r->code, 200, 'the old tag is of another map';
    is [map { $_->{price} } grep { $_->{category} eq 'GOLD' }
        $r->json->{seats}->@*], [(777) x (grep { $_->{category} eq 'GOLD' }
        $r->json->{seats}->@*)], 'with the new price';
};


subtest 'Redis away: stale, then nothing' => sub {
    my $tag = $t->get(path(SHOW))->header('etag');

    $t->stop_redis;
    my $r;
    $t->wait_until(sub {
        $r = $t->get(path(SHOW));
        return $r->code == 200 && $r->json->{stale};
    }, 2, 'it says that it is stale');
    is $r->header('etag'), undef, 'without a tag';
    is $r->header('cache-control'), 'no-store', 'not for caches';
    is scalar($r->json->{seats}->@*), 300, 'but whole';
    adds_up($r->json, 'stale');
    is with_tag(SHOW, $tag)->code, 200, 'never 304 of what may be wrong';
    ok $r->seconds < 0.75, 'without a wait' or diag $r->seconds;

    $t->wait_until(sub { $t->get(path(SHOW))->code == 503 }, 4,
        'older than boxoffice_stale it is not shown');
    $r = $t->get(path(SHOW));
    is $r->error_code, 'unavailable', '503';
    like $r->header('retry-after'), qr/\A[1-5]\z/, 'Retry-After';

    $t->cont_redis;
    $t->wait_until(sub {
        $r = $t->get(path(SHOW));
        return $r->code == 200 && !$r->json->{stale};
    }, 5, 'back');
    adds_up($r->json, 'back');
};


$t->check_invariants;
$t->done;


subtest 'a zone that is too small' => sub {
    $t = Boxoffice::Test->new(workers => 1, conf => { zone => 'seats:1m' });
    for (1 .. 10) {
        $t->get('/api/v1/shows/' . STADIUM_SHOW . '/seatmap');
        sleep 0.05;
    }
    my @said = grep { /too small for a seat map of \d+ bytes/ }
        split /\n/, $t->node->log;
    is scalar @said, 1, 'is said once in a while, not at each attempt';
    is $t->get('/api/v1/shows/' . SHOW . '/seatmap')->code, 200,
        'others have room';
    $t->done;
};

done_testing;
