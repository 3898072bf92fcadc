# GET /shows/{id}/availability and /layout: the smallest form of what can be
# known of a show.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW THEATRE_SHOW STADIUM_SHOW uuid);
use Boxoffice::Test::Booking qw(booked hold order raw seatmap);
use Boxoffice::Test::Stream ();
use IO::Socket::IP ();
use Mojo::JSON qw(encode_json);

my $t = Boxoffice::Test->new(nodes => 2);

sub path ($show, $query = '') {
    return "/api/v1/shows/$show/availability$query";
}


sub now ($show, %o) { return $t->get(path($show), %o)->json }


sub since ($show, $version, %o) {
    return $t->get(path($show, "?since=$version"), %o);
}


# As the seat map has it: 0, 1, 2 by seat number; what is not for sale is 2.
sub states_of ($show) {
    my %state = (AVAILABLE => 0, HELD => 1, BOOKED => 2, UNAVAILABLE => 2);
    return [map { $state{ $_->{status} } } seatmap($t, $show)->{seats}->@*];
}


sub decoded ($whole, $n) {
    my $states = Boxoffice::Test::Stream::states($whole->{seats});
    return [$states->@[0 .. $n - 1]];
}


# Waits until both nodes have the version that Redis has.  What one has changed
# may well be later than the answer to it: it comes by another connection.
sub settled ($show) {
    my @maps;
    $t->wait_until(sub {
        my $version = $t->redis->get("version:{$show}");
        @maps = map { now($show, node => $_) } 1, 2;
        return !grep { $_->{version} != $version } @maps }, 1, 'settled');
    return $maps[0];
}


subtest 'the whole' => sub {
    my $r = $t->get(path(SHOW));

    is [$r->code, $r->header('content-type'), $r->header('cache-control')],
        [200, 'application/json', 'public, max-age=1'], 'there it is';
    is [sort keys $r->json->%*],
        [qw(available revision seats stale version)], 'these fields';
    cmp_ok length $r->body, '<=', 200, 'of 300 seats, in 200 bytes'
        or diag length $r->body;
    cmp_ok length $t->get(path(STADIUM_SHOW))->body, '<=', 15_000,
        'of 50,000 seats, in 15 KB';

    hold($t, 'ann', SHOW, [qw(A1 A2 C7)]);
    booked($t, 'bob', SHOW, [qw(Q19 Q20)]);
    order($t, 'cat', SHOW, ['N9']);

    for my $show (SHOW, SMALL_SHOW, THEATRE_SHOW) {
        my $map = settled($show);
        my $states = states_of($show);
        is decoded($map, scalar @$states), $states, "$show: every seat";
        is $map->{available}, scalar(grep { $_ == 0 } @$states), 'how many';
    }
};


subtest 'what has changed' => sub {
    my ($before, $revision) = settled(SHOW)->@{qw(version revision)};

    is since(SHOW, $before)->json, { since => $before, version => $before,
        stale => Mojo::JSON::false, revision => $revision }, 'nothing';

    hold($t, 'dan', SHOW, ['E4']);
    my $now = settled(SHOW)->{version};
    my $r = since(SHOW, $before);
    is $r->json, { since => $before, version => $now,
        stale => Mojo::JSON::false, revision => $revision, held => [83] },
        'one seat';
    cmp_ok length $r->body, '<=', 120, 'in 120 bytes';
    is since(SHOW, $before, node => 2)->body, $r->body,
        'of both nodes the same';

    my $hold = hold($t, 'eve', SHOW, [qw(F1 F2)]);
    $t->del("/api/v1/holds/$hold->{holdId}", user => 'eve');
    booked($t, 'fay', SHOW, ['F3']);
    settled(SHOW);
    is [since(SHOW, $before)->json->@{qw(held booked available)}],
        [[83], [102], [100, 101]], 'each as it is now';

    # a node that has not known the show for so long tells everything
    for my $old (1, $before - 1_000_000_000, $before + 1_000_000_000) {
        ok defined since(SHOW, $old)->json->{seats}, "since $old: everything";
    }

    # when everything has changed, everything is less
    my $start = settled(SMALL_SHOW)->{version};
    my @free = map { $_->{seatId} } grep { $_->{status} eq 'AVAILABLE' }
        seatmap($t, SMALL_SHOW)->{seats}->@*;
    my $n = 0;
    hold($t, 'u' . $n++, SMALL_SHOW, [splice @free, 0, 10]) while @free > 10;
    settled(SMALL_SHOW);
    ok defined since(SMALL_SHOW, $start)->json->{seats},
        'a delta is never longer than the whole';
};


