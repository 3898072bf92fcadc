# Between an administrator's change of a show, which PostgreSQL has, and the
# script that takes Redis over to it (lua/renew.lua): Redis loses everything, or
# the node dies before it has told it.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Mojo::File               qw(path);
use Boxoffice::Test          qw(SMALL_SHOW);
use Boxoffice::Test::Booking qw(hold order pay try_hold try_order);
use Boxoffice::Test::Stream ();

my $t = Boxoffice::Test->new(nodes => 2, workers => 2);
my $seats = '/api/v1/admin/shows/' . SMALL_SHOW . '/seats';


# A node that has just lost the show may say "not now", never what is wrong.
sub states ($node) {
    my $r = $t->definite(sub { $t->get(
        '/api/v1/shows/' . SMALL_SHOW . '/seatmap', node => $node) }, 10);

    $r->code == 200 or die 'no seat map: ', $r->body;
    return { map { $_->{seatId} => $_->{status} } $r->json->{seats}->@* };
}


sub breaks (@labels) {
    my $r = $t->put($seats, { broken => \@labels }, user => 'root',
        headers => { 'x-user-role' => 'ADMIN', 'If-Match' => '*' });
    is $r->code, 200, "@labels broken" or diag $r->body;
    return;
}


pay($t, 'ann', order($t, 'ann', SMALL_SHOW, ['A1', 'A2'])->{orderId});
states($_) for 1, 2;


# The script finds nothing: it must not make a show of what it was given, in
# which all that is sold were free.
subtest 'Redis has lost the show' => sub {
    for my $seat (qw(B1 B2 B3)) {
        $t->redis->flushall;
        breaks($seat);

        for my $node (1, 2) {
            $t->wait_until(sub { states($node)->{$seat} eq 'UNAVAILABLE' },
                10, "$seat is seen on node $node");
            isnt states($node)->{A1}, 'AVAILABLE', 'what is sold is sold';
        }
        is $t->definite(sub { try_hold($t, 'bob', SMALL_SHOW, ['A1'],
            node => 2) }, 10)->code, 409, 'and cannot be held';
    }
};


# A change that PostgreSQL has, and nobody has told Redis of.
sub changes ($json) {
    is $t->dbh->selectrow_array(q{select outcome from admin_write('root', null,
        null, 'seats', 'show', ?, null, ?)}, undef, SMALL_SHOW, $json),
        'changed', "$json in PostgreSQL";
    return;
}


# As a node that died between the commit and the script.
subtest 'nobody has told Redis' => sub {
    my $lost = hold($t, 'bob', SMALL_SHOW, ['C1', 'C5']);
    my $kept = hold($t, 'eve', SMALL_SHOW, ['C3', 'C4']);

    changes('{"broken":["C1"]}');
    ok try_order($t, 'bob', $lost->{holdId})->code >= 400,
        'who holds it cannot order it';
    is $t->dbh->selectrow_array(q{select count(*) from seat_claims c
        join layout_seats l on l.seat_no = c.seat_no
        join shows s on s.show_id = c.show_id and s.layout_id = l.layout_id
        where c.show_id = ? and l.label = 'C1'}, undef, SMALL_SHOW), 0,
        'nobody has it';

    $t->wait_until(sub {
        my $r = try_hold($t, 'cat', SMALL_SHOW, ['D1'], node => 2);
        return $r->code == 201
            && try_order($t, 'cat', $r->json->{holdId}, node => 2)->code
               == 201;
    }, 20, 'the next who comes brings Redis up to it, and buys');
    for my $node (1, 2) {
        $t->wait_until(sub { states($node)->{C1} eq 'UNAVAILABLE' }, 20,
            "node $node shows it");
    }
    is try_hold($t, 'dan', SMALL_SHOW, ['C1'], node => $_)->code, 409,
        "nor is it held on node $_" for 1, 2;
    is [states(2)->@{qw(C3 C4)}], ['HELD', 'HELD'], 'what others hold, they do';
    is $t->del("/api/v1/holds/$lost->{holdId}", user => 'bob')->code, 204,
        'who has lost a seat can give back the other';
    $t->wait_until(sub { states(1)->{C5} eq 'AVAILABLE' }, 2, 'which is free');
    is try_order($t, 'eve', $kept->{holdId}, node => 2)->code, 201,
        'and can order';
};


