# The lobby and its draw: nobody is let in before, the order is drawn when it
# opens, all nodes agree on it, and the checker confirms an honest one and
# catches every other.
#
# Runs alone: it measures when people come in.

use v5.36;
use lib 't/lib';

use Boxoffice::Queue;
use Boxoffice::Room;
use Boxoffice::Test;
use Digest::SHA qw(sha256_hex);
use File::Temp  ();
use Mojo::JSON  qw(encode_json);
use POSIX       qw(strftime);
use Test2::V0;
use Time::HiRes qw(sleep time);

my $t = Boxoffice::Test->new(
    nodes => 2,
    conf  => { waiting_room_zone => 'premiere:4m rate=200/s abandon=5s' },
);

my $room = Boxoffice::Room->new($t);

sub draw ($n = 1) { return $t->get($room->path . '/draw', node => $n)->json }

# All pages.
sub places ($n = 1) {
    my (@items, $page);
    my $from = 0;

    do {
        $page = $t->get($room->path . "/draw/places?from=$from", node => $n)->json;
        push @items, $page->{items}->@*;
        $from = $page->{nextFrom};
    } while (defined $from);

    return @items;
}


sub check_draw (@arguments) {
    my $output = `timeout 60 $^X tools/check-draw @arguments 2>&1`;
    return ($? >> 8, $output);
}

sub gathered ($people, %set) {
    my $q = Boxoffice::Queue->new(test => $t, room => 'premiere',
        people => $people);

    $room->set(phase => 'PAUSED', newSale => \1);
    $t->wait_until(sub { $room->now($_)->{phase} eq 'PAUSED' }, 3, 'paused')
        for 1, 2;
    $room->set(phase => 'LOBBY', %set);
    $t->wait_until(sub { $room->now($_)->{phase} eq 'LOBBY' && $room->now($_)->{ready} },
        3, "node $_ has a lobby") for 1, 2;
    $q->join;
    sleep 0.4;
    return $q;
}


$room->wait_ready;

my $q      = gathered(400);
my %joined = map { $_ => $q->{number}{$_} } $q->people;
my $commitment = draw->{commitment};

subtest 'before' => sub {
    like $commitment, qr/^[0-9a-f]{64}$/, 'a commitment';
    is draw(2)->{commitment}, $commitment, 'the same everywhere';
    is draw->{seed}, undef, 'and no seed';
    is $room->now->{admitted}, 0, 'nobody is in';
    is $room->now->{waiting}, 400, 'all wait' or diag $room->now->{waiting};

    my $r = $room->join('p1')->json;

    is $r->{position}, undef, 'there is no position yet';
    is $r->{number}, $joined{p1}, 'one place';
    my ($status, $output) = check_draw($t->url($room->path));
    is $status, 1, 'the checker says so, too';
    like $output, qr/nothing was drawn/, 'why';
};

my ($before, @order);

subtest 'the opening' => sub {
    $room->set(phase => 'OPEN');
    $t->wait_until(sub { draw($_)->{seed} }, 3, "node $_ has the draw")
        for 1, 2;
    is draw(2), draw(1), 'the same draw';
    is sha256_hex(draw->{seed}), $commitment, 'of the seed committed to';
    is [places(2)], [places(1)], 'the same ranks';

    @order = sort { $a->[2] <=> $b->[2] } places();
    is scalar @order, 400, 'of everybody';

    my $late = $room->join('late')->json;

    ok $late->{rank} >= draw->{end}, 'who comes after it stands behind';
    is $late->{number}, $late->{rank}, 'in the order of coming';
};


subtest 'everybody comes in by rank' => sub {
    ok $q->wait_for_all(20), 'all are in';
    is [map { "$_" } $q->broken(rate => 200, burst => 200)], [], 'I7, I8';

    # those whom the crowd saw first were drawn first, a second apart
    my %rank = map { $_->[0] => $_->[2] } @order;
    my @seen = sort { $q->{at}{$a} <=> $q->{at}{$b} } $q->people;
    my $early = 0;

    for my $i (0 .. $#seen) {
        for my $j ($i + 1 .. $#seen) {
            $early++ if $rank{ $joined{ $seen[$i] } }
                > $rank{ $joined{ $seen[$j] } }
                && $q->{at}{ $seen[$j] } - $q->{at}{ $seen[$i] } > 1.5;
        }
    }

    is $early, 0, 'nobody long before somebody ahead';

    my $n = grep { $order[$_][0] != $joined{"p$_"} } 1 .. 399;
    ok $n > 300, 'it is not the order of coming';
};


