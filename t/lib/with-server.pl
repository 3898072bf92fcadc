#!/usr/bin/perl
#
# with-server.pl COMMAND...: runs a command, such as a browser test, against two
# nodes of its own with the sample data.  The command finds them by BASE_URL and
# BASE_URL_2, ends first, and gives the exit status; a bad line in an error log
# makes it 1.
#
# A GET of these paths below CONTROL_URL does to the servers what a test may
# want, and is answered when it is done:
#
#     /reload          the first node
#     /redis           Redis is killed, and comes back empty after a second
#     /short           holds of the second node last a second from now on

use v5.36;

use File::Basename qw(dirname);
use File::Temp     ();
use IO::Select     ();
use IO::Socket::IP ();
use POSIX          ();
use lib dirname(__FILE__);
use Boxoffice::Test ();

# Whoever signs in is known by that, others by x-user-id.  The holds of both nodes are behind the waiting room "premiere", which is off
# at first; "/gated" is behind one for everybody.
my $key = File::Temp->new;

print {$key} "the key that signs what we issue, long enough\n";
close $key or die "$key: $!";

my $t = Boxoffice::Test->new(
    nodes => 2,
    auth  => 'development house',
    conf  => {
        auth_jwt => 'house issuer=https://box.example audience=box '
            . 'roles=roles cookie=box',
        accounts => "house HS256 $key access=30s memory=1m passes=1",
        orphan_rule => undef,
        waiting_room_zone => [
            'premiere:1m rate=5/s abandon=5s state=OFF',
            'door:1m rate=1/s abandon=5s anonymous=on',
        ],
    },
    gate  => 'premiere',
    server_extra => 'location = /gated { boxoffice_waiting_room door; '
        . 'default_type text/html; root /; try_files /nothing /wheelchair.svg; }'
        . 'location /api/v1/auth { boxoffice_login; }'
        . 'location /api/v1/me { boxoffice_me; }'
        . 'location /api/v1/admin/people { boxoffice_people; }',
);

$ENV{BASE_URL}   = $t->url('/') =~ s{/\z}{}r;
$ENV{BASE_URL_2} = $t->url('/', node => 2) =~ s{/\z}{}r;

my %do = (
    reload => sub { $t->reload },
    short  => sub { $t->reload(node => 2, hold_ttl => '1s') },
    redis  => sub { $t->kill_redis; sleep 1; $t->start_redis },
);

my $control = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0,
    Listen => 5) or die "listen: $@";

$ENV{CONTROL_URL} = 'http://127.0.0.1:' . $control->sockport;

my $pid = fork // die "fork: $!";

if ($pid == 0) {
    exec @ARGV or print STDERR "$ARGV[0]: $!\n";
    POSIX::_exit(127);
}

my $select = IO::Select->new($control);

until (waitpid $pid, POSIX::WNOHANG) {
    $select->can_read(0.1) or next;
    my $socket = $control->accept or next;
    my ($what) = <$socket> =~ m{\AGET /(\w+)};
    ($do{ $what // '' } // die "no such thing\n")->();
    print {$socket} "HTTP/1.1 204 Done\r\nConnection: close\r\n\r\n";
}

my $status = $? >> 8 || ($? ? 1 : 0);

# the rest, and a bad log, is the business of END in Boxoffice::Test
exit $status;
