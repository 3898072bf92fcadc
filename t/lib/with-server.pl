#!/usr/bin/perl
#
# with-server.pl COMMAND...: runs a command, such as a browser test, against two
# nodes of its own with the sample data.  The command finds them by BASE_URL and
# BASE_URL_2, ends first, and gives the exit status; a bad line in an error log
# makes it 1.
#
# A GET of these paths below CONTROL_URL does to the servers what a test may
# want, and is answered when it is done, some with JSON:
#
#     /reload          the first node
#     /redis           Redis is killed, and comes back empty after a second
#     /short           holds of the second node last a second from now on
#     /bare            the second node has no accounts and keys from now on
#     /outside         there is a provider of payments from now on, and a
#                      receiver of events, which refuses them
#     /case/WHAT       money in doubt, which is "less" or "more" than asked for,
#                      or was only "promised": its order
#     /letter          an event that the receiver has refused for good: its ids
#     /take, /refuse   the receiver takes events from now on, or refuses them
#     /taken           the ids of those that it has taken

use v5.36;

use File::Basename qw(dirname);
use File::Temp     ();
use IO::Select     ();
use IO::Socket::IP ();
use POSIX          ();
use lib dirname(__FILE__);
use Boxoffice::Doubt          qw(payable say_of);
use Boxoffice::Provider       ();
use Boxoffice::Test           ();
use Boxoffice::Test::Outbox   qw(write_events);
use Boxoffice::Test::Process  ();
use Boxoffice::Test::Receiver ();
use Mojo::File   qw(path);
use Mojo::JSON   qw(encode_json);
use MIME::Base64 qw(encode_base64);

# Whoever signs in is known by that, services by their keys, others by
# x-user-id.  The holds of both nodes are behind the waiting room "premiere",
# which is off at first; "/gated" is behind one for everybody.
my $key = File::Temp->new;

print {$key} "the key that signs what we issue, long enough\n";
close $key or die "$key: $!";

my $for_accounts = 'location /api/v1/admin/people { boxoffice_people; }'
    . 'location /api/v1/admin/api-keys { boxoffice_api_keys; }';

my $t = Boxoffice::Test->new(
    nodes => 2,
    auth  => 'development keys house',
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
        . $for_accounts,
);

$ENV{BASE_URL}   = $t->url('/') =~ s{/\z}{}r;
$ENV{BASE_URL_2} = $t->url('/', node => 2) =~ s{/\z}{}r;

my ($outside, $provider, $hook);

my %do = (
    reload => sub { $t->reload },
    short  => sub { $t->reload(node => 2, hold_ttl => '1s') },
    redis  => sub { $t->kill_redis; sleep 1; $t->start_redis },
    bare   => \&bare,
    outside => \&outside,
    case   => \&in_doubt,
    letter => \&letter,
    take   => sub { return $hook->set(mode => 'ok') },
    refuse => sub { return $hook->set(mode => 'fail') },
    taken  => sub { return [map { $_->{id} } $hook->taken] },
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
    my ($what, $more) = <$socket> =~ m{\AGET /(\w+)(?:/(\w+))?};
    my $said = ($do{ $what // '' } // die "no such thing\n")->($more);
    print {$socket} ref $said
        ? "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" . encode_json($said)
        : "HTTP/1.1 204 Done\r\nConnection: close\r\n\r\n";
}

my $status = $? >> 8 || ($? ? 1 : 0);

$provider->stop if $provider;
$hook->stop     if $hook;

# the rest, and a bad log, is the business of END in Boxoffice::Test
exit $status;


sub bare {
    my $node = $t->node(2);

    $node->{server_extra} =~ s/\Q$for_accounts//;
    $t->reload(node => 2);
    return;
}


# Both nodes know them: a refund is the work of any.
sub outside {
    $outside = File::Temp->newdir('/tmp/bo-outside-XXXXXXXX');
    chmod 0755, $outside;
    path("$outside/secret")->spurt('whsec_' . encode_base64('k' x 32, ''));

    $provider = Boxoffice::Provider->new("$outside");
    $provider->start('http://127.0.0.1:9/nobody');
    $hook = Boxoffice::Test::Receiver->start(dir => $outside, name => 'hook');
    $hook->set(mode => 'fail');

    for my $node (1, 2) {
        $t->reload(node => $node, orphan_rule => 'off',
            gateway => $provider->gateway('check=60s', 'compare=1h'),
            outbox_sink => 'webhook url=' . $hook->url . ' types=test.noted'
                . " secret=$outside/secret backoff=10ms attempts=2");
    }

    $t->allow_log(qr/a gateway says what does not fit/);
    $t->wait_ready(node => $_) for 1, 2;
    return;
}


sub in_doubt ($what) {
    my $p    = payable($t, $provider);
    my %more = (less => [amount => $p->{amount} - 5000],
        more     => [amount => $p->{amount} + 5000],
        promised => [amount => 1, status => 'requires_capture']);
    my $said = say_of($t, $p, $more{$what}->@*);

    die "the payment was $said" if $said ne 'quarantined';
    return $p;
}


sub letter {
    my ($id) = write_events($t, 1, 1, type => 'test.noted');
    my $row;

    Boxoffice::Test::Process::wait_until(sub {
        $row = $t->dbh->selectrow_hashref(q{select delivery_id, event_id,
            aggregate_id from deliveries join outbox
            using (aggregate_id, version)
            where aggregate_id = ? and status = 'DEAD'}, undef, $id);
    }, 60) or die 'the event is not given up';

    return $row;
}
