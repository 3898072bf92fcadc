#!/usr/bin/perl

# Pages of the catalogue and searches are found by indexes: no call reads the
# whole of movies, theatres, shows or prices, whatever is asked for.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;
use TestPg;

my $pg = TestPg->new(autovacuum => 'off');
my $dbh = $pg->load();

TestPg::quiet('psql', '-X', '-q', '-v', 'movies=10000', '-v', 'theatres=1000',
              '-v', 'shows=40000', '-d', $pg->conninfo(), '-f',
              TestPg::sql_dir() . '/../tools/generate-catalogue.sql');
$dbh->do('set search_path = boxoffice');

my %count = @{$dbh->selectcol_arrayref(
    q{select 'movies', count(*) from movies union all
      select 'theatres', count(*) from theatres union all
      select 'shows', count(*) from shows}, { Columns => [1, 2] })};
is_deeply(\%count, { movies => 10005, theatres => 1003, shows => 40010 },
          'the generator makes what it is asked for');
is_deeply($dbh->selectall_arrayref(q{
    select s.show_id from shows s join screens c using (screen_id)
    join theatres t on t.theatre_id = c.theatre_id
    where s.venue_id <> c.theatre_id
       or s.local_day <> (s.starts_at at time zone t.timezone)::date}), [],
    'as the triggers would have');
my $days = q{select distinct s.local_day, s.movie_id from shows s
    where s.status = 'SCHEDULED'};
