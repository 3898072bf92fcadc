package Boxoffice::Provider;

# The mock payment provider of tests: a process of its own, see provider.pl.
#
#     my $provider = Boxoffice::Provider->new($dir, seed => 7);
#     my $t = Boxoffice::Test->new(conf => { gateway => $provider->gateway });
#     $provider->start(map { ... } ...);      # URLs of webhooks

use v5.36;

use Boxoffice::Test::Process ();
use Carp           qw(croak);
use Cwd            ();
use File::Basename qw(dirname);
use Mojo::UserAgent ();

my $script = Cwd::abs_path(dirname(__FILE__) . '/../provider.pl');


sub new ($class, $dir, %o) {
    my $self = bless {
        dir  => $dir, seed => $o{seed} // 1,
        port => Boxoffice::Test::Process::free_port(),
        ua   => Mojo::UserAgent->new(request_timeout => 20),
    }, $class;

    $self->_write('key', 'sk_test_provider');
    $self->_write('secrets', "whsec_of_last_year\nwhsec_provider");
    return $self;
}


sub _write ($self, $name, $text) {
    open my $fh, '>', "$self->{dir}/$name" or croak "$self->{dir}/$name: $!";
    say {$fh} $text;
    close $fh or croak "$name: $!";
    return;
}


# The value of the directive, with what else is given.
sub gateway ($self, @more) {
    return join ' ', 'stripe', "url=http://127.0.0.1:$self->{port}",
        "key_file=$self->{dir}/key", "webhook_secret_file=$self->{dir}/secrets",
        @more;
}


sub start ($self, @hooks) {
    $self->{process} = Boxoffice::Test::Process->start(
        command => [$^X, $script, $self->{port}, "$self->{dir}/ledger",
            $self->{seed}, @hooks],
        log => "$self->{dir}/provider.log");

    Boxoffice::Test::Process::wait_until(sub {
        croak 'the provider has ended: ' . $self->log
            if !$self->{process}->alive;
        return Boxoffice::Test::Process::port_open($self->{port});
    }, 30) or croak 'the provider does not answer';
    return $self;
}


sub port ($self) { return $self->{port} }
sub stop ($self) { return $self->{process} && $self->{process}->stop }


sub log ($self) {
    open my $fh, '<', "$self->{dir}/provider.log" or return '';
    local $/ = undef;
    return scalar <$fh>;
}


sub url ($self, $path) { return "http://127.0.0.1:$self->{port}$path" }


sub pay ($self, $id, $how = 'ok') {
    return $self->{ua}->post($self->url("/test/pay/$id?how=$how"))
        ->result->json;
}


# Money that was promised is taken without our asking.
sub capture ($self, $id) {
    $self->{ua}->post($self->url("/test/capture/$id"))->result;
    return;
}


# Money that goes back without our asking.
sub desk ($self, $id, $amount) {
    $self->{ua}->post($self->url("/test/desk/$id?amount=$amount"))->result;
    return;
}


# Payments of others on the same account, instead of those of before: n, and
# age, size, site, intent_id, order_id, status.
sub others ($self, %q) {
    $self->{ua}->post($self->url('/test/others?'
        . join '&', map { "$_=$q{$_}" } keys %q))->result;
    return;
}


# A payment was made that many seconds ago.
sub age ($self, $id, $seconds) {
    $self->{ua}->post($self->url("/test/age/$id?age=$seconds"))->result;
    return;
}


# Whether refunds fail from now on.
sub failing ($self, $yes) {
    $self->{ua}->post($self->url("/test/failing/$yes"))->result;
    return;
}


# Whether refunds are made without a word from now on, and lists refused.
sub silent ($self, $yes) {
    $self->{ua}->post($self->url("/test/silent/$yes"))->result;
    return;
}


# How much goes wrong, in percent.
sub chaos ($self, $percent) {
    $self->{ua}->post($self->url("/test/chaos/$percent"))->result;
    return;
}


sub ledger ($self) {
    return $self->{ua}->get($self->url('/test/ledger'))->result->json;
}


1;
