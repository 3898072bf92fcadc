package Boxoffice::Test::Mail;

# Servers that take messages: one for mail, one for what goes by HTTP.  Both do
# what they are told to, and keep what they were given.
#
#     my $mail = Boxoffice::Test::Mail->start_smtp("$dir/smtp");
#     $mail->mode('rcpt 451');
#     my @mails = $mail->mails;

use v5.36;

use Boxoffice::Test::Process ();
use Carp           qw(croak);
use File::Basename qw(dirname);
use Mojo::JSON     qw(decode_json);

my $lib = dirname(__FILE__) . '/../..';


# start_smtp(DIRECTORY, [CERTIFICATE, KEY, USER:PASSWORD])
sub start_smtp ($class, $dir, @secrets) {
    return $class->_start($dir, sub ($port) {
        return ('/usr/bin/python3', "$lib/mail-server.py", $port, $dir,
            @secrets);
    });
}


sub start_http ($class, $dir) {
    return $class->_start($dir, sub ($port) {
        return ($^X, "-I$lib", "$lib/message-provider.pl", $port, $dir);
    });
}


sub _start ($class, $dir, $command) {
    my $port = Boxoffice::Test::Process::free_port();
    my $self = bless { dir => $dir, port => $port,
        command => [$command->($port)] }, $class;

    mkdir $dir or croak "$dir: $!";
    return $self->run;
}


sub run ($self) {
    $self->{process} = Boxoffice::Test::Process->start(
        command => $self->{command}, log => "$self->{dir}/server.log");

    Boxoffice::Test::Process::wait_until(
        sub { Boxoffice::Test::Process::port_open($self->{port}) }, 20)
        or croak "$self->{command}[1] does not answer";
    return $self;
}


sub port ($self) { return $self->{port} }
sub stop ($self) { return $self->{process}->stop('KILL') }


# What it does from now on; nothing: it takes what comes.
sub mode ($self, $mode = '') { return $self->_write('mode', $mode) }

sub answer ($self, $answer = '202') { return $self->_write('answer', $answer) }


sub _write ($self, $name, $text) {
    open my $fh, '>', "$self->{dir}/$name.new" or croak "$self->{dir}: $!";
    print {$fh} $text;
    close $fh or croak "$self->{dir}: $!";
    rename "$self->{dir}/$name.new", "$self->{dir}/$name"
        or croak "$self->{dir}: $!";
    return;
}


# Mails for an address, or all, in the order of their arrival.
sub mails ($self, $to = undef) {
    my @mails;

    for my $n (1 .. 10_000) {
        open my $fh, '<', "$self->{dir}/mail-$n.json" or last;
        local $/;
        push @mails, decode_json(<$fh>);
    }

    return grep { !defined $to || $_->{to}[0] eq $to } @mails;
}


# How often a mail was tried.
sub tries ($self) { return scalar $self->_lines('tries') }


# What was asked of the provider, for an address or of all.
sub requests ($self, $to = undef) {
    return grep { !defined $to || $_->{body} =~ /\Q$to\E/ }
        map { decode_json($_) } $self->_lines('requests');
}


sub _lines ($self, $name) {
    open my $fh, '<', "$self->{dir}/$name" or return;
    return <$fh>;
}


1;
