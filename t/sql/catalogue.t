#!/usr/bin/perl

# Migrations, partitions, layouts from drawings, shows.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;
use TestPg;

my $pg = TestPg->new();
my $dbh = $pg->load();
my $SHOW = '00000000-0000-4000-8000-00000000000';

sub one { return $dbh->selectrow_array(@_) }


subtest 'migrations' => sub {
    my $files = () = glob(TestPg::sql_dir() . '/[0-9][0-9][0-9]_*.sql');
    is(one('select count(*) from boxoffice.schema_migrations'), $files,
       'each is recorded');
    is($pg->migrate(), '', 'a second run does nothing');

    # two at once on an empty database
    $pg->dbh('postgres')->do('create database twice');
    my @pids = map {
        my $pid = fork() // die "fork: $!";
        if (!$pid) {
            $dbh->{InactiveDestroy} = 1;
            open(STDOUT, '>', '/dev/null');
            exec(TestPg::sql_dir() . '/migrate.sh', $pg->conninfo('twice'));
        }
        $pid;
    } 1 .. 3;
    is((waitpid($_, 0), $?)[1], 0, 'runs at the same time') for @pids;
    is($pg->dbh('twice')->selectrow_array(
           'select count(*) from boxoffice.schema_migrations'), $files,
       'all applied once');

    $dbh->do("update boxoffice.schema_migrations set checksum = 'x' "
             . "where name like '003%'");
    eval { $pg->migrate() };
    like($@, qr/003_orders.sql was edited/, 'an edited file is an error');
};


subtest 'sample data' => sub {
    my %want = (1 => 300, 2 => 120, 3 => 400, 5 => 50000);
    for my $n (sort keys %want) {
        my $s = TestPg::show_row($dbh, $SHOW . $n);
        is(() = $s->{layout} =~ /\n/g, $want{$n}, "show $n: $want{$n} seats");
        ok($s->{starts_ms} > (time() + 86400) * 1000, 'in the future');
    }
    my $s = TestPg::show_row($dbh, $SHOW . 1);
    unlike($s->{layout}, qr/\t\d+\t[BH]\t/, 'show 1: all can be sold');
    like(TestPg::show_row($dbh, $SHOW . 5)->{layout}, qr/^101-A1\tA\t1\t/,
         'stadium labels');
    my $count = sub {
        return join(' ', one('select (select count(*) from boxoffice.shows), '
            . '(select count(*) from boxoffice.layout_seats), '
            . '(select sum(revision) from boxoffice.shows)'));
    };
    my $before = $count->();
    TestPg::quiet('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d',
                  $pg->conninfo(), '-f', TestPg::sql_dir() . '/sample.sql');
    is($count->(), $before, 'loading it again changes nothing');
};


subtest 'partitions' => sub {
    my $partition = sub {
        return one('select tableoid::regclass::text from boxoffice.orders '
                   . 'where order_id = ?', undef, shift);
    };
    my $show = TestPg::show($dbh, 1);
    $dbh->do('alter table boxoffice.shows disable trigger shows_change');
    $dbh->do("update boxoffice.shows set show_date = '2051-05-31' "
             . 'where show_id = ?', undef, $show->{show_id});
    $dbh->do('alter table boxoffice.shows enable trigger shows_change');

    my $o = TestPg::order($show, [1, 2]);
    TestPg::create($dbh, $o);
    is($partition->($o->{order_id}), 'boxoffice.orders_default',
       'far away: the default');

    eval { $dbh->do('select boxoffice.ensure_partitions(?)', undef, 500) };
    like($@, qr/not between/, 'not too many');
    # as if that month had come near
    $dbh->do('create or replace function public.near() returns date language '
             . "sql as 'select date ''2051-04-01'''");
    my ($def) = one("select pg_get_functiondef("
                    . "'boxoffice.ensure_partitions'::regproc)");
    (my $shifted = $def) =~ s/current_date/public.near()/g;
    $shifted =~ s/boxoffice\.ensure_partitions/public.ensure_near/;
    $dbh->do($shifted);
    is(one('select public.ensure_near(2)'), 4, 'made');
    is(one('select public.ensure_near(2)'), 0, 'once');
    is($partition->($o->{order_id}), 'boxoffice.orders_2051_05', 'moved');
    is(TestPg::outcomes(TestPg::confirm($dbh, TestPg::payment($o))),
       'confirmed', 'and alive');
    eval {
        $dbh->do('update boxoffice.orders set version = 7 where order_id = ?',
                 undef, $o->{order_id});
    };
    like($@, qr/is no step/, 'with its trigger');
    is(one('select count(*) from pg_indexes where schemaname = ? '
           . 'and tablename = ?', undef, 'boxoffice', 'orders_2051_05'), 4,
       'and indexes');
    TestPg::healthy($dbh, 'afterwards');
};


