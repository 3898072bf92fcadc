# The catalogue's pages in shared memory: what is kept, what a change drops, on
# which nodes and when; what happens while PostgreSQL is away.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW uuid);
use Boxoffice::Test::Booking qw(hold try_order try_pay);
use Boxoffice::Test::Process ();
use IO::Socket::INET ();
use POSIX ();
use Time::HiRes qw(time sleep);

my $M = '00000000-0000-4000-8000-0000000003';
my $T = '00000000-0000-4000-8000-0000000001';
my $S = '00000000-0000-4000-8000-0000000002';

my $t = Boxoffice::Test->new(nodes => 2, postgres => 'own',
    conf => { catalogue_zone => 'catalogue:8m poll=50ms', stale => '8s' });
my $dbh = $t->dbh;

my $day = $dbh->selectrow_array('select local_day from shows
    where show_id = ?', undef, SHOW);
my %path = (
    movies    => '/api/v1/movies',
    hindi     => '/api/v1/movies?language=Hindi',
    that_day  => "/api/v1/movies?date=$day",
    one       => "/api/v1/movies/${M}01",
    two       => "/api/v1/movies/${M}02",
    days      => "/api/v1/movies/${M}01/availability",
    days_two  => "/api/v1/movies/${M}02/availability",
    shows     => "/api/v1/movies/${M}01/shows?date=$day",
    shows_two => "/api/v1/movies/${M}02/shows",
    theatres  => '/api/v1/theatres',
    galaxy    => "/api/v1/theatres/${T}01",
    playhouse => "/api/v1/theatres/${T}02",
    screen    => "/api/v1/screens/${S}01",
    stage     => "/api/v1/screens/${S}04",
);


sub metric ($name, $node = 1) {
    my ($value) = $t->get('/metrics', node => $node)->body
        =~ /^boxoffice_catalogue_$name (\d+)$/m;
    return $value;
}


# All of them once on each node; their bodies there.
sub warm () {
    my @names = sort keys %path;
    return map {
        my $node = $_;
        my $answers = $t->run_many(4, [map { ['GET', $path{$_}, undef,
            node => $node] } @names]);
        my %body;
        $body{ $names[$_] } = $answers->[$_]->body for 0 .. $#names;
        \%body;
    } 1, 2;
}


# Which pages have to be made anew on a node: those that are misses.
sub missed ($node) {
    my $before = metric('misses_total', $node);
    my @missed;
    for my $name (sort keys %path) {
        $t->get($path{$name}, node => $node);
        my $now = metric('misses_total', $node);
        push @missed, $name if $now > $before;
        $before = $now;
    }
    return \@missed;
}


# The answer to a GET as it comes, for a child that shares nothing.
sub raw ($path) {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $t->node->port, Timeout => 10) or return '';
    print {$socket} "GET $path HTTP/1.0\r\nHost: localhost\r\n\r\n";
    local $/ = undef;
    return scalar readline($socket) // '';
}


# A child that asks, and ends with 0 when $good->(the answer).
sub ask_aside ($path, $good) {
    my $pid = fork // die "fork: $!";
    POSIX::_exit($good->(raw($path)) ? 0 : 1) if !$pid;
    return $pid;
}


# How many statements wait for the table of layouts.
sub waiting () {
    return $dbh->selectrow_array(q{select count(distinct pid) from pg_locks
        where not granted and relation = 'layouts'::regclass});
}


# Changes something; which pages are then not there any more, on both nodes,
# and how long it took until both had heard of it.
sub dropped ($sql, @values) {
    warm();
    my @before = map { metric('changes_total', $_) } 1, 2;
    $dbh->do($sql, undef, @values);
    my $start = time;
    my @seconds;
    for my $node (1, 2) {
        $t->wait_until(sub {
            metric('changes_total', $node) > $before[$node - 1] }, 10);
        push @seconds, time - $start;
    }
    my ($one, $two) = map { missed($_) } 1, 2;
    is $two, $one, 'the same on both nodes';
    return ($one, $seconds[1]);
}


$t->wait_until(sub { metric('flushes_total', $_) }, 10,
    "node $_ follows the changes") for 1, 2;


