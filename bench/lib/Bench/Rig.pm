package Bench::Rig;

# The servers of a benchmark, each of its own: PostgreSQL with fsync, a Redis
# for the module and another for its peers (so that nobody listens in on the
# other's round), nginx with the module, nginx with Lua, Node.js.  Servers are
# started when a part first asks for them, and stopped when the rig goes.

use v5.36;

use Bench::Pace               ();
use Boxoffice::Test::Nginx    ();
use Boxoffice::Test::Postgres ();
use Boxoffice::Test::Process  ();
use Boxoffice::Test::Redis    ();
use Carp        qw(croak);
use File::Path  qw(make_path remove_tree);
use Mojo::JSON  qw(decode_json encode_json);
use POSIX       ();
use Time::HiRes qw(sleep time);

use constant TICKS       => POSIX::sysconf(POSIX::_SC_CLK_TCK());
use constant SMALL_SHOWS => 1000;
use constant STADIUMS    => 16;


# new(root => DIRECTORY of the checkout, dir => DIRECTORY for what is written)
sub new ($class, %o) {
    my $self = bless { %o, run => 0 }, $class;

    remove_tree($self->{dir});
    make_path($self->{dir});
    chmod 0755, $self->{dir};
    return $self;
}


sub dir ($self) { return $self->{dir} }
sub run_no ($self) { return ++$self->{run} }


sub show_id ($number) {
    return sprintf '00000000-0000-4000-9000-%012d', $number;
}


# All shows of the benchmark, by number.
sub shows () { return (1 .. SMALL_SHOWS, map { 5000 + $_ } 1 .. STADIUMS) }


# --- servers

sub postgres ($self) {
    return $self->{postgres} //= do {
        my $pg = Boxoffice::Test::Postgres->start(fsync => 1);
        $self->{database} = $pg->create_database;
        $self->_psql($pg, "$self->{root}/bench/sql/shows.sql");
        $pg;
    };
}


sub _psql ($self, $pg, $file) {
    my $log = "$self->{dir}/psql.log";

    system("psql -X -q -v ON_ERROR_STOP=1 -d '"
        . $pg->conninfo($self->{database}) . "' -f $file >$log 2>&1") == 0
        or croak "$file failed, see $log";
    return;
}


sub dbh ($self) {
    my $pg = $self->postgres;

    return $self->{dbh} //= do {
        my $dbh = $pg->connect($self->{database});
        $dbh->do('set search_path = boxoffice, public');
        $dbh;
    };
}


# Whether PostgreSQL notes when each transaction committed; it starts again.
sub note_commits ($self, $on) {
    $self->stop_ours;
    $self->dbh->do('alter system set track_commit_timestamp = '
        . ($on ? 'on' : 'off'));
    delete($self->{dbh})->disconnect;
    $self->postgres->stop;
    $self->postgres->run;
    return;
}


sub conninfo ($self) {
    my $pg = $self->postgres;
    return $pg->conninfo($self->{database});
}


# The Redis of "ours" or of "peer".
sub redis ($self, $whose) {
    return $self->{"redis_$whose"} //= do {
        make_path("$self->{dir}/redis-$whose");
        Boxoffice::Test::Redis->start(dir => "$self->{dir}/redis-$whose");
    };
}


sub redis_client ($self, $whose) {
    return $self->{"client_$whose"} //= $self->redis($whose)->connect(60);
}


sub ours ($self) {
    return $self->{ours} //= Boxoffice::Test::Nginx->new(
        dir          => "$self->{dir}/ours",
        redis        => $self->redis('ours')->url,
        postgres     => $self->conninfo,
        conf         => { zone => 'seats:512m', orphan_rule => 'on',
            bookings => 'durability=always backlog=1000000' },
        optimistic   => 1,
        workers      => $self->{workers} // 2,
        log_level    => 'warn',
        http_extra   => $self->{http_extra} // '',
        server_extra => 'access_log off;' . ($self->{server_extra} // ''),
    )->start;
}


# For the references that nginx itself gives; before ours() is first called.
sub extend_ours ($self, %o) {
    croak 'nginx is running' if $self->{ours};
    $self->@{qw(http_extra server_extra)} = @o{qw(http server)};
    return;
}


sub openresty ($self) {
    return $self->{openresty} //= $self->_start_openresty;
}


sub _start_openresty ($self) {
    my $dir   = "$self->{dir}/openresty";
    my $here  = "$self->{root}/bench/peers/openresty";
    my $redis = $self->redis_client('peer');
    my $port  = Boxoffice::Test::Process::free_port();
    my %value = (
        USER          => $> == 0 ? 'user www-data;' : '',
        HERE          => $here,
        DIR           => $self->{dir},
        PORT          => $port,
        REDIS_PORT    => $self->redis('peer')->port,
        HOLD_SHA      => $redis->script_load(_read("$self->{root}/lua/hold.lua")),
        STRAIGHT_SHA  => $redis->script_load(
            _read("$self->{root}/bench/peers/straight.lua")),
    );

    $self->write_catalogue;
    make_path("$dir/logs", "$dir/temp");
    _write("$dir/nginx.conf",
        _read("$here/nginx.conf.in") =~ s/\@(\w+)\@/$value{$1}/gr);

    return $self->_start_server($port, ['/usr/sbin/nginx', '-p', "$dir/",
        '-c', "$dir/nginx.conf", '-e', "$dir/logs/error.log"],
        "$dir/logs/stderr.log");
}


