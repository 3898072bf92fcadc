# Outbound mail over the wire: in the clear, by STARTTLS and over TLS, and all
# the ways in which a mail server may fail.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Outbound qw(certificate try_module);
use Boxoffice::Test     ();
use File::Temp          ();
use Time::HiRes         qw(sleep);

my $dir = File::Temp->newdir('/tmp/bo-outbound-XXXXXXXX');
chmod 0755, $dir;

my ($cert, $key) = certificate($dir, 'localhost', '127.0.0.1');
my ($other)      = certificate($dir, 'other');
my @tls = (cert => $cert, key => $key);
my %server;

sub server ($name, $mode, @rest) {
    $server{$name} = Boxoffice::Outbound->start(dir => $dir, name => $name,
        program => 'mail.pl', env => { MAIL => $mode }, @rest);
    return $server{$name}->port;
}

my $plain = server('plain', '');
my $start = server('start', 'auth=PLAIN', @tls);
my $login = server('login', 'auth=CRAM-MD5,LOGIN', @tls);
my $smtps = server('smtps', 'tls auth=PLAIN', @tls);
my $never = server('never', 'notls', @tls);
my $mute  = server('mute', 'mute');
my $full  = server('full', 'greeting=421');
my $narrow = server('narrow', '7bit');

my $t = Boxoffice::Test->new(
    workers      => 1,
    main_extra   => 'load_module ' . try_module($dir) . ';',
    server_extra => 'location /try/ { try; }',
    http_extra   => <<~"END",
        try_peer plain smtp://127.0.0.1:$plain starttls=off timeout=1s;
        try_peer start smtp://localhost:$start ca=$cert user=us password=right;
        try_peer wrong smtp://127.0.0.1:$start ca=$cert user=us password=bad;
        try_peer login smtp://127.0.0.1:$login ca=$cert user=us password=right;
        try_peer smtps smtps://localhost:$smtps ca=$cert user=us password=right;
        try_peer smtpsip smtps://127.0.0.1:$smtps ca=$cert;
        try_peer stranger smtps://127.0.0.1:$smtps ca=$other;
        try_peer blind smtps://127.0.0.1:$smtps verify=off;
        try_peer never smtp://127.0.0.1:$never ca=$cert;
        try_peer mute smtp://127.0.0.1:$mute timeout=300ms starttls=off;
        try_peer full smtp://127.0.0.1:$full starttls=off;
        try_peer narrow smtp://127.0.0.1:$narrow starttls=off;
        try_peer nobody smtp://127.0.0.1:1 starttls=off;
        END
);

my $mail = "Subject: hello\r\n\r\n.dot\r\nand a line\r\n.\r\nend\r\n";

# A mail to some names; what the handler was called with.
sub mail ($peer, $rcpts = ['ok'], %change) {
    my $r = $t->post("/try/$peer", {
        from  => 'box@example.org',
        rcpts => [map { { address => "$_\@example.org" } } @$rcpts],
        body  => $mail, %change });

    return $r->json // { verdict => 'HTTP ' . $r->code };
}

sub verdict ($answer) {
    return join ' ', grep { length } $answer->@{qw(verdict status error)};
}

sub ends ($peer, $rcpt, $want, $what = $rcpt) {
    is verdict(mail($peer, ref $rcpt ? $rcpt : [$rcpt])), $want, $what;
}

sub received ($name) { return $server{$name}->requests }


ends('plain', ['ok', 'second'], 'done 250', 'a mail to two');
my ($got) = received('plain');
is $got->{body}, $mail, 'comes as it is, dots and all';
is $got->{rcpts}, ['ok@example.org', 'second@example.org'], 'to both';
is $got->{from}, 'box@example.org', 'from us';
is $got->{tls}, 0, 'in the clear, as it was asked for';

ends('plain', 'ok', 'done 250', 'another');
my @ids = map { $_->{id} } received('plain');
is $ids[1], $ids[0], 'on the same connection';

# what goes wrong before the end of the mail did not happen
my $before = 'not sent 0';
ends('plain', 'reject',         'done 550');
ends('plain', ['ok', 'reject'], 'done 550', 'one of two is refused');
ends('plain', 'later',          'done 451');
ends('plain', 'hang',           "$before timed out");
ends('plain', 'ok',             'done 250', 'and one that is taken');
ends('plain', 'reset',          "$before the server closed the connection");
ends('plain', 'garbage',        "$before a reply is no SMTP");
ends('plain', 'endless',        "$before a reply is too long");
ends('plain', 'odd',            "$before a reply was not to be expected");
ends('plain', 'ok',             'done 250', 'again');
ends('plain', 'early',          "$before the server speaks out of turn");

# and after it, it may have
my $after = 'unknown 0';
ends('plain', 'spam',   'done 554', 'refused after the mail');
ends('plain', 'lost',   "$after the server closed the connection");
ends('plain', 'silent', "$after timed out");

# a kept connection that the server has left, or leaves when it is used
for my $way ('bye', 'leave') {
    ends('plain', $way, 'done 250');
    my $n = (received('plain'))[-1]{id};
    sleep 0.3;
    ends('plain', 'ok', 'done 250', 'the next mail finds that out');
    ok((received('plain'))[-1]{id} > $n, 'and has another connection');
}

my $count = received('plain');
is verdict(mail('plain', ['ok'], body => "a\r\n.\r\nb\n.\nQUIT\r\n")),
    "$before this is no mail", 'a line feed alone could end a mail early';
is mail('plain', ["a>\r\nRCPT TO:<x"])->{verdict}, 'refused',
    'an address is one line';
is mail('plain', ['a> <b'])->{verdict}, 'refused', 'and one address';
is scalar(received('plain')), $count, 'none of these came';

# TLS
ends('start', 'ok', 'done 250', 'STARTTLS and a password');
($got) = received('start');
is [$got->@{qw(tls user password)}], [1, 'us', 'right'], 'both were used';
ends('wrong', 'ok', 'done 535', 'a wrong password');
ends('login', 'ok', 'done 250', 'AUTH LOGIN');
is [(received('login'))[0]->@{qw(user password)}], ['us', 'right'], 'as well';
ends('smtps', 'ok', 'done 250', 'TLS from the first byte');
ends('smtpsip', 'ok', 'done 250', 'of an address that is in the certificate');
ends('stranger', 'ok', "$before the certificate is not trusted");
ends('blind', 'ok', 'done 250', 'but whoever wants to may trust it');
ends('never', 'ok', "$before the server offers no STARTTLS");
is [received('never')], [], 'no mail went there';

ends('mute', 'ok', "$before timed out", 'a server that says nothing');
ends('full', 'ok', 'done 421', 'one that has no time');
ends('nobody', 'ok', "$before no connection could be made");
is verdict(mail('narrow', ['ok'], body => "\x{e4}\r\n")),
    "$before the server takes 7 bits only", 'eight bits need to be offered';
is verdict(mail('plain', ['ok'], body => "\x{e4}\r\n")), 'done 250',
    'and then go through';
is((received('plain'))[-1]{parameters}, ' BODY=8BITMIME', 'and are told');

is mail('plain', ['hang'], cancel => 50)->{verdict}, 'cancelled',
    'nobody waits';
ok $t->node->quit, 'the worker does not wait either';

$_->stop for values %server;
$t->done;
done_testing;