subtest 'what is kept' => sub {
    warm();
    my ($hits, $misses) = map { metric($_) } qw(hits_total misses_total);

    my ($one, $two) = warm();
    is $two, $one, 'the same on both nodes';
    is metric('hits_total') - $hits, scalar keys %path, 'all of them are hits';
    is metric('misses_total'), $misses, 'and none is made anew';

    for my $name (sort keys %path) {
        my $r    = $t->get($path{$name});
        my $etag = $r->header('etag');
        is $r->body, $one->{$name}, "$name: the body";
        like $etag, qr/\A"[0-9a-f]{32}"\z/, 'its tag';
        my $same = $t->get($path{$name}, headers => {
            'If-None-Match' => $etag });
        is [$same->code, $same->body, $same->header('etag')],
            [304, '', $etag], 'a 304 from memory';
    }

    is $t->get($path{movies}, headers => { 'If-None-Match' => '"a"' })->body,
        $one->{movies}, 'another tag: the whole';
    is $t->get('/api/v1/movies/' . uuid())->code, 404, 'what is not there';
    is $t->get('/api/v1/movies?limit=5')->body, $one->{movies},
        'another question with the same answer';
};


subtest 'a change drops what was made from it, and nothing else' => sub {
    my @cases = (
        [[qw(one)], 'a text of a movie',
            q{update movies set about = 'New.' where movie_id = ?}, "${M}01"],
        [[qw(movies one shows that_day)], 'its rating',
            q{update movies set rating = 8.1 where movie_id = ?}, "${M}01"],
        [[qw(hindi movies one shows that_day)], 'the language of one',
            q{update movies set language = 'French' where movie_id = ?},
            "${M}01"],
        [[qw(movies hindi that_day)], 'a new movie',
            q{insert into movies (movie_id, title) values (?, 'New')},
            "${M}99"],
        [[qw(movies hindi that_day)], 'and away with it',
            q{delete from movies where movie_id = ?}, "${M}99"],
        [[qw(galaxy screen shows shows_two theatres)], 'an address',
            q{update theatres set address = 'Moved' where theatre_id = ?},
            "${T}01"],
        [[qw(playhouse)], 'what else is known of a theatre',
            q{update theatres set metadata = '{"bar": true}'
              where theatre_id = ?}, "${T}02"],
        [[qw(galaxy screen shows)], 'a screen is renamed',
            q{update screens set name = 'Big' where screen_id = ?}, "${S}01"],
        [[qw(playhouse stage)], 'the drawing of a layout',
            q{update layouts set name = name || '!' where name = 'theatre'}],
        [[qw(shows)], 'a price',
            q{update show_prices set price = price + 1 where show_id = ?},
            SHOW],
        [[qw(days shows that_day)], 'a show is later',
            q{update shows set starts_at = starts_at + interval '1 minute'
              where show_id = ?}, SHOW],
        [[qw(days shows that_day)], 'a show is cancelled',
            q{update shows set status = 'CANCELLED' where show_id = ?}, SHOW],
        [[qw(days shows that_day)], 'and on again',
            q{update shows set status = 'SCHEDULED' where show_id = ?}, SHOW],
    );

    for my $case (@cases) {
        my ($want, $name, @sql) = @$case;
        my ($dropped, $seconds) = dropped(@sql);

        # a page that shows the row, and the row's own tags, go in any case
        is $dropped, [sort @$want], $name;
        ok $seconds < 5, 'soon' or diag $seconds;
    }

    my $before = metric('changes_total');
    $dbh->do('select next_epoch(?)', undef, SHOW);
    $dbh->do('update movies set title = title');
    sleep 0.6;
    is metric('changes_total'), $before, 'what nobody sees is no change';
};


subtest 'a search finds by what is new' => sub {
    my $path = '/api/v1/search?q=lighthouse';
    my @before = map { metric('changes_total', $_) } 1, 2;

    is $t->get($path, node => $_)->json->{theatres}, [], 'not there' for 1, 2;
    $dbh->do(q{update theatres set address = 'Lighthouse Road 1'
        where theatre_id = ?}, undef, "${T}01");
    $t->wait_until(sub { metric('changes_total', $_) > $before[$_ - 1] }, 10)
        for 1, 2;
    is scalar $t->get($path, node => $_)->json->{theatres}->@*, 1,
        "by its address, node $_" for 1, 2;
};


