#!/usr/bin/perl
#
# lint-functions.pl EXCEPTIONS FILE...: prints the C functions of more than 80
# lines.  nginx's style puts both braces of a body into the first column.

use v5.36;

use constant LIMIT => 80;

my ($exceptions, @files) = @ARGV;
my %known;

if (open my $fh, '<', $exceptions) {
    /^(\S+:\w+)/ and $known{$1} = 1 while <$fh>;
}

for my $file (@files) {
    my ($name, $start);

    open my $fh, '<', $file or die "$file: $!\n";

    while (<$fh>) {
        $name  = $1 if !$start && /^(\w+)\(/;
        $start = $. if /^\{/;

        if ($start && /^\}/) {
            my $lines = $. - $start + 1;

            if ($name && $lines > LIMIT && !delete $known{"$file:$name"}) {
                print "$file:$start: $name has $lines lines\n";
            }

            ($name, $start) = ();
        }
    }
}

print "$_: no longer too long, or gone\n" for sort keys %known;
