# The walk in README.md, word for word: what it shows a newcomer is so.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW);
use Boxoffice::Test::Booking qw(TIME UUID);
use Mojo::JSON qw(decode_json);

# as it is without a word in the configuration
my $t = Boxoffice::Test->new(conf => { orphan_rule => undef });

open my $fh, '<', 'README.md' or die "README.md: $!";
my $readme = do { local $/ = undef; <$fh> };

my ($walk) = $readme =~ /^## A walk with curl\n(.*?)(?=^## |\z)/ms;
ok $walk, 'README.md has the walk' or do { done_testing; exit };

my @steps = $walk =~ /^```sh\n(.*?)^```\n/msg;
is scalar(@steps), 8, 'its steps' or do { done_testing; exit };

# One shell for all steps, as for a reader; a line after each tells where the
# output of the next begins.
my $script = "$t->{dir}/walk.sh";
open my $out, '>', $script or die "$script: $!";
print {$out} map { "$_\nprintf '\\n---\\n'\n" } @steps;
close $out or die "$script: $!";

$ENV{BASE} = $t->url('/') =~ s{/\z}{}r;
my $output = `bash -u -e -o pipefail $script 2>&1`;
is $?, 0, 'the shell is content' or diag $output;

# A step may print several answers, each a JSON object.
my @answers = map { [split /(?<=\})\n?(?=\{)/, $_ =~ s/\A\s+|\s+\z//gr] }
    split /\n---\n/, $output;

sub answer ($step, $n = 0) {
    my $json = eval { decode_json($answers[$step][$n] // '') };
    diag 'step ' . ($step + 1) . ': ' . ($answers[$step][$n] // 'nothing')
        if !$json;
    return $json;
}

is $answers[0], [], 'the preparation says nothing';
like $answers[1][0],
    qr/\A\{"showId":"\Q${\ SHOW}\E","version":\d+\ *,"stale":false,.*
        "statistics":\{"total":300\ *,"available":300/x, 'the seat map';

my $hold = answer(2);
like $hold, {
    holdId => UUID, showId => SHOW, userId => 'ann', seatIds => [qw(A1 A2)],
    quantity => 2, status => 'HELD', createdAt => TIME, expiresAt => TIME,
}, 'the hold';

like answer(3), {
    error => { code => 'seat_held', details => { conflicts => ['A2'] } },
}, 'the conflict';

my $order = answer(4);
like $order, {
    orderId => UUID, holdId => $hold->{holdId}, seatIds => [qw(A1 A2)],
    amount => 30000, currency => 'INR', status => 'PAYMENT_PENDING',
    ticketCode => undef,
}, 'the order';

my $paid = answer(5);
like $paid, {
    orderId => $order->{orderId}, status => 'CONFIRMED', ticketCode => qr/\S/,
    confirmedAt => TIME,
}, 'the payment';
is $answers[6], $answers[5], 'once more: the same answer';

like answer(7), {
    orderId => $order->{orderId}, status => 'CANCELLED',
}, 'the cancellation';
like answer(7, 1), { userId => 'bob', seatIds => [qw(A1 A2)] },
    'the seats are free for another';

is $t->dbh->selectall_arrayref(
    'select payment_id, reason, amount from refunds'),
    [["mock-ok-$order->{orderId}", 'CANCELLED', 30000]],
    'paid once, and the money goes back';

$t->check_invariants;
$t->done;
done_testing;
