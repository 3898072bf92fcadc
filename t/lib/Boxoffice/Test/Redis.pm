package Boxoffice::Test::Redis;

# A redis-server of a test: nothing evicted, and nothing saved, unless it has an
# append-only file.

use v5.36;

use Boxoffice::Test::Process ();
use Carp   qw(croak);
use Redis  ();


# start(dir => DIRECTORY, append => appendfsync of an append-only file,
#       env => {...})
sub start ($class, %o) {
    my $self = bless {
        dir  => $o{dir},
        append => $o{append},
        env  => $o{env},
        port => Boxoffice::Test::Process::free_port(),
    }, $class;

    $self->run;
    return $self;
}


# Starts the server, also again after stop or kill: empty, without its file.
sub run ($self) {
    my @append = $self->{append}
        ? ('yes', '--appendfsync', $self->{append}) : 'no';

    $self->{process} = Boxoffice::Test::Process->start(
        command => ['redis-server', '--bind', '127.0.0.1',
            '--port', $self->{port}, '--save', '', '--appendonly', @append,
            '--maxmemory-policy', 'noeviction', '--dir', $self->{dir},
            '--logfile', "$self->{dir}/redis.log"],
        log => "$self->{dir}/redis.out",
        env => $self->{env},
    );

    Boxoffice::Test::Process::wait_until(sub {
        croak 'redis-server has ended' if !$self->{process}->alive;
        return eval { $self->connect->ping eq 'PONG' };
    }, 10) or croak 'redis-server does not answer';

    return;
}


# A read that takes longer than that raises an error: 5 s, in tests of a server
# that is stopped less.
sub connect ($self, $seconds = 5) {
    return Redis->new(server => "127.0.0.1:$self->{port}", encoding => undef,
        cnx_timeout => 1, read_timeout => $seconds);
}


sub url     ($self) { return "redis://127.0.0.1:$self->{port}" }
sub port    ($self) { return $self->{port} }
sub process ($self) { return $self->{process} }

sub stop   ($self) { $self->thaw; return $self->{process}->stop('TERM') }
sub kill   ($self) { return $self->{process}->kill_family }
sub freeze ($self) { return $self->{process}->signal('STOP') }
sub thaw   ($self) { return $self->{process}->signal('CONT') }


1;
