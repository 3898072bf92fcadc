package Bench::Part::Auth;

# What it costs to know who asks: a token that is known, one that is new (HS256).
# One worker, as tests have it; all over the wire.

use v5.36;

use Bench::Report     ();
use Boxoffice::People ();
use Boxoffice::Tokens qw(slurp);
use Crypt::JWT        qw(encode_jwt);
use Time::HiRes       qw(time);

use constant TOKENS => 6000;


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


1;
