# Search and completion: words, beginnings, typing errors, filters, what is
# near; the events that a search cluster of one's own is fed from.

use v5.36;

use utf8;
use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW uuid);
use Mojo::JSON qw(decode_json);
use Mojo::Util qw(encode url_escape);

my $t   = Boxoffice::Test->new;
my $dbh = $t->dbh;
my $M   = '00000000-0000-4000-8000-0000000003';
my $T   = '00000000-0000-4000-8000-0000000001';

# One movie a line: title, language, format, genres, about, release
$dbh->do('insert into movies (title, language, format, genres, about,
    release_date, metadata) values (?, ?, ?, ?, ?, ?, ?)', undef, @$_) for
    ['Silver Harbour', 'English', '2D', '{Drama}',
        'A harbour town in winter.', '2024-01-05', '{}'],
    ['Silver', 'English', '3D', '{Action}', 'Gold is not enough.',
        '2023-02-01', '{}'],
    ['The Silver Rain', 'Tamil', '2D', '{Romance}', 'Rain.', '2025-03-01',
        '{"cast": [{"name": "Quintana Bell"}]}'],
    ['Rain Over Tokyo', 'Japanese', 'IMAX', '{Action,Drama}',
        'Silver clouds.', '2022-03-01', '{}'],
    ['Über den Dächern', 'German', '2D', '{Comedy}', 'Köln von oben.',
        '2021-01-01', '{}'],
    ['100% Wolf_man', 'English', '2D', '{Horror}', 'x', '2020-01-01', '{}'];


sub search ($query) { return $t->get("/api/v1/search?$query") }

sub titles ($q, $more = '') {
    my $r = search('q=' . url_escape(encode('UTF-8', $q)) . $more);
    return [$r->code] if $r->code != 200;
    return [map { $_->{title} } $r->json->{movies}->@*];
}


sub suggested ($q, $more = '') {
    return [map { $_->{text} } $t->get('/api/v1/search/suggest?q='
        . url_escape(encode('UTF-8', $q)) . $more)->json->{items}->@*];
}


