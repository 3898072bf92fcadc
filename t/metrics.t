# /metrics: the text format, and counters that move by what was done.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW uuid);
use Boxoffice::Test::Booking
    qw(hold metrics order seatmap try_hold try_order try_pay);

my $t = Boxoffice::Test->new(conf => { hold_ttl => '1s', hold_cap => '20s' });

# Checks the text as promtool does: HELP and TYPE before the samples of a
# family, families in one piece, names and values well-formed, counters named
# _total, buckets that grow.
sub format_errors ($text) {
    my (%type, %help, %done, %seen, %bucket, @errors);
    my $family = '';

    push @errors, 'no newline at the end' if $text !~ /\n\z/;

    for my $line (split /\n/, $text) {
        if ($line =~ /\A# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)\z/) {
            my ($what, $name, $rest) = ($1, $2, $3);

            $done{$family} = 1 if $name ne $family;
            push @errors, "$name comes twice" if $done{$name};
            $family = $name;
            ($what eq 'HELP' ? $help{$name} : $type{$name}) = $rest;
            next;
        }

        my ($name, $labels, $value) = $line =~ /\A
            ([a-zA-Z_:][a-zA-Z0-9_:]*)
            (?:\{((?:[a-z_]+="[^"\\]*",?)*)\})?
            [ ] (-?\d+(?:\.\d+)?)\z/x
            or do { push @errors, "malformed: $line"; next };

        $labels //= '';
        push @errors, "below 0: $line"
            if $value < 0 && ($type{$family} // '') ne 'gauge';
        push @errors, "twice: $line" if $seen{"$name $labels"}++;

        my $base = ($type{$family} // '') eq 'histogram'
            ? $name =~ s/_(?:bucket|sum|count)\z//r : $name;
        push @errors, "$name outside of its family" if $base ne $family;
        push @errors, "$base without HELP" if !$help{$base};
        push @errors, "counter $name without _total"
            if ($type{$base} // '') eq 'counter' && $name !~ /_total\z/;
        push @errors, "$name is no counter"
            if $name =~ /_total\z/ && ($type{$base} // '') ne 'counter';
        push $bucket{$base}->@*, [$labels, $value] if $name =~ /_bucket\z/;
        push $bucket{$base}->@*, ['count', $value]
            if $base ne $name && $name =~ /_count\z/;
    }

    for my $name (grep { $type{$_} !~ /\A(?:counter|gauge|histogram)\z/ }
        keys %type)
    {
        push @errors, "$name has the type $type{$name}";
    }

    for my $name (sort keys %bucket) {
        my @buckets = $bucket{$name}->@*;
        my @le = map { $_->[0] =~ /le="([0-9.]+)"/ ? $1 : () } @buckets;
        my @n  = map { $_->[1] } @buckets;

        push @errors, "$name: bounds do not grow"
            if "@le" ne "@{[sort { $a <=> $b } @le]}";
        push @errors, "$name: buckets shrink"
            if "@n" ne "@{[sort { $a <=> $b } @n]}";
        push @errors, "$name: no +Inf"
            if @buckets < 2 || $buckets[-2][0] ne 'le="+Inf"'
            || $n[-1] != $n[-2];
    }

    return \@errors;
}


# What changed by CODE; counters of time, of jobs, of the stores, of events on
# their way and of what a worker reads when it needs it apart.
sub moved ($code) {
    my $before = metrics($t);
    $code->();
    my $after = metrics($t);

    return { map { $_ => $after->{$_} - $before->{$_} }
        grep { $after->{$_} != $before->{$_}
            && !/_(?:sum|bucket)|upstream|history|seatmaps_refreshed|live|^shows|^outbox|^refunds|^clock/ }
        keys %$after };
}


# jobs may ask before PostgreSQL is there
$t->wait_ready;
my $ready = metrics($t);

subtest 'the format' => sub {
    my $r = $t->get('/metrics');

    is [$r->code, $r->header('content-type')],
        [200, 'text/plain; version=0.0.4'], 'what Prometheus reads';
    is format_errors($r->body), [], 'well-formed, and empty';
    is [grep { /^requests|^holds|^orders/ && metrics($t)->{$_} }
        keys metrics($t)->%*], [], 'nothing was done yet';

    isnt format_errors("# TYPE a_total counter\na_total 1\n"), [],
        'the check finds a missing HELP';
    isnt format_errors("# HELP a x\n# TYPE a counter\na 1\n"), [],
        'and a bad name';
    isnt format_errors("# HELP a x\n# TYPE a histogram\n"
        . qq(a_bucket{le="1.0"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n)
        ), [], 'and buckets that shrink';

    is $t->post('/metrics', undef, key => undef)->code, 405, 'POST';
    is $t->request('HEAD', '/metrics', undef)->body, '', 'HEAD';
};


subtest 'counters' => sub {
    my ($hold, $order, $id);
    my $key = uuid();

    seatmap($t, SHOW);

    my @steps = (
        ['a hold', sub { $hold = try_hold($t, 'ann', SHOW, [qw(A1 A2)],
            key => $key)->json->{holdId} },
            { holds_created_total => 1, hold_seconds_count => 1 }, '2xx'],
        ['its replay', sub { try_hold($t, 'ann', SHOW, [qw(A1 A2)],
            key => $key) },
            { holds_replayed_total => 1, hold_seconds_count => 1 }, '2xx'],
        ['a conflict', sub { try_hold($t, 'bob', SHOW, [qw(A2 A3)]) },
            { holds_conflicts_total => 1, hold_seconds_count => 1 }, '4xx'],
        ['a change', sub { $t->put("/api/v1/holds/$hold",
            { seatIds => [qw(A2 A3)] }, user => 'ann') },
            { holds_changed_total => 1, hold_seconds_count => 1 }, '2xx'],
        ['an order', sub { $order = try_order($t, 'ann', $hold)->json },
            { orders_created_total => 1, order_seconds_count => 1 }, '2xx'],
        ['a refused order', sub { try_order($t, 'ann', uuid()) }, {}, '4xx'],
        ['a payment', sub { try_pay($t, 'ann', $order->{orderId},
            'mock-ok-1') },
            { orders_confirmed_total => 1, confirm_seconds_count => 1 },
            '2xx'],
        ['a cancellation', sub { $t->post(
            "/api/v1/orders/$order->{orderId}/cancel", {}, user => 'ann') },
            { orders_cancelled_total => 1 }, '2xx'],
        ['a seat map', sub { seatmap($t, SHOW) },
            { seatmaps_served_total => 1 }, '2xx'],
    );

    for my $step (@steps) {
        my ($name, $code, $want, $class) = @$step;
        is moved($code), { %$want, "requests_total{status=\"$class\"}" => 1 },
            $name;
    }

    my $second = order($t, 'cat', SHOW, ['B1'])->{orderId};
    is moved(sub { try_pay($t, 'cat', $second, 'mock-declined-1') }),
        { orders_declined_total => 1,
            'requests_total{status="4xx"}' => 1 }, 'a declined payment';

    my $free = hold($t, 'dan', SHOW, ['C1'])->{holdId};
    is moved(sub { $t->del("/api/v1/holds/$free", user => 'dan') }),
        { holds_released_total => 1, 'requests_total{status="2xx"}' => 1 },
        'a release';

    hold($t, 'eve', SHOW, ['C2']);
    my $before = metrics($t)->{holds_expired_total};
    $t->wait_until(sub {
        metrics($t)->{holds_expired_total} == $before + 1 }, 3,
        'a hold that runs out');

    is moved(sub { $t->run_many(10, [map { ['POST', '/api/v1/holds',
        { showId => SHOW, seatIds => ["D$_"] }, user => "u$_"] } 1 .. 10]) }),
        { holds_created_total => 10, hold_seconds_count => 10,
            'requests_total{status="2xx"}' => 10 }, 'ten at once';
};


subtest 'stores' => sub {
    my $m = metrics($t);

    for my $upstream (qw(redis postgres)) {
        my $get = sub ($name) {
            $m->{"upstream_${name}{upstream=\"$upstream\"}"} };
        ok $get->('operations_total') > 0, "$upstream: operations";
        is [map { $get->("${_}_total") } qw(errors unknown)], [0, 0],
            "$upstream: no errors";
        is $get->('refused_total'), $ready->{"upstream_refused_total"
            . "{upstream=\"$upstream\"}"}, "$upstream: nothing refused";
        ok $get->('connects_total') >= 1, "$upstream: connections";
    }

    is format_errors($t->get('/metrics')->body), [], 'still well-formed';
    ok $m->{hold_seconds_sum} > 0 && $m->{hold_seconds_sum} < 5,
        'seconds, not other units';
};


subtest 'after a reload' => sub {
    my $before = metrics($t)->{holds_created_total};
    $t->reload;
    is metrics($t)->{holds_created_total}, $before, 'counters go on';
    $t->kill_worker;
    is metrics($t)->{holds_created_total}, $before,
        'and outlive a worker, too';
};


$t->check_invariants;
$t->done;
done_testing;
