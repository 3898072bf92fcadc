#!/usr/bin/perl
#
# with-server.pl COMMAND...: runs a command, such as a browser test, against a
# server of its own with the sample data.  The command finds it by BASE_URL,
# ends first, and gives the exit status; a bad line in an error log makes it 1.

use v5.36;

use File::Basename qw(dirname);
use POSIX          ();
use lib dirname(__FILE__);
use Boxoffice::Test ();

my $t = Boxoffice::Test->new;

$ENV{BASE_URL} = $t->url('/') =~ s{/\z}{}r;

my $pid = fork // die "fork: $!";

if ($pid == 0) {
    exec @ARGV or print STDERR "$ARGV[0]: $!\n";
    POSIX::_exit(127);
}

waitpid $pid, 0;

my $status = $? >> 8 || ($? ? 1 : 0);

# the rest, and a bad log, is the business of END in Boxoffice::Test
exit $status;