subtest 'words' => sub {
    is titles('silver'), ['Silver', 'Silver Harbour', 'The Silver Rain',
        'Rain Over Tokyo'],
        'the title itself, titles that begin with it, titles, texts';
    is titles('SILVER rain'), ['The Silver Rain', 'Rain Over Tokyo'],
        'all of the words';
    is titles('rain tok'), ['Rain Over Tokyo'], 'the last one as a beginning';
    is titles('rai'), ['Rain Over Tokyo', 'The Silver Rain'], 'it alone';
    is titles('tamil romance'), ['The Silver Rain'], 'language and genre';
    is titles('quintana'), ['The Silver Rain'], 'the cast';
    is titles('silver zebra'), ['The Silver Rain', 'Silver Harbour',
        'Silver', 'Rain Over Tokyo'],
        'any of the words when there are not all';
    is titles('über köln'), ['Über den Dächern'], 'letters of others';
    is titles('zebra'), [], 'nothing';
    is titles($_), [], "no word: $_" for '%', '!!', '&|!:*', q('' '), '🎬';
    is titles(q(winter's)), ["The Winter's Tale", 'Silver Harbour'],
        'an apostrophe';
    is titles('100% wolf'), ['100% Wolf_man'], 'signs';
    is titles('silver | !rain:* <-> tokyo'), ['Rain Over Tokyo'],
        'operators are no operators';
};


subtest 'typing errors' => sub {
    is titles('sivler harbuor'), ['Silver Harbour'], 'two of them';
    is titles('lihgthouse'), ['The Last Lighthouse'], 'letters changed over';
    is titles('monsoom'), ['Monsoon Express'], 'another letter';
    is titles('shakespear'), ["The Winter's Tale"], 'one left out';
    is [map { $_->{name} } search('q=galxy')->json->{theatres}->@*],
        ['Galaxy Cinema'], 'a theatre';

    $dbh->do(q{insert into movies (title) values ('Zephyranthes')});
    is titles('zephiranthes'), ['Zephyranthes'],
        'words of new movies are known at once';
};


subtest 'filters' => sub {
    is titles('silver', '&language=tamil'), ['The Silver Rain'], 'language';
    is titles('silver', '&genre=ACTION'), ['Silver', 'Rain Over Tokyo'],
        'genre';
    is titles('silver', '&format=imax'), ['Rain Over Tokyo'], 'format';
    is titles('silver', '&limit=2'), ['Silver', 'Silver Harbour'], 'limit';
    is titles('silver', '&genre=Comedy'), [], 'none';

    my ($day) = $dbh->selectrow_array(
        'select local_day from shows where show_id = ?', undef, SHOW);
    is titles('lighthouse', "&date=$day"), ['The Last Lighthouse'], 'a day';
    is titles('lighthouse', '&date=2020-01-01'), [], 'another one';
    is titles('silver', "&date=$day"), [], 'not on then';

    is [map { $_->{title} } search('genre=Comedy')->json->{movies}->@*],
        ['Monsoon Express', 'Über den Dächern'],
        'without a text: the latest first';
};


subtest 'places' => sub {
    my $r = search('q=lighthouse&near=12.9,77.5')->json;
    is $r->{movies}[0]{nearestTheatre}, {
        theatreId => "${T}01", name => 'Galaxy Cinema', city => 'Bengaluru',
        distanceMeters => match(qr/\A1[0-9]{4}\z/),
    }, 'where it is shown';
    is search('q=lighthouse')->json->{movies}[0]{nearestTheatre}, undef,
        'without a place';
    is search('q=zephyranthes&near=0,0')->json->{movies}[0]{nearestTheatre},
        undef, 'what is shown nowhere';

    is [map { $_->{name} } search('q=edinburgh')->json->{theatres}->@*],
        ['Old Town Playhouse'], 'a city';
    is [map { $_->{name} } search('near=42,-71')->json->{theatres}->@*],
        ['Harbour Stadium', 'Old Town Playhouse', 'Galaxy Cinema'],
        'only a place: the nearest first';
    is [map { $_->{name} } search('q=harbour')->json->{theatres}->@*],
        ['Harbour Stadium'], 'a theatre beside the movies';
    is search('q=harbour')->json->{theatres}[0], {
        theatreId => "${T}03", name => 'Harbour Stadium',
        address => '1 Dock Avenue, Boston', city => 'Boston',
        latitude => 42.3467, longitude => -71.0972,
        timezone => 'America/New_York', distanceMeters => undef,
    }, 'its fields, and no others';
};


subtest 'completion' => sub {
    is suggested('sil'), ['Silver Harbour', 'Silver', 'The Silver Rain'],
        'what begins with it, then words';
    is suggested('the'), ['The Last Lighthouse', 'The Silver Rain',
        "The Winter's Tale"], 'titles only';
    is suggested('silver h'), ['Silver Harbour'], 'two words';
    is suggested('har'), ['Harbour Stadium', 'Silver Harbour'],
        'theatres, too';
    is suggested('harbuor'), ['Silver Harbour', 'Harbour Stadium'],
        'a typing error';
    is suggested('s', '&limit=1'), ['Silver Harbour'], 'limit';
    is suggested('100% w'), ['100% Wolf_man'], 'a sign';
    is suggested('%'), [], 'is no pattern';
    is $t->get('/api/v1/search/suggest?q=mon')->json, { items => [
        { type => 'movie', id => "${M}02", text => 'Monsoon Express' }] },
        'the fields, and no others';
};


subtest 'refusals and caches' => sub {
    my @bad = (['/search?q=', 'q'], ['/search?q=%ff', 'q'],
        ['/search?q=' . 'x' x 101, 'q'], ['/search?limit=51', 'limit'],
        ['/search?near=1', 'near'], ['/search?date=1', 'date'],
        ['/search?cursor=1'], ['/search?colour=red'],
        ['/search/suggest', 'q'], ['/search/suggest?limit=5', 'q'],
        ['/search/suggest?q=a&limit=21', 'limit'],
        ['/search/suggest?q=a&near=1,2']);
    for my $case (@bad) {
        my ($path, $field) = @$case;
        my $r = $t->get("/api/v1$path");
        is [$r->code, $r->error_code, $r->json->{error}{details}],
            [400, 'invalid_query', $field ? { field => $field } : undef],
            $path;
    }
    is $t->get("/api/v1/search/$_")->code, 404, $_
        for 'suggestions', 'suggest/x', uuid();

    for my $case (['/search?q=silver', 'public, max-age=60'],
        ['/search/suggest?q=sil', 'public, max-age=60, s-maxage=300'])
    {
        my ($path, $control) = @$case;
        my $r = $t->get("/api/v1$path");
        is $r->header('cache-control'), $control, "$path: control";
        is $t->get("/api/v1$path", headers => {
            'If-None-Match' => $r->header('etag') })->code, 304, 'a 304';
        my $no = $t->request('POST', "/api/v1$path", undef);
        is [$no->code, $no->header('allow')], [405, 'GET, HEAD'], 'POST';
    }
};


subtest 'events' => sub {
    my $events = sub { $dbh->selectall_arrayref(q{
        select type, version, payload, published_at is not null
        from outbox where type ~ '^(movie|theatre|show)\.'
        order by position}) };

    is $events->(), [], 'none until they are wanted';
    $dbh->do('select catalogue_events(true)');

    my $id = $dbh->selectrow_array(q{insert into movies (title) values
        ('Eventful') returning movie_id});
    $dbh->do('update movies set rating = 7 where movie_id = ?', undef, $id);
    $dbh->do('update show_prices set price = price + 1 where show_id = ?',
        undef, SHOW);
    $dbh->do('select next_epoch(?)', undef, SHOW);
    $dbh->do('update theatres set city = ? where theatre_id = ?', undef,
        'Boston, MA', "${T}03");
    $dbh->do('delete from movies where movie_id = ?', undef, $id);

    is [map { [@$_[0, 1]] } $events->()->@*], [['movie.changed', 1],
        ['movie.changed', 2], ['show.changed', 1], ['theatre.changed', 1],
        ['movie.removed', 3]], 'each change is one';
    my @docs = map { decode_json(encode('UTF-8', $_->[2])) }
        $events->()->@*;
    is [@{ $docs[1] }{qw(movieId title rating)}], [$id, 'Eventful', 7],
        'with the whole of it';
    is $docs[2]{minPrice}, 15001, 'and the prices of a show';
    is $docs[4], { movieId => $id }, 'or only who has gone';

    $t->wait_until(sub { !grep { !$_->[3] } $events->()->@* }, 20,
        'the relay hands them on');

    $dbh->do('select catalogue_events(false)');
    $dbh->do('update movies set rating = 7 where movie_id = ?', undef,
        "${M}01");
    is scalar $events->()->@*, 5, 'and none when they are not wanted';
};


$t->check_invariants;
$t->done;
done_testing;
