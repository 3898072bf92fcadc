package Boxoffice::Test::Trap;

# Stops a process where it calls a function, as a debugger does: so that a test
# can kill it in the middle of something.  Linux on x86-64, by ptrace(2).
#
#     my $trap = Boxoffice::Test::Trap->set($module, 'bo_map_set', @pids)
#         or skip_all(...);            # not allowed here
#     ...                              # have the function called
#     my $pid = $trap->caught(5);      # it is stopped there now
#     $trap->finish($pid);             # or: it has come back from there
#     $trap->kill($pid);
#     $trap->free;                     # the others go on as before

use v5.36;
no warnings 'portable';    # addresses have 64 bits

use Config      ();
use POSIX       qw(WNOHANG);
use Time::HiRes qw(sleep time);

use constant {
    SYS_ptrace => 101, SYS_wait4 => 61, PEEKTEXT => 1, PEEKUSER => 3,
    POKETEXT => 4, POKEUSER => 6, CONT => 7, ATTACH => 16, DETACH => 17,
    WALL => 0x4000_0000, INT3 => 0xcc, TRAP => 5,
    RIP => 16 * 8, RSP => 19 * 8,    # in struct user
};


# undef where there is no such thing.
sub set ($class, $module, $function, @pids) {
    return if $Config::Config{archname} !~ /x86_64-linux/;

    my $names = `nm '$module' 2>/dev/null; nm -D '$module' 2>/dev/null`;
    my ($offset) = $names =~ /^(\w+) [tT] \Q$function\E$/m
        or die "no $function in $module\n";
    my $self = bless { traps => {} }, $class;

    for my $pid (map { 0 + $_ } @pids) {
        if (syscall(SYS_ptrace, ATTACH, $pid, 0, 0) != 0) {
            $self->free;
            return;
        }

        _wait($pid, 5) or die "$pid does not stop\n";

        my $at   = _base($pid, $module) + hex $offset;
        my $word = _peek($pid, $at);

        _poke($pid, $at, ($word & ~0xff) | INT3);
        $self->{traps}{$pid} = { at => $at, word => $word };
        syscall(SYS_ptrace, CONT, $pid, 0, 0);
    }

    return $self;
}


# The process that was caught, or undef.
sub caught ($self, $seconds) {
    my $end = time + $seconds;

    while (time < $end) {
        for my $pid (map { 0 + $_ } keys $self->{traps}->%*) {
            my $signal = _wait($pid, 0) // next;

            if ($signal == TRAP) {
                $self->{caught} = delete $self->{traps}{$pid};
                return $pid;
            }

            # any other signal is the process's own
            syscall(SYS_ptrace, CONT, $pid, 0, $signal);
        }

        sleep 0.001;
    }

    return;
}


# Lets the process that was caught do what the function does, up to its return.
sub finish ($self, $pid) {
    my $trap = $self->{caught};
    my $back = _peek($pid, _peek($pid, RSP, PEEKUSER));

    _poke($pid, $trap->{at}, $trap->{word});
    _poke($pid, $back, (_peek($pid, $back) & ~0xff) | INT3);
    syscall(SYS_ptrace, POKEUSER, $pid, RIP, $trap->{at}) == 0
        or die "rip of $pid: $!\n";
    syscall(SYS_ptrace, CONT, $pid, 0, 0);

    return (_wait($pid, 5) // 0) == TRAP;
}


# Its parent is told once the one who traces it knows.
sub kill ($self, $pid) {
    CORE::kill KILL => $pid;
    my $end = time + 5;

    while (time < $end) {
        my $status = pack 'i', 0;
        last if syscall(SYS_wait4, $pid, $status, WNOHANG | WALL, 0) == $pid;
        sleep 0.001;
    }

    return;
}


sub free ($self) {
    for my $pid (map { 0 + $_ } keys $self->{traps}->%*) {
        my $trap = delete $self->{traps}{$pid};

        CORE::kill STOP => $pid;
        my $signal = _wait($pid, 5) // next;
        _poke($pid, $trap->{at}, $trap->{word});

        # it is in the trap as well, and goes on where the trap was
        if ($signal == TRAP) {
            syscall(SYS_ptrace, POKEUSER, $pid, RIP, $trap->{at}) == 0
                or die "rip of $pid: $!\n";
        }

        syscall(SYS_ptrace, DETACH, $pid, 0, 0);
        CORE::kill CONT => $pid;
    }

    return;
}


sub DESTROY ($self) { $self->free; return }


# The signal that stopped it within so many seconds, or undef.
sub _wait ($pid, $seconds) {
    my $end = time + $seconds;

    do {
        my $status = pack 'i', 0;

        if (syscall(SYS_wait4, $pid, $status, WNOHANG | WALL, 0) == $pid) {
            $status = unpack 'i', $status;
            return ($status & 0xff) == 0x7f ? $status >> 8 & 0xff : undef;
        }

        sleep 0.001 if $seconds;
    } while (time < $end);

    return;
}


sub _base ($pid, $module) {
    open my $fh, '<', "/proc/$pid/maps" or die "$pid: $!\n";

    while (my $line = <$fh>) {
        return hex $1 if $line =~ /^(\w+)-.* \Q$module\E$/;
    }

    die "$module is not in $pid\n";
}


sub _peek ($pid, $at, $what = PEEKTEXT) {
    my $word = pack 'q', 0;

    syscall(SYS_ptrace, $what, $pid, $at, $word);
    return unpack 'Q', $word;
}


sub _poke ($pid, $at, $word) {
    syscall(SYS_ptrace, POKETEXT, $pid, $at, $word) == 0
        or die "poke $pid: $!\n";
    return;
}


1;