subtest 'the checker' => sub {
    my ($status, $output) = check_draw($t->url($room->path), $commitment);

    is $status, 0, 'confirms an honest draw' or diag $output;
    like $output, qr/right: 400 people/, 'and says of how many';

    my $dir    = File::Temp->newdir;
    my $draw   = draw;
    my $places = { items => [places()], nextFrom => undef };
    my $try    = sub ($what, $d, $p, $why) {
        for my $file (['draw', $d], ['places', $p]) {
            open my $fh, '>', "$dir/$file->[0].json" or die "$!";
            print {$fh} encode_json($file->[1]);
            close $fh;
        }

        ($status, $output) = check_draw($dir, $commitment);
        is $status, $why ? 1 : 0, $what;
        like $output, $why // qr/right/, "$what: why";
    };
    my @items = $places->{items}->@*;

    $try->('as it is, from files', $draw, $places, undef);
    $try->('two who changed their ranks', $draw, { %$places, items => [
        [@{$items[0]}[0, 1], $items[1][2]], [@{$items[1]}[0, 1],
        $items[0][2]], @items[2 .. $#items]] }, qr/should have/);
    $try->('another seed', { %$draw, seed => 'ab' x 32 }, $places,
        qr/committed/);
    $try->('another seed and commitment', { %$draw, seed => 'ab' x 32,
        commitment => sha256_hex('ab' x 32) }, $places, qr/published/);
    $try->('somebody who was put in', $draw, { %$places, items =>
        [@items, [399, 'ab' x 8, 0]] }, qr/not the people/);
    $try->('somebody who was taken out', $draw, { %$places,
        items => [@items[1 .. $#items]] }, qr/not the people/);
    $try->('another key', { %$draw, key => 'ab' x 16 }, $places, qr/key/);
};


# They leave while it is drawn, at both nodes: whoever is there by the log is.
subtest 'people who leave at the opening' => sub {
    my @people = map { "q$_" } 1 .. 900;
    my %ticket;

    gathered(0);
    $t->run_many(16, [map { ['POST', $room->path . '/join', undef, user => $_,
        key => undef, node => 1 + int rand 2] } @people], sub ($r, $n, @) {
        $ticket{ $people[$n] } = $r->json->{ticket} });
    sleep 0.4;

    # some hundred a second, for longer than the opening takes
    my $left = 0;

    $t->run_many(2, sub {
        my $n = $left++;

        return if $n >= 800;
        sleep 0.002;
        return ['DELETE', $room->path . '/place', undef, user => $people[$n],
            node => 1 + $n % 2,
            headers => { 'x-boxoffice-ticket' => $ticket{ $people[$n] } }];
    }, sub ($r, $n, $request) { $room->set(phase => 'OPEN') if $n == 100 });

    $t->wait_until(sub { draw($_)->{seed} }, 5, "node $_ has the draw")
        for 1, 2;
    is [places(2)], [places(1)], 'the same people on both nodes';

    for my $n (1, 2) {
        my ($status, $output) = check_draw($t->url($room->path, node => $n));

        is $status, 0, "the checker confirms it at node $n" or diag $output;
    }
};


# The other node hears of both at once, or nearly.
subtest 'who leaves and comes again' => sub {
    for my $phase (qw(PAUSED LOBBY)) {
        $room->set(phase => 'PAUSED', newSale => \1);
        $t->wait_until(sub { $room->now($_)->{phase} eq 'PAUSED'
            && $room->now($_)->{waiting} == 0 }, 3, "$phase: empty") for 1, 2;
        $room->set(phase => $phase);
        $t->wait_until(sub { $room->now($_)->{phase} eq $phase }, 3,
            'at both nodes') for 1, 2;

        my %ticket;
        my $again = sub ($user) {
            $room->leave($user, $ticket{$user})->code == 204 or die $user;
            $ticket{$user} = $room->join($user)->json->{ticket};
        };

        my @people = map { "$phase$_" } 1 .. 40;
        $ticket{$_} = $room->join($_)->json->{ticket} for @people[0 .. 19];
        sleep 0.5;
        $again->($_) for @people[0 .. 19];

        # before anybody has heard of them
        for my $user (@people[20 .. 39]) {
            $ticket{$user} = $room->join($user)->json->{ticket};
            $again->($user);
        }

        $t->wait_until(sub { 2 == grep { $room->now($_)->{waiting} == 40 }
            1, 2 }, 2, 'all of them are there, at both nodes');
        is [grep { $room->place($_, $ticket{$_}, 2)->code != 200 } @people],
            [], 'by their tickets';
        $room->set(phase => 'OPEN');
        $t->wait_until(sub { 2 == grep { $room->now($_)->{admitted} == 40 }
            1, 2 }, 3, 'and all come in');
    }
};


subtest 'it opens by the clock' => sub {
    my $at = time + 4;
    my $q = gathered(50, opensAt => strftime('%Y-%m-%dT%H:%M:%S', gmtime $at)
        . 'Z');

    ok $room->now->{opensAt}, 'everybody is told when';
    is $room->now->{phase}, 'LOBBY', 'not yet';
    $t->wait_until(sub { $room->now($_)->{phase} eq 'OPEN' }, 6, "node $_ is open")
        for 1, 2;
    ok abs(time - $at) < 1.5, 'at that time' or diag time - $at;
    ok $q->wait_for_all(10), 'all come in';
    isnt draw->{commitment}, $commitment, 'another sale, another seed';
    is((check_draw($t->url($room->path)))[0], 0, 'and a right draw');

    $room->set(rate => 150);
    $t->wait_until(sub { $room->now->{rate} == 150 }, 3, 'another rate');
    is $room->now->{phase}, 'OPEN', 'does not close it again';
    ok $room->now->{drawn}, 'and the draw stays';
    my $sale = draw->{sale};
    $room->set(phase => 'LOBBY');
    $t->wait_until(sub { draw->{sale} ne $sale }, 3,
        'a lobby after it is another sale');
};


subtest 'an empty lobby' => sub {
    gathered(0);
    $room->set(phase => 'OPEN', opensAt => '');
    $t->wait_until(sub { $room->now->{phase} eq 'OPEN' }, 3, 'open');
    $room->join('ann');
    $t->wait_until(sub { ($room->join('ann')
        ->json->{state} // '') eq 'ADMITTED' }, 3, 'holds nobody up');
};

$t->done;
done_testing;
