# Nothing grows: after many requests of all kinds, refused ones and broken
# connections among them, and after many reloads, the workers have the memory, the
# files and the connections that they had, and the shared zones the pages.
#
#     LEAK_REQUESTS=1000000 LEAK_RELOADS=100 ./dev test t/fault/leak.t

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test          qw(SHOW uuid);
use Boxoffice::Test::Booking qw(booked metrics);
use IO::Socket::IP           ();
use List::Util               qw(sum0);

use constant {
    REQUESTS => $ENV{LEAK_REQUESTS} // 20_000,
    RELOADS  => $ENV{LEAK_RELOADS}  // 12,
    WARM     => 10_000,         # until pools and caches are what they become
    CLIENTS  => 32,
    USERS    => 50,
    SHARE    => 0.02,           # of what there was
    ROOM_KB  => 768,            # for each worker: what malloc cuts up
};

# a sanitizer keeps what was freed
use constant ASAN => scalar(($ENV{BOXOFFICE_MODULE} // '') =~ m{/asan/});

my $t = Boxoffice::Test->new(workers => 2, optimistic => 1, conf => {
    catalogue_zone => 'catalogue:8m',
    waiting_room_zone => 'premiere:1m rate=100/s state=OPEN anonymous=on',
});

my @kinds = (
    sub ($n) { ['GET', '/api/v1/shows/' . SHOW . '/seatmap'] },
    sub ($n) { ['GET', '/api/v1/shows/' . SHOW . '/availability'] },
    sub ($n) { ['GET', '/api/v1/shows?limit=5'] },
    sub ($n) { ['GET', '/api/v1/search?q=light' . $n % 7] },
    sub ($n) { ['GET', '/api/v1/shows/' . uuid()] },
    sub ($n) { ['GET', '/api/v1/orders', undef, user => 'u' . $n % USERS] },
    sub ($n) { ['POST', '/api/v1/waiting-rooms/premiere/join', '',
        user => 'w' . $n % USERS] },
    sub ($n) { ['POST', '/api/v1/holds', '{"showId":', user => 'u1'] },
    sub ($n) { ['POST', '/api/v1/holds', { showId => SHOW,
        seatIds => [(qw(A B C D E F G))[$n % 7] . (1 + $n % 20)] },
        user => 'u' . $n % USERS, key => uuid()] },
    sub ($n) { ['POST', '/api/v1/orders', { holdId => uuid(),
        paymentMethod => 'UPI',
        customer => { name => 'A', email => 'a@example.com' } },
        user => 'u' . $n % USERS, key => uuid()] },
    sub ($n) { ['PATCH', '/api/v1/holds', '', user => 'u1'] },
);

my (%seen, @bad, $sent);

sub traffic ($requests) {
    my $end = ($sent //= 0) + $requests;

    $t->run_many(CLIENTS, sub {
        return if $sent >= $end;
        my $n = $sent++;
        return $kinds[$n % @kinds]->($n);
    }, sub ($response, $n, $request) {
        my $code = $response->code;
        $seen{$code}++;
        push @bad, "$request->[0] $request->[1]: $code " . $response->body
            if $code >= 500 || $code == 0;
        return;
    }, timeout => 60 + $requests / 100);

    broken($_) for 1 .. 20;
    sold($_) for 1 .. 20;
    return;
}

# The whole way of an order, and back.
sub sold ($n) {
    my $order = booked($t, "buyer$n", SHOW, ['P' . (1 + $n % 10)]);
    my $path  = "/api/v1/orders/$order->{orderId}";

    $t->get("$path/tickets", user => "buyer$n");
    my $r = $t->post("$path/cancel", {}, user => "buyer$n");
    push @bad, 'cancel: ' . $r->body if $r->code != 200;
    return;
}

# A stream that is left, a request that is not finished.  (One that is refused
# before its body is read is nginx's own to keep, until keepalive_timeout.)
sub broken ($n) {
    for my $text ('GET /api/v1/shows/' . SHOW . "/events HTTP/1.1\r\n"
        . "Host: a\r\n\r\n", "POST /api/v1/holds HTTP/1.1\r\nHost: a\r\n"
        . "x-user-id: u1\r\nIdempotency-Key: a\r\nContent-Length: 100\r\n"
        . "Content-Type: application/json\r\n\r\n{")
    {
        my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1',
            PeerPort => $t->node->port) or die "connect: $@";
        $socket->syswrite($text);
        $socket->sysread(my $some, 20) if $n % 2 && $text =~ /^GET/;
    }

    return;
}

# Open files of the workers; the one that looks at a directory is not theirs.
sub files () {
    my $n = 0;

    for my $pid ($t->worker_pids) {
        opendir my $dir, "/proc/$pid/fd" or return 0;
        $n += grep { /\d/ } readdir $dir;
    }

    return $n;
}

sub rss ($pid) {
    open my $fh, '<', "/proc/$pid/status" or return 0;
    return join('', <$fh>) =~ /^RssAnon:\s+(\d+) kB/m ? $1 : 0;
}

# What a node has that nobody uses.
sub has (%o) {
    my $m;

    $t->wait_until(sub {
        $m = metrics($t);
        return $m->{streams} == 0 && $t->worker_pids == 2
            && !sum0(map { $m->{$_} } grep { /^upstream_inflight/ } keys %$m)
            && (!$o{files} || files() <= $o{files});
    }, 15);

    # connections that were kept are closed one by one
    for (my $n = 0; $o{quiet} && $n != files(); sleep 1) {
        $n = files();
    }

    my %has = (files => files(), memory => $t->worker_rss);

    $has{redis} = () = $t->redis->client_list =~ /\bid=/g;
    ($has{postgres}) = $t->dbh->selectrow_array(
        q{select count(*) from pg_stat_activity
          where datname = current_database()});

    for my $name (keys %$m) {
        $has{"zone $1"} = $m->{$name}
            if $name =~ /^zone_free_bytes\{zone="(\w+)"/;
    }

    return \%has;
}

sub compare ($name, $before) {
    my $after = has(files => $before->{files});
    my $room  = $before->{memory} * SHARE + 2 * ROOM_KB;

    for my $what (sort keys %$before) {
        if ($what eq 'memory') {
            ok ASAN || $after->{memory} <= $before->{memory} + $room,
                "$name: memory, $before->{memory} and $after->{memory} KB";
        } else {
            is $after->{$what}, $before->{$what}, "$name: $what";
        }
    }

    return;
}

$t->wait_ready;

# a room has places to give as soon as the nodes agree
$t->wait_until(sub {
    $t->get('/api/v1/waiting-rooms/premiere')->json->{ready};
}, 10);

traffic(WARM);
my $before = has(quiet => 1);

traffic(REQUESTS);
compare(REQUESTS . ' requests', $before);

my $master = rss($t->node->process->pid);

for (1 .. RELOADS) {
    $t->reload;
    traffic(200) if $_ % 4 == 0;
}

traffic(WARM);
compare(RELOADS . ' reloads', $before);

my $grown = rss($t->node->process->pid) - $master;
ok ASAN || $grown <= $master * SHARE + ROOM_KB,
    "the master has $grown KB more than $master KB";

is \@bad, [], 'nothing went wrong meanwhile';
diag join ', ', map { "$_: $seen{$_}" } sort keys %seen;

$t->done;
done_testing;
