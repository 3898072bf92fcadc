#!/usr/bin/perl
#
# receiver.pl PORT LOG CONTROL [CERT KEY]: a server of others for events.  It
# writes every request into LOG, a line of JSON each, and does what CONTROL
# says at that moment, a file of JSON:
#
#     mode    ok, fail (500), hang (no answer), reset, slow (0.3 s), busy (429)
#     poison  events whose text has this get "poisoned" instead of "mode"
#     poisoned  as mode, or refuse (422)
#
# It answers like SQS where it is asked like SQS; a poisoned entry of a batch
# is "Failed".

use v5.36;

use Mojo::File  qw(path);
use Mojo::IOLoop;
use Mojo::JSON  qw(decode_json encode_json);
use Mojo::Server::Daemon;
use Socket      qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

my ($port, $log, $control, @tls) = @ARGV;

open my $out, '>>', $log or die "$log: $!";
$out->autoflush;

my $listen = (@tls ? 'https' : 'http') . "://127.0.0.1:$port"
    . (@tls ? "?cert=$tls[0]&key=$tls[1]" : '');

my $daemon = Mojo::Server::Daemon->new(listen => [$listen], silent => 1,
    inactivity_timeout => 0, keep_alive_timeout => 3600, max_requests => 1e9);


sub answer ($tx, $code, $body = '', %headers) {
    $tx->res->code($code);
    $tx->res->headers->header($_ => $headers{$_}) for keys %headers;
    $tx->res->body($body);
    $tx->resume;
    return;
}


# An SQS batch: what of it is taken.
sub batch ($entries, $poison) {
    my %bad = map { $_->{Id} => 1 }
        grep { length $poison && $_->{MessageBody} =~ /\Q$poison/ } @$entries;

    return encode_json({
        Successful => [map { +{ Id => $_->{Id}, MessageId => "m$_->{Id}",
            MD5OfMessageBody => '0' x 32 } } grep { !$bad{ $_->{Id} } }
            @$entries],
        Failed => [map { +{ Id => $_->{Id}, SenderFault => \1,
            Code => 'InvalidMessageContents' } } grep { $bad{ $_->{Id} } }
            @$entries],
    });
}


$daemon->unsubscribe('request')->on(request => sub ($daemon, $tx) {
    my $todo   = decode_json(path($control)->slurp);
    my $req    = $tx->req;
    my $body   = $req->body;
    my $poison = $todo->{poison} // '';
    my $target = $req->headers->header('x-amz-target') // '';
    my $is     = length $poison && $body =~ /\Q$poison/;
    my $mode   = $is && !$target ? $todo->{poisoned} : $todo->{mode} // 'ok';

    say {$out} encode_json({
        time => time, mode => $mode, method => $req->method,
        path => $req->url->to_string, body => $body,
        headers => { map { lc $_ => $req->headers->header($_) }
            $req->headers->names->@* },
    });

    return if $mode eq 'hang';

    if ($mode eq 'reset') {
        my $stream = Mojo::IOLoop->stream($tx->connection) or return;
        setsockopt $stream->handle, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
        return $stream->close;
    }

    return answer($tx, 500) if $mode eq 'fail';
    return answer($tx, 422) if $mode eq 'refuse';
    return answer($tx, 429, '', 'Retry-After' => 1) if $mode eq 'busy';

    my $text = $target ? batch(decode_json($body)->{Entries}, $poison) : '{}';

    return answer($tx, 200, $text) if $mode ne 'slow';
    Mojo::IOLoop->timer(0.3 => sub { answer($tx, 200, $text) });
});

$daemon->run;
