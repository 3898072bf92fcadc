package Boxoffice::Test::Receiver;

# A server of others that gets events, and what it has got.

use v5.36;

use Boxoffice::Test::Process ();
use Carp           qw(croak);
use Cwd            ();
use Digest::SHA    qw(hmac_sha256 hmac_sha256_hex sha256_hex);
use Exporter       qw(import);
use File::Basename qw(dirname);
use Mojo::File     qw(path);
use Mojo::JSON     qw(decode_json encode_json);
use Mojo::Parameters ();

our @EXPORT_OK = qw(webhook_signatures aws_signature);

my $root = Cwd::abs_path(dirname(__FILE__) . '/../../../..');


# start(dir => DIRECTORY, name => NAME, cert, key)
sub start ($class, %o) {
    my $self = bless {
        port => Boxoffice::Test::Process::free_port(),
        log  => "$o{dir}/$o{name}.jsonl", options => { %o },
    }, $class;

    path($self->{log})->spurt('');
    $self->set(mode => 'ok');
    return $self->restart;
}


sub restart ($self) {
    my %o = $self->{options}->%*;

    $self->{process} = Boxoffice::Test::Process->start(
        command => [$^X, "$root/t/outbox/receiver.pl", $self->{port},
            $self->{log}, "$self->{log}.control", grep { defined }
            @o{qw(cert key)}],
        log => "$o{dir}/$o{name}.err",
    );

    Boxoffice::Test::Process::wait_until(
        sub { Boxoffice::Test::Process::port_open($self->{port}) }, 20)
        or croak "$o{name} does not answer";

    return $self;
}


sub port   ($self) { return $self->{port} }
sub url    ($self) {
    return ($self->{options}{cert} ? 'https' : 'http')
        . "://127.0.0.1:$self->{port}";
}
sub stop   ($self) { $self->thaw; return $self->{process}->stop('TERM') }
sub kill   ($self) { return $self->{process}->kill_family }
sub freeze ($self) { return $self->{process}->signal('STOP') }
sub thaw   ($self) { return $self->{process}->signal('CONT') }


# set(mode => ..., poison => ..., poisoned => ...): what it does from now on.
sub set ($self, %todo) {
    my $file = path("$self->{log}.control");

    path("$file.new")->spurt(encode_json(\%todo));
    rename "$file.new", $file or croak "$file: $!";
    return;
}


# Every request, in order.
sub requests ($self) {
    return map { decode_json($_) } split /\n/, path($self->{log})->slurp;
}


# The events of requests that were answered well, in order, as problems() of
# Boxoffice::Test::Outbox wants them.
sub taken ($self) {
    return map { $self->_events($_) }
        grep { $_->{mode} =~ /\A(?:ok|slow)\z/ } $self->requests;
}


sub _events ($self, $r) {
    my $poison = $self->{poison};

    return map { _utf8($_->{MessageBody}) } decode_json($r->{body})->{Entries}->@*
        if $r->{headers}{'x-amz-target'};

    return _utf8(Mojo::Parameters->new($r->{body})->param('Message'))
        if $r->{headers}{authorization};

    return decode_json($r->{body});
}


sub _utf8 ($text) { return Mojo::JSON::from_json($text) }


# webhook_signatures(REQUEST, SECRET...): which of the secrets (base64 after
# "whsec_") have signed it, by the text of the convention: v1, base64 of
# HMAC-SHA256 over "id.timestamp.body".
sub webhook_signatures ($r, @secrets) {
    require MIME::Base64;
    my $h    = $r->{headers};
    my %have = map { $_ => 1 } split / /, $h->{'webhook-signature'} // '';

    return map {
        my $key = MIME::Base64::decode_base64(s/\Awhsec_//r);
        my $mac = hmac_sha256("$h->{'webhook-id'}.$h->{'webhook-timestamp'}."
            . $r->{body}, $key);
        $have{ 'v1,' . MIME::Base64::encode_base64($mac, '') } ? 1 : 0;
    } @secrets;
}


# aws_signature(REQUEST, SECRET KEY): the signature that the request should
# have, from its own bytes, by the description of Signature Version 4; and the
# one that it has.
sub aws_signature ($r, $secret) {
    my $h = $r->{headers};
    my ($id, $scope, $signed, $got) = ($h->{authorization} // '') =~ m{
        \AAWS4-HMAC-SHA256[ ]Credential=([^/]+)/([^,]+),[ ]?
        SignedHeaders=([^,]+),[ ]?Signature=([0-9a-f]{64})\z}x
        or return ('', 'malformed: ' . ($h->{authorization} // 'none'), '');
    my ($date, $region, $service) = split m{/}, $scope;
    my ($path, $query) = split /\?/, $r->{path}, 2;

    my $headers = join '', map { "$_:"
        . (($h->{$_} // '') =~ s/\A\s+|\s+\z//gr =~ s/ +/ /gr) . "\n" }
        split /;/, $signed;
    my $request = join "\n", $r->{method}, $path || '/', $query // '',
        $headers, $signed, sha256_hex($r->{body});
    my $string = join "\n", 'AWS4-HMAC-SHA256', $h->{'x-amz-date'}, $scope,
        sha256_hex($request);

    my $key = "AWS4$secret";
    $key = hmac_sha256($_, $key) for $date, $region, $service, 'aws4_request';

    return (hmac_sha256_hex($string, $key), $got, "$id $scope $signed");
}


1;
