package Bench::Part::Auth;

# What it costs to know who asks: a token that is known, one that is new (HS256),
# and whether logins, which hash passwords, are felt by whoever looks at a seat
# map.  One worker, as tests have it; all over the wire.

use v5.36;

use Bench::Report     ();
use Boxoffice::People ();
use Boxoffice::Test   qw(SHOW);
use Boxoffice::Tokens qw(slurp);
use Crypt::JWT        qw(encode_jwt);
use IO::Socket::INET  ();
use Mojo::JSON        ();
use Time::HiRes       qw(sleep time);

use constant {
    TOKENS  => 6000,
    LOGINS  => 50,         # a second
    PAUSE   => 0.004,      # s between two seat maps
};

my $password = 'a horse and its staple';


sub run ($class, $rig, $report, %o) {
    my $p = Boxoffice::People->setup(workers => 1,
        main_extra => 'thread_pool logins threads=2;', log_level => 'warn',
        accounts => 'pool=logins memory=19m passes=2 queue=256',
        server_extra => <<~'END');
            large_client_header_buffers 4 32k;
            location = /plain { access_log off; return 204; }
            location = /who {
                access_log off; add_header X-Who "<$boxoffice_user>"; return 204;
            }
            END

    tokens($p, $report, $o{rounds});
    seatmap($p, $report, $o{seconds}, $o{rounds});
    return;
}


# --- tokens

# Processor time of the worker, in microseconds: the clock of its threads has
# nanoseconds.
sub cpu_of ($pid) {
    my $ns = 0;

    for my $file (glob "/proc/$pid/task/*/schedstat") {
        $ns += (split ' ', slurp($file))[0];
    }

    return $ns / 1000;
}


# What a request costs the worker, by what it asks with: [TOKEN, ...].
sub cost ($t, $path, $tokens) {
    my ($pid) = $t->worker_pids;
    my @requests = map { ['GET', $path, undef,
        headers => { Authorization => "Bearer $_" }] } @$tokens;
    my $bad = 0;
    my $start = cpu_of($pid);

    $t->run_many(16, \@requests, sub ($r, @) { $bad++ if $r->code != 204;
        return });
    die "$bad of ", scalar @$tokens, " were not answered\n" if $bad;

    return (cpu_of($pid) - $start) / @$tokens;
}


sub tokens ($p, $report, $rounds) {
    my $t = $p->t;
    my $n = 0;
    my (@cached, @new, $secret);

    ($secret = slurp($p->file('key'))) =~ s/\n\z//;

    for (1 .. $rounds) {
        my @tokens = map { encode_jwt(alg => 'HS256', key => $secret,
            payload => { iss => 'https://box.example', aud => 'box',
                sub => 'u' . ++$n, iat => time, exp => int(time) + 600 }) }
            1 .. TOKENS;
        my @one   = ($tokens[0]) x (3 * TOKENS);
        my $plain = cost($t, '/plain', \@tokens);

        push @new, cost($t, '/who', \@tokens) - $plain;
        cost($t, '/who', [$one[0]]);
        push @cached, cost($t, '/who', \@one) - cost($t, '/plain', \@one);
    }

    my ($cached, $new) = map { Bench::Report::median(@$_) } \@cached, \@new;

    $report->heading('What a token costs',
        'Processor time of the worker for a request with the token, less that '
        . 'of the same request where nobody is asked for: it has the variable, '
        . 'a response header, and the counting of both in it.');
    $report->table(['', 'us', 'a second'],
        ['known', sprintf('%.2f', $cached), sprintf('%d', 1e6 / $cached)],
        ['new, HS256', sprintf('%.2f', $new), sprintf('%d', 1e6 / $new)]);
    $report->goal('a known token, us', $cached, sprintf('%.2f', $cached), '<2');
    $report->goal('new HS256 tokens a second', 1e6 / $new,
        sprintf('%d', 1e6 / $new), '20000');
    return;
}


# --- the seat map, while others log in

sub percentile ($share, @values) {
    @values = sort { $a <=> $b } @values;
    return $values[$share * $#values];
}


# Milliseconds that seat maps take, one after the other on one connection.
sub look ($t, $seconds) {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $t->node->port) or die "connect: $!";
    my $request = 'GET /api/v1/shows/' . SHOW . "/seatmap HTTP/1.1\r\n"
        . "Host: a\r\n\r\n";
    my @ms;
    my $end = time + $seconds;

    while (time < $end) {
        my $start = time;
        print {$socket} $request;
        my $length = 0;
        while (defined(my $line = <$socket>)) {
            $length = $1 if $line =~ /^Content-Length: (\d+)/i;
            last if $line eq "\r\n";
        }
        read $socket, (my $body), $length;
        push @ms, 1000 * (time - $start);
        sleep PAUSE;
    }

    return @ms;
}


# A process that logs in LOGINS times a second; prints how many succeeded.
sub log_in ($t, $who, $seconds) {
    my $pid = open my $fh, '-|';
    return $fh if $pid;

    my $body = Mojo::JSON::encode_json({ email => $who->{email},
        password => $who->{password} });
    my $request = "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\n"
        . "Content-Type: application/json\r\nConnection: close\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
    my ($start, $sent, $good, @open) = (time, 0, 0);

    while (time < $start + $seconds + 1) {
        if ($sent < LOGINS * (time - $start) && time < $start + $seconds) {
            my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                PeerPort => $t->node->port) or next;
            print {$socket} $request;
            push @open, $socket;
            $sent++;
        }
        if (@open > 24 || time >= $start + $seconds) {
            my $socket = shift @open;
            $good++ if $socket && (<$socket> // '') =~ m{ 200 };
        }
        sleep 0.002;
    }

    print "$sent $good\n";
    close STDOUT;
    require POSIX;
    POSIX::_exit(0);
}


sub seatmap ($p, $report, $seconds, $rounds) {
    my $t   = $p->t;
    my $who = $p->somebody(password => $password);
    my (@rows, @ratio);

    $seconds = 5 if $seconds < 5;
    look($t, 1);

    for (1 .. $rounds) {
        my @quiet = look($t, $seconds);
        my $fh    = log_in($t, $who, $seconds);
        my @busy  = look($t, $seconds);
        my ($sent, $good) = split ' ', <$fh> // '0 0';

        close $fh;
        push @rows, [map { sprintf '%.3f', $_ } percentile(0.5, @quiet),
            percentile(0.99, @quiet), percentile(0.5, @busy),
            percentile(0.99, @busy)];
        push $rows[-1]->@*, sprintf '%.0f', $good / $seconds;
        push @ratio, percentile(0.99, @busy) / percentile(0.99, @quiet);
    }

    my $ratio = Bench::Report::median(@ratio);

    $report->heading('A seat map while others log in',
        LOGINS . ' logins a second, argon2id with 19 MiB and two passes, in a '
        . 'pool of threads of its own, in the same worker.');
    $report->table(['p50 ms, quiet', 'p99 ms, quiet', 'p50 ms, logins',
        'p99 ms, logins', 'logins/s'], @rows);
    $report->goal('p99 of a seat map with logins, to that without', $ratio,
        sprintf('%.2f', $ratio), '<1.1');
    return;
}


1;