# What never had a show, or a screen, is deleted: its own pages go with it.
subtest 'what is removed is not there any more' => sub {
    my @root = (user => 'root', headers => { 'x-user-role' => 'ADMIN' });
    my @any  = (user => 'root', headers => { 'x-user-role' => 'ADMIN',
        'If-Match' => '*' });
    my @cases = (
        ['movies', { title => 'Gone' }, 'movieId', '', '/availability',
            "/shows?date=$day"],
        ['theatres', { name => 'Gone', address => 'A', city => 'B',
            timezone => 'Asia/Kolkata' }, 'theatreId', ''],
    );

    for my $case (@cases) {
        my ($kind, $body, $name, @pages) = @$case;
        my $made = $t->post("/api/v1/admin/$kind", $body, @root);
        is $made->code, 201, "$kind: made" or diag $made->body;

        my $id    = $made->json->{$name};
        my @paths = map { "/api/v1/$kind/$id$_" } @pages;
        for my $path (@paths) {
            is $t->get($path, node => $_)->code, 200, "$path on node $_"
                for 1, 2;
        }

        is $t->request('DELETE', "/api/v1/admin/$kind/$id", undef, @any)
            ->code, 204, 'removed';
        for my $path (@paths) {
            is $t->get($path)->code, 404, "$path: at once where it was asked";
            ok $t->wait_until(sub { $t->get($path, node => 2)->code == 404 },
                5, "$path: on the other node"), 'and soon on the other';
        }
    }
};


subtest 'as PostgreSQL has it' => sub {
    for my $n (1 .. 5) {
        $dbh->do('update movies set about = ? where movie_id = ?', undef,
            "Text $n", "${M}02");
        my $start = time;
        for my $node (1, 2) {
            $t->wait_until(sub { $t->get($path{two}, node => $node)->json
                ->{about} eq "Text $n" }, 10, "text $n on node $node");
        }
        ok time - $start < 5, 'soon';
    }

    # commits out of the order of their numbers: the older one comes late
    my $late = $t->new_dbh;
    $late->begin_work;
    $late->do(q{update movies set about = 'Late' where movie_id = ?}, undef,
        "${M}01");
    $dbh->do(q{update movies set about = 'Early' where movie_id = ?}, undef,
        "${M}02");
    $t->wait_until(sub { $t->get($path{two}, node => $_)->json->{about}
        eq 'Early' }, 10, "the later one is there on node $_") for 1, 2;
    warm();
    $late->commit;
    $late->disconnect;
    $t->wait_until(sub { $t->get($path{one}, node => $_)->json->{about}
        eq 'Late' }, 10, "and the older one, too, on node $_") for 1, 2;

    my $back = $t->new_dbh;
    $back->begin_work;
    $back->do(q{update movies set about = 'Never' where movie_id = ?}, undef,
        "${M}01");
    warm();
    $back->rollback;
    $back->disconnect;
    sleep 0.5;
    is missed(1), [], 'what was taken back was no change';
};


subtest 'readers and changes at the same time' => sub {
    my $stop = time + 2;
    my ($n, $wrong) = (0, 0);

    while (time < $stop) {
        $n++;
        $dbh->do('update movies set about = ? where movie_id = ?', undef,
            "Race $n", "${M}01");
        $t->run_many(16, [map { ['GET', $path{one}, undef,
            node => 1 + $_ % 2] } 1 .. 64]);
    }
    for my $node (1, 2) {
        $t->wait_until(sub { $t->get($path{one}, node => $node)->json->{about}
            eq "Race $n" }, 10, "the last of $n texts stays on node $node");
    }
    sleep 0.5;
    is [map { $t->get($path{one}, node => 1 + $_ % 2)->json->{about} }
        1 .. 20], [("Race $n") x 20], 'for all of them';
};


# A statement that has read a row, and then waits for a lock while the row is
# changed and the change is heard of: its page is old, and must not be kept.
subtest 'a page that was read before a change, and comes after it' => sub {
    my $raced;

    for my $n (1 .. 20) {
        my $lock = $t->new_dbh;
        $lock->begin_work;
        $lock->do('lock table layouts in access exclusive mode');
        my $before = metric('changes_total');

        my $early = ask_aside("$path{shows}&limit=$n", sub ($text) {
            return $text =~ m{^HTTP/1.1 200} && $text !~ /"Title $n"/
                && $text =~ /^Cache-Control: no-cache\r$/mi });

        # it waits for the lock
        my $waits = Boxoffice::Test::Process::wait_until(sub {
            waiting() == 1 }, 1);
        $dbh->do('update movies set title = ? where movie_id = ?', undef,
            "Title $n", "${M}01");
        Boxoffice::Test::Process::wait_until(sub {
            metric('changes_total') > $before }, 1);

        # who comes after the change, to any worker, waits for another answer
        my @late = map { ask_aside("$path{shows}&limit=$n", sub ($text) {
            return $text =~ /"Title $n"/ }) } 1 .. 8;
        Boxoffice::Test::Process::wait_until(sub { waiting() >= 2 }, 1);
        sleep 0.1;
        $lock->rollback;
        $lock->disconnect;

        my @ends = map { waitpid $_, 0; $? } $early, @late;
        next if shift @ends || !$waits;
        is \@ends, [(0) x 8],
            'who asks after the change is not answered from before it';
        $raced = $n;
        last;
    }

    ok $raced, 'an old page came late, and told nobody to keep it';
    is $t->get("$path{shows}&limit=$raced")->json->{title}, "Title $raced",
        'and is not kept' for 1 .. 5;
};


