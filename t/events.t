# GET /shows/{id}/events as server-sent events: what comes, in which order, and
# what happens to slow, rude and returning clients.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW LARGE_SHOW STADIUM_SHOW uuid);
use Boxoffice::Test::Booking qw(booked hold metrics order raw try_hold);
use Boxoffice::Test::Stream ();
use Time::HiRes qw(sleep time);

my $t = Boxoffice::Test->new(nodes => 2, conf => {
    stale => '3s', hold_ttl => '2s', stream_heartbeat => '5s',
    stream_drain => '1s' }, server_extra => 'boxoffice_cors http://site.test;');

sub listen_to ($show, %o) {
    return Boxoffice::Test::Stream->new($t, $show, %o);
}


# What a listener has of some seats, as a word.
sub has ($s, @seats) { return join ' ', map { $_ // '-' } $s->{state}->@[@seats] }


subtest 'a listener' => sub {
    my $s = listen_to(SHOW);
    my ($status, $head) = $s->head;

    is $status, 200, 'there it is';
    is [$head->@{qw(content-type cache-control connection
        content-length transfer-encoding)}],
        ['text/event-stream', 'no-cache, no-transform', 'close', undef, undef],
        'its head';
    like $head->{'x-request-id'}, qr/\A[0-9a-f]{32}\z/, 'with a request id';

    my $first = $s->next;
    is $first->{event}, 'availability', 'first everything';
    is $first->{id}, $first->{data}{version}, 'its id is the version';
    is [sort keys $first->{data}->%*],
        [qw(available revision seats stale version)], 'these fields';
    is $first->{data}{available}, 300, 'all free';
    is scalar(grep { $_ } $s->{state}->@*), 0, 'on each seat';
    ok $s->{retry} >= 500 && $s->{retry} < 1000, 'when to come back';

    my $start = time;
    my $hold = hold($t, 'ann', SHOW, [qw(A1 A2)]);
    my $delta = $s->next;
    ok time - $start < 0.2, 'a hold is told within 200 ms';
    is $delta->{event}, 'delta', 'what has changed';
    is $delta->{data}, { since => $first->{data}{version},
        version => $first->{data}{version} + 1, stale => Mojo::JSON::false,
        revision => $first->{data}{revision}, held => [0, 1] },
        'and nothing else';
    ok $s->{bytes} < 500, 'in few bytes';

    $t->del("/api/v1/holds/$hold->{holdId}", user => 'ann');
    is $s->next->{data}{available}, [0, 1], 'a release';

    booked($t, 'bob', SHOW, ['B1']);
    ok $s->until(sub { has($s, 20) eq '2' }), 'a sale';

    hold($t, 'cat', SHOW, ['C1'], node => 2);
    my $held = time;
    ok $s->until(sub { has($s, 40) eq '1' }), 'a hold of another node';
    ok time - $held < 0.2, 'within 200 ms';
    ok $s->until(sub { has($s, 40) eq '0' }, 3), 'it runs out';
    ok time - $held < 2.2, 'told within 200 ms' or diag time - $held;

    ok $s->until(sub { ($s->{heartbeats} // 0) > 0 }, 15) || $s->{heartbeats},
        'signs of life';
};


subtest 'who comes back' => sub {
    my $s = listen_to(LARGE_SHOW);
    my $version = $s->next->{data}{version};
    $s->close;

    hold($t, 'dan', LARGE_SHOW, [qw(C1 C2)]);
    my $from = sub (%o) {
        my $e = listen_to(LARGE_SHOW, %o)->next;
        return "$e->{event} " . ($e->{data}{since} // '');
    };

    for my $o ({ headers => { 'Last-Event-ID' => $version } },
        { query => "?since=$version" },
        { headers => { 'Last-Event-ID' => $version }, query => '?since=1' })
    {
        is $from->(%$o), "delta $version", 'gets what was missed';
    }

    for my $id (1, 'x', '-1', '0', '9' x 30, $version + 1_000_000_000, '') {
        is $from->(headers => { 'Last-Event-ID' => $id }), 'availability ',
            "everything, for the id '$id'";
    }

    my $now = listen_to(LARGE_SHOW)->next->{data}{version};
    my $same = listen_to(LARGE_SHOW, headers => { 'Last-Event-ID' => $now });
    $same->{version} = $now;
    is $same->next(0.3), undef, 'nothing, when nothing was missed';
    hold($t, 'eve', LARGE_SHOW, ['D1']);
    is $same->next->{data}{since}, $now, 'then what comes';
};


subtest 'other requests' => sub {
    is [listen_to(uuid())->head]->[0], 404, 'no such show';
    is [listen_to('x')->head]->[0], 404, 'no id';

    for my $method (qw(POST PUT DELETE)) {
        my ($status, $head) = listen_to(SHOW, method => $method)->head;
        is [$status, $head->{allow}], [405, 'GET, HEAD'], $method;
    }

    my $h = listen_to(SHOW, method => 'HEAD');
    is [$h->head]->[0], 200, 'HEAD';
    ok $h->ends, 'has no body';

    my $old = listen_to(SHOW, http => '1.0');
    is [$old->head]->[0], 200, 'HTTP/1.0';
    ok $old->next, 'hears as well';

    my $s = listen_to(SHOW, headers => { Origin => 'http://site.test' });
    is [$s->head]->[1]{'access-control-allow-origin'}, 'http://site.test',
        'CORS';
    $s = listen_to(SHOW, headers => { Origin => 'http://other.test' });
    is [$s->head]->[1]{'access-control-allow-origin'}, undef, 'of another';
};


subtest 'rude clients' => sub {
    my $s = listen_to(SHOW);
    $s->next;
    $s->socket->syswrite("GET / HTTP/1.1\r\nHost: x\r\n\r\n" x 20);
    my $hold = hold($t, 'fay', SHOW, ['D1']);
    ok $s->until(sub { has($s, 60) eq '1' }), 'whoever talks is not heard';

    my $sent = 0;
    local $SIG{PIPE} = 'IGNORE';
    for (1 .. 64) {
        $sent += $s->socket->syswrite('x' x 65_536) // last;
    }
    ok $s->ends, 'and cut off, if it goes on';

    for (1 .. 20) {
        my $gone = listen_to(SHOW);
        $gone->close;
    }
    my $half = listen_to(SHOW);
    $half->next;
    shutdown $half->socket, 1;
    ok $half->ends, 'half a connection is none';

    $t->wait_until(sub { metrics($t)->{streams} <= 2 }, 3, 'they are gone')
        or diag metrics($t)->{streams};
};


# Nothing is read while thousands of changes happen: they are not kept, but
# the last state arrives.
subtest 'a slow reader' => sub {
    my $fast = listen_to(STADIUM_SHOW);
    $fast->next(5);
    my @slow = map { listen_to(STADIUM_SHOW, rcvbuf => 2304) } 1 .. 8;

    my $rss;
    my $began = time;

    # who takes nothing for two heartbeats is cut off
    for my $round (1 .. 40) {
        last if $round > 15 && time - $began > 5;
        $rss = $t->worker_rss if $round == 10;
        my @holds = map { ["u$_", "101-A$_"] } 1 .. 48;
        $t->run_many(48, [map { ['POST', '/api/v1/holds', { showId =>
            STADIUM_SHOW, seatIds => [$_->[1]] }, user => $_->[0]] } @holds]);
        $t->run_many(48, [map { ['POST', '/api/v1/holds', { showId =>
            STADIUM_SHOW, seatIds => [$_->[1] =~ s/A/B/r] },
            user => $_->[0]] } @holds]);
    }

    my $last = hold($t, 'last', STADIUM_SHOW, ['116-A1']);
    my $end  = $t->get('/api/v1/shows/' . STADIUM_SHOW . '/availability')
        ->json->{version};
    # a sanitizer keeps what was freed
    cmp_ok $t->worker_rss - $rss, '<', 1_000, 'memory stays (KB)'
        if ($ENV{BOXOFFICE_MODULE} // '') !~ m{/asan/};

    for my $s (@slow) {
        ok $s->until(sub { ($s->{version} // 0) >= $end }, 30),
            'the last version arrives';
    }

    ok $fast->until(sub { $fast->{version} >= $end }, 30), 'on the fast one';
    $_->until(sub { $_[0]{version} == $fast->{version} }, 30) for @slow;
    ok "@{ $_->{state} }" eq "@{ $fast->{state} }", 'with every seat'
        for @slow;
};


subtest 'Redis away' => sub {
    my $s = listen_to(SMALL_SHOW);
    $s->next;
    $t->kill_redis;
    ok $s->until(sub { $s->{stale} }, 3), 'the listener is told';
    $t->start_redis;
    ok $s->until(sub { !$s->{stale} }, 5), 'and that it is back';
    $t->wait_until(sub { try_hold($t, 'gil', SMALL_SHOW, ['B1'])->code == 201 },
        3, 'seats can be held');
    ok $s->until(sub { grep { $_ == 1 } $s->{state}->@* }, 2), 'it goes on';
};


subtest 'a reload' => sub {
    my @s = map { listen_to(SHOW) } 1 .. 20;
    $_->next for @s;
    my @closed;

    $t->node->{process}->signal('HUP');
    my $start = time;

    while (@closed < 20 && time < $start + 8) {
        for my $s (grep { !$_->{eof} } @s) {
            $s->next(0.005);
            push @closed, time - $start if $s->{eof};
        }
    }

    is scalar @closed, 20, 'all are sent away';
    ok $closed[-1] - $closed[0] > 0.5, 'not all at once'
        or diag "@closed";

    my $hold = hold($t, 'hal', SHOW, ['E1']);
    my $new = listen_to(SHOW,
        headers => { 'Last-Event-ID' => $s[0]{version} });
    $new->{version} = $s[0]{version};
    $new->{state}   = $s[0]{state};
    ok $new->until(sub { has($new, 80) eq '1' }, 2), 'they come back to it all';
};


subtest 'a worker dies' => sub {
    my @s = map { listen_to(SHOW) } 1 .. 8;
    $_->next for @s;
    $t->wait_until(sub { metrics($t)->{streams} == 8 }, 2, 'open');

    for my $pid ($t->worker_pids) {
        $t->kill_worker($pid);
    }

    $t->wait_until(sub { metrics($t)->{streams} == 0 }, 2,
        'what was open there is not counted any more');
    is scalar(grep { $_->ends } @s), 8, 'nor open';

    my $s = listen_to(SHOW);
    $s->next;
    hold($t, 'ida', SHOW, ['F1']);
    ok $s->until(sub { has($s, 100) eq '1' }, 2), 'a new one hears';
};


subtest 'too many' => sub {
    $t->reload(streams => '3');
    my @s = map { listen_to(SHOW) } 1 .. 12;
    my @status = map { [$_->head]->[0] } @s;
    my $n = grep { $_ == 200 } @status;
    ok $n >= 3 && $n <= 6, 'three for each worker' or diag $n;
    is scalar(grep { $_ == 503 } @status), 12 - $n, 'the others are refused';
    my ($no) = grep { [$_->head]->[0] == 503 } @s;
    like [$no->head]->[1]{'retry-after'}, qr/\A[1-5]\z/, 'later, perhaps';
    is metrics($t)->{streams_refused_total} >= 6, T(), 'counted';
};


$t->check_invariants;
$t->done;
done_testing;
