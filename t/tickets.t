# /orders/{id}/tickets, /ticket-keys and tools/verify-ticket: the signed codes
# of an order's seats, their pictures, the keys and their rotation.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW uuid);
use Boxoffice::Test::Booking qw(TIME booked metrics order);
use Compress::Zlib  qw(crc32 uncompress);
use Digest::SHA     qw(sha256);
use Mojo::JSON      qw(decode_json encode_json);
use MIME::Base64    qw(encode_base64url);

my $t = Boxoffice::Test->new(conf => {
    orphan_rule => 'off', seats_per_hold => 10, seats_per_user => 64 });
my $dir = $t->dir;


sub tickets ($id, $user, %o) {
    return $t->get("/api/v1/orders/$id/tickets", user => $user, %o);
}


sub picture ($id, $seat, $user, %o) {
    return $t->get("/api/v1/orders/$id/tickets/$seat", user => $user, %o);
}


sub refused ($r, $code, $error, $name) {
    like { code => $r->code, error => $r->error_code },
        { code => $code, error => $error }, $name or diag $r->body;
    return;
}


sub spew ($name, $bytes) {
    open my $fh, '>', "$dir/$name" or die "$dir/$name: $!";
    binmode $fh;
    print {$fh} $bytes;
    close $fh or die "$dir/$name: $!";
    return "$dir/$name";
}


# tools/verify-ticket, as somebody without a network runs it: (exit status,
# what it says of each code).
sub verify (@args) {
    open my $fh, '-|', 'tools/verify-ticket', @args or die "node: $!";
    my @lines = map { decode_json($_) } <$fh>;
    close $fh;
    return ($? >> 8, @lines);
}


my $jwks = spew('jwks.json', $t->get('/api/v1/ticket-keys')->body);


subtest 'the public keys' => sub {
    my $r = $t->get('/api/v1/ticket-keys');

    is $r->code, 200, 'for everybody';
    is $r->header('Content-Type'), 'application/jwk-set+json', 'as a JWKS';
    like $r->header('Cache-Control'), qr/^public, max-age=/, 'to be kept';

    my ($key, @more) = $r->json->{keys}->@*;
    is \@more, [], 'one';
    is [sort keys %$key], [qw(alg crv kid kty use x)],
        'and nothing of the private part';
    is [@$key{qw(kty crv use alg)}], [qw(OKP Ed25519 sig EdDSA)], 'RFC 8037';

    # openssl says the same of the file
    my $der = `openssl pkey -in ${\$t->node->dir}/ticket.pem -pubout -outform DER`;
    is $key->{x}, encode_base64url(substr $der, -32), 'the public key';
    is $key->{kid}, encode_base64url(sha256(
        qq({"crv":"Ed25519","kty":"OKP","x":"$key->{x}"}))), 'RFC 7638';

    my $again = $t->get('/api/v1/ticket-keys',
        headers => { 'If-None-Match' => $r->header('ETag') });
    is [$again->code, $again->body], [304, ''], 'known';
    is $t->post('/api/v1/ticket-keys', {})->code, 405, 'not to be changed';
};


