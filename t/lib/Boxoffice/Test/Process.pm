package Boxoffice::Test::Process;

# A server process of a test: started in a session of its own, stopped by its
# id, and gone when the test is gone, however that ended.

use v5.36;

use Carp       qw(croak);
use Fcntl      qw(:flock);
use IO::Socket::INET ();
use POSIX      qw(WNOHANG);
use Time::HiRes qw(sleep time);

my %ports;


# start(command => [...], log => FILE, user => NAME, death => SIGNAL,
#       env => {...}): "user" counts only for root; "death" is what the process
# gets when the test dies without having stopped it.
sub start ($class, %o) {
    my @command = ('setpriv', '--pdeathsig', $o{death} // 'TERM');

    if ($o{user} && $> == 0) {
        push @command, "--reuid=$o{user}", "--regid=$o{user}", '--clear-groups';
    }

    push @command, '--', $o{command}->@*;

    my $pid = fork // croak "fork: $!";

    if ($pid == 0) {
        _exec($o{log}, $o{env} // {}, @command);
    }

    return bless { pid => $pid, name => $o{command}[0], owner => $$ }, $class;
}


sub _exec ($log, $env, @command) {
    POSIX::setsid();
    open STDIN,  '<',  '/dev/null' or POSIX::_exit(126);
    open STDOUT, '>>', $log        or POSIX::_exit(126);
    open STDERR, '>&', \*STDOUT    or POSIX::_exit(126);
    local @ENV{ keys %$env } = values %$env;
    { no warnings 'exec'; exec { $command[0] } @command; }
    POSIX::_exit(127);
}


sub pid ($self) { return $self->{pid} }


sub alive ($self) {
    return 0 if defined $self->{status};

    if (waitpid($self->{pid}, WNOHANG) == $self->{pid}) {
        $self->{status} = $?;
        return 0;
    }

    return 1;
}


# The wait status, once the process has ended.
sub status ($self) { return $self->{status} }


sub signal ($self, $signal) {
    return $self->alive && kill($signal, $self->{pid});
}


# Ids of the process and everything below it.
sub family ($self) {
    my @todo = ($self->{pid});
    my @all;

    while (defined(my $pid = shift @todo)) {
        push @all, $pid;
        push @todo, children($pid);
    }

    return @all;
}


sub children ($pid) {
    open my $fh, '<', "/proc/$pid/task/$pid/children" or return ();
    return split ' ', <$fh> // '';
}


# stop(SIGNAL, SECONDS): returns true when it ended by itself in that time;
# after that it is killed with all its family.
sub stop ($self, $signal = 'TERM', $seconds = 10) {
    return 1 if !$self->alive;

    kill $signal, $self->{pid};
    return 1 if wait_until(sub { !$self->alive }, $seconds);

    $self->kill_family;
    return 0;
}


# What is left of a server must be gone before it can start again.
sub kill_family ($self) {
    return if !$self->alive;

    my @family = $self->family;

    kill 'KILL', @family;
    wait_until(sub { !$self->alive && !grep { _runs($_) } @family }, 10)
        or croak "$self->{pid} is immortal";
    return;
}


# Zombies do not run; their reaping may be somebody else's business.
sub _runs ($pid) {
    open my $fh, '<', "/proc/$pid/stat" or return 0;
    return (<$fh> // '') !~ /\) Z /;
}


sub DESTROY ($self) {
    return if $self->{owner} != $$;
    local ($?, $!, $@);
    $self->stop if $self->alive;
}


# wait_until(CODE, SECONDS): the first true value of CODE, or nothing.
sub wait_until ($code, $seconds) {
    my $end = time + $seconds;

    while (1) {
        my $value = $code->();
        return $value if $value;
        return        if time > $end;
        sleep 0.02;
    }
}


# A port nobody else has, and keeps: below the range from which the kernel takes
# ports for outgoing connections, since a server that is down in the middle of
# a test wants its port back; locked, since test files run side by side.
sub free_port () {
    my $dir = "/tmp/boxoffice-ports-$>";
    mkdir $dir, 0700;

    for (1 .. 1000) {
        my $port = 10_000 + hex(random_hex(4)) % 20_000;

        next if $ports{$port};
        open my $lock, '>', "$dir/$port" or croak "$dir/$port: $!";
        next if !flock $lock, LOCK_EX | LOCK_NB;
        next if !IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1,
            ReuseAddr => 1);

        $ports{$port} = $lock;
        return $port;
    }

    croak 'no free port';
}


# Not rand: Test2 seeds that with the date, the same for all tests of a day.
sub random_hex ($bytes) {
    open my $fh, '<:raw', '/dev/urandom'    or croak "/dev/urandom: $!";
    sysread($fh, my $random, $bytes) == $bytes or croak '/dev/urandom';
    return unpack 'H*', $random;
}


sub port_open ($port) {
    return !!IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 1);
}


1;
