#!/usr/bin/perl
#
# lint-perl.pl FILE...: compiles each, runs none, and prints what perl says of
# them.
#
# "perl -c" for each would load what all of them use a hundred times, and take
# a minute; here it is loaded once, and each file is compiled in a child.

use v5.36;

package Lint;    # "main" is theirs

# what most of them use
use DBI                ();
use Mojo::UserAgent    ();
use Mojo::Util         ();
use POSIX              ();
use Redis              ();
use Test2::V0          ();

$| = 1;

# this one compiles: it runs
for my $file (grep { !m{\blint-perl\.pl\z} } @ARGV) {
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        compile($file);
        POSIX::_exit(0);
    }

    waitpid $pid, 0;
    print "$file: ended with status $?\n" if $?;
}


# What "use" says is done; the rest is compiled, and returned before.
sub compile ($file) {
    local $0 = $file;    # where FindBin looks

    open my $fh, '<', $file or die "$file: $!";
    my $text = do { local $/; <$fh> };
    close $fh;

    $text =~ s/^__(?:END|DATA)__$ .*//msx;
    local $SIG{__WARN__} = sub ($what) { print $what };
    eval qq{package main; return 1;\n}
        . qq{#line 1 "$file"\n$text} or print "$file: $@";
    return;
}