subtest 'one code a seat' => sub {
    my $order = booked($t, 'ann', SHOW, [qw(A1 A2 F1 N1)]);
    my $id    = $order->{orderId};
    my $show  = $t->get('/api/v1/shows/' . SHOW)->json;
    my $r     = tickets($id, 'ann');

    is $r->code, 200, 'there';
    my $body = $r->json;
    my @codes = map { delete $_->{code} } $body->{tickets}->@*;
    is $body, {
        orderId => $id, showId => SHOW, status => 'CONFIRMED',
        ticketCode => $order->{ticketCode},
        (map { $_ => $show->{$_} }
            qw(movieTitle theatreName screenName timezone startsAt endsAt)),
        amount => 15000 * 2 + 25000 + 40000, currency => 'INR',
        tickets => [
            { seatId => 'A1', category => 'SILVER' },
            { seatId => 'A2', category => 'SILVER' },
            { seatId => 'F1', category => 'GOLD' },
            { seatId => 'N1', category => 'PLATINUM' }],
    }, 'the fields, and no others';
    is scalar @codes, 4, 'four codes';
    like $_, qr/\A[A-Z2-7]{197,221}\z/, 'of the alphabet of a QR' for @codes;
    is tickets($id, 'ann')->body, $r->body, 'the same whenever it is asked';

    my ($status, @says) = verify('--show', SHOW, $jwks, @codes);
    is $status, 0, 'they verify without the server';
    is [map { $_->{seatId} } @says], [qw(A1 A2 F1 N1)], 'a seat each';
    is $says[2], {
        good => T(), seatId => 'F1', showId => SHOW, orderId => $id,
        ticketCode => $order->{ticketCode}, startsAt => $show->{startsAt},
        endsAt => $show->{endsAt},
        kid => decode_json($t->get('/api/v1/ticket-keys')->body)
            ->{keys}[0]{kid},
    }, 'what one says';

    is [(verify('--show', SMALL_SHOW, $jwks, $codes[0]))[1]{reason}],
        ['wrong_show'], 'of another show';
    is [(verify('--at', 'now', '--opens', 60, $jwks, $codes[0]))[1]{reason}],
        ['not_yet'], 'days too early';
    is [(verify('--at', $show->{startsAt}, $jwks, $codes[0]))[0]], [0],
        'at the beginning';
    is [(verify('--at', $show->{endsAt}, $jwks, $codes[0]))[1]{reason}],
        ['expired'], 'at the end';

    # One character for another, at every place: never good.  In the last
    # character only some bits count, and the others must be 0.
    my @altered = map {
        my $letter = substr($codes[0], $_, 1) eq 'A' ? 'B' : 'A';
        substr($codes[0], 0, $_) . $letter . substr $codes[0], $_ + 1;
    } 0 .. length($codes[0]) - 1;
    ($status, @says) = verify($jwks, @altered);
    is $status, 1, 'an altered one';
    is scalar(grep { $_->{good} } @says), 0, 'not one of '. @altered;

    for my $none ($codes[0] . 'A', lc $codes[0], substr($codes[0], 1),
        "$codes[0]=", 'ABC')
    {
        is [(verify($jwks, $none))[1]{reason}], ['unknown'], 'no code';
    }
};


# The signature is one of two numbers modulo the order of the group; whoever
# takes both lets one ticket have two texts.
subtest 'a second signature for a text' => sub {
    my $id   = booked($t, 'mal', SHOW, ['B1'])->{orderId};
    my $code = tickets($id, 'mal')->json->{tickets}[0]{code};
    my $node = <<~'END';
        const [code] = process.argv.slice(1);
        const A = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let bits = ""; for (const c of code) bits += A.indexOf(c).toString(2)
            .padStart(5, "0");
        const bytes = bits.slice(0, bits.length - bits.length % 8)
            .match(/.{8}/g).map((b) => parseInt(b, 2));
        const L = (1n << 252n) + 27742317777372353535851937790883648493n;
        let s = 0n;
        for (let i = 0; i < 32; i++)
            s |= BigInt(bytes[bytes.length - 32 + i]) << BigInt(8 * i);
        s += L;
        for (let i = 0; i < 32; i++)
            bytes[bytes.length - 32 + i] = Number(s >> BigInt(8 * i) & 255n);
        let out = bytes.map((b) => b.toString(2).padStart(8, "0")).join("");
        while (out.length % 5) out += "0";
        console.log(out.match(/.{5}/g).map((b) => A[parseInt(b, 2)]).join(""));
        END
    open my $fh, '-|', 'node', '-e', $node, $code or die "node: $!";
    chomp(my $other = <$fh>);
    close $fh;

    isnt $other, $code, 'another text';
    is [(verify($jwks, $other))[1]{reason}], ['bad_signature'], 'refused';
};


# The chunks of a PNG, their sums checked.
sub png_chunks ($bytes) {
    my @chunks;
    is substr($bytes, 0, 8), "\x89PNG\r\n\x1a\n", 'the signature of a PNG';
    my $at = 8;

    while ($at < length $bytes) {
        my ($len, $type) = unpack 'N a4', substr $bytes, $at, 8;
        my $data = substr $bytes, $at + 8, $len;
        my $sum  = unpack 'N', substr $bytes, $at + 8 + $len, 4;
        is $sum, crc32($type . $data), "the sum of $type";
        push @chunks, [$type, $data];
        $at += 12 + $len;
    }

    return @chunks;
}


