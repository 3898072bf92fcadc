#!/usr/bin/perl
#
# lint-layers.pl FILE...: prints the includes that run upward.

use v5.36;

my %may = (
    http    => [qw(http booking store)],
    jobs    => [qw(jobs booking store net)],
    store   => [qw(store booking net)],
    net     => [qw(net)],
    booking => [qw(booking)],
);

# where each of our headers lives
my %layer = map { m{^src/([a-z]+)/([^/]+\.h)$} ? ($2 => $1) : () } @ARGV;

for my $file (@ARGV) {
    my ($own) = $file =~ m{^src/([a-z]+)/} or next;
    my $may   = $may{$own} or die "$file: not in a layer\n";

    open my $fh, '<', $file or die "$file: $!\n";

    while (<$fh>) {
        my ($header) = /^\s*#\s*include\s*[<"]([^>"]+)[>"]/ or next;
        my $name   = $header =~ s{.*/}{}r;
        my $target = $layer{$name};

        if ($target && !grep { $_ eq $target } @$may) {
            print "$file:$.: $own includes $target: $header\n";
        }

        if ($own eq 'booking' && !$target
            && $header =~ /^(?:ngx|hiredis|libpq|postgres|jansson|openssl)/)
        {
            print "$file:$.: booking is plain C: $header\n";
        }
    }
}
