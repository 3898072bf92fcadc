package Bench::Part::Logins;

# Whether logins, which hash passwords, are felt by whoever looks at a seat map:
# seat maps at a steady rate, well below what the server does at its limit,
# with and without others who log in at theirs.  Times count from when a request
# was due, so a worker that stands still is seen.
#
# What keeps them apart is the priority of the threads that hash (SCHED_IDLE): a
# worker that wakes up takes the core from them.  Two of them on two cores at an
# equal priority would have a worker wait for a slice of theirs, some
# milliseconds.  What is left are the caches, and the kernel's own time for the
# memory of argon2id.
#
# PostgreSQL is on another machine in production.  Here it shares the two cores,
# and a seat map would wait while a session is written: so it gives way to all
# others, in both measurements.  Who asks goes before the server, see Pace.

use v5.36;

use Bench::Aside      ();
use Bench::Report     ();
use Bench::Rig        ();
use Boxoffice::People ();
use Boxoffice::Test   qw(SHOW);
use Carp              qw(croak);
use Mojo::JSON        qw(encode_json);

use constant {
    MAPS        => 2000,     # a second
    LOGINS      => 50,       # a second
    CONNECTIONS => 32,
    SECONDS     => 3,        # p99 of 6,000
    PAIRS       => 4,        # of measurements, in each round
    PEOPLE      => 100,      # who log in, one after the other
};

my $password = 'a horse and its staple';


sub run ($class, $rig, $report, %o) {
    my $p = Boxoffice::People->setup(workers => 2,
        main_extra => 'thread_pool logins threads=2;', log_level => 'warn',
        server_extra => 'access_log off;',
        accounts => 'pool=logins memory=7m passes=5 queue=256');
    my $self = bless { report => $report, p => $p,
        pace => $rig->pace,
        port => $p->t->node->port,
        logins => [map { "POST /api/v1/auth/login\t" . encode_json({
            email    => $p->somebody(password => $password)->{email},
            password => $password }) } 1 .. PEOPLE] }, $class;

    my $aside = Bench::Aside->new($p->t->{postgres}->process->family);
    $self->{aside} = $aside ? 'gives way to all others' : 'does not give way: '
        . 'only root can say so';

    $self->maps('warm-up');

    # Short and many: what else the machine does meanwhile is felt in some of
    # them, and not in the median.
    my (@quiet, @busy);
    for my $n (1 .. PAIRS * $o{rounds}) {
        push @quiet, $self->maps("alone, $n");
        push @busy, $self->beside("with logins, $n");
    }

    $self->tell(\@quiet, \@busy);
    return;
}


sub maps ($self, $label) {
    my $r = $self->{pace}->run(port => $self->{port}, rate => MAPS,
        seconds => SECONDS, connections => CONNECTIONS,
        requests => ['GET /api/v1/shows/' . SHOW . '/seatmap']);

    croak 'seat maps: ' . encode_json($r)
        if $r->{requests} != ($r->{statuses}{200} // 0) || $r->{unanswered};
    return $self->{report}->round('logins', $label, {
        requests => $r->{requests}, late => $r->{waited},
        map { ("${_}_ms" => $r->{$_} / 1000) } qw(p50 p90 p99 p999 max) });
}


# Logins begin a second before, and end after.
sub beside ($self, $label) {
    my $logins = $self->{pace}->start(port => $self->{port}, rate => LOGINS,
        seconds => SECONDS + 2, connections => 128,
        requests => $self->{logins});

    sleep 1;
    my $maps = $self->maps($label);
    my $r    = $self->{pace}->end($logins);

    $maps->{logins}   = ($r->{statuses}{200} // 0) / (SECONDS + 2);
    $maps->{login_ms} = $r->{p50} / 1000;
    return $maps;
}


sub tell ($self, $quiet, $busy) {
    my $span = sub ($rounds, $key) {
        return Bench::Report::span(map { $_->{$key} } @$rounds);
    };
    my ($value, $text) = Bench::Report::ratio(
        [map { $_->{p99_ms} } @$busy], [map { $_->{p99_ms} } @$quiet]);

    $self->{report}->heading('Seat maps while others log in',
        MAPS . ' seat maps a second by the clock; ' . LOGINS . ' logins a '
        . 'second, argon2id with 7 MiB and five passes, in a pool of two '
        . "threads for each of two workers; PostgreSQL $self->{aside}; "
        . 'load average before: '
        . Bench::Rig::load_average() . '.');
    $self->{report}->table(['', 'p50 ms', 'p90 ms', 'p99 ms', 'p99.9 ms',
        'logins/s', 'a login, ms'],
        ['alone', map({ $span->($quiet, "${_}_ms") } qw(p50 p90 p99 p999)),
            '-', '-'],
        ['with logins', map { $span->($busy, $_) }
            qw(p50_ms p90_ms p99_ms p999_ms logins login_ms)]);
    $self->{report}->goal('p99 of a seat map with logins, to that without',
        $value, $text, '<1.1');
    $self->{report}->goal('logins a second meanwhile',
        Bench::Report::median(map { $_->{logins} } @$busy),
        $span->($busy, 'logins'), LOGINS * 0.95);
    return;
}


1;
