package Boxoffice::Test::Postgres;

# A PostgreSQL server for tests.  All test files of one run share one server,
# named by BOXOFFICE_TEST_POSTGRES, and get a database of their own, copied from
# a migrated template with the sample data.  A test that kills its server starts
# its own.

use v5.36;

use Boxoffice::Test::Process ();
use Carp            qw(croak);
use Cwd             ();
use DBI             ();
use File::Basename  qw(dirname);
use File::Path      qw(remove_tree);
use File::Temp      ();

use constant BIN      => '/usr/lib/postgresql/15/bin';
use constant TEMPLATE => 'boxoffice_template';

my $root = Cwd::abs_path(dirname(__FILE__) . '/../../../..');
my $shared;


# The server of this run: that of BOXOFFICE_TEST_POSTGRES, or a new one.
sub shared ($class) {
    my $place = $ENV{BOXOFFICE_TEST_POSTGRES};

    if ($place) {
        my ($host, $port, $password) = split / /, $place;
        $shared //= bless {
            host => $host, port => $port, password => $password, foreign => 1
        }, $class;
    }

    return $shared //= $class->start(fsync => 0);
}


# What BOXOFFICE_TEST_POSTGRES has to be for other processes.
sub place ($self) { return join ' ', $self->@{qw(host port password)} }


# start(fsync => BOOL, data => DIRECTORY): a new server with the template
# database.  data: where its files are, and stay; they are used again when they
# are there.
sub start ($class, %o) {
    my $dir = File::Temp->newdir('/tmp/bo-pg-XXXXXXXX', CLEANUP => 0);
    chmod 0755, $dir;

    my $self = bless {
        dir   => "$dir",
        data  => $o{data} // "$dir/data",
        host  => "$dir",
        owner => $$,
        port  => Boxoffice::Test::Process::free_port(),
        fsync => $o{fsync},
        password => Boxoffice::Test::Process::random_hex(16),
    }, $class;

    if (-e "$self->{data}.password") {
        $self->{password} = _read("$self->{data}.password");
        chown((getpwnam 'postgres')[2, 3], $self->{dir}) if $> == 0;
        $self->run;
        return $self;
    }

    $self->_initdb;
    $self->run;
    $self->_prepare;

    # the last step: without it the files are not used again
    _write("$self->{data}.password", $self->{password}, 0600) if $o{data};

    return $self;
}


sub _initdb ($self) {
    my $dir  = $self->{dir};
    my @user = $> == 0
        ? qw(setpriv --reuid=postgres --regid=postgres --clear-groups --)
        : ();

    _write("$dir/password", $self->{password});

    mkdir $self->{data}, 0700 or croak "$self->{data}: $!";

    if ($> == 0) {
        my ($uid, $gid) = (getpwnam 'postgres')[2, 3];
        chown $uid, $gid, $dir, $self->{data}, "$dir/password";
    }

    _system("$dir/initdb.log", @user, BIN . '/initdb', '-D', $self->{data},
        '-U', 'boxoffice', "--pwfile=$dir/password", '-A', 'scram-sha-256',
        '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync', '--no-instructions');
    return;
}


# Starts the server, also again after stop or kill, and waits until it answers.
sub run ($self) {
    my @fast = $self->{fsync} ? () : ('-c', 'fsync=off',
        '-c', 'full_page_writes=off');

    $self->{process} = Boxoffice::Test::Process->start(
        command => [BIN . '/postgres', '-D', $self->{data},
            '-c', "port=$self->{port}", '-c', 'listen_addresses=127.0.0.1',
            '-c', "unix_socket_directories=$self->{dir}",
            '-c', 'max_connections=300', @fast],
        user  => 'postgres',
        death => 'INT',
        log   => "$self->{dir}/postgres.log",
    );

    Boxoffice::Test::Process::wait_until(sub {
        croak "PostgreSQL has ended:\n" . $self->log
            if !$self->{process}->alive;
        return eval { $self->connect('postgres')->ping };
    }, 30) or croak "PostgreSQL does not answer:\n" . $self->log;

    return;
}


sub _prepare ($self) {
    my $log = "$self->{dir}/migrate.log";
    my $db  = $self->conninfo(TEMPLATE);

    $self->admin('create database ' . TEMPLATE);
    _system($log, "$root/sql/migrate.sh", $db);

    for my $file ("$root/sql/invariants.sql", "$root/sql/sample.sql") {
        next if !-e $file;
        _system($log, 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', $db,
            '-f', $file);
    }

    # nothing may be connected to a database that is being copied
    my $connect = $self->connect(TEMPLATE);
    $connect->do('vacuum analyze');
    $connect->disconnect;
    return;
}


sub conninfo ($self, $database) {
    return "host=$self->{host} port=$self->{port} user=boxoffice "
        . "password=$self->{password} dbname=$database";
}


# A DBI connection that raises its errors; dies when there is none to be had.
sub connect ($self, $database) {
    my $dbh = DBI->connect(
        "dbi:Pg:host=$self->{host};port=$self->{port};dbname=$database",
        'boxoffice', $self->{password},
        { RaiseError => 1, PrintError => 0, AutoCommit => 1,
            pg_enable_utf8 => 1 });
    $dbh->do('set client_min_messages = warning');
    return $dbh;
}


sub admin ($self, @sql) {
    my $dbh = $self->connect('postgres');
    $dbh->do($_) for @sql;
    $dbh->disconnect;
    return;
}


sub create_database ($self) {
    state $n = 0;
    my $name = "t_${$}_" . ++$n;

    $self->admin("drop database if exists $name with (force)",
        "create database $name template " . TEMPLATE);
    return $name;
}


sub drop_database ($self, $name) {
    return if !$self->{foreign} && !$self->{process}->alive;
    $self->admin("drop database if exists $name with (force)");
    return;
}


sub process ($self) {
    return $self->{process}
        // croak "this test shares its server: ask for postgres => 'own'";
}


sub stop ($self) { return $self->process->stop('INT') }
sub kill ($self) { return $self->process->kill_family }


# Freezes and thaws the server with all of its backends.
sub freeze ($self) { return CORE::kill 'STOP', $self->process->family }
sub thaw   ($self) { return CORE::kill 'CONT', $self->process->family }


sub log ($self) {
    open my $fh, '<', "$self->{dir}/postgres.log" or return '';
    local $/ = undef;
    return <$fh>;
}


sub _read ($file) {
    open my $fh, '<', $file or croak "$file: $!";
    local $/ = undef;
    return <$fh>;
}


sub _write ($file, $text, $mode = 0644) {
    open my $fh, '>', $file or croak "$file: $!";
    chmod $mode, $file or croak "$file: $!";
    print {$fh} $text;
    close $fh or croak "$file: $!";
    return;
}


sub _system ($log, @command) {
    my $pid = fork // croak "fork: $!";

    if ($pid == 0) {
        Boxoffice::Test::Process::_exec($log, {}, @command);
    }

    waitpid $pid, 0;
    return if $? == 0;

    open my $fh, '<', $log or croak "$log: $!";
    local $/ = undef;
    croak "@command failed:\n" . <$fh>;
}


sub DESTROY ($self) {
    return if $self->{foreign} || $self->{owner} != $$;
    local ($?, $!, $@);

    if ($self->{process}) {
        $self->thaw if $self->{process}->alive;
        $self->stop;
    }

    remove_tree($self->{dir});
}


# in this order: connections of the test, then the server
END { undef $shared }


1;