# A worker that comes to know the show as it is now, before Redis does: it was
# started after the commit.
subtest 'a worker that is new' => sub {
    my $kept = hold($t, 'fay', SMALL_SHOW, ['D3', 'D4']);

    changes('{"broken":["C2"]}');
    $t->reload(node => 2);
    $t->wait_until(sub { states(2)->{C2} eq 'UNAVAILABLE' }, 5, 'it knows');
    is [states(2)->@{qw(D3 D4)}], ['HELD', 'HELD'],
        'and takes over what people hold';
    is try_order($t, 'fay', $kept->{holdId})->code, 201, 'who can order it';

    my $old = hold($t, 'gil', SMALL_SHOW, ['E3']);
    $t->dbh->do('select next_epoch(?)', undef, SMALL_SHOW);
    $t->reload(node => 2);
    $t->wait_until(sub { states(2)->{E3} eq 'AVAILABLE' }, 5,
        'but not what a rebuild has given up');
};


# A worker that was held up between what it read and the script, until Redis had
# come further.
subtest 'a script that is late' => sub {
    my @of  = map { $_ . '{' . SMALL_SHOW . '}' }
        qw(version: state: hold: expiry: seat_lock:);
    my $lua = path('lua/renew.lua')->slurp;
    my ($epoch, $fresh, $shut) = $t->dbh->selectrow_array(
        'select epoch, fresh_epoch, shut from show_renewal(?)', undef,
        SMALL_SHOW);
    my @shut  = split /,/, $shut;
    my $renew = sub ($to, $from) { $t->redis->eval($lua, 4, @of[0 .. 3],
        $to * 1e9, $from * 1e9, "$of[4]:", 2e12, scalar @shut, @shut) };

    my $mended = $t->put($seats, { normal => ['C1', 'C2'] }, user => 'root',
        headers => { 'x-user-role' => 'ADMIN', 'If-Match' => '*' });
    is $mended->code, 200, 'mended' or diag $mended->body;
    $t->wait_until(sub { states($_)->{C1} eq 'AVAILABLE' }, 10,
        "node $_ shows it") for 1, 2;

    my $version = $t->redis->get($of[0]);
    is $renew->($epoch, $fresh)->[0], -1, 'it comes too late';
    is $renew->($epoch + 1, $fresh), [0], 'once is enough';
    is $t->redis->get($of[0]), $version, 'nothing has moved';
    is states(1)->{C1}, 'AVAILABLE', 'and nothing is closed';
};


# As a standby that was promoted without the last commits: workers know of an
# epoch that it does not have.
subtest 'PostgreSQL was set back' => sub {
    my ($epoch) = $t->dbh->selectrow_array('update shows set epoch = epoch - 1,
        fresh_epoch = epoch - 1 where show_id = ? returning epoch', undef,
        SMALL_SHOW);

    $t->redis->set('version:{' . SMALL_SHOW . '}', $epoch * 1e9);
    is try_hold($t, 'hal', SMALL_SHOW, ["F$_"], node => 1 + $_ % 2)->code, 201,
        "hold $_" for 1 .. 4;
};


# Whoever looks on is told that the layout is another, even when the seats were
# told in between, by a worker that had not heard of it yet.
subtest 'those who look on' => sub {
    my @streams = map { Boxoffice::Test::Stream->new($t, SMALL_SHOW,
        node => $_ % 2 + 1) } 1 .. 4;

    for my $n (1 .. 12) {
        breaks('B' . ($n % 4 + 1), 'C1');
        my $revision = $t->get('/api/v1/shows/' . SMALL_SHOW . '/layout')
            ->json->{revision};

        for my $k (0 .. $#streams) {
            ok $streams[$k]->until(
                sub ($s) { ($s->{revision} // 0) >= $revision }, 5),
                "change $n: the one at stream $k is told";
        }
    }
};


$t->check_invariants;
$t->done;
done_testing;
