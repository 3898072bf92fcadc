package Boxoffice::Test::Clocks;

# Clocks of a test that can be set: what Boxoffice::Test->new(clocks => ...)
# starts reads the time of day through t/lib/clock.c.

use v5.36;

use Carp       qw(croak);
use File::Temp ();


sub new ($class) {
    my $dir = File::Temp->newdir('/tmp/bo-clock-XXXXXXXX');

    chmod 0755, $dir;
    system('cc', '-O2', '-shared', '-fPIC', '-o', "$dir/clock.so",
        't/lib/clock.c') == 0 or croak "clock.c cannot be built";

    return bless { dir => $dir }, $class;
}


# What a process must have in its environment to have the clock of that name.
sub env ($self, $name) {
    $self->set($name, 0);
    return { LD_PRELOAD => "$self->{dir}/clock.so",
        CLOCK_FILE => "$self->{dir}/$name" };
}


# Sets the clock so many seconds ahead of ours, or behind it, at once.
sub set ($self, $name, $seconds) {
    my $file = "$self->{dir}/$name";
    my $mode = -e $file ? '+<' : '>';

    open my $fh, "$mode:raw", $file or croak "$file: $!";
    print {$fh} pack 'q', $seconds;
    close $fh or croak "$file: $!";
    chmod 0644, $file;
    return;
}


1;