sub node ($self) {
    return $self->{node} //= do {
        my $port = Boxoffice::Test::Process::free_port();
        my $pg   = $self->postgres;

        $self->write_catalogue;
        $self->_start_server($port, ['node',
            "$self->{root}/bench/peers/node/server.mjs", $port,
            $self->redis('peer')->port, "$self->{dir}/catalogue.json",
            encode_json({ host => $pg->{host}, port => $pg->{port},
                user => 'boxoffice', password => $pg->{password},
                database => $self->{database} }),
            $self->{dir}],
            "$self->{dir}/node.log", { NODE_ENV => 'production' });
    };
}


sub _start_server ($self, $port, $command, $log, $env = {}) {
    my $process = Boxoffice::Test::Process->start(
        command => $command, log => $log, env => $env);

    Boxoffice::Test::Process::wait_until(sub {
        croak "$command->[0] has ended, see $log" if !$process->alive;
        return Boxoffice::Test::Process::port_open($port);
    }, 20) or croak "$command->[0] does not answer, see $log";

    return { process => $process, port => $port };
}


# Shows and layouts for the peers, who have no catalogue of their own.
sub write_catalogue ($self) {
    return if $self->{catalogue}++;

    my %layouts;
    my $rows = $self->dbh->selectall_arrayref(
        'select l.name, s.label from layouts l join layout_seats s using '
        . "(layout_id) where l.name in ('bench', 'stadium') "
        . 'order by l.name, s.seat_no');

    push $layouts{ $_->[0] }->@*, $_->[1] for @$rows;

    my %shows = map { show_id($_) => $_ > 5000 ? 'stadium' : 'bench' } shows();

    _write("$self->{dir}/catalogue.json",
        encode_json({ shows => \%shows, layouts => \%layouts }));

    my $lua = "local c = {shows = {}, layouts = {}, labels = {}}\n";
    $lua .= "c.shows['$_'] = '$shows{$_}'\n" for sort keys %shows;

    for my $name (sort keys %layouts) {
        my $n = 0;
        $lua .= "do local t, u = {}, {}; c.layouts.$name = t; "
            . "c.labels.$name = u\n";
        $lua .= "for label in ([[@{$layouts{$name}}]]):gmatch('%S+') do\n"
            . "local no = #u; if u[0] then no = no + 1 end\n"
            . "t[label] = no; u[no] = label end end\n";
    }

    _write("$self->{dir}/catalogue.lua", "${lua}return c\n");
    return;
}


# --- state

# An empty Redis for the peers, with all shows loaded for both scripts.
sub reset_peer ($self) {
    my $redis = $self->redis_client('peer');
    my $end   = int((time + 86400) * 1000);

    $self->{load} //= $redis->script_load(_read("$self->{root}/lua/load.lua"));
    $redis->flushall;

    for my $number (shows()) {
        my $show  = '{' . show_id($number) . '}';
        my $seats = $number > 5000 ? 50_000 : 600;

        $redis->evalsha($self->{load}, 4, "version:$show", "state:$show",
            "hold:$show", "expiry:$show", 1_000_000_000, 0,
            "seat_lock:$show:", $end, "\0" x ($seats / 4), sub { });
        $redis->set("epoch:$show", 1, sub { });
    }

    $redis->wait_all_responses;
    return;
}


# The module's jobs shall not run in the rounds of others.  What it is waiting
# for arrives first: its deadlines go on while it stands still.
sub freeze_ours ($self) {
    return if $self->{frozen}++;
    $self->ours;
    sleep 0.5;
    kill 'STOP', $self->ours->process->family;
    return;
}


sub thaw_ours ($self) {
    kill 'CONT', $self->ours->process->family if delete $self->{frozen};
    return;
}


# An empty Redis for the module, which finds that out and loads what it needs.
sub reset_ours ($self) {
    $self->ours;
    $self->redis_client('ours')->flushall;
    return;
}


# Empty tables; the shows stay.  What came late from the round before is
# written first.
sub reset_orders ($self) {
    sleep 0.5;
    $self->dbh->do('truncate orders, seat_claims, user_seats, idempotency, '
        . 'payments, refunds, ledger, outbox, holds');
    return;
}


# show_no of the first show of the benchmark; the others follow.
sub first_no ($self) {
    return $self->{first_no} //= $self->scalar('select show_no from shows '
        . "where show_id = '${\ show_id(1)}'");
}


# The one value of a query.
sub scalar ($self, $sql) {
    return ($self->dbh->selectrow_array($sql))[0];
}