is_deeply($dbh->selectall_arrayref(
    "($days except select day, movie_id from program_days) union all
     (select day, movie_id from program_days except $days)"), [],
    'also the movies of a day');

# What moves a show brings its new day, and what takes it away leaves it.
{
    my ($show, $no) = $dbh->selectrow_array(
        q{select show_id, show_no from shows where status = 'SCHEDULED'
          order by show_no limit 1});
    $dbh->begin_work;
    for my $set (q{starts_at = starts_at + interval '300 days',
                   ends_at = ends_at + interval '300 days'},
                 q{status = 'CANCELLED'}, q{status = 'SCHEDULED'}) {
        $dbh->do("update shows set $set where show_id = ?", undef, $show);
        is_deeply($dbh->selectall_arrayref(
            "$days except select day, movie_id from program_days"), [],
            "a day of its own: $set");
    }
    $dbh->do(q{insert into program_days
               select current_date - 10, movie_id from movies limit 50});
    $dbh->do(q{delete from shows where show_id = ?}, undef, $show);
    $dbh->do(q{insert into shows (show_id, movie_id, screen_id, starts_at,
               ends_at, currency)
               select gen_random_uuid(), movie_id, screen_id,
                      starts_at + interval '400 days',
                      ends_at + interval '400 days', currency
               from shows order by show_no limit 2});
    is_deeply($dbh->selectall_arrayref(
        "$days except select day, movie_id from program_days"), [], 'new ones');
    is($dbh->selectrow_array('select count(*) from program_days
                              where day < current_date - 3'), 0,
       'days that are over go');
    $dbh->rollback;
}


# How often each of the large tables was read as a whole.

sub scans {
    $dbh->do('select pg_stat_force_next_flush()');
    return { @{$dbh->selectcol_arrayref(
        q{select relname, seq_scan from pg_stat_user_tables
          where relname in ('movies', 'theatres', 'shows', 'show_prices',
                            'search_words')},
        { Columns => [1, 2] })} };
}


my ($movie, $day, $title, $theatre) = $dbh->selectrow_array(
    'select s.movie_id, s.local_day, m.title, s.venue_id
     from shows s join movies m using (movie_id)
     group by 1, 2, 3, 4 order by count(*) desc, 1 limit 1');
my ($word) = $title =~ /(\w+)/;
my $typo = $word;
$typo =~ s/^(.)(.)(.)/$1$3$2/;

my @calls = (
    ['list_movies', 20, (undef) x 5],
    ['list_movies', 20, $movie, (undef) x 4],
    ['list_movies', 20, undef, 'tamil', undef, undef, undef],
    ['list_movies', 20, undef, undef, 'horror', undef, undef],
    ['list_movies', 20, undef, undef, undef, 'imax', undef],
    ['list_movies', 20, undef, undef, undef, undef, $day],
    ['movie_page', $movie],
    ['movie_days', $movie],
    ['movie_shows', $movie, $day, 20, undef, undef, undef],
    ['movie_shows', $movie, $day, 20, undef, 10, 10],
    ['movie_shows', $movie, undef, 20, $theatre, undef, undef],
    ['list_theatres', 20, (undef) x 4],
    ['list_theatres', 20, undef, undef, 10, 10],
    ['theatre_page', $theatre],
    ['theatre_shows', $theatre, undef],
    ['suggest_page', lc substr($title, 0, 3), 10],
    ['suggest_page', lc $typo, 10],
    ['search_page', $title, 20, (undef) x 6],
    ['search_page', $word, 20, undef, 'drama', undef, undef, undef, undef],
    ['search_page', $word, 20, undef, undef, undef, $day, 10, 10],
    ['search_page', $typo, 20, (undef) x 6],
    ['search_page', undef, 20, 'tamil', undef, undef, undef, 10, 10],
    ['search_page', undef, 20, (undef) x 4, 10, 10],
    ['search_page', 'who', 20, (undef) x 6],
    ['search_page', 'who', 20, undef, undef, undef, $day, undef, undef],
    ['list_movies', 20, undef, 'tamil', 'horror', 'imax', $day],
    ['list_movies', 20, undef, 'tamil', 'horror', 'imax', undef],
);

for my $call (@calls) {
    my ($function, @values) = @$call;
    my $name = "$function(" . join(', ', map { $_ // 'null' } @values) . ')';
    my $before = scans();
    my ($outcome, $body) = $dbh->selectrow_array(
        "select * from $function(" . join(', ', ('?') x @values) . ')', undef,
        @values);
    my $after = scans();
    is($outcome, 'ok', $name);
    is_deeply([grep { $after->{$_} != $before->{$_} } sort keys %$after], [],
              'by indexes');
}

# Blocks of shows and its indexes that $code read, cached or not.

sub blocks {
    my ($code) = @_;
    my $count = sub {
        $dbh->do('select pg_stat_force_next_flush()');
        return $dbh->selectrow_array(
            q{select heap_blks_read + heap_blks_hit + idx_blks_read
                     + idx_blks_hit
              from pg_statio_user_tables where relname = 'shows'});
    };
    my $before = $count->();
    $code->();
    return $count->() - $before;
}


# A page of shows for administrators reads what is on it, of all 40,000, which
# are some 1,200 blocks: also of those that are last, and with two filters.

my ($last, $film, $hall) = $dbh->selectrow_array(
    'select local_day, movie_id, screen_id from shows
     order by starts_at desc, show_id limit 1');

for my $by ({ date => $day }, { date => $last }, { theatreId => $theatre }, { movieId => $film },
            { screenId => $hall }, { date => $day, theatreId => $theatre },
            { date => $last, theatreId => $theatre },
            { date => $last, movieId => $film },
            { date => $last, screenId => $hall }) {
    my $filters = '{' . join(',', map { qq("$_":"$by->{$_}") } sort keys %$by)
                  . '}';
    my $read = blocks(sub {
        $dbh->do(q{select * from admin_list('show', null, null, 20, ?)},
                 undef, $filters);
    });
    cmp_ok($read, '<', 600, "a page of shows by $filters");
}

# A theatre that gets another zone has its shows follow, and finds them.
{
    my $before = scans();
    $dbh->do(q{update theatres set timezone = 'Pacific/Auckland'
               where theatre_id = ?}, undef, $theatre);
    is(scans()->{shows}, $before->{shows}, 'the shows of a theatre');
}

my ($found) = $dbh->selectrow_array(
    'select body from search_page(?, 20, null, null, null, null, null, null)',
    undef, $title);
like($found, qr/"movies":\[\{"movieId":"[^"]+","title":"\Q$title\E"/,
     'a title is found first');

done_testing();
