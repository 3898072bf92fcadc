# /admin/layouts and /admin/screens: halls drawn as text or given as rows, every
# mistake told at once; what is in use stays as it is.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test          qw(SHOW STADIUM_SHOW uuid);
use Boxoffice::Test::Booking qw(TIME UUID);
use Mojo::File               qw(path);
use Mojo::JSON               qw(encode_json);

my $t = Boxoffice::Test->new(nodes => 2);
my @root    = (user => 'root', headers => { 'x-user-role' => 'ADMIN' });
my $base    = '/api/v1/admin';
my $LAYOUTS = "$base/layouts";
my $SCREENS = "$base/screens";
my $DRAWING = <<'END';
# a small one
A  SILVER            2o_a6oa_2o
B  SILVER            2o_8o_x1h

C  SILVER:1-2,GOLD:3-4  4o
section BALCONY prefix BAL
A  GOLD              _4o
END

sub refused ($r, $code, $error, $name, $details = undef) {
    like { code => $r->code, error => $r->error_code },
        { code => $code, error => $error }, $name or diag $r->body;
    is $r->json->{error}{details}, $details, "$name: details" if $details;
    return;
}

sub if_match ($tag, %o) {
    $tag = $tag->header('etag') if ref $tag;
    return (user => 'root', headers => { 'x-user-role' => 'ADMIN',
        'If-Match' => $tag }, %o);
}

sub create ($path, $body, %o) { return $t->post($path, $body, @root, %o) }

sub get ($path) { return $t->get($path, @root) }