subtest 'drawings' => sub {
    my $drawing = <<'END';

# the stage is here
A  LOW              2o_a      # front
B  LOW:1-2,HIGH:3-5 xo_h2o

C  HIGH             ___o
section UP prefix U at 10 20
A  TOP              3o

B  TOP              _2o
section -
D  HIGH             o
END
    my ($id) = one('select boxoffice.create_layout(?, ?)', undef, 'drawn',
                   $drawing);
    my $seats = $dbh->selectall_arrayref(
        'select seat_no, label, row_label, seat_number, category, kind, x, y, '
        . 'section from boxoffice.layout_seats where layout_id = ? '
        . 'order by seat_no', undef, $id);
    is_deeply($seats, [
        [0, 'A1', 'A', 1, 'LOW', 'NORMAL', 0, 0, undef],
        [1, 'A2', 'A', 2, 'LOW', 'NORMAL', 1, 0, undef],
        [2, 'A3', 'A', 3, 'LOW', 'ACCESSIBLE', 3, 0, undef],
        [3, 'B1', 'B', 1, 'LOW', 'BROKEN', 0, 1, undef],
        [4, 'B2', 'B', 2, 'LOW', 'NORMAL', 1, 1, undef],
        [5, 'B3', 'B', 3, 'HIGH', 'HOUSE', 3, 1, undef],
        [6, 'B4', 'B', 4, 'HIGH', 'NORMAL', 4, 1, undef],
        [7, 'B5', 'B', 5, 'HIGH', 'NORMAL', 5, 1, undef],
        [8, 'C1', 'C', 1, 'HIGH', 'NORMAL', 3, 3, undef],
        [9, 'U-A1', 'A', 1, 'TOP', 'NORMAL', 10, 20, 'UP'],
        [10, 'U-A2', 'A', 2, 'TOP', 'NORMAL', 11, 20, 'UP'],
        [11, 'U-A3', 'A', 3, 'TOP', 'NORMAL', 12, 20, 'UP'],
        [12, 'U-B1', 'B', 1, 'TOP', 'NORMAL', 11, 22, 'UP'],
        [13, 'U-B2', 'B', 2, 'TOP', 'NORMAL', 12, 22, 'UP'],
        [14, 'D1', 'D', 1, 'HIGH', 'NORMAL', 0, 4, undef],
    ], 'seats');
    is(one('select seats from boxoffice.layouts where layout_id = ?', undef,
           $id), 13, 'counted without broken and house');

    my $wrong = <<'END';
A LOW 3o
B LOW
C LOW 3o?
D LOW:1-2 3o
E LOW:1-2,HIGH:2-3 3o
A LOW 2o
section
a LOW 3o
section X at 0 0
Q LOW o
END
    eval { one('select boxoffice.create_layout(?, ?)', undef, 'wrong', $wrong) };
    my $error = $@;
    like($error, qr/$_/, $_) for
        'line 2: a row has three fields', 'line 3: bad label, category',
        'line 4: seat 3 has no category', 'line 5: seat 2 has two categories',
        'line 6: label A1 is there 2 times', 'line 7: not "section NAME',
        'line 8: bad label', 'line 10: seats .* are on one place';
    eval { one('select boxoffice.create_layout(?, ?)', undef, 'none', "\n#\n") };
    like($@, qr/there is no seat/, 'an empty one');
    is(one("select count(*) from boxoffice.layouts "
           . "where name in ('wrong', 'none')"), 0, 'nothing is left');
};


