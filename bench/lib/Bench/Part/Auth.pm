package Bench::Part::Auth;

# What it costs to know who asks: a token that is known, one that is new (HS256).
# One worker, as tests have it; all over the wire, many requests at a time, so
# that what is measured is not lost in the time that sockets take.

use v5.36;

use Bench::Report     ();
use Boxoffice::People ();
use Boxoffice::Tokens qw(slurp);
use Crypt::JWT        qw(encode_jwt);
use IO::Socket::IP    ();
use Time::HiRes       qw(sleep);

use constant {
    TOKENS => 6000,
    BATCH  => 30,        # requests in one write
    PAUSE  => 0.003,     # seconds, in which they are answered
};


sub run ($class, $rig, $report, %o) {
    my $p = Boxoffice::People->setup(workers => 1,
        main_extra => 'thread_pool logins threads=2;', log_level => 'warn',
        accounts => 'pool=logins memory=7m passes=5 queue=256',
        server_extra => <<~'END');
            client_header_buffer_size 32k;
            large_client_header_buffers 4 32k;
            location = /plain {
                boxoffice_auth off;
                access_log off; add_header X-Who "<$boxoffice_user>"; return 204;
            }
            location = /who {
                access_log off; add_header X-Who "<$boxoffice_user>"; return 204;
            }
            END

    tokens($p, $report, $o{rounds});
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


# What it costs the worker to know who asks, by what is asked with: [TOKEN, ...].
# Two connections take turns, one asking where everybody is nobody: what the
# machine does meanwhile happens to both.
sub extra ($t, $tokens) {
    my ($pid)  = $t->worker_pids;
    my $plain  = connection($t);
    my $who    = connection($t);
    my @tokens = @$tokens;
    my @more;

    while (my @batch = splice @tokens, 0, BATCH) {
        my $nobody = cost($pid, $plain, '/plain', \@batch, '');
        push @more, cost($pid, $who, '/who', \@batch, 'u\d+') - $nobody;
    }

    return Bench::Report::median(@more) / BATCH;
}


sub connection ($t) {
    return IO::Socket::IP->new(PeerHost => '127.0.0.1',
        PeerPort => $t->node->port) // die "connect: $@";
}


# Of a batch: all its requests are sent at once, and read when all are answered,
# for to wake up who waits costs more than what is measured.
sub cost ($pid, $socket, $path, $batch, $user) {
    my $answers = '';
    my $start   = cpu_of($pid);

    $socket->print(map { "GET $path HTTP/1.1\r\nHost: l\r\n"
        . "Authorization: Bearer $_\r\n\r\n" } @$batch);
    $socket->flush;
    sleep PAUSE;

    while ((() = $answers =~ /\r\n\r\n/g) < @$batch) {
        sysread $socket, $answers, 65_536, length $answers
            or die 'the server has closed';
    }

    my @good = $answers =~ /^X-Who: <$user>\r$/mg;
    die 'not answered: ', substr($answers, 0, 200), "\n"
        if @good != @$batch;

    return cpu_of($pid) - $start;
}


sub tokens ($p, $report, $rounds) {
    my $t = $p->t;
    my $n = 0;
    my (@cached, @new, $secret);

    ($secret = slurp($p->file('key'))) =~ s/\n\z//;

    for (1 .. $rounds) {
        my $now    = time;
        my @tokens = map { encode_jwt(alg => 'HS256', key => $secret,
            payload => { iss => 'https://box.example', aud => 'box',
                sub => 'u' . ++$n, iat => $now, exp => $now + 600 }) }
            1 .. TOKENS;

        push @new, extra($t, \@tokens);
        push @cached, extra($t, [($tokens[0]) x (3 * TOKENS)]);
    }

    my ($cached, $new) = map { Bench::Report::median(@$_) } \@cached, \@new;

    $report->heading('What a token costs',
        'Processor time of the worker for a request that answers who asks, less '
        . 'that of the same request at a location where everybody is nobody.  '
        . 'Medians of ' . TOKENS / BATCH . ' pairs of ' . BATCH . ' requests.');
    $report->table(['', 'us', 'a second'],
        ['known', sprintf('%.2f', $cached), sprintf('%d', 1e6 / $cached)],
        ['new, HS256', sprintf('%.2f', $new), sprintf('%d', 1e6 / $new)]);
    $report->goal('a known token, us', $cached, sprintf('%.2f', $cached), '<2');
    $report->goal('new HS256 tokens a second', 1e6 / $new,
        sprintf('%d', 1e6 / $new), '20000');
    return;
}


1;