sub seats_of ($layout) {
    return $t->dbh->selectall_arrayref('select seat_no, label, row_label,
        seat_number, category, kind, x, y, section from layout_seats
        where layout_id = ? order by seat_no', undef, $layout);
}

sub mistakes ($r) {
    return [map { "$_->{field}: $_->{problem}" }
        $r->json->{error}{details}{mistakes}->@*];
}


subtest 'administrators only' => sub {
    my $id = uuid();

    for my $case (['POST', $LAYOUTS, { name => 'x', drawing => 'A X o' }],
        ['PUT', "$LAYOUTS/$id", {}], ['DELETE', "$LAYOUTS/$id"],
        ['GET', "$LAYOUTS/$id/seats"], ['PUT', "$LAYOUTS/$id/seats", {}],
        ['GET', $SCREENS], ['POST', $SCREENS, {}], ['DELETE', "$SCREENS/$id"])
    {
        my ($method, $path, $body) = @$case;
        refused($t->request($method, $path, $body, user => 'ann'), 403,
            'forbidden', "$method $path");
    }
};


my $drawn = create($LAYOUTS, { name => 'Small', drawing => $DRAWING });

subtest 'drawn' => sub {
    is $drawn->code, 201, 'made' or diag $drawn->body;
    is $drawn->json, {
        layoutId => match(UUID), version => 1, name => 'Small', seats => 30,
        total => 32, screens => 0, shows => 0, createdAt => match(TIME),
        updatedAt => match(TIME), broken => ['B11'], house => ['B12'],
        categories => [
            { category => 'GOLD', seats => 6, accessible => 0, broken => 0,
                house => 0 },
            { category => 'SILVER', seats => 24, accessible => 2,
                broken => 1, house => 1 }],
    }, 'what it has';

    # the same drawing by the function that made the sample
    my ($sample) = $t->dbh->selectrow_array(
        'select create_layout(?, ?)', undef, 'by SQL', $DRAWING);
    is seats_of($drawn->json->{layoutId}), seats_of($sample),
        'every seat as SQL reads it';

    my $big = "section S at 3 4\n" . join '',
        map { "R${_}S GOLD:1-20,SILVER:21-60 20o_20a_20o\n" } 1 .. 30;
    my $r = create($LAYOUTS, { name => 'Big', drawing => $big });
    is [$r->code, $r->json->@{qw(seats version)}], [201, 1800, 1],
        'a large one, in pieces';
    ($sample) = $t->dbh->selectrow_array('select create_layout(?, ?)', undef,
        'big by SQL', $big);
    is seats_of($r->json->{layoutId}), seats_of($sample), 'likewise';

    my $copy = create($LAYOUTS, { name => 'Big 2', copyOf => $sample });
    is [$copy->code, $copy->json->@{qw(seats version)}], [201, 1800, 1],
        'a copy of it' or diag $copy->body;
    is seats_of($copy->json->{layoutId}), seats_of($sample), 'likewise';

    # what was begun and given up is not there, and goes at the next occasion
    $t->dbh->do('select admin_stage_seats(?, ?)', undef, uuid(),
        'A1 A 1 X N 0 0 -');
    my $before = get("$LAYOUTS?limit=100")->json->{items};
    $t->dbh->do(q{update layouts set staged_at = now() - interval '2 hours'
        where staged_at is not null});
    create($LAYOUTS, { name => 'Next', drawing => 'A X o' });
    is [grep { $_->{name} =~ /^staged/ } @$before], [], 'half of one is not';
    is $t->dbh->selectrow_array('select count(*) from layouts
        where staged_at is not null'), 0, 'and is gone';
};


subtest 'seen before it is made' => sub {
    my $count = sub {
        $t->dbh->selectrow_array('select count(*) from layouts') };
    my $before = $count->();
    my $r = create("$LAYOUTS/preview", { drawing => $DRAWING });

    is $r->code, 200, 'answered' or diag $r->body;
    is [$r->json->@{qw(seats categories)}], [32, [
        { name => 'SILVER', seats => 26 }, { name => 'GOLD', seats => 6 }]],
        'what it would have';

    # the rows that a show of it would be drawn from
    my @seats = map { my $row = $_;
        map { my ($label, $number, $x, $category, $kind) = @$_;
            [$label, $row->{row}, $number,
                $r->json->{categories}[$category]{name}, $kind // 'NORMAL',
                $x, $row->{y}, $row->{section} || undef] } $row->{seats}->@*
    } $r->json->{rows}->@*;
    my $made = seats_of($drawn->json->{layoutId});
    is \@seats, [map { [$_->@[1 .. 8]] } @$made], 'seat by seat';

    $r = create("$LAYOUTS/preview", { rows => [{ row => 'A', category => 'X',
        seats => [1, 2] }], name => 'like that of POST' });
    is $r->json, { seats => 2, categories => [{ name => 'X', seats => 2 }],
        rows => [{ section => '', row => 'A', y => 0,
            seats => [['A1', 1, 0, 0], ['A2', 2, 1, 0]] }] }, 'rows, too';

    $r = create("$LAYOUTS/preview", { drawing => "A X oo\nA X oq" });
    refused($r, 422, 'invalid_layout', 'mistakes');
    is mistakes($r), ['line 2: label A1 is there already, in line 1',
        'line 2: places are made of o, a, x, h and _, and numbers of 1 to '
        . '9999 before them'], 'all of them';

    refused(create("$LAYOUTS/preview", {}), 400, 'invalid_field', 'nothing');
    refused(create("$LAYOUTS/preview", { copyOf => uuid() }), 400,
        'invalid_field', 'a copy has no preview', { field => 'copyOf' });
    refused($t->post("$LAYOUTS/preview", { drawing => 'A X o' },
        user => 'ann'), 403, 'forbidden', 'for administrators');
    refused(get("$LAYOUTS/preview"), 405, 'method_not_allowed', 'no GET');
    refused(get("$LAYOUTS/previews"), 404, 'not_found', 'another word');
    is $count->(), $before, 'nothing was made';
};


subtest 'as rows' => sub {
    my $rows = [
        { row => 'A', category => 'GOLD', seats => [1, 2,
            { number => 3, x => 4, kind => 'ACCESSIBLE' }, 4,
            { number => 5, category => 'SILVER', label => 'LOGE' }] },
        { row => 'B', section => 'TOP', y => 3, category => 'SILVER',
            seats => [{ number => 1, x => 2, kind => 'HOUSE' }, 2] }];
    my $r = create($LAYOUTS, { name => 'Rows', rows => $rows,
        categories => [qw(GOLD SILVER)] });

    is $r->code, 201, 'made' or diag $r->body;
    is seats_of($r->json->{layoutId}), [
        [0, 'A1', 'A', 1, 'GOLD', 'NORMAL', 0, 0, undef],
        [1, 'A2', 'A', 2, 'GOLD', 'NORMAL', 1, 0, undef],
        [2, 'A3', 'A', 3, 'GOLD', 'ACCESSIBLE', 4, 0, undef],
        [3, 'A4', 'A', 4, 'GOLD', 'NORMAL', 5, 0, undef],
        [4, 'LOGE', 'A', 5, 'SILVER', 'NORMAL', 6, 0, undef],
        [5, 'B1', 'B', 1, 'SILVER', 'HOUSE', 2, 3, 'TOP'],
        [6, 'B2', 'B', 2, 'SILVER', 'NORMAL', 3, 3, 'TOP'],
    ], 'what was said';

    # read, and sent back, it is the same hall: also those that were drawn
    my $n = 0;
    for my $id ($r->json->{layoutId}, $drawn->json->{layoutId},
        map { $_->[0] } $t->dbh->selectall_arrayref('select distinct layout_id
            from shows join layouts using (layout_id)
            where seats < 2000')->@*)
    {
        my $read = get("$LAYOUTS/$id/seats");
        is $read->code, 200, 'its seats';
        my $again = create($LAYOUTS, { name => 'again ' . $n++,
            rows => $read->json->{rows} });
        is seats_of($again->json->{layoutId}), seats_of($id),
            'sent back they are the same' or diag $again->body;
    }
};


subtest 'mistakes' => sub {
    my $r = create($LAYOUTS, { name => 'Bad', categories => ['GOLD', 'BOX'],
        drawing => "A GOLD 3o\n\nB SILVER 2o\nA GOLD o\nC GOLD 2o3y\n" });
    refused($r, 422, 'invalid_layout', 'a bad drawing');
    is mistakes($r), [
        'line 3: SILVER is not one of the categories',
        'line 4: label A1 is there already, in line 1',
        'line 5: places are made of o, a, x, h and _, and numbers of 1 to '
            . '9999 before them',
        'categories: has BOX, and no seat is of it',
    ], 'all that is wrong with it';

    $r = create($LAYOUTS, { name => 'Bad', rows => [{ row => 'A', seats => [
        1, { number => 2, category => 'GOLD', price => 5 }, 'x'] }] });
    refused($r, 422, 'invalid_layout', 'bad rows');
    is scalar mistakes($r)->@*, 4, 'all that is wrong with them'
        or diag $r->body;

    $r = create($LAYOUTS, { name => 'Bad',
        drawing => join '', map { "a$_ X o\n" } 1 .. 70 });
    refused($r, 422, 'invalid_layout', 'a very bad one');
    is scalar mistakes($r)->@*, 50, 'the first fifty are told';

    for my $case ([{ drawing => undef }, 'rows'], [{ name => '' }, 'name'],
        [{ name => 'x' x 256 }, 'name'], [{ drawing => 5 }, 'drawing'],
        [{ rows => [] }, 'drawing'], [{ copyOf => uuid() }, 'drawing'],
        [{ drawing => undef, rows => {} }, 'rows'],
        [{ drawing => undef, copyOf => 'x' }, 'copyOf'],
        [{ drawing => undef, copyOf => uuid(), categories => ['X'] },
            'categories'])
    {
        my %body = (name => 'Bad', drawing => 'A X o', $case->[0]->%*);
        delete @body{ grep { !defined $body{$_} } keys %body };
        refused(create($LAYOUTS, \%body), 400, 'invalid_field',
            encode_json($case->[0]) =~ s/(.{40}).*/$1/r,
            { field => $case->[1] });
    }

    refused(create($LAYOUTS, { drawing => 'A X o' }), 400, 'missing_field',
        'no name', { field => 'name' });
    refused(create($LAYOUTS, { name => 'x', drawing => 'A X o', seats => 1 }),
        400, 'unknown_field', 'another field');
    refused(create($LAYOUTS, '{"name":"a","name":"b"}'), 400, 'invalid_json',
        'a name twice');
    refused(create($LAYOUTS, '{"name":'), 400, 'invalid_json', 'no JSON');
    refused(create($LAYOUTS, { name => 'x', copyOf => uuid() }), 404,
        'layout_not_found', 'a copy of nothing');
    refused(create($LAYOUTS, { name => 'Small', drawing => 'A X o' }), 409,
        'name_taken', 'its name again', { field => 'name' });
    refused(create($LAYOUTS, '{"name":"x","rows":[' . '0,' x 420_000 . '0]}'),
        413, 'body_too_large', 'too many values');

    is $t->dbh->selectrow_array(
        q{select count(*) from layouts where name in ('Bad', 'x')}), 0,
        'none of them is there';
};


subtest 'changes' => sub {
    my $path = "$LAYOUTS/" . $drawn->json->{layoutId};

    refused($t->put($path, { name => 'x' }, @root), 428,
        'precondition_required', 'without If-Match');
    my $r = $t->put($path, { name => 'Tiny' }, if_match($drawn));
    is [$r->code, $r->json->@{qw(name seats)}], [200, 'Tiny', 30],
        'another name';
    refused($t->put($path, { name => 'x' }, if_match($drawn)), 412,
        'precondition_failed', 'of an old version');

    my $tag = $r->header('etag');
    $r = $t->put("$path/seats", { broken => ['A1', 'BAL-A4'],
        normal => ['B11'], accessible => ['C1'] }, if_match($tag));
    is [$r->code, $r->json->@{qw(seats broken house)}],
        [200, 29, ['A1', 'BAL-A4'], ['B12']], 'seats that broke'
        or diag $r->body;
    isnt $r->header('etag'), $tag, 'another version';
    is $t->put("$path/seats", { broken => ['A1'] }, if_match($r))
        ->header('etag'), $r->header('etag'), 'said again: no other';

    $tag = $r->header('etag');
    $r = $t->put("$path/seats", { broken => ['Z1', 'A2'],
        house => ['A2', 'Q"'] }, if_match($tag));
    refused($r, 422, 'invalid_layout', 'what cannot be');
    is mistakes($r), bag { item 'broken: Z1 is no seat of it';
        item 'house: Q" is no seat of it'; item 'house: A2 is there 2 times';
        end }, 'all of it';
    refused($t->put("$path/seats", { sold => ['A1'] }, if_match($tag)), 400,
        'unknown_field', 'what is no kind');
    refused($t->put("$path/seats", { broken => 'A1' }, if_match($tag)), 400,
        'invalid_field', 'no list');

    $r = $t->put($path, { name => 'Tiny', drawing => "A GOLD 3o\nB BOX o" },
        if_match($tag));
    is [$r->code, $r->json->{seats}, map { $_->{category} }
        $r->json->{categories}->@*], [200, 4, 'BOX', 'GOLD'], 'another hall';
    refused($t->put("$path/seats", { house => [qw(A1 A2 A3 B1)] },
        if_match($r)), 422, 'invalid_layout', 'none is left');
    is get($path)->json->{seats}, 4, 'nothing of that was done';
    is $t->put($path, { name => 'Tiny', rows => [{ row => 'A',
        category => 'GOLD', seats => [1, 2] }] }, if_match($r))
        ->json->{seats}, 2, 'by rows';
};


subtest 'screens' => sub {
    my $theatre = create("$base/theatres", { name => 'Rex',
        timezone => 'Asia/Kolkata' })->json->{theatreId};
    my $layout  = $drawn->json->{layoutId};
    my %screen  = (theatreId => $theatre, name => 'One', layoutId => $layout);
    my $one     = create($SCREENS, \%screen);

    is $one->code, 201, 'made' or diag $one->body;
    is $one->json, { %screen, screenId => match(UUID), version => 1,
        theatreName => 'Rex', layoutName => 'Tiny', seats => 2, shows => 0,
        createdAt => match(TIME), updatedAt => match(TIME) }, 'what it has';
    my $path = "$SCREENS/" . $one->json->{screenId};
    is get($path)->body, $one->body, 'read';
    is [map { $_->{screenId} } get("$SCREENS?theatreId=$theatre")
        ->json->{items}->@*], [$one->json->{screenId}], 'of its theatre';

    refused(create($SCREENS, \%screen), 409, 'name_taken', 'its name again');
    refused(create($SCREENS, { %screen, theatreId => uuid() }), 404,
        'theatre_not_found', 'nowhere');
    refused(create($SCREENS, { %screen, name => 'Two', layoutId => uuid() }),
        404, 'layout_not_found', 'no such hall');
    refused(create($SCREENS, { %screen, layoutId => 'x' }), 400,
        'invalid_field', 'no id');
    refused($t->put($path, \%screen, if_match($one)), 400, 'unknown_field',
        'it does not move');

    my $copy = create($LAYOUTS, { name => 'Copy', copyOf => $layout });
    my $put  = $t->put($path, { name => 'Uno',
        layoutId => $copy->json->{layoutId} }, if_match($one));
    is [$put->code, $put->json->@{qw(name layoutName version)}],
        [200, 'Uno', 'Copy', 2], 'changed';

    refused($t->del("$LAYOUTS/" . $copy->json->{layoutId}, if_match('*')),
        409, 'in_use', 'its layout', { usedBy => { screens => 1 } });
    is $t->del("$LAYOUTS/$layout", if_match('*'))->code, 204,
        'one that nobody has may go';
    refused(get("$LAYOUTS/$layout"), 404, 'layout_not_found', 'it is gone');

    refused($t->del("$base/theatres/$theatre", if_match('*')), 409, 'in_use',
        'a theatre with a screen');
    is $t->del($path, if_match($put))->code, 204, 'removed';
    is $t->del("$base/theatres/$theatre", if_match('*'))->code, 204,
        'and then the theatre';
    is $t->del("$LAYOUTS/" . $copy->json->{layoutId}, if_match('*'))->code,
        204, 'and the layout';

    is [map { "$_->{action} $_->{kind}" } get("$base/audit?objectId="
        . $one->json->{screenId})->json->{items}->@*],
        ['remove screen', 'change screen', 'create screen'], 'all noted';
};


subtest 'in use' => sub {
    my ($screen, $layout, $theatre) = $t->dbh->selectrow_array('select
        s.screen_id, s.layout_id, c.theatre_id from shows s
        join screens c using (screen_id) where show_id = ?', undef, SHOW);
    my $shows = $t->dbh->selectrow_array('select count(*) from shows
        where layout_id = ?', undef, $layout);

    refused($t->put("$LAYOUTS/$layout/seats", { broken => ['A1'] },
        if_match('*')), 409, 'in_use', 'seats of shows',
        { usedBy => { shows => $shows } });
    refused($t->put("$LAYOUTS/$layout", { name => 'x', drawing => 'A X o' },
        if_match('*')), 409, 'in_use', 'their hall');
    refused($t->del("$SCREENS/$screen", if_match('*')), 409, 'in_use',
        'their screen');
    is $t->put("$LAYOUTS/$layout", { name => 'Renamed' }, if_match('*'))
        ->code, 200, 'a name may change';

    # the next shows get another hall, those there are keep theirs
    my $copy = create($LAYOUTS, { name => 'With a broken seat',
        copyOf => $layout });
    $t->put("$LAYOUTS/" . $copy->json->{layoutId} . '/seats',
        { broken => ['A1'] }, if_match($copy));
    is $t->put("$SCREENS/$screen", { name => 'Screen 1',
        layoutId => $copy->json->{layoutId} }, if_match('*'))->json->{seats},
        299, 'the screen has it';
    is $t->get('/api/v1/shows/' . SHOW)->json->{seats}, 300,
        'the show has not';

    # when all is over it may go
    $t->dbh->do(q{update shows set starts_at = starts_at - interval '1 year',
        ends_at = ends_at - interval '1 year' where screen_id = ?}, undef,
        $screen);
    is $t->del("$SCREENS/$screen", if_match('*'))->code, 204, 'removed';
    refused(get("$SCREENS/$screen"), 404, 'screen_not_found', 'gone');
    is [grep { $_->{screenId} eq $screen }
        $t->get('/api/v1/screens')->json->{items}->@*], [],
        'no shows are put on there';
    is create($SCREENS, { theatreId => $theatre, name => 'Screen 1',
        layoutId => $copy->json->{layoutId} })->code, 201,
        'its name is free';
};


# Lists of seats are as long as a hall is large, and what is known of a movie is
# what an import brings.
subtest 'long documents' => sub {
    my $hall = create($LAYOUTS, { name => 'Long', drawing => join '',
        map { "ROW${_}S X 50o\n" } 1 .. 41 });
    is $hall->code, 201, 'a long hall' or diag $hall->body;
    my $path = "$LAYOUTS/" . $hall->json->{layoutId};
    my @all  = map { $_->[1] }
        (seats_of($hall->json->{layoutId})->@*)[0 .. 1999];

    my $r = $t->put("$path/seats", { house => \@all }, if_match($hall));
    is $r->code, 200, 'all 2,000 seats at once' or diag $r->body;
    is $r->json->{house}, \@all, 'are of the house';

    my ($labels) = $t->dbh->selectcol_arrayref('select l.label
        from layout_seats l join shows s using (layout_id)
        where s.show_id = ? order by l.seat_no limit 2000', undef,
        STADIUM_SHOW);
    $r = $t->put("$base/shows/" . STADIUM_SHOW . '/seats',
        { house => $labels, normal => [] }, if_match('*'));
    is $r->code, 200, 'of a show, too' or diag $r->body;
    is scalar $r->json->{house}->@*, 2000, 'likewise';

    $r = $t->put("$path/seats", { normal => [('A1') x 10_001] },
        if_match('*'));
    refused($r, 400, 'invalid_field', 'more than 10,000',
        { field => 'normal' });
    $r = $t->put("$path/seats", '{"normal":[]' . ' ' x 262_144 . '}',
        if_match('*', headers => { 'x-user-role' => 'ADMIN',
            'If-Match' => '*', 'Content-Type' => 'application/json' }));
    is $r->code, 413, 'more than 256 KB';

    my %movie = (title => 'Long', metadata => { cast => [
        map { { name => "Actor \x{905}$_", role => "The $_" } } 1 .. 500 ] });
    my $movie = create("$base/movies", \%movie);
    is $movie->code, 201, 'a movie' or diag $movie->body;
    $r = $t->put("$base/movies/" . $movie->json->{movieId}, { %movie,
        title => 'Longer' }, if_match($movie));
    is $r->code, 200, 'is changed' or diag $r->body;
    is $r->json->{metadata}, $movie{metadata}, 'and is whole';
    ok length encode_json($r->json->{metadata}) > 18_000, 'which is long';

    my %theatre = (name => 'Long', timezone => 'Asia/Kolkata',
        metadata => { about => 'x' x 60_000 });
    my $theatre = create("$base/theatres", \%theatre);
    is $theatre->code, 201, 'a theatre' or diag $theatre->body;
    is $t->put("$base/theatres/" . $theatre->json->{theatreId}, \%theatre,
        if_match($theatre))->code, 200, 'likewise';
    refused(create("$base/theatres", { %theatre, name => 'x',
        metadata => { about => 'x' x 66_000 } }), 400, 'invalid_field',
        'SQL has the last word', { field => 'body' });
};


$t->check_invariants;
$t->done;
done_testing;
