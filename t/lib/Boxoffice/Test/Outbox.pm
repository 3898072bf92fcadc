package Boxoffice::Test::Outbox;

# Events of the outbox: written as a state change writes them, read back from a
# stream, and compared: each at least once, none unknown, each aggregate's in
# order.

use v5.36;
use utf8;

use Exporter   qw(import);
use Mojo::JSON qw(decode_json);
use Time::HiRes qw(time);

our @EXPORT_OK = qw(events stream problems write_events wait_handed_on
    pending);

use constant STREAM => 'boxoffice:events';


# All events that the outbox has: id => { aggregate, version, type }.
sub events ($t) {
    return $t->dbh->selectall_hashref('select event_id::text as id,
        aggregate_id::text as aggregate, version, type from outbox', 'id');
}


# The entries of a stream, in order, as hashes.
sub stream ($t, $key = STREAM) {
    return map { +{ $_->[1]->@*, entry => $_->[0] } }
        ($t->redis->xrange($key, '-', '+') // [])->@*;
}


# problems(EVENTS, SEEN): what is wrong with what a sink has got.  SEEN: in the
# order of their arrival, hashes with id, aggregate, version, type.
sub problems ($events, @seen) {
    my (%times, %last, @problems);

    for my $e (@seen) {
        my $known = $events->{ $e->{id} };

        if (!$known) {
            push @problems, "unknown: $e->{id}";
            next;
        }

        for my $name (qw(aggregate version type)) {
            push @problems, "$e->{id}: $name $e->{$name}, not $known->{$name}"
                if $e->{$name} ne $known->{$name};
        }

        # what comes again may come late
        next if $times{ $e->{id} }++;

        my $last = $last{ $e->{aggregate} } // 0;
        push @problems, "$e->{aggregate}: $e->{version} after $last"
            if $e->{version} != $last + 1;
        $last{ $e->{aggregate} } = $e->{version};
    }

    push @problems, map { "missing: $_" } grep { !$times{$_} } keys %$events;
    return @problems;
}


# write_events(T, AGGREGATES, VERSIONS): so many of so many, version by version,
# in transactions of 50; returns the ids of the aggregates.
sub write_events ($t, $aggregates, $versions, %o) {
    my $dbh = $o{dbh} // $t->dbh;
    my @ids = $dbh->selectcol_arrayref('select gen_random_uuid()
        from generate_series(1, ?)', undef, $aggregates)->@*;
    my $type = $o{type} // 'order.created';
    my $size = $o{batch} // 50;

    for my $version (1 .. $versions) {
        for (my $i = 0; $i < @ids; $i += $size) {
            my $last = $i + $size > @ids ? $#ids : $i + $size - 1;

            $dbh->do(q{insert into boxoffice.outbox
                (aggregate_id, version, type, payload, created_at)
                select a, ?, ?, jsonb_build_object('n', n, 'note',
                    'a "quoted" \ text, äöü'), clock_timestamp()
                from unnest(?::uuid[]) with ordinality u(a, n)},
                undef, $version, $type, [@ids[$i .. $last]]);
        }
    }

    return @ids;
}


# How many events nobody has handed on, and how many deliveries are open.
sub pending ($t) {
    return $t->dbh->selectrow_array(q{select
        (select count(*) from outbox where published_at is null),
        (select count(*) from deliveries where status = 'PENDING')});
}


sub wait_handed_on ($t, $seconds = 20, $name = 'all is handed on') {
    return $t->wait_until(sub {
        my @n = pending($t);
        return $n[0] + $n[1] == 0;
    }, $seconds, $name);
}


1;
