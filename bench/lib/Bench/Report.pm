package Bench::Report;

# Figures in, tables out.  Every round stays in the raw figures; a table shows
# the median of the rounds and their range.

use v5.36;

use Carp        qw(croak);
use List::Util  qw(max min);
use Mojo::JSON  ();
use POSIX       qw(strftime);


sub new ($class, %o) {
    return bless { %o, text => '', rounds => [], goals => [] }, $class;
}


sub median (@values) {
    my @sorted = sort { $a <=> $b } @values;
    my $n      = @sorted or return 0;
    return $n % 2 ? $sorted[$n / 2]
        : ($sorted[$n / 2 - 1] + $sorted[$n / 2]) / 2;
}


# round(PART, NAME, FIGURES): notes one round, and shows it while it runs.
sub round ($self, $part, $name, $figures) {
    push $self->{rounds}->@*, { part => $part, name => $name, %$figures };
    say STDERR sprintf '  %-44s %s', $name, join '  ',
        map { "$_ " . _short($figures->{$_}) }
        grep { !ref $figures->{$_} } sort keys %$figures;
    return $figures;
}


sub _short ($value) {
    return $value if $value !~ /^-?\d*\.?\d+$/;
    return $value >= 1000 ? int $value : 0 + sprintf '%.2f', $value;
}


sub say ($self, @lines) {
    $self->{text} .= "$_\n" for @lines;
    CORE::say $_ for @lines;
    return;
}


# All that was said so far.
sub text ($self) { return $self->{text} }


sub heading ($self, $text, @lines) {
    $self->say('', "## $text", '', @lines ? (@lines, '') : ());
    return;
}


# table([HEADINGS], [ROW]...): Markdown, lined up so that it reads as text too.
sub table ($self, $head, @rows) {
    my @width = map { my $i = $_; max(3, map { length $_->[$i] } $head, @rows) }
        0 .. $#$head;
    $self->say(
        _row($head, \@width),
        '|' . join('|', map { $_ ? '-' x ($width[$_] + 1) . ':'
            : '-' x ($width[$_] + 2) } 0 .. $#$head) . '|',
        map { _row($_, \@width) } @rows);
    return;
}


sub _row ($row, $width) {
    return '| ' . join(' | ', map {
        my $space = ' ' x ($width->[$_] - length $row->[$_]);
        $_ ? $space . $row->[$_] : $row->[$_] . $space;
    } 0 .. $#$row) . ' |';
}


# "41,200 (40,100-43,000)": the median of the rounds and their range.
sub span (@values) {
    return '-' if !@values;
    return number(median(@values)) if @values == 1;
    return sprintf '%s (%s-%s)', number(median(@values)),
        number(min(@values)), number(max(@values));
}


sub number ($value) {
    return 0 + sprintf('%.3g', $value) if abs $value < 100;
    my $text = int($value + 0.5);
    1 while $text =~ s/^(\d+)(\d{3})/$1,$2/;
    return $text;
}


# Ratios of the rounds that stand beside each other: "1.92 (1.85-2.01)".
sub ratio ($ours, $theirs) {
    my @pairs = map { $theirs->[$_] ? $ours->[$_] / $theirs->[$_] : () }
        0 .. min($#$ours, $#$theirs);

    return (0, '-') if !@pairs;
    return (median(@pairs), sprintf '%.2f (%.2f-%.2f)', median(@pairs),
        min(@pairs), max(@pairs));
}


# goal(NAME, VALUE, BOUND): VALUE should be at least BOUND, or at most when
# BOUND starts with "<".
sub goal ($self, $name, $value, $text, $bound) {
    my $limit = $bound =~ s/^<//r;
    my $met   = $bound =~ /^</ ? $value < $limit : $value >= $limit;

    push $self->{goals}->@*, { name => $name, value => $value + 0,
        text => $text, bound => $bound, met => $met ? 1 : 0 };
    return;
}


# The goals of all parts, as a table, and the two files.
sub finish ($self, $dir, $machine) {
    if ($self->{goals}->@*) {
        $self->heading('Goals');
        $self->table(['goal', 'measured', 'wanted', ''], map { [
            $_->{name}, $_->{text},
            $_->{bound} =~ /^<(.*)/ ? "below $1" : "at least $_->{bound}",
            $_->{met} ? 'met' : 'MISSED'
        ] } $self->{goals}->@*);
    }

    my $when = strftime('%Y-%m-%d %H:%M UTC', gmtime);
    my $v    = $machine->{versions};
    my $head = join "\n", '# Benchmark', '',
        "$when, commit $machine->{commit}.  $machine->{cores} cores "
        . "($machine->{cpu}), $machine->{memory_gb} GB, "
        . "Linux $machine->{kernel}; nginx $v->{nginx}, Redis $v->{redis}, "
        . "PostgreSQL $v->{postgres}, Node.js $v->{node}.",
        'Load average when it began: ' . $machine->{load} . '; all servers and '
        . 'the load generator share the cores.', '',
        'What is measured against what: [README](../README.md).  Figures are '
        . 'medians of rounds, with the range; ratios are of rounds that ran '
        . 'next to each other.', '';

    _write("$dir/latest.md", $head . $self->{text});
    _write("$dir/latest.json", Mojo::JSON::encode_json({ when => $when,
        machine => $machine, rounds => $self->{rounds},
        goals => $self->{goals} }) . "\n");
    return;
}


sub _write ($file, $text) {
    open my $fh, '>', $file or croak "$file: $!";
    print {$fh} $text;
    close $fh or croak "$file: $!";
    return;
}


1;
