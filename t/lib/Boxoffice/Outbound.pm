package Boxoffice::Outbound;

# What tests of the outbound client have in common: the small module that lets
# a test drive it, and servers of others that behave in every way they should
# not.

use v5.36;

use Boxoffice::Test::Process ();
use Carp           qw(croak);
use Cwd            ();
use Exporter       qw(import);
use File::Basename qw(dirname);
use Mojo::JSON     qw(decode_json);

our @EXPORT_OK = qw(try_module certificate);

my $root = Cwd::abs_path(dirname(__FILE__) . '/../../..');


# Builds t/outbound/ngx_http_bo_try_module.c as the module under test was
# built, sanitizers included, into DIRECTORY, and returns the path.
sub try_module ($dir) {
    my $module = $ENV{BOXOFFICE_MODULE}
        // "$root/build/release/ngx_http_boxoffice_module.so";
    my $out  = dirname($module);
    my $file = "$dir/ngx_http_bo_try_module.so";
    my $make = <<~"END";
        include $out/objs/Makefile
        try:
        \t\@\$(CC) \$(CFLAGS) \$(ALL_INCS) -I$out/objs/boxoffice -I$root/src \\
        \t    -I/usr/include/postgresql -shared -fPIC -o $file \\
        \t    $root/t/outbound/ngx_http_bo_try_module.c -ljansson
        END

    open my $fh, '|-', "cd $out/tree && make -s -f - try 2>&1 >&2"
        or croak "make: $!";
    print {$fh} $make;
    close $fh or croak 'the test module could not be built';

    return $file;
}


# certificate(DIRECTORY, NAME...): a new key and a certificate of these names
# that signs itself; the paths of both.
sub certificate ($dir, @names) {
    my $alt = join ',', map { (/\A[\d.]+\z/ ? 'IP:' : 'DNS:') . $_ } @names;
    my ($cert, $key) = map { "$dir/$names[0].$_" } qw(crt key);

    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
        . "-nodes -days 2 -keyout $key -out $cert -subj /CN=$names[0] "
        . "-addext subjectAltName=$alt 2>/dev/null") == 0
        or croak 'openssl req';
    chmod 0644, $cert, $key;

    return ($cert, $key);
}


# start(dir => DIRECTORY, name => NAME, cert, key, program => 'peer.pl'): a
# server that does what each request asks for by its path; see t/outbound/.
sub start ($class, %o) {
    my $self = bless {
        port => $o{port} // Boxoffice::Test::Process::free_port(),
        log  => "$o{dir}/$o{name}.jsonl",
        options => { %o },
    }, $class;

    return $self->restart;
}


sub restart ($self) {
    my %o = $self->{options}->%*;

    $self->{process} = Boxoffice::Test::Process->start(
        command => [$^X, "$root/t/outbound/" . ($o{program} // 'peer.pl'),
            $self->{port}, $self->{log}, grep { defined } @o{qw(cert key)}],
        env => $o{env} // {},
        log => "$o{dir}/$o{name}.err",
    );

    Boxoffice::Test::Process::wait_until(
        sub { Boxoffice::Test::Process::port_open($self->{port}) }, 20)
        or croak "$o{name} does not answer";

    return $self;
}


sub port ($self) { return $self->{port} }
sub stop ($self) { return $self->{process}->stop('KILL') }
sub pid  ($self) { return $self->{process}->pid }

sub signal ($self, $signal) { return $self->{process}->signal($signal) }


# All requests that have come in so far, as objects.
sub requests ($self) {
    open my $fh, '<:raw', $self->{log} or return ();
    return map { decode_json($_) } <$fh>;
}


1;
