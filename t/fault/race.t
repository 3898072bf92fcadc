# The race for one hall: two nodes, 64 connections, 20,000 attempts of 2,000
# users to hold seats of 300, then everybody who holds orders and confirms,
# twice and on both nodes at once.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW uuid);
use List::Util      qw(first shuffle);
use Time::HiRes     qw(time);

use constant USERS       => 2_000;
use constant ATTEMPTS    => 20_000;
use constant CONNECTIONS => 64;
use constant SEATS       => 300;

my $t = Boxoffice::Test->new(nodes => 2, workers => 1, conf => {
    hold_ttl => '10m', order_ttl => '10m' });

my @labels = map { my $row = $_; map { "$row$_" } 1 .. 20 }
    qw(A B C D E F G H J K L M N P Q);
my %customer = (name => 'Ann', email => 'ann@example.org',
    phone => '+911234567890');

my %codes;      # "POST /holds 201" => count
my %hold;       # user => the last hold that was acknowledged
my $longest = 0;


sub count ($what, $r) {
    $codes{ join ' ', $what, $r->code, $r->error_code // () }++;
    $longest = $r->seconds if $r->seconds > $longest;
    return;
}


sub attempt ($user, @seats) {
    return ['POST', '/api/v1/holds', { showId => SHOW, seatIds => \@seats },
        user => $user, key => uuid(), node => 1 + int rand 2];
}


# A user has one hold: a new one takes the place of the old one.
sub held ($r, $user) {
    count('hold', $r);
    $hold{$user} = $r->json if $r->code == 201 || $r->code == 200;
    return;
}


# --- 20,000 attempts

my @users = map { shuffle map { "user$_" } 1 .. USERS }
    1 .. ATTEMPTS / USERS;
my $start = time;
my %busy;

$t->run_many(CONNECTIONS, sub {
    # of two requests at a time, nobody could tell which was the later one
    my $i    = first { !$busy{$users[$_]} } 0 .. $#users;
    my $user = splice @users, $i // return, 1;

    $busy{$user} = 1;
    return attempt($user, (shuffle @labels)[0 .. int rand 3]);
}, sub ($r, $, $request) {
    my (undef, undef, undef, %o) = @$request;
    delete $busy{$o{user}};
    held($r, $o{user});
});

diag sprintf '%d attempts in %.1f s, longest %.0f ms', ATTEMPTS, time - $start,
    $longest * 1000;


# Seats that a change of mind left free go to users without a hold, one each.

my %taken = map { $_ => 1 } map { $_->{seatIds}->@* } values %hold;
my @free  = grep { !$taken{$_} } @labels;
my @poor  = grep { !$hold{$_} } map { "user$_" } 1 .. USERS;

$t->run_many(CONNECTIONS, [map { attempt($poor[$_], $free[$_]) } 0 .. $#free],
    sub ($r, $i, $) { held($r, $poor[$i]) });

my @held = map { $_->{seatIds}->@* } values %hold;

is scalar(@held), SEATS, 'the holds that users were told of fill the hall';
is [sort @held], [sort @labels], 'and each seat is in one of them';


# --- everybody orders and confirms, twice

# Sends each request twice, to both nodes, at about the same time; "in
# progress" is asked again.  Gives the answers by user.
sub twice ($what, $make) {
    my @todo = map {
        my ($path, $body, $user) = @$_;
        my $key = uuid();
        map { ['POST', $path, $body, user => $user, key => $key, node => $_] }
            1, 2
    } map { $make->($_) } sort keys %hold;
    my $i = 0;
    my %answers;

    $t->run_many(CONNECTIONS, sub { $todo[$i++] }, sub ($r, $, $request) {
        my (undef, undef, undef, %o) = @$request;
        count($what, $r);

        if (($r->error_code // '') eq 'request_in_progress') {
            push @todo, $request;
        } else {
            push $answers{$o{user}}->@*, $r;
        }
    });

    return \%answers;
}


my $orders = twice('order', sub ($user) {
    return ['/api/v1/orders', { holdId => $hold{$user}{holdId},
        paymentMethod => 'UPI', customer => \%customer }, $user];
});

is [grep { $_->code != 201 } map { @$_ } values %$orders], [],
    'every hold becomes an order';
is [grep { $_->[0]->body ne $_->[1]->body } values %$orders], [],
    'the same key has the same answer';

my $confirmed = twice('confirm', sub ($user) {
    my $order = $orders->{$user}[0]->json;
    return ["/api/v1/orders/$order->{orderId}/confirm-payment",
        { paymentId => "mock-ok-$order->{orderId}" }, $user];
});

is [grep { $_->code != 200 } map { @$_ } values %$confirmed], [],
    'every order is confirmed';
is [grep { $_->[0]->body ne $_->[1]->body } values %$confirmed], [],
    'and confirmed again, with the same answer';


# --- what is true afterwards

my @sold = map { $_->[0]->json->{seatIds}->@* } values %$confirmed;

is [sort @sold], [sort @labels], 'each seat was sold exactly once';
is $t->dbh->selectall_arrayref('select status, count(*),
    sum(cardinality(seat_nos)) from orders group by status'),
    [['CONFIRMED', scalar keys %hold, SEATS]], 'PostgreSQL has these orders';
is $t->dbh->selectrow_array('select count(*) from seat_claims where show_id = ?',
    undef, SHOW), SEATS, 'and a claim for each seat';
$t->check_invariants;

is [grep { /^\w+ (?:0|5\d\d)\b/ } keys %codes], [], 'no request failed';
diag "$_: $codes{$_}" for sort keys %codes;

for my $node (1, 2) {
    $t->wait_until(sub {
        my $r = $t->get('/api/v1/shows/' . SHOW . '/seatmap', node => $node);
        return $r->code == 200 && $r->json->{statistics}{booked} == SEATS;
    }, 3, "the seat map of node $node shows it within 3 s");
}
is [$t->redis->keys('seat_lock:*')], [], 'no lock is left';

$t->done;
done_testing;
