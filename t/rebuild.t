# A show that Redis has lost is rebuilt by one node, which holds a lock there.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW uuid);
use Boxoffice::Test::Booking qw(hold try_hold);
use IO::Socket::INET;
use Mojo::JSON qw(encode_json);
use Time::HiRes qw(sleep);

use constant LOCK => 'rebuild:{' . SHOW . '}';

my $t = Boxoffice::Test->new;
hold($t, 'ann', SHOW, ['A1']);
is $t->redis->get(LOCK), undef, 'the lock is given back';


# Its own lock runs out, and another node has taken it, before it is done.
subtest 'who comes late takes no lock from another' => sub {
    my $other = $t->new_dbh;
    $other->begin_work;
    $other->do('select from shows where show_id = ? for update', undef, SHOW);

    $t->redis->del('version:{' . SHOW . '}');
    my $s = ask('bob', 'A3');
    $t->wait_until(sub { $t->redis->get(LOCK) }, 5, 'it has the lock');
    like $t->redis->set(LOCK, 'of another node', 'PX', 30_000), 'OK',
        'and then another';
    $other->rollback;
    like scalar(<$s>), qr{^HTTP/1.1 \d+}, 'it has done what it could';
    sleep 0.3;
    is $t->redis->get(LOCK), 'of another node', 'whose lock is still there';

    $t->redis->del(LOCK);
    is try_hold($t, 'cat', SHOW, ['A5'])->code, 201, 'all goes on';
};

$t->check_invariants;
$t->done;
done_testing;


# Sends a hold, and leaves its answer to be read.
sub ask ($user, $seat) {
    my $url  = Mojo::URL->new($t->url('/'));
    my $body = encode_json({ showId => SHOW, seatIds => [$seat] });
    my $s    = IO::Socket::INET->new(PeerAddr => $url->host,
        PeerPort => $url->port, Timeout => 5) or die "connect: $!";

    print $s join "\r\n", 'POST /api/v1/holds HTTP/1.1', 'Host: a',
        "x-user-id: $user", 'Idempotency-Key: ' . uuid,
        'Content-Type: application/json', 'Content-Length: ' . length $body,
        '', $body;
    return $s;
}