subtest 'reload and a worker that dies' => sub {
    warm();
    my $flushes = metric('flushes_total');
    $t->reload;
    is missed(1), [], 'after a reload all is there';

    $t->kill_worker($_) for ($t->worker_pids)[0, 0];
    $dbh->do(q{update movies set about = 'Alive' where movie_id = ?}, undef,
        "${M}01");
    $t->wait_until(sub { $t->get($path{one})->json->{about} eq 'Alive' }, 10,
        'changes are followed by whoever came after');
    ok metric('flushes_total') <= $flushes + 2, 'and what is there is kept';
};


# Anybody may ask for pages that nobody has, and each is a statement of its own:
# those do not take the connections, nor the places to wait, from who buys.
subtest 'who looks does not hold up who buys' => sub {
    my @holds = map { hold($t, "buyer$_", SHOW, ["D$_"]) } 1 .. 4;
    my $lock = $t->new_dbh;
    $lock->begin_work;
    $lock->do('lock table layouts in access exclusive mode');

    my @looks = map { ask_aside("$path{shows}&limit=" . (20 + $_), sub { 1 }) }
        1 .. 60;
    Boxoffice::Test::Process::wait_until(sub { waiting() >= 2 }, 1);

    for my $n (1 .. 4) {
        my $order = try_order($t, "buyer$n", $holds[$n - 1]{holdId});
        is $order->code, 201, "order $n";
        is try_pay($t, "buyer$n", $order->json->{orderId}, "mock-ok-look-$n")->code,
            200, "ticket $n";
    }

    ok waiting() >= 2, 'while the others wait';
    $lock->rollback;
    waitpid $_, 0 for @looks;
};


subtest 'PostgreSQL is away' => sub {
    my $one = (warm())[0];
    $t->kill_postgres;

    # nobody can follow the changes, so what is kept is stale
    my $r = $t->wait_until(sub {
        my $r = $t->get($path{movies});
        return $r->header('cache-control') eq 'no-cache' ? $r : undef;
    }, 7.5, 'stale pages are not for other caches');
    is [$r->code, $r->body], [200, $one->{movies}], 'they are still answered'
        if $r;
    $t->wait_until(sub { $t->get($path{movies})->code == 503 }, 30,
        'but not for longer than boxoffice_stale');

    $t->start_postgres;
    $dbh = $t->dbh;
    $dbh->do(q{update movies set title = 'Back' where movie_id = ?}, undef,
        "${M}01");
    for my $node (1, 2) {
        $t->wait_until(sub {
            my $r = $t->get($path{one}, node => $node);
            return $r->code == 200 && $r->json->{title} eq 'Back'
                && $r->header('cache-control') =~ /s-maxage/;
        }, 20, "node $node is back");
    }
};


subtest 'bounded' => sub {
    is metric('evicted_total'), 0, 'there was room';

    $dbh->do(q{insert into movies (title, metadata)
        select 'Big ' || n, jsonb_build_object('x', repeat('x', 60000))
        from generate_series(1, 300) n});
    my $ids = $dbh->selectcol_arrayref(
        q{select movie_id from movies where title like 'Big %'});
    sleep 0.5;

    ok $t->wait_ready, 'every worker has PostgreSQL again';

    # a connection that is just being made again refuses some of them
    my %asked = map { $_ => undef } @$ids;
    $t->wait_until(sub {
        my @left = sort grep { !defined $asked{$_} } keys %asked;
        my $answers = $t->run_many(8, [map { ['GET', "/api/v1/movies/$_"] }
            @left]);
        for my $i (0 .. $#left) {
            $asked{ $left[$i] } = length $answers->[$i]->body
                if $answers->[$i]->code == 200;
        }
        return !grep { !defined } values %asked;
    }, 20, 'all are answered');
    is [grep { ($_ // 0) < 60_000 } values %asked], [], 'eighteen megabytes';
    ok metric('evicted_total') > 100, 'make others go';
    ok metric('pages') > 50 && metric('pages') < 140, 'the zone is full'
        or diag metric('pages');
    is $t->get("/api/v1/movies/$ids->[$_]")->json->{title}, "Big " . ($_ + 1),
        'and each is what it is' for 0, 150, 299;
};


$t->check_invariants;
$t->done;
done_testing;