subtest 'a show' => sub {
    my ($layout) = one('select boxoffice.create_layout(?, ?)', undef, 'small',
                       "A CHEAP 2o\nB DEAR x_a\nsection BOX\nC DEAR h");
    my ($screen) = one('insert into boxoffice.screens (theatre_id, name, '
        . 'layout_id) select theatre_id, ?, ? from boxoffice.theatres '
        . 'order by name limit 1 returning screen_id', undef, 'Small',
        $layout);
    my $at = int(time() / 60) * 60000 + 86400000 * 40;
    my $make = sub {
        my %a = (screen => $screen, at => $at, cats => ['CHEAP', 'DEAR'],
                 prices => [100, 200], @_);
        return one('select * from boxoffice.create_show_once(?, ?, ?, ?, ?, '
                   . '?, ?, ?, ?, ?, true)', undef, 'ann',
                   $a{key} // TestPg::uuid(), $a{print} // 'print', $a{screen},
                   'A "new" film', $a{at}, 90, 'EUR', $a{cats}, $a{prices});
    };
    my $films = sub { one('select count(*) from boxoffice.movies '
        . 'where title = ?', undef, 'A "new" film') };

    is(($make->(screen => TestPg::uuid()))[0], 'no_screen', 'no_screen');
    is(($make->(cats => ['CHEAP'], prices => [1]))[0], 'bad_prices',
       'a price is missing');
    is(($make->(cats => ['CHEAP', 'DEAR', 'X'], prices => [1, 2, 3]))[0],
       'bad_prices', 'a category that is none');
    is(($make->(at => $at - 86400000 * 80))[0], 'past', 'past');
    is($films->(), 0, 'nothing is left of what was refused');
    my $key = TestPg::uuid();
    my ($outcome, $id) = $make->(key => $key);
    is($outcome, 'created', 'created');
    is_deeply([$make->(key => $key)], ['replayed', $id], 'replayed');
    is(($make->(key => $key, print => 'other'))[0], 'key_reused',
       'key_reused');
    is($films->(), 1, 'one film');
    is_deeply($dbh->selectcol_arrayref(
        q{select who || ' ' || action || ' ' || kind from
          boxoffice.admin_audit where who = 'ann' order by at, kind}),
        ['ann create movie', 'ann create show'], 'both are in the audit');
    is(($make->(at => $at + 60000 * 89))[0], 'clash', 'clash');
    is(($make->(at => $at + 60000 * 90))[0], 'created', 'right after it');

    $dbh->begin_work();
    $dbh->do('update boxoffice.movies set removed_at = now() '
             . 'where title = ?', undef, 'A "new" film');
    is(($make->(at => $at + 60000 * 300))[0], 'created',
       'of a movie that was removed');
    is($films->(), 2, 'another one is made');
    $dbh->do('update boxoffice.screens set removed_at = now() '
             . 'where screen_id = ?', undef, $screen);
    is(($make->(at => $at + 60000 * 600))[0], 'no_screen',
       'a screen that was removed');
    $dbh->rollback();

    my $s = TestPg::show_row($dbh, $id);
    is($s->{starts_ms}, $at, 'starts');
    is($s->{ends_ms} - $s->{starts_ms}, 90 * 60000, 'ends');
    is($s->{categories}, 'CHEAP:100,DEAR:200', 'categories, cheapest first');
    is($s->{layout}, join('', map { join("\t", @$_) . "\n" }
        ['A1', 'A', 1, 0, 'N', 0, 0, ''], ['A2', 'A', 2, 0, 'N', 1, 0, ''],
        ['B1', 'B', 1, 1, 'B', 0, 1, ''], ['B2', 'B', 2, 1, 'A', 2, 1, ''],
        ['C1', 'C', 1, 1, 'H', 0, 2, 'BOX']), 'layout');
    is_deeply($dbh->selectrow_hashref('select * from boxoffice.show_by_no(?)',
                                      undef, $s->{show_no}), $s, 'by number');
    is(TestPg::show_row($dbh, TestPg::uuid()), undef, 'no such show');
    is(one('select count(*) from boxoffice.show_by_no(-1)'), 0, 'no such no');

    my $revision = sub { TestPg::show_row($dbh, $id)->{revision} };
    my $r = $revision->();
    is(one('select epoch from boxoffice.next_epoch(?)', undef, $id), 2,
        'epoch');
    is(one('select epoch from boxoffice.next_epoch(?)', undef, $id), 3,
        'and the next');
    is(one('select epoch from boxoffice.next_epoch(?)', undef,
        TestPg::uuid()), undef,
       'of no show');
    is($revision->(), $r, 'is no revision');
    for my $set ("update show_prices set price = 250 where category = 'DEAR' "
                 . 'and show_id = ?',
                 "update shows set starts_at = starts_at - interval '1 h' "
                 . 'where show_id = ?',
                 "update shows set status = 'CANCELLED' where show_id = ?") {
        $dbh->do('set search_path = boxoffice');
        $dbh->do($set, undef, $id);
        $dbh->do('reset search_path');
        is($revision->(), ++$r, "revision after: $set");
    }
    is(TestPg::show_row($dbh, $id)->{categories}, 'CHEAP:100,DEAR:250',
       'new price');

    for my $set ("show_date = show_date + 1", "layout_id = gen_random_uuid()",
                 'show_id = gen_random_uuid()') {
        eval { $dbh->do("update boxoffice.shows set $set where show_id = ?",
                        undef, $id) };
        like($@, qr/a show keeps its ids/, "not $set");
    }
    for my $change ('update boxoffice.layout_seats set x = x + 1 where ',
                    'delete from boxoffice.layout_seats where seat_no = 4 and ')
    {
        eval { $dbh->do("$change layout_id = ?", undef, $layout) };
        like($@, qr/a show uses this layout/, 'its layout stays');
    }
    $dbh->do("delete from boxoffice.show_prices where category = 'DEAR' "
             . 'and show_id = ?', undef, $id);
    eval { TestPg::show_row($dbh, $id) };
    like($@, qr/seats are missing, or a price/, 'no price, no show');
};


