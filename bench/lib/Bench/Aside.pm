package Bench::Aside;

# Processes that give way to all others: what they do on the machine of the
# benchmark would, in production, be done on another one.
#
# Their priority does not do that.  Linux compares priorities within a session
# only (sched_autogroup_enabled), and each server has its own; PostgreSQL gives
# one to every backend.  A worker that wakes up then waits for a backend until
# its turn ends, whatever the two are worth.  So they get a control group that
# is idle as a whole.

use v5.36;

use Carp qw(croak);

# where groups of processors are kept, by version 1 and 2 of control groups
my @roots = ('/sys/fs/cgroup/cpu', '/sys/fs/cgroup');


# new(PIDS): until the object goes.  What they start goes along.  An undefined
# value where that is nobody's to decide: not root, no such groups.
sub new ($class, @pids) {
    my ($root) = grep { -w "$_/cgroup.procs" } @roots or return;
    my $self   = bless { root => $root, dir => "$root/bench-$$" }, $class;

    mkdir $self->{dir} or return;
    -e "$self->{dir}/cpu.idle" or return;

    _write("$self->{dir}/cpu.idle", 1);
    _move($_, $self->{dir}) for @pids;
    return $self;
}


sub _write ($file, $value) {
    open my $fh, '>', $file or croak "$file: $!";
    print {$fh} $value;
    close $fh or croak "$file: $!";
    return;
}


# One that has ended meanwhile is not there to be moved.
sub _move ($pid, $dir) {
    eval { _write("$dir/cgroup.procs", $pid); 1 } or kill(0, $pid) && die $@;
    return;
}


sub DESTROY ($self) {
    open my $fh, '<', "$self->{dir}/cgroup.procs" or return;
    chomp(my @pids = <$fh>);

    _move($_, $self->{root}) for @pids;
    rmdir $self->{dir};
    return;
}


1;