subtest 'as pictures' => sub {
    my $id   = booked($t, 'pia', SHOW, [qw(C1 C2)])->{orderId};
    my @codes = map { $_->{code} } tickets($id, 'pia')->json->{tickets}->@*;

    my $png = picture($id, 'C1.png', 'pia');
    is [$png->code, $png->header('Content-Type')], [200, 'image/png'], 'PNG';
    my @chunks = png_chunks($png->body);
    is [map { $_->[0] } @chunks], [qw(IHDR IDAT IEND)], 'its chunks';
    is [unpack 'N N C C C C C', $chunks[0][1]], [456, 456, 1, 0, 0, 0, 0],
        '49 modules and twice 4 of 8 pixels, of one bit';
    is length uncompress($chunks[1][1]), 456 * 58, 'rows of 57 bytes';
    is `zbarimg -q --nodbus --raw ${\spew('c1.png', $png->body)}`, "$codes[0]\n",
        'zbar reads the code of the seat';
    cmp_ok length $png->body, '<', 3000, 'it is small';

    my $svg = picture($id, 'C2.svg', 'pia');
    is [$svg->code, $svg->header('Content-Type')], [200, 'image/svg+xml'],
        'SVG';
    like $svg->body, qr{\A<svg [^>]*viewBox="0 0 57 57".*</svg>\n\z}s,
        'with its quiet zone';

    # the paths of the SVG are the modules of the PNG of the same seat
    my %dark;
    my ($path) = $svg->body =~ /<path d="([^"]+)"/;
    while ($path =~ /M(\d+) (\d+)h(\d+)v1h-(\d+)z/g) {
        is $3, $4, 'closed' if $3 != $4;
        $dark{"$_ $2"} = 1 for $1 .. $1 + $3 - 1;
    }
    my $pgm = join '', "P2\n456 456\n1\n", map { my $y = $_; map {
        my $x = $_; ($dark{int($x / 8) . ' ' . int($y / 8)} ? 0 : 1) . "\n"
    } 0 .. 455 } 0 .. 455;
    is `zbarimg -q --nodbus --raw ${\spew('c2.pgm', $pgm)}`, "$codes[1]\n",
        'zbar reads the code of that seat';

    my ($status, $says) = verify($jwks, "$dir/c1.png");
    is [$status, $says->{seatId}, $says->{file}], [0, 'C1', "$dir/c1.png"],
        'verify-ticket takes a picture';
    is [(verify($jwks, spew('none.pgm', "P2\n1 1\n1\n1\n")))[0, 1]],
        [1, { good => F(), reason => 'no_code', file => "$dir/none.pgm" }],
        'and says when there is no code in it';

    for my $r ($png, $svg, tickets($id, 'pia')) {
        is $r->header('Cache-Control'), 'private, no-cache', 'kept privately';
    }
    for my $what ('C1.png', 'C1.svg') {
        my $tag = picture($id, $what, 'pia')->header('ETag');
        my $r = picture($id, $what, 'pia',
            headers => { 'If-None-Match' => "W/$tag" });
        is [$r->code, $r->body, $r->header('ETag')], [304, '', $tag],
            "$what: known";
        is picture($id, $what, 'pia',
            headers => { 'If-None-Match' => '"x"' })->code, 200, 'not known';
        refused(picture($id, $what, 'bob',
            headers => { 'If-None-Match' => $tag }), 404, 'not_found',
            "$what: another user learns nothing");
    }
    isnt picture($id, 'C1.png', 'pia')->header('ETag'),
        picture($id, 'C2.png', 'pia')->header('ETag'), 'a tag a seat';

    my $head = $t->request('HEAD', "/api/v1/orders/$id/tickets/C1.png", undef,
        user => 'pia');
    is [$head->code, $head->body, $head->header('Content-Length')],
        [200, '', length $png->body], 'HEAD';
};