# A worker gives the same text out again within a millisecond, but none that is
# behind what it told before.  Who asks for what came after another epoch is
# told everything, and that is made each time.
subtest 'never behind' => sub {
    my $request = sub ($method, $path, $body = '', @headers) {
        return join "\r\n", "$method $path HTTP/1.1", 'Host: l', @headers,
            'Content-Length: ' . length $body, '', $body;
    };
    my $asks = join '', map { $request->('GET', path(SHOW, $_ % 2 ? ''
        : '?since=1'), '', $_ == 99 ? 'Connection: close' : ()) } 0 .. 99;

    # ann moves from seat to seat, as fast as it goes, while others look
    my $move = sub ($seat) {
        return $request->('POST', '/api/v1/holds',
            encode_json({ showId => SHOW, seatIds => ["H$seat"] }),
            'x-user-id: ann', 'Content-Type: application/json',
            'Idempotency-Key: ' . uuid());
    };
    my $writer = IO::Socket::IP->new(PeerHost => '127.0.0.1',
        PeerPort => $t->node->port) or die "connect: $@";

    my ($moved, $behind, %seen) = (0, 0);
    for (1 .. 60) {
        $writer->syswrite(join '', map { $move->($_) } 1 .. 16);

        my @versions = raw($t, $asks, 10) =~ /"version":(\d+)/g;
        die 'answers: ' . @versions if @versions != 100;
        $behind += grep { $versions[$_] < $versions[$_ - 1] } 1 .. $#versions;
        $seen{$_}++ for @versions;

        my $answer = '';
        1 while 16 > (() = $answer =~ m{HTTP/1.1 201 }g)
            && $writer->sysread($answer, 65536, length $answer);
        $moved += () = $answer =~ m{HTTP/1.1 201 }g;
    }

    is $moved, 16 * 60, 'they moved';
    cmp_ok scalar keys %seen, '>', 50, 'and were seen to';
    is $behind, 0, 'nobody was told an older version than before';
    settled(SHOW);
};


# As when a replica takes over that lacks the last changes.
subtest 'a Redis that was set back' => sub {
    my $redis = $t->redis;
    my $all   = sub { $redis->keys('*{' . THEATRE_SHOW . '}*') };
    my @seats = map { $_->{seatId} } grep { $_->{status} eq 'AVAILABLE' }
        seatmap($t, THEATRE_SHOW)->{seats}->@*;
    my $gzip = sub { $t->get('/api/v1/shows/' . THEATRE_SHOW . '/seatmap',
        headers => { 'Accept-Encoding' => 'gzip' })->json };

    hold($t, 'kept', THEATRE_SHOW, [$seats[0]]);
    my $kept = settled(THEATRE_SHOW)->{version};
    my %was  = map { $_ => [$redis->pexpiretime($_), $redis->dump($_)] }
        $all->();

    hold($t, "lost$_", THEATRE_SHOW, [$seats[10 * $_]]) for 1 .. 3;
    my $told = settled(THEATRE_SHOW)->{version};
    $t->wait_until(sub { $gzip->()->{version} == $told }, 2, 'compressed');

    # a reply is only believed to be of a Redis that has lost something when it
    # was asked for a while after the map had moved
    sleep 2;
    $redis->del($all->());
    for my $key (keys %was) {
        my ($end, $value) = $was{$key}->@*;
        $redis->restore($key, $end < 0 ? 0 : $end, $value, 'ABSTTL');
    }
    $t->wait_until(sub { now(THEATRE_SHOW)->{version} == $kept }, 5,
        'the map goes back');
    hold($t, "new$_", THEATRE_SHOW, [$seats[10 * $_ + 100]])
        for 1 .. $told - $kept;
    is settled(THEATRE_SHOW)->{version}, $told, 'as many changes, but others';

    is since(THEATRE_SHOW, $told - 1)->json->{seats},
        now(THEATRE_SHOW)->{seats}, 'who has one that went gets the whole';
    is since(THEATRE_SHOW, $told)->json->{seats},
        now(THEATRE_SHOW)->{seats}, 'who has the last one, too';
    is [grep { $_->{status} eq 'HELD' } $gzip->()->{seats}->@*],
        [grep { $_->{status} eq 'HELD' }
            seatmap($t, THEATRE_SHOW)->{seats}->@*],
        'nothing compressed is of before';
    hold($t, 'next', THEATRE_SHOW, [$seats[200]]);
    ok settled(THEATRE_SHOW), 'on it goes';
    is since(THEATRE_SHOW, $told + 1)->json->{since}, $told + 1,
        'by changes again';
};


