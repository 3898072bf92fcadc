# Money that does not fit what it was paid for: an administrator sees it, and
# decides; over the wire, from the webhook to the refund at the provider and
# the seat on the map.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Doubt    ();
use Boxoffice::Provider ();
use Boxoffice::Test qw(SHOW uuid);
use Boxoffice::Test::Booking qw(seat_states);
use File::Temp ();

use constant LIST => '/api/v1/admin/quarantine';

my $dir      = File::Temp->newdir;
my $provider = Boxoffice::Provider->new("$dir");

my $t = Boxoffice::Test->new(conf => { order_ttl => '60s',
    gateway => [$provider->gateway('check=60s', 'compare=1h', 'timeout=5s')] });

$provider->start('http://127.0.0.1:9/nobody');
$t->allow_log(qr/a gateway says what does not fit/);

my %root = (user => 'root', headers => { 'x-user-role' => 'ADMIN' });


sub value ($sql, @bind) {
    return ($t->dbh->selectrow_array($sql, undef, @bind))[0];
}


sub payable () { return Boxoffice::Doubt::payable($t, $provider) }

sub say_of ($p, %more) { return Boxoffice::Doubt::say_of($t, $p, %more) }


sub cases (%query) {
    my $query = join '&', map { "$_=$query{$_}" } sort keys %query;
    my $r = $t->get(LIST . ($query ? "?$query" : ''), %root);
    die $r->code . $r->body if $r->code != 200;
    return $r->json;
}


sub case_of ($p, %query) {
    return (grep { $_->{paymentId} eq $p->{paymentId} }
        cases(limit => 100, %query)->{items}->@*)[0];
}


sub decide ($case, $what, $body = {}, %o) {
    return $t->post(LIST . '/' . (ref $case ? $case->{caseId} : $case)
        . "/$what", $body, key => undef, %root, %o);
}


sub status_of ($p) {
    return value('select status from orders where order_id = ?', $p->{orderId});
}


subtest 'who may' => sub {
    is $t->get(LIST, user => 'ann')->code, 403, 'no customer';
    is $t->get(LIST)->code, 401, 'nobody';
    is decide(uuid(), 'refund', {}, headers => {})->code, 403, 'nor decide';
    is cases()->{items}, [], 'nothing yet';
    is decide(uuid(), 'refund')->code, 404, 'no such case';
    is $t->get(LIST . '?status=x', %root)->code, 400, 'no such status';
    is $t->get(LIST . '/' . uuid(), %root)->code, 404, 'cases are in lists';
};


