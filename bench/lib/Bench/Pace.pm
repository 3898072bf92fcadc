package Bench::Pace;

# The load generator pace.c: requests at a steady rate, whatever the server
# does; or as many as it answers.

use v5.36;

use Carp       qw(croak);
use Mojo::JSON qw(decode_json);


# new(root => DIRECTORY of the checkout, dir => DIRECTORY for what is written)
sub new ($class, %o) {
    my $self = bless { %o, file => 0 }, $class;

    system('cc', '-O2', '-o', "$self->{dir}/pace", "$self->{root}/bench/pace.c")
        == 0 or croak 'pace.c cannot be built';

    # It has no core of its own here: what it waits for one is none of the
    # server's time.  Only root may say so; without, it measures both.  At many
    # requests a second it takes its turn, as wrk does, see Bench::Rig: to be
    # interrupted by every one of them costs the server more than it serves.
    $self->{first} = system('chrt -f 1 true 2>/dev/null') == 0 ? 'chrt -f 1'
        : '';
    return $self;
}


# run(port =>, rate => A SECOND, seconds =>, connections =>,
#     requests => ["GET /path", ...]): what it reports.  rate => 0: as many as
# are answered.  Requests are lines as in pace.c.  turns => 1: many a second.
sub run ($self, %o) { return $self->end($self->start(%o)) }


# The same, in two steps, so that something else runs meanwhile.
sub start ($self, %o) {
    my $file = "$self->{dir}/pace-" . ++$self->{file};

    open my $fh, '>:encoding(UTF-8)', $file or croak "$file: $!";
    say {$fh} $_ for $o{requests}->@*;
    close $fh or croak "$file: $!";

    my $first = $o{rate} && !$o{turns} ? $self->{first} : 'chrt --batch 0';

    open my $out, '-|', "$first $self->{dir}/pace $o{port} $o{rate} "
        . "$o{seconds} $o{connections} <$file" or croak "pace: $!";
    return $out;
}


sub end ($class, $out) {
    my $line = <$out> // '';

    close $out or croak "pace failed: $line";
    return decode_json($line);
}


1;
