# The outbound client over the wire: every answer a server may give or not
# give, and what each of them is called.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Outbound qw(try_module);
use Boxoffice::Test     ();
use File::Temp          ();

my $dir = File::Temp->newdir('/tmp/bo-outbound-XXXXXXXX');
chmod 0755, $dir;

my $peer = Boxoffice::Outbound->start(dir => $dir, name => 'plain');
my $url  = 'http://127.0.0.1:' . $peer->port;

my $t = Boxoffice::Test->new(
    workers      => 1,
    main_extra   => 'load_module ' . try_module($dir) . ';',
    server_extra => 'location /try/ { try; }',
    http_extra   => "try_peer plain $url timeout=2s;\n",
);

# What the handler of an operation was called with.
sub try_it ($name, %request) {
    my $r = $t->post("/try/$name", { method => 'POST', %request });

    return $r->json // { verdict => 'HTTP ' . $r->code };
}

sub verdict ($answer) { return "$answer->{verdict} $answer->{status}" }


my $a = try_it('plain', path => '/echo', body => 'hello');
is verdict($a), 'done 200', 'an answer';
is $a->{body}, 'hello', 'with its body';
is $a->{error}, '', 'and no error';

$a = try_it('plain', path => '/status/503', want => 'x-twice');
is verdict($a), 'done 503', 'an error of the server is an answer';
is $a->{retryAfter}, 7, 'Retry-After is read';
is $a->{header}, 'two', 'of two headers the last';

is verdict(try_it('plain', path => '/moved')), 'done 302',
    'a redirect is not followed';
is verdict(try_it('plain', path => '/half', method => 'GET')), 'unknown 200',
    'half an answer is none';

my @seen = map { "$_->{method} $_->{path}" } $peer->requests;
is \@seen, ['POST /echo', 'POST /status/503', 'POST /moved', 'GET /half'],
    'each has been sent once';

$peer->stop;
$t->done;
done_testing;