subtest 'tags' => sub {
    my $tag = $t->get(path(SHOW))->header('etag');
    my $ask = sub ($tag, %o) { return $t->get(path(SHOW),
        headers => { 'If-None-Match' => $tag }, %o) };

    like $tag, qr/\A"a\d+-\d+"\z/, 'there is one';
    is [$ask->($tag)->code, $ask->($tag)->body], [304, ''], 'the same: 304';
    is $ask->($tag, node => 2)->code, 304, 'from any node';
    is $ask->($tag =~ s/a//r)->code, 200, 'that of a seat map is another';
    hold($t, 'gil', SHOW, ['G1']);
    settled(SHOW);
    is $ask->($tag)->code, 200, 'changed: 200';
};


subtest 'refused' => sub {
    for my $since ('', 0, '01', -1, '1.5', '1e9', 'x', '9' x 17, '%31x') {
        is since(SHOW, $since)->error_code, 'invalid_query', "since '$since'";
    }
    is $t->get(path(uuid()))->error_code, 'show_not_found', 'no such show';
    is $t->get(path('x'))->code, 404, 'no id';
    is $t->post(path(SHOW), {}, user => 'ann')->code, 405, 'POST';
};


# The layout and the availability together are the seat map.
subtest 'the layout' => sub {
    for my $show (SHOW, SMALL_SHOW, THEATRE_SHOW, STADIUM_SHOW) {
        my $r = $t->get("/api/v1/shows/$show/layout");
        my $layout = $r->json;

        is [$r->code, $r->header('cache-control')],
            [200, 'public, max-age=60'], 'there it is';

        my @seats = map { my $row = $_; map { {
            seatId => $_->[0], number => $_->[1], x => $_->[2],
            category => $layout->{categories}[$_->[3]]{name},
            price => $layout->{categories}[$_->[3]]{price},
            kind => $_->[4] // 'NORMAL', row => $row->{row},
            section => $row->{section}, y => $row->{y},
        } } $row->{seats}->@* } $layout->{rows}->@*;

        my @want = map { my %seat = %$_; delete $seat{status}; \%seat }
            seatmap($t, $show)->{seats}->@*;

        is scalar @seats, scalar @want, "$show: all seats";
        ok !(grep { my ($a, $b) = ($seats[$_], $want[$_]);
            grep { $a->{$_} ne $b->{$_} } keys %$b } 0 .. $#want),
            'in the order of their numbers, as the map has them';
        is $layout->{revision}, now($show)->{revision},
            'its revision is that of the availability';
    }

    my $tag = $t->get('/api/v1/shows/' . SHOW . '/layout')->header('etag');
    is $t->get('/api/v1/shows/' . SHOW . '/layout',
        headers => { 'If-None-Match' => $tag })->code, 304, '304';

    $t->dbh->do(q{update show_prices set price = 777
        where show_id = ? and category = 'GOLD'}, undef, SHOW);
    $t->reload(node => $_) for 1, 2;
    my $new = $t->get('/api/v1/shows/' . SHOW . '/layout');
    isnt $new->header('etag'), $tag, 'another price: another tag';
    is [map { $_->{price} } grep { $_->{name} eq 'GOLD' }
        $new->json->{categories}->@*], [777], 'with the price';
    is now(SHOW)->{revision}, $new->json->{revision},
        'which the availability tells';
};


$t->check_invariants;
$t->done;
done_testing;