# --- load

# wrk(url => ..., script => NAME, args => [...], connections => N,
#     seconds => N, threads => 2): what the script reports.
#
# The load has no core of its own.  As a batch process it takes its turn, and
# does not interrupt whom it asks at every answer: how often that is the case
# depends on who of the two is a little faster, and would be measured, too.
sub wrk ($self, %o) {
    return $self->wrk_end($self->wrk_start(%o));
}


sub wrk_start ($self, %o) {
    my $threads = $o{threads} // 2;
    my $dir     = "$self->{root}/bench/wrk";
    my @command = (qw(chrt --batch 0 wrk), "-t$threads",
        "-c$o{connections}", "-d$o{seconds}s", '--timeout', '10s',
        '-s', "$dir/$o{script}.lua", $o{url}, '--', $dir,
        ($o{args} // [])->@*);

    open my $fh, '-|', @command or croak "wrk: $!";
    return $fh;
}


sub wrk_end ($class, $fh) {
    my @lines = <$fh>;
    close $fh or croak "wrk failed: @lines";

    my ($json) = grep { /^\{/ } @lines;
    croak "wrk said nothing: @lines" if !$json;
    return decode_json($json);
}


# The other load, for answers whose text is long, or at a steady rate.
sub pace ($self) {
    return $self->{pace} //= Bench::Pace->new(root => $self->{root},
        dir => $self->{dir});
}


# --- processor time, seconds

sub cpu_of (@pids) {
    my $ticks = 0;

    for my $pid (@pids) {
        open my $fh, '<', "/proc/$pid/stat" or next;
        my @field = split ' ', <$fh> =~ s/^.*\) //r;
        $ticks += $field[11] + $field[12];
    }

    return $ticks / TICKS;
}


sub _children_cpu ($pid) {
    open my $fh, '<', "/proc/$pid/stat" or return 0;
    my @field = split ' ', <$fh> =~ s/^.*\) //r;
    return ($field[13] + $field[14]) / TICKS;
}


# What server processes have used so far: server (nginx, Lua or node), redis,
# postgres (backends that have ended count in their parent), load (wrk).
sub cpu ($self, $server, $whose) {
    my $pg = $self->postgres->process->pid;

    return {
        server   => cpu_of($server->family),
        redis    => cpu_of($self->redis($whose)->{process}->pid),
        postgres => cpu_of($self->postgres->process->family)
            + _children_cpu($pg),
        load     => (times)[2] + (times)[3],
    };
}


# --- the machine

sub machine ($self) {
    my ($cpu) = _read('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)$/m;
    my ($memory) = _read('/proc/meminfo') =~ /^MemTotal:\s*(\d+)/m;
    my (undef, undef, $kernel) = POSIX::uname();

    chomp(my $cores = `nproc`);
    chomp(my $commit = `git -C '$self->{root}' rev-parse --short HEAD 2>&1`);

    return {
        cpu => $cpu // 'unknown', cores => $cores, kernel => $kernel,
        memory_gb => int($memory / 1024 / 1024 + 0.5), commit => $commit,
        versions => {
            nginx => `nginx -v 2>&1` =~ s{^.*nginx/(\S+).*$}{$1}sr,
            redis => `redis-server --version` =~ s/^.*v=(\S+).*$/$1/sr,
            postgres => `$ENV{PG_BIN}/postgres --version`
                =~ s/^.*?(\d\S*).*$/$1/sr,
            node => `node --version 2>&1` =~ s/\s+$//r,
        },
    };
}


sub load_average () { return (split ' ', _read('/proc/loadavg'))[0] }


sub _read ($file) {
    open my $fh, '<', $file or croak "$file: $!";
    local $/ = undef;
    return <$fh>;
}


sub _write ($file, $text) {
    open my $fh, '>', $file or croak "$file: $!";
    print {$fh} $text;
    close $fh or croak "$file: $!";
    return;
}


# They start again when they are asked for.
sub stop_peers ($self) {
    for my $name (qw(openresty node)) {
        my $server = delete $self->{$name} or next;
        $server->{process}->stop('TERM') or $server->{process}->kill_family;
    }

    return;
}


sub stop ($self) {
    $self->stop_peers;
    $self->stop_ours;

    if (my $dbh = delete $self->{dbh}) {
        $dbh->disconnect;
    }

    # before the servers they belong to
    delete $self->@{qw(client_ours client_peer)};
    delete $self->@{grep { /^(?:client|redis)_/ } keys %$self};
    delete $self->{postgres};
    return;
}


# Its log stays for problems(); it may be started again.
sub stop_ours ($self) {
    return if !$self->{ours};

    $self->thaw_ours;
    my $ours = delete $self->{ours};
    $ours->stop;
    push $self->{problems}->@*, $ours->problems;
    rename $ours->dir, $ours->dir . '-' . ++$self->{starts};
    return;
}


# Lines of the module's error log that should not be there.
sub problems ($self) { return ($self->{problems} // [])->@* }


1;
