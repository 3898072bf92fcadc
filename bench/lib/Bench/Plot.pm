package Bench::Plot;

# Lines over time as an SVG: two panels, for what counts in hundred thousands
# and for what counts in hundreds.

use v5.36;

use Carp       qw(croak);
use List::Util qw(max);

use constant { WIDTH => 900, PANEL => 250, LEFT => 90, RIGHT => 150, TOP => 50,
    GAP => 50 };

my @colours = ('#1f77b4', '#d62728', '#2ca02c', '#9467bd');


# write(FILE, ROWS, title => TEXT, lines => [[COLUMN, NAME]...], small => ...):
# the first column of a row is the time in ms.
sub write ($file, $rows, %o) {
    my $height = TOP + 2 * (PANEL + GAP);
    my $end    = max(1, map { $_->[0] } @$rows);
    my $svg    = sprintf '<svg xmlns="http://www.w3.org/2000/svg" width="%d" '
        . 'height="%d" font-family="sans-serif" font-size="13">' . "\n"
        . '<rect width="100%%" height="100%%" fill="white"/>' . "\n"
        . '<text x="%d" y="28" font-size="17">%s</text>' . "\n",
        WIDTH, $height, LEFT, $o{title};

    $svg .= _panel($rows, $end, TOP, $o{lines}->@*);
    $svg .= _panel($rows, $end, TOP + PANEL + GAP, $o{small}->@*);

    open my $fh, '>', $file or croak "$file: $!";
    print {$fh} "$svg</svg>\n";
    close $fh or croak "$file: $!";
    return;
}


sub _panel ($rows, $end, $top, @lines) {
    my $most = max(1, map { my $row = $_; map { $row->[ $_->[0] ] } @lines }
        @$rows);
    my $x = sub ($ms) { LEFT + $ms / $end * (WIDTH - LEFT - RIGHT) };
    my $y = sub ($n) { $top + PANEL - $n / $most * PANEL };
    my $svg = '';

    for my $part (0 .. 4) {
        my $n = $most * $part / 4;
        $svg .= sprintf '<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" '
            . 'stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s'
            . "</text>\n", LEFT, $y->($n), WIDTH - RIGHT, $y->($n), LEFT - 8,
            $y->($n) + 4, _thousands($n);

        my $ms = $end * $part / 4;
        $svg .= sprintf '<text x="%.1f" y="%d" text-anchor="middle">%.1f s'
            . "</text>\n", $x->($ms), $top + PANEL + 18, $ms / 1000;
    }

    for my $i (0 .. $#lines) {
        my ($column, $name) = $lines[$i]->@*;

        $svg .= sprintf '<polyline fill="none" stroke="%s" stroke-width="2" '
            . 'points="%s"/>' . "\n" . '<text x="%d" y="%d" fill="%s">%s'
            . "</text>\n", $colours[$i], join(' ', map { sprintf '%.1f,%.1f',
                $x->($_->[0]), $y->($_->[$column]) } @$rows),
            WIDTH - RIGHT + 10, $top + 20 + 20 * $i, $colours[$i], $name;
    }

    return $svg;
}


sub _thousands ($n) {
    my $text = int($n + 0.5);
    1 while $text =~ s/^(\d+)(\d{3})/$1,$2/;
    return $text;
}

1;
