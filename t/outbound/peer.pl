#!/usr/bin/perl
#
# peer.pl PORT LOG [CERT KEY]: an HTTP server that does what the path asks for,
# good or bad, and notes each request in LOG as one line of JSON.

use v5.36;

use Mojo::IOLoop;
use Mojo::JSON qw(encode_json);
use Socket     qw(SOL_SOCKET SO_LINGER);

my ($port, $log, $cert, $key) = @ARGV;
my $connections = 0;

sub answer ($stream, $status, $body, @headers) {
    $stream->write(join "\r\n", "HTTP/1.1 $status Whatever", @headers,
        'Content-Length: ' . length $body, '', $body);
}

sub reset_connection ($stream) {
    setsockopt $stream->handle, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    $stream->close;
}

sub flood ($stream, $left) {
    return if $left <= 0 || !$stream->handle;
    $stream->write('x' x 65_536, sub ($s) { flood($s, $left - 65_536) });
}

my %does = (
    ok     => sub ($s, $r, @) { answer($s, 200, '{"ok":true}') },
    echo   => sub ($s, $r, @) { answer($s, 200, $r->{body}) },
    status => sub ($s, $r, $status = 500, @) {
        answer($s, $status, 'no', 'Retry-After: 7', 'X-Twice: one',
            'X-Twice: two');
    },
    moved  => sub ($s, $r, @) {
        answer($s, 302, '', "Location: http://127.0.0.1:$port/elsewhere");
    },
    slow   => sub ($s, $r, $msec = 500, @) {
        Mojo::IOLoop->timer($msec / 1000 => sub { answer($s, 200, 'late') });
    },
    hang   => sub ($s, $r, @) { },
    close  => sub ($s, $r, @) { $s->close },
    reset  => sub ($s, $r, @) { reset_connection($s) },
    half   => sub ($s, $r, @) {
        $s->write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
            sub ($s) { $s->close_gracefully });
    },
    halfhang => sub ($s, $r, @) {
        $s->write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    },
    headers => sub ($s, $r, @) { $s->write("HTTP/1.1 200 OK\r\nX-Half") },
    garbage => sub ($s, $r, @) { $s->write("\0\1\2 no http at all\r\n\r\n") },
    many    => sub ($s, $r, @) {
        answer($s, 200, 'x', map { "X-$_: " . 'y' x 1000 } 1 .. 200);
    },
    large   => sub ($s, $r, $size = 1_000_000, @) { answer($s, 200, 'x' x $size) },
    endless => sub ($s, $r, @) {
        $s->write("HTTP/1.1 200 OK\r\n\r\n");
        flood($s, 100_000_000);
    },
    last    => sub ($s, $r, @) { answer($s, 200, 'bye', 'Connection: close') },
);

sub take ($stream, $id, $buffer) {
    while ($$buffer =~ /\A(\S+) (\S+) HTTP\/1\.1\r\n(.*?)\r\n\r\n/s) {
        my ($method, $path, $head, $size) = ($1, $2, $3, $+[0]);
        my ($length) = $head =~ /^Content-Length: *(\d+)/mi;
        my $end = $size + ($length // 0);

        return if length $$buffer < $end;

        my %request = (method => $method, path => $path, head => $head,
            body => substr($$buffer, $size, $length // 0), connection => $id);
        substr($$buffer, 0, $end, '');

        open my $fh, '>>:raw', $log or die "$log: $!";
        print {$fh} encode_json(\%request) . "\n";
        close $fh;

        my (undef, $what, @rest) = split m{[/?]}, $path;
        my $does = $does{ $what // '' } // sub ($s, @) { answer($s, 404, '') };

        $does->($stream, \%request, @rest);
    }
}

Mojo::IOLoop->server({
    address => '127.0.0.1', port => $port,
    $cert ? (tls => 1, tls_cert => $cert, tls_key => $key) : (),
}, sub ($loop, $stream, $) {
    my $id     = ++$connections;
    my $buffer = '';

    $stream->timeout(0);
    $stream->on(read => sub ($s, $bytes) {
        $buffer .= $bytes;
        take($s, $id, \$buffer);
    });
    $stream->on(error => sub { });
});

Mojo::IOLoop->start;