subtest 'lists' => sub {
    my ($ms, $id, @seen) = (0, '00000000-0000-0000-0000-000000000000');
    while (1) {
        my $page = $dbh->selectall_arrayref(
            'select * from boxoffice.list_shows(?, ?, 3)', { Slice => {} },
            $ms, $id);
        last if !@$page;
        push @seen, @$page;
        ($ms, $id) = @{$page->[-1]}{qw(starts_ms show_id)};
    }
    is(@seen, one('select count(*) from boxoffice.shows'), 'all');
    is(keys(%{{ map { $_->{show_id} => 1 } @seen }}), @seen, 'once');
    is(join(' ', map { $_->{starts_ms} } @seen),
       join(' ', sort { $a <=> $b } map { $_->{starts_ms} } @seen), 'sorted');
    my ($one) = grep { $_->{show_id} eq $SHOW . 1 } @seen;
    is("$one->{seats} $one->{min_price} $one->{max_price} $one->{currency} "
       . "$one->{timezone} $one->{status}",
       '300 15000 40000 INR Asia/Kolkata SCHEDULED', 'columns');

    my $screens = $dbh->selectall_arrayref(
        'select * from boxoffice.list_screens()', { Slice => {} });
    my ($galaxy) = grep { $_->{screen_name} eq 'Screen 1' } @$screens;
    is("$galaxy->{theatre_name} $galaxy->{seats} $galaxy->{categories}",
       'Galaxy Cinema 300 GOLD,PLATINUM,SILVER', 'screens');
};


# A series is put on by the theatre's clock while that is set to another zone:
# whichever commits first, the other knows.
subtest 'the clock of a theatre' => sub {
    my $theatre = one(q{insert into boxoffice.theatres (name, timezone)
                        values ('Clock', 'Asia/Tokyo') returning theatre_id});
    my $screen = one(q{insert into boxoffice.screens (theatre_id, name,
                       layout_id) select ?, 'One', layout_id
                       from boxoffice.layouts where name = 'small'
                       returning screen_id}, undef, $theatre)
        // die 'no screen';
    my $movie = one(q{insert into boxoffice.movies (title)
                      values ('Clock') returning movie_id});
    my ($show, $zone) = (
        qq({"screenId":"$screen","movieId":"$movie","currency":"EUR",)
        . q("durationMinutes":60,"prices":{"CHEAP":1,"DEAR":2},)
        . '"times":["00:30"],"dates":["' . one('select current_date + 40')
        . '"]}', q({"name":"Clock","timezone":"America/New_York"}));
    my %write = (
        series => ['create', 'show', undef, $show],
        zone   => ['change', 'theatre', $theatre, $zone]);
    my $write = sub {
        my ($db, $what) = @_;
        return $db->selectrow_array(
            q{select outcome from boxoffice.admin_write('root', null, null,
              ?, ?, ?, null, ?)}, undef, @{$write{$what}});
    };

    for my $case (['series', 'created', 'zone', 'in_use'],
                  ['zone', 'changed', 'series', 'created']) {
        my ($first, $did, $second, $got) = @$case;
        my $other = $pg->dbh();
        $other->begin_work();
        is($write->($other, $first), $did, "$first: $did");

        pipe(my $read, my $tell) or die "pipe: $!";
        my $pid = fork() // die "fork: $!";
        if (!$pid) {
            syswrite($tell, $write->($pg->dbh(), $second));
            require POSIX;
            POSIX::_exit(0);
        }
        close($tell);
        my $waits;
        for (1 .. 400) {
            last if $waits = one(q{select count(*) from pg_stat_activity
                                   where wait_event_type = 'Lock'});
            select(undef, undef, undef, 0.05);
        }
        is($waits, 1, "$second waits for it");
        $other->commit();
        waitpid($pid, 0);
        sysread($read, my $outcome, 100);
        is($outcome, $got, "$second: $got");
        is_deeply($dbh->selectcol_arrayref(
            q{select to_char(s.starts_at at time zone t.timezone, 'HH24:MI')
                     || ' ' || (s.local_day - current_date)
              from boxoffice.shows s join boxoffice.theatres t
                   on t.theatre_id = s.venue_id
              where s.venue_id = ?}, undef, $theatre), ['00:30 40'],
            'it starts by the clock there');
        $dbh->do('delete from boxoffice.shows where venue_id = ?', undef,
                 $theatre);
        $dbh->do(q{update boxoffice.theatres set timezone = 'Asia/Tokyo'
                   where theatre_id = ?}, undef, $theatre);
    }
};


unlike($pg->log(), qr/PANIC|FATAL|deadlock/, 'a clean log');

done_testing();
