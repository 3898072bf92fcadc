# A server of keys that hangs, fails, lies or says too much: no worker waits for
# it, known keys stay good, it is asked within bounds, and /metrics tells.

use v5.36;
use lib 't/lib';

use Boxoffice::Test   ();
use Boxoffice::Tokens qw(slurp spurt);
use Crypt::PK::RSA    ();
use File::Temp        ();
use IO::Socket::INET  ();
use Mojo::JSON        qw(encode_json);
use Test2::V0;
use Time::HiRes       qw(sleep time);

my $dir = File::Temp->newdir('/tmp/bo-jwks-XXXXXXXX');
chmod 0755, "$dir";

my $keys = Boxoffice::Tokens->new("$dir");
my $good = encode_json({ keys => [{ Crypt::PK::RSA->new("$dir/rsa.pub")
    ->export_key_jwk('public', 1)->%*, kid => 'r1' }] });

my %answer = (
    good    => [200, $good],
    500     => [500, $good],
    moved   => [302, $good],
    garbage => [200, "\x00\xff{]" x 50],
    html    => [200, '<html>Please log in</html>'],
    empty   => [200, ''],
    none    => [200, '{"keys":[]}'],
    half    => [200, substr $good, 0, 80],
    private => [200, $good =~ s/"kid"/"d":"AAAA","kid"/r],
    huge    => [200, ' ' x 200_000 . $good],
    deep    => [200, '[' x 20_000],
);

# The server does as the file "mode" says, and notes each request.
my $listener = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1',
    ReuseAddr => 1) or die "listen: $!";
my $port = $listener->sockport;

spurt("$dir/mode", 'good');
spurt("$dir/asked", '');

my $server = fork // die "fork: $!";

if ($server == 0) {
    my @hanging;
    $SIG{PIPE} = 'IGNORE';

    while (my $client = $listener->accept) {
        my $line = <$client>;
        while (defined(my $header = <$client>)) { last if $header eq "\r\n" }

        open my $fh, '>>', "$dir/asked";
        print {$fh} 'x';
        close $fh;

        my $mode = slurp("$dir/mode");

        if ($mode eq 'hang') {
            push @hanging, $client;
            next;
        }

        @hanging = ();
        my ($status, $body) = $answer{$mode}->@*;
        print {$client} "HTTP/1.1 $status X\r\nContent-Type: application/json\r\n",
            'Content-Length: ', length $body, "\r\nLocation: /\r\n",
            "Connection: close\r\n\r\n", $body;
        close $client;
    }

    exit 0;
}

END { kill 'KILL', $server if $server }

my $t = Boxoffice::Test->new(
    workers => 1,
    auth => 'shop',
    conf => {
        auth_jwt  => 'shop issuer=https://id.example audience=shop',
        auth_jwks => "shop http://127.0.0.1:$port/keys refresh=100ms "
            . 'pause=100ms timeout=1s stale=1h',
    },
);
my $n = 0;

sub asked () { return -s "$dir/asked" // 0 }

sub metric ($result) {
    return $t->get('/metrics')->body
        =~ /^boxoffice_keys_fetched_total\{source="shop",result="$result"\} (\d+)$/m
        ? $1 : undef;
}


# A token that nobody has seen, by a key that was fetched; and by one that
# nobody has.
sub known ()   { return ask('r1') }
sub unknown () { return ask('r9') }

sub ask ($kid) {
    my $token = $keys->signed('RS256', $keys->pem('rsa'), { kid => $kid },
        sub => 'u' . ++$n);
    return $t->get('/api/v1/orders',
        headers => { Authorization => "Bearer $token" })->code;
}


$t->wait_until(sub { known() == 200 }, 20, 'keys are fetched');

for my $mode (sort grep { $_ ne 'good' } keys %answer) {
    my $before = metric('failed');

    spurt("$dir/mode", $mode);

    # a token that nobody can verify has it asked sooner than in a second
    $t->wait_until(sub { unknown(); metric('failed') >= $before + 2 }, 30,
        "$mode: counted as failed, again and again");
    is known(), 200, "$mode: known keys stay good";
    is unknown(), 401, "$mode: an unknown one is none";
}

subtest 'a server that hangs' => sub {
    my $failed = metric('failed');
    my $asked  = asked();

    spurt("$dir/mode", 'hang');
    $t->wait_until(sub { unknown(); asked() > $asked }, 20,
        'it has been asked');

    # the only worker has that request open, for a second
    is known(), 200, 'while it hangs, the worker answers' for 1 .. 5;
    $t->wait_until(sub { metric('failed') > $failed }, 30, 'it ends as failed');
    is known(), 200, 'and the keys are as good as before';
};


subtest 'asked within bounds' => sub {
    spurt("$dir/mode", '500');
    $t->wait_until(sub { my $a = asked(); sleep 0.5; asked() > $a }, 20);

    my ($start, $asked) = (time, asked());
    is unknown(), 401, 'a key that nobody has' for 1 .. 30;
    my $seconds = time - $start;

    cmp_ok asked() - $asked, '<=', $seconds / 0.1 + 3,
        'no more often than the pause allows';
};


subtest 'it is back' => sub {
    my $ok = metric('ok');

    spurt("$dir/mode", 'good');
    $t->wait_until(sub { metric('ok') > $ok }, 30, 'fetched again');
    is known(), 200, 'good';
    like $t->get('/metrics')->body,
        qr/^boxoffice_keys_age_seconds\{source="shop"\} \d+$/m, 'their age';
    like $t->get('/metrics')->body, qr/^boxoffice_tokens_verified_total [1-9]/m,
        'tokens are counted';
    like $t->get('/metrics')->body, qr/^boxoffice_tokens_refused_total [1-9]/m,
        'also those that are refused';
};


$t->done;
done_testing;