subtest 'whose, and when' => sub {
    my $order = order($t, 'cat', SHOW, [qw(D1 D2)]);
    my $id    = $order->{orderId};

    for my $get (sub ($u, @o) { tickets($id, $u, @o) },
        sub ($u, @o) { picture($id, 'D1.svg', $u, @o) },
        sub ($u, @o) { picture($id, 'D1.png', $u, @o) })
    {
        refused($get->('cat'), 409, 'order_not_confirmed', 'not paid');
        is $get->('cat')->json->{error}{details},
            { orderId => $id, status => 'PAYMENT_PENDING' }, 'why';
        refused($get->('dog'), 404, 'not_found', "another's");
        refused($get->('dog', headers => { 'x-user-role' => 'ADMIN' }), 404,
            'not_found', 'not for an administrator');
        refused($get->(undef), 401, 'unauthorized', 'nobody');
    }

    my $mine = booked($t, 'cat', SHOW, [qw(E1 E2)])->{orderId};
    refused(picture($mine, $_, 'cat'), 404, 'not_found', $_)
        for qw(D1.svg E1 E1.gif E1.svg/ .svg e1.svg E1.svg.png E1.SVG),
            'E1%2F.svg', 'A' x 17 . '.svg', 'E1%0a.svg';
    is picture($mine, 'E1%2Esvg', 'cat')->code, 200, 'an escaped dot';
    is $t->post("/api/v1/orders/$mine/tickets/E1.svg", {}, user => 'cat')
        ->code, 405, 'POST to a picture';
    is $t->request('DELETE', "/api/v1/orders/$mine/tickets", undef,
        user => 'cat')->header('Allow'), 'GET, HEAD', 'Allow';
    refused(tickets(uuid(), 'cat'), 404, 'not_found', 'no such order');

    is $t->post("/api/v1/orders/$mine/cancel", {}, user => 'cat')->code, 200,
        'cancelled';
    refused(tickets($mine, 'cat'), 409, 'order_not_confirmed',
        'no tickets any more');
    refused(picture($mine, 'E1.svg', 'cat'), 409, 'order_not_confirmed',
        'no pictures');
};


subtest 'a seat that was given back' => sub {
    my $id = booked($t, 'eve', SHOW, [qw(G1 G2 G3)])->{orderId};

    is $t->post("/api/v1/orders/$id/cancel", { seatIds => ['G2'] },
        user => 'eve')->code, 200, 'given back';
    is [map { $_->{seatId} } tickets($id, 'eve')->json->{tickets}->@*],
        [qw(G1 G3)], 'the others';
    refused(picture($id, 'G2.svg', 'eve'), 404, 'not_found', 'no picture');
};


subtest 'rotation of keys' => sub {
    my $id   = booked($t, 'rob', SHOW, ['H1'])->{orderId};
    my $old  = tickets($id, 'rob')->json->{tickets}[0]{code};
    my $node = $t->node;
    my ($old_key, $new_key) = ("${\$node->dir}/ticket.pem",
        $node->ticket_key('new.pem', 'the next key, of 32 bytes too...'));

    # first it is shown, then it signs, then the old one is only verified by
    $t->reload(ticket_key_file => "$old_key $new_key");
    is tickets($id, 'rob')->json->{tickets}[0]{code}, $old, 'shown';
    my $both = spew('both.json', $t->get('/api/v1/ticket-keys')->body);
    is scalar decode_json($t->get('/api/v1/ticket-keys')->body)
        ->{keys}->@*, 2, 'two keys';

    `openssl pkey -in $old_key -pubout -out $dir/old.pub`;
    $t->reload(ticket_key_file => "$new_key $dir/old.pub");
    my $new = tickets($id, 'rob')->json->{tickets}[0]{code};
    isnt $new, $old, 'signed by the new one';

    is [(verify($both, $old, $new))[0]], [0], 'who has both takes both';
    is [map { $_->{good} } (verify($jwks, $old, $new))[1, 2]], [T(), F()],
        'who has not asked again takes the old one';
    is [(verify($new_key, $new))[0]], [0], 'a PEM file will do';
    is [(verify("$dir/old.pub", $old))[0]], [0], 'a public one, too';
    $t->reload;
};


subtest 'without a key' => sub {
    my $id = booked($t, 'ulf', SHOW, ['J1'])->{orderId};
    my $plain = Boxoffice::Test->new(start => 0);
    my ($status, $says) = $plain->node->check(ticket_key_file => undef);
    is $status, 1, 'refused';
    like $says, qr/no "boxoffice_ticket_key_file" is defined/, 'and why';
    $plain->done;
};


subtest 'counted' => sub {
    my $before = metrics($t)->{tickets_signed_total};
    my $id = booked($t, 'zoe', SHOW, [qw(K1 K2)])->{orderId};
    tickets($id, 'zoe');
    picture($id, 'K1.svg', 'zoe');
    is metrics($t)->{tickets_signed_total} - $before, 3,
        'signatures';
};


# What is signed is never in a log.
subtest 'logs' => sub {
    my $log = $t->node->log;
    unlike $log, qr/[A-Z2-7]{100}/, 'no code';
};


$t->check_invariants;
$t->done;
done_testing;
