#!/usr/bin/perl
#
# mail.pl PORT LOG [CERT KEY]: an SMTP server that does what the name of the
# recipient asks for, good or bad, and notes each mail in LOG as one line of
# JSON.  What it does to everybody is in MAIL: words such as "tls" (from the
# first byte), "notls", "auth", "greeting=554".

use v5.36;

use Mojo::IOLoop;
use Mojo::IOLoop::Stream;
use Mojo::IOLoop::TLS;
use Mojo::JSON  qw(encode_json);
use Mojo::Util  qw(b64_decode);
use Socket      qw(SOL_SOCKET SO_LINGER);

my ($port, $log, $cert, $key) = @ARGV;
my %mode = map { my ($k, $v) = split /=/; $k => $v // 1 }
    split ' ', $ENV{MAIL} // '';
my $connections = 0;

sub say_line ($c, @lines) { $c->{stream}->write(join '', map {"$_\r\n"} @lines) }

sub reset_connection ($c) {
    setsockopt $c->{stream}->handle, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    $c->{stream}->close;
}

# What a recipient may ask for: at RCPT, at DATA, or after the mail.
my %rcpt = (
    reject   => sub ($c) { say_line($c, '550 no such user') },
    later    => sub ($c) { say_line($c, '451 try again') },
    hang     => sub ($c) { },
    reset    => sub ($c) { reset_connection($c) },
    garbage  => sub ($c) { say_line($c, "\0\1 no smtp") },
    endless  => sub ($c) { say_line($c, map { "250-$_" } 1 .. 1000) },
    early    => sub ($c) { say_line($c, '250 ok', '250 and more') },
    odd      => sub ($c) { say_line($c, '334 what') },
);
my %end = (
    spam     => sub ($c) { say_line($c, '554 no') },
    lost     => sub ($c) { $c->{stream}->close },
    silent   => sub ($c) { },
    leave    => sub ($c) { say_line($c, '250 ok'); $c->{leave} = 1 },
    bye      => sub ($c) { say_line($c, '250 ok');
        Mojo::IOLoop->timer(0.05 => sub { $c->{stream}->close }) },
);

sub note ($c) {
    my %mail = map { $_ => $c->{$_} }
        qw(id from rcpts body tls user password parameters);

    open my $fh, '>>:raw', $log or die "$log: $!";
    print {$fh} encode_json(\%mail) . "\n";
    close $fh;
}

sub ehlo ($c) {
    my @offers = ('8BITMIME', 'SMTPUTF8');

    push @offers, 'STARTTLS' if $cert && !$c->{tls} && !$mode{notls};
    push @offers, 'AUTH ' . $mode{auth} =~ tr/,/ /r if $mode{auth} && $c->{tls};
    @offers = grep { !/8BIT/ } @offers if $mode{'7bit'};
    say_line($c, '250-mail', (map {"250-$_"} @offers), '250 SIZE 1000000');
}

sub upgrade ($c) {
    my $stream = $c->{stream};

    $stream->write("220 go\r\n", sub {
        Mojo::IOLoop->next_tick(sub { negotiate($c, $stream->steal_handle) });
    });
}

sub negotiate ($c, $handle) {
    my $tls = $c->{negotiating} = Mojo::IOLoop::TLS->new($handle);

    $tls->on(upgrade => sub ($tls, $handle) {
        $c->{tls} = 1;
        converse($c, $handle);
    });
    $tls->on(error => sub { });
    $tls->negotiate(server => 1, tls_cert => $cert, tls_key => $key);
}

sub login ($c, $user, $password) {
    $c->@{qw(user password)} = ($user, $password);
    say_line($c, $password eq 'right' ? '235 in' : '535 wrong');
}

sub command ($c, $line) {
    return (delete $c->{next})->($line) if $c->{next};

    if ($line =~ /^EHLO /) { ehlo($c) }
    elsif ($line eq 'STARTTLS') { upgrade($c) }
    elsif ($line =~ /^AUTH PLAIN (.+)/) {
        my (undef, $user, $password) = split /\0/, b64_decode($1);
        login($c, $user, $password);
    }
    elsif ($line eq 'AUTH LOGIN') {
        say_line($c, '334 VXNlcm5hbWU6');
        $c->{next} = sub ($user) {
            say_line($c, '334 UGFzc3dvcmQ6');
            $c->{next} = sub ($password) {
                login($c, b64_decode($user), b64_decode($password));
            };
        };
    }
    elsif ($line =~ /^MAIL FROM:<([^>]*)>(.*)/) {
        return $c->{stream}->close if $c->{leave};
        $c->@{qw(from rcpts parameters)} = ($1, [], $2);
        say_line($c, '250 ok');
    }
    elsif ($line =~ /^RCPT TO:<([^>]*)>/) {
        push $c->{rcpts}->@*, $1;
        my ($name) = $1 =~ /^(\w+)/;
        ($rcpt{$name} // sub ($c) { say_line($c, '250 ok') })->($c);
    }
    elsif ($line eq 'DATA') {
        $c->{body} = '';
        say_line($c, '354 go on');
    }
    elsif ($line eq 'QUIT') { say_line($c, '221 bye') }
    else { say_line($c, '500 what') }
}

sub take ($c) {
    while (1) {
        if (defined $c->{body}) {
            $c->{in} =~ s/\A(.*?)^\.\r\n//ms or return;
            $c->{body} = $1 =~ s/^\.//mgr;
            note($c);
            delete $c->{body};
            my ($name) = $c->{rcpts}[0] =~ /^(\w+)/;
            ($end{$name} // sub ($c) { say_line($c, '250 taken') })->($c);
            next;
        }

        $c->{in} =~ s/\A(.*?)\r\n//s or return;
        command($c, $1);
    }
}

sub converse ($c, $handle) {
    my $stream = $c->{stream} = Mojo::IOLoop::Stream->new($handle);

    Mojo::IOLoop->stream($stream);
    $c->{in} = '';
    $stream->timeout(0);
    $stream->on(error => sub { });
    $stream->on(read => sub ($s, $bytes) {
        $c->{in} .= $bytes;
        take($c);
    });
}

Mojo::IOLoop->server({ address => '127.0.0.1', port => $port,
    $mode{tls} ? (tls => 1, tls_cert => $cert, tls_key => $key) : () },
    sub ($loop, $stream, $) {
        my $c = { id => ++$connections, tls => $mode{tls} ? 1 : 0 };

        converse($c, $stream->steal_handle);
        return if $mode{mute};
        say_line($c, $mode{greeting} ? "$mode{greeting} sorry" : '220 mail');
    });

Mojo::IOLoop->start;
