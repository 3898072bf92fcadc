#!/usr/bin/perl
#
# lint-compare.pl FILE...: prints comparisons of what proves something (a MAC,
# a tag, a signature, a password) by functions that end at the first byte that
# differs, and so tell by their time how far a guess was right.  CRYPTO_memcmp
# does not.

use v5.36;

my $early  = qr/\b(?:ngx_|sodium_)?(?:memcmp|memn2cmp|str(?:n?case)?n?cmp)\s*\(/;
my $proof  = qr/(?:\b|_)(?:mac|hmac|digest|signature|sig|secret|password)
    (?:\b|_|s\b) | (?:->|\.)tag\b/xi;

for my $file (@ARGV) {
    open my $fh, '<', $file or die "$file: $!\n";
    local $/ = undef;
    my $text = <$fh> =~ s{/\*.*?\*/}{ $& =~ s/[^\n]//gr }gser;

    while ($text =~ /(?<!CRYPTO_)$early/g) {
        my $start = $-[0];
        next if substr($text, 0, $start) =~ /CRYPTO_\z/;

        # what is between its parentheses
        my ($depth, $end) = (1, pos $text);
        while ($depth && $end < length $text) {
            my $c = substr $text, $end++, 1;
            $depth += $c eq '(' ? 1 : $c eq ')' ? -1 : 0;
        }

        my $call = substr $text, $start, $end - $start;
        next if $call !~ $proof;
        my $line = 1 + (substr($text, 0, $start) =~ tr/\n//);
        print "$file:$line: ends early: ", $call =~ s/\s+/ /gr, "\n";
    }
}