subtest 'it goes back' => sub {
    my $p = payable();
    is say_of($p, amount => 9000), 'quarantined', 'another amount';
    is say_of($p, amount => 9000), 'quarantined', 'told again';

    my $case = case_of($p);
    like $case, { gateway => 'stripe', kind => 'CAPTURED', why => 'AMOUNT',
        amount => 9000, currency => 'INR', refundable => 9000,
        status => 'OPEN', decision => undef, decidedBy => undef,
        openedAt => qr/\A\d{4}-.*Z\z/, order => { orderId => $p->{orderId},
        userId => $p->{user}, amount => $p->{amount}, seatIds => $p->{seatIds},
        status => 'PAYMENT_PENDING' } }, 'a case';
    is scalar(grep { $_->{paymentId} eq $p->{paymentId} }
        cases()->{items}->@*), 1, 'one';

    is decide($case, 'dismiss', { note => 'x' })->json->{error}{details},
        { reason => 'money' }, 'money is not dismissed';
    is decide($case, 'dismiss')->code, 400, 'nor anything without a reason';
    is decide($case, 'refund', { note => '' })->code, 400, 'an empty note';
    is decide($case, 'refund', { amount => 1 })->code, 400, 'no amount of yours';
    is decide($case, 'keep')->code, 404, 'no such decision';
    is decide($case, 'match', { orderId => uuid() })->code, 404, 'no order';
    is decide($case, 'match', { orderId => 'x' })->code, 400, 'no id';

    my $r = decide($case, 'refund', { note => 'paid too little, called' });
    is [$r->code, $r->json->@{qw(status decision decidedBy note refundable)}],
        [200, 'DECIDED', 'REFUND', 'root', 'paid too little, called', 0],
        'decided';
    is decide($case, 'refund')->json->{decision}, 'REFUND', 'again: the same';
    is decide($case, 'match', { orderId => $p->{orderId} })
        ->json->{error}{details}, { reason => 'other' }, 'otherwise: too late';
    $t->wait_until(sub { (value('select status from refunds
        where payment_id = ?', $p->{paymentId}) // '') eq 'DONE' }, 30,
        'it is given back');
    is [map { $_->{amount} } grep { $_->{payment_intent} eq $p->{paymentId} }
        $provider->ledger->{refunds}->@*], [9000],
        'by the provider, once';
    is case_of($p), undef, 'it is open no more';
    is case_of($p, status => 'DECIDED')->{note}, 'paid too little, called',
        'it stays among those that were decided';
    is value(q{select count(*) from admin_audit where who = 'root'
        and action = 'refund' and object_id = ?}, $case->{caseId}), 1,
        'and in the audit';
    is status_of($p), 'PAYMENT_PENDING', 'the order waits';
    is $t->post("/api/v1/orders/$p->{orderId}/pay", {}, user => $p->{user})
        ->code, 200, 'for another payment';
};


subtest 'it pays an order' => sub {
    my $p = payable();
    say_of($p, amount => $p->{amount} + 5000);
    my $case = case_of($p);
    my $r = decide($case, 'match', { orderId => $p->{orderId} });

    is [$r->code, $r->json->@{qw(decision matchedOrderId)},
        $r->json->{order}{status}], [200, 'MATCH', $p->{orderId}, 'CONFIRMED'],
        'the one it was for';
    is status_of($p), 'CONFIRMED', 'it is paid';
    $t->wait_until(sub { "@{ seat_states($t, SHOW, $p->{seatIds}->@*) }"
        eq 'BOOKED' }, 10, 'its seat is sold');
    is $t->get("/api/v1/orders/$p->{orderId}", user => $p->{user})
        ->json->{status}, 'CONFIRMED', 'the customer sees it';
    is value('select amount from refunds where payment_id = ?',
        $p->{paymentId}), 5000, 'what is more goes back';
    is decide($case, 'match', { orderId => $p->{orderId} })->code, 200,
        'again: the same';

    my ($named, $meant) = (payable(), payable());
    say_of($named, order => $meant->{orderId});
    is case_of($named)->{why}, 'ORDER', 'it named another order';
    is decide(case_of($named), 'match', { orderId => $p->{orderId} })
        ->json->{error}{details}, { reason => 'ended' }, 'not one that is paid';
    is decide(case_of($named), 'match', { orderId => $meant->{orderId} })
        ->json->{matchedOrderId}, $meant->{orderId}, 'that one has it';
    is [status_of($named), status_of($meant)], ['PAYMENT_PENDING',
        'CONFIRMED'], 'and only that';

    my $less = payable();
    say_of($less, amount => 1);
    is decide(case_of($less), 'match', { orderId => $less->{orderId} })
        ->json->{error}{details}, { reason => 'short' }, 'not enough';
};


subtest 'it comes too late for what was ordered' => sub {
    my ($broken, $whole) = (payable(), payable());
    my $seats = "/api/v1/admin/shows/${\SHOW}/seats";
    my %any   = (%root, headers => { $root{headers}->%*, 'If-Match' => '*' });

    say_of($_, amount => $_->{amount} + 1) for $broken, $whole;
    $t->dbh->do(q{update orders set expires_at = now() - interval '1 s'
        where order_id = ?}, undef, $_->{orderId}) for $broken, $whole;
    $t->wait_until(sub { status_of($broken) eq 'EXPIRED'
        && status_of($whole) eq 'EXPIRED' }, 30, 'the orders are over');

    my $r = $t->put($seats, { broken => $broken->{seatIds} }, %any);
    is $r->code, 200, 'a seat breaks' or diag $r->body;
    is decide(case_of($broken), 'match', { orderId => $broken->{orderId} })
        ->json->{error}{details}, { reason => 'seats_gone' },
        'nobody is put on it';
    is status_of($broken), 'EXPIRED', 'the order stays as it is';
    is decide(case_of($broken), 'refund')->code, 200, 'the money goes back';
    is decide(case_of($whole), 'match', { orderId => $whole->{orderId} })
        ->json->{order}{status}, 'CONFIRMED', 'another seat is whole';
    $t->put($seats, { normal => $broken->{seatIds} }, %any);
};


subtest 'ten at once' => sub {
    my $p = payable();
    say_of($p, amount => $p->{amount} + 1);
    my $case = case_of($p);
    my @r = $t->run_many(10, [map { ['POST', LIST . "/$case->{caseId}/"
        . ($_ % 2 ? 'refund' : 'match'), $_ % 2 ? {} :
        { orderId => $p->{orderId} }, key => undef, %root] } 1 .. 10])->@*;
    my %codes;
    $codes{ $_->code }++ for @r;

    is \%codes, { 200 => 5, 409 => 5 }, 'one decision stands';
    is value('select count(*) from refunds where payment_id = ?',
        $p->{paymentId}), 1, 'one refund, of all or of what was too much';
};


subtest 'pages' => sub {
    my @all = cases(status => 'DECIDED', limit => 100)->{items}->@*;
    my ($cursor, @paged);

    do {
        my $page = cases(status => 'DECIDED', limit => 2,
            $cursor ? (cursor => $cursor) : ());
        push @paged, $page->{items}->@*;
        $cursor = $page->{nextCursor};
    } while $cursor && @paged < 50;

    is [map { $_->{caseId} } @paged], [map { $_->{caseId} } @all],
        'page by page, the same';
    ok @all >= 4, 'there are some';
};


$t->check_invariants;
$t->done;
$provider->stop;
done_testing;
