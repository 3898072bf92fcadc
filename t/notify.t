# Messages: what arrives in a mailbox and at a provider, in which words, how
# often, and what happens when those who should take them do not.

use v5.36;
use utf8;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW THEATRE_SHOW uuid);
use Boxoffice::Test::Booking qw(CUSTOMER hold metrics pay try_order);
use Boxoffice::Test::Mail ();
use Cwd         qw(getcwd);
use Digest::SHA qw(hmac_sha256 hmac_sha256_hex sha256_hex);
use Encode      qw(encode_utf8);
use File::Temp  ();
use MIME::Base64 qw(decode_base64);
use Mojo::JSON  qw(decode_json encode_json);
use Time::HiRes qw(sleep time);

# Longer than anything here takes on a machine that has other things to do.
use constant LONG => 20;

my $dir = File::Temp->newdir('/tmp/bo-notify-XXXXXXXX');
chmod 0755, $dir;

my $mail = Boxoffice::Test::Mail->start_smtp("$dir/smtp");
my $web  = Boxoffice::Test::Mail->start_http("$dir/web");
my $templates = getcwd() . '/conf/notifications';

spew('sms.headers', "Authorization: Bearer s3cret-of-sms\nX-Tenant: 7\n");

my $t = Boxoffice::Test->new(workers => 1, conf => {
    order_ttl => '600s', seats_per_user => 60,
    notify_templates => $templates,
    notify => [
        'email smtp://127.0.0.1:' . $mail->port . ' starttls=off timeout=4s'
            . encode_utf8(' "from=Böxoffice <tickets@example.com>"')
            . ' patience=4s',
        'sms http://127.0.0.1:' . $web->port . '/sms fallback timeout=2s'
            . " body=$templates/sms.json headers=$dir/sms.headers",
        'push http://127.0.0.1:' . $web->port . '/push timeout=2s'
            . " body=$templates/push.json events=refunded",
    ] });


sub spew ($name, $bytes) {
    open my $fh, '>', "$dir/$name" or die "$dir/$name: $!";
    print {$fh} $bytes;
    close $fh or die "$dir/$name: $!";
    return "$dir/$name";
}


my $serial = 0;

# A confirmed order of a customer with an address of its own; the options are
# the customer's.
sub booking (%o) {
    my $n     = ++$serial;
    my $user  = delete $o{user} // "user$n";
    my $show  = delete $o{show} // SHOW;
    my $seats = delete $o{seats} // [seat($n)];
    my $to    = "user$n\@example.com";
    my $hold  = hold($t, $user, $show, $seats);
    my %customer = (CUSTOMER->%*, email => $to,
        phone => sprintf('+44 20 7946 %04d', $n), %o);

    delete $customer{phone} if !defined $customer{phone};

    my $order = $t->post('/api/v1/orders', { holdId => $hold->{holdId},
        paymentMethod => 'CARD', customer => \%customer }, user => $user);

    $order->code == 201 or die $order->body;

    return { pay($t, $user, $order->json->{orderId})->%*, to => $o{email} // $to,
        user => $user, phone => sprintf '+44207946%04d', $n };
}


sub seat ($n) { return ('A' .. 'H')[$n / 20] . ($n % 20 + 1) }


# The mails that an order's customer has got, when there are so many.
sub mails_to ($order, $count = 1, $name = 'the mail is there') {
    $t->wait_until(sub { $mail->mails($order->{to}) >= $count }, LONG, $name);
    return $mail->mails($order->{to});
}


# What the table says of an order: channel => status.
sub noted ($order) {
    return { map { $_->[0] => $_->[1] } $t->dbh->selectall_arrayref(
        'select channel, status from notifications where order_id = ?',
        undef, $order->{orderId})->@* };
}


sub noted_so ($order, $channel, $status, $name) {
    return $t->wait_until(sub { (noted($order)->{$channel} // '') eq $status },
        LONG, $name);
}


# What is left for the sink to do.
sub quiet ($name = 'every event is delivered') {
    return $t->wait_until(sub {
        !$t->dbh->selectrow_array("select (select count(*) from deliveries
            where sink = 'notify' and status = 'PENDING') + (select count(*)
            from outbox where published_at is null)") }, LONG, $name);
}


# The same event once more, as after a relay that died before it marked it.
sub again ($order, $type) {
    $t->dbh->do("insert into deliveries (sink, aggregate_id, version,
        created_at) select 'notify', aggregate_id, version, created_at
        from outbox where aggregate_id = ? and type = ?", undef,
        $order->{orderId}, $type) == 1 or die 'no such event';
    return;
}


my $jwks = spew('jwks.json', $t->get('/api/v1/ticket-keys')->body);

# tools/verify-ticket reads the picture and checks what it says, offline.
sub verified ($file, @args) {
    open my $fh, '-|', 'tools/verify-ticket', @args, $jwks, $file
        or die "node: $!";
    my @lines = map { decode_json($_) } <$fh>;
    close $fh;
    return ($? >> 8, @lines);
}


subtest 'a booking with its tickets' => sub {
    my $order = booking(seats => [qw(N1 N2 F1)], name => 'Zoë "Z" Bäcker');
    my ($got, @more) = mails_to($order);

    is \@more, [], 'one mail';
    is $got->{defects}, [], 'without a defect';
    is [$got->{from}, $got->{to}], ['tickets@example.com', [$order->{to}]],
        'the envelope';
    is [$got->{to_name}[0], $got->{to_address}[0]],
        ['Zoë "Z" Bäcker', $order->{to}], 'to the customer, by name';
    like $got->{headers}{from}, qr/^"?Böxoffice"? <tickets\@example\.com>/,
        'from the house';

    my $show = $t->dbh->selectrow_hashref(q{select m.title, h.name as theatre,
        h.address, c.name as screen, h.timezone, to_char(s.starts_at
        at time zone h.timezone, 'FMDay, FMDD FMMonth YYYY, HH24:MI') as at,
        to_char(s.starts_at at time zone h.timezone, 'FMDD FMMonth, HH24:MI')
        as short from shows s join movies m using (movie_id)
        join screens c using (screen_id) join theatres h using (theatre_id)
        where show_id = ?}, undef, SHOW);

    is $got->{headers}{subject}, "Your tickets: $show->{title}, $show->{short}",
        'the subject';

    my ($text, $html) = map { my $type = $_;
        (grep { $_->{type} eq $type } $got->{parts}->@*)[0]{text} }
        qw(text/plain text/html);

    for my $fact ('Hello Zoë', $show->{title}, $show->{at}, $show->{theatre},
        $show->{screen}, $show->{address}, 'UTC+05:30', 'Asia/Kolkata',
        'N1, N2', 'F1', 'INR 1050.00', $order->{ticketCode},
        $order->{orderId})
    {
        like $text, qr/\Q$fact\E/, "the text says $fact";
        like $html, qr/\Q$fact\E/, "the HTML says $fact";
    }

    like $html, qr/Zoë &quot;Z&quot; Bäcker/, 'the name is escaped there';
    is $got->{structure}, [qw(multipart/mixed multipart/alternative text/plain
        text/html image/png image/png image/png text/calendar)], 'its parts';

    my ($event) = $t->dbh->selectrow_array(q{select event_id from outbox
        where aggregate_id = ? and type = 'order.confirmed'}, undef,
        $order->{orderId});
    is $got->{headers}{'message-id'}, "<$event\@example.com>",
        'the Message-ID is the event\'s';

    my %seat;

    for my $file (map { $_->{file} } grep { $_->{type} eq 'image/png' }
        $got->{parts}->@*)
    {
        my ($status, @says) = verified($file, '--show', SHOW);
        is [$status, scalar @says], [0, 1], 'a QR that verifies';
        $seat{ $says[0]{seatId} } = $says[0];
    }

    is [sort keys %seat], [qw(F1 N1 N2)], 'one for each seat';
    is [map { $_->{orderId} } values %seat], [($order->{orderId}) x 3],
        'of this order';

    my ($ics) = map { $_->{text} } grep { $_->{type} eq 'text/calendar' }
        $got->{parts}->@*;
    my ($starts) = $t->dbh->selectrow_array(q{select to_char(starts_at
        at time zone 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') from shows
        where show_id = ?}, undef, SHOW);
    like $ics, qr/^DTSTART:$starts\r?$/m, 'and an entry for the calendar';

    noted_so($order, 'email', 'SENT', 'noted as sent');
    quiet();
    is noted($order), { email => 'SENT' }, 'and nothing else was sent';

    # an altered ticket is none: another picture's code, a letter changed
    my ($status) = verified(spew('no.png', 'no picture'));
    isnt $status, 0, 'what is no ticket does not verify';
};


subtest 'an event that comes again' => sub {
    my $order = booking();

    mails_to($order);
    noted_so($order, 'email', 'SENT', 'sent');
    quiet();

    for (1 .. 3) {
        again($order, 'order.confirmed');
        quiet('the event has come again');
    }

    is scalar(my @all = $mail->mails($order->{to})), 1, 'still one mail';
};


subtest 'in the language of the user' => sub {
    $t->put('/api/v1/me/notification-preferences', { language => 'de-AT' },
        user => 'hans');
    my ($got) = mails_to(booking(user => 'hans', show => THEATRE_SHOW,
        seats => ['A1']));

    like $got->{headers}{subject}, qr/^Ihre Tickets: The Winter's Tale, /,
        'the subject';
    is $got->{headers}{'content-language'}, 'de', 'the header';
    like $got->{parts}[0]{text}, qr/^Guten Tag Ann Buyer,\r?\n/, 'the text';
    like $got->{parts}[0]{text}, qr/(?:Mon|Diens|Donners|Frei|Sams|Sonn)tag|Mittwoch/,
        'the days';
    like $got->{parts}[0]{text}, qr/UTC\+0[01]:00, Europe\/London/,
        'and the time is that of the theatre';
};


subtest 'what else happens to an order' => sub {
    my $order = booking();
    mails_to($order);

    $t->post("/api/v1/orders/$order->{orderId}/cancel", {},
        user => $order->{user});
    my (undef, $got) = mails_to($order, 2, 'a mail of the cancellation');
    like $got->{headers}{subject}, qr/^Your order is cancelled: /, 'it says so';
    like $got->{parts}[0]{text}, qr/^Refund: INR 150\.00\r?$/m,
        'and what goes back';
    is [map { $_->{type} } $got->{parts}->@*],
        [qw(text/plain text/html text/calendar)], 'no tickets';
    like $got->{parts}[2]{text}, qr/^STATUS:CANCELLED\r?$/m,
        'the entry leaves the calendar';

    # the money is back
    $t->dbh->do("update refunds set status = 'DONE', done_at = now()
        where order_id = ? and status <> 'DONE'", undef, $order->{orderId});
    (undef, undef, $got) = mails_to($order, 3, 'a mail of the refund');
    like $got->{headers}{subject}, qr/^Your refund of INR 150\.00: /, 'it is';
    $t->wait_until(sub { $web->requests($order->{user}) }, LONG,
        'and a push message');
    my ($push) = $web->requests($order->{user});
    is $push->{path}, '/push', 'where it belongs';
    is decode_json($push->{body}), { user => $order->{user},
        title => $got->{headers}{subject}, body => match(qr/^INR 150\.00 for /),
        data => { event => 'refunded', orderId => $order->{orderId} } },
        'as its template has it';

    # some seats, and the whole show
    $order = booking(seats => [qw(H1 H2 H3)]);
    mails_to($order);
    my $r = $t->post("/api/v1/orders/$order->{orderId}/cancel",
        { seatIds => ['H2'] }, user => $order->{user});
    is $r->code, 200, 'a seat is given back' or diag $r->body;
    (undef, $got) = mails_to($order, 2, 'a mail about it');
    like $got->{headers}{subject}, qr/^Seats cancelled: /, 'it says so';
    like $got->{parts}[0]{text},
        qr/^Cancelled: H2\r?\nLeft:      H1, H3\r?\nRefund:    INR 250\.00\r?$/m,
        'which, and what is left';

    my $show = '00000000-0000-4000-8000-000000000011';
    $order = booking(show => $show, seats => [qw(A1 A2)]);
    mails_to($order);
    $r = $t->post("/api/v1/shows/$show/cancel", {}, user => 'root',
        headers => { 'x-user-role' => 'ADMIN' });
    is $r->code, 202, 'the show is cancelled' or diag $r->body;
    (undef, $got) = mails_to($order, 2, 'a mail about it');
    like $got->{headers}{subject}, qr/^The show is cancelled: /, 'it says so';
    like $got->{parts}[0]{text}, qr/^Refund: INR 300\.00\r?$/m, 'the refund';

    # declined and expired
    for my $case (['declined', 'Payment failed: '],
        ['expired', 'Your order has expired: '])
    {
        my ($how, $subject) = @$case;
        my $n    = ++$serial;
        my $hold = hold($t, "user$n", SHOW, [seat($n)]);
        my $id   = $t->post('/api/v1/orders', { holdId => $hold->{holdId},
            paymentMethod => 'CARD', customer => { CUSTOMER->%*,
            email => "user$n\@example.com" } }, user => "user$n")
            ->json->{orderId};

        if ($how eq 'declined') {
            $t->post("/api/v1/orders/$id/confirm-payment",
                { paymentId => "mock-declined-$n" }, user => "user$n");

        } else {
            $t->dbh->do('update orders set expires_at = now()
                where order_id = ?', undef, $id);
        }

        ($got) = mails_to({ to => "user$n\@example.com" }, 1, "$how: a mail");
        like $got->{headers}{subject}, qr/^\Q$subject\E/, "$how: its subject";
    }
};


subtest 'names and addresses that would be more' => sub {
    my @cases = (
        "Ann\r\nBcc: all\@example.com", "Ann\nSubject: won",
        "Ann\r\n\r\n<h1>", '"><script>', 'Ann <boss@example.com>,',
        '=?UTF-8?Q?Ann?=', "Ann\x{202e}nnA", "{{ticketCode}}", 'A' x 200,
        'Ä' x 100, "\x{1f3ac}", "\t", "\\\"");

    for my $name (@cases) {
        my ($got) = mails_to(booking(name => $name), 1, 'it is sent');

        is $got->{defects}, [], 'no defect';
        is scalar($got->{to}->@*), 1, 'one recipient';
        is [map { lc } $got->{names}->@*], [qw(from to subject date message-id
            content-language auto-submitted mime-version content-type)],
            'and no header more';
        is scalar($got->{to_address}->@*), 1, 'one address';
        unlike $got->{parts}[1]{text}, qr/<script|<h1>[^Y]/, 'no HTML of theirs';
    }

    # what no mail server takes goes by the fall-back
    for my $email ('ann@localhost', '"x"@example.com', 'ä@example.com',
        'ann@example.com>', 'a,b@example.com')
    {
        my $order = booking(email => $email);

        noted_so($order, 'sms', 'SENT', "$email: a text message");
        is noted($order)->{email}, 'REFUSED', 'instead of a mail';
        my ($sms) = $web->requests($order->{phone});
        like $sms->{body}, qr/Ticket code \Q$order->{ticketCode}\E/,
            'which says it shorter';
    }
};


subtest 'what a user does not want' => sub {
    my %off = map { $_ => Mojo::JSON->false } qw(email sms whatsapp push);

    $t->put('/api/v1/me/notification-preferences', { channels => \%off },
        user => 'quiet');
    my $order = booking(user => 'quiet');
    quiet();
    is noted($order), {}, 'nothing, for one who wants nothing';

    $t->put('/api/v1/me/notification-preferences',
        { channels => { email => Mojo::JSON->false } }, user => 'nomail');
    $order = booking(user => 'nomail');
    noted_so($order, 'sms', 'SENT', 'a text message instead of a mail');
    is [$mail->mails($order->{to})], [], 'no mail';
};


subtest 'a mail server that does not take it' => sub {
    my @cases = (
        # mode, then for the channels
        ['rcpt 550', 'REFUSED', 'a mailbox that is not there'],
        ['data 554', 'REFUSED', 'a mail that is not liked'],
        ['rcpt 451', 'GIVEN_UP', 'a server that is busy'],
        ['hang', 'GIVEN_UP', 'a server that does not answer'],
        ['reset', 'GIVEN_UP', 'a server that drops the connection'],
    );

    for my $case (@cases) {
        my ($mode, $status, $name) = @$case;

        $mail->mode($mode);
        my $order = booking();
        my $began = time;

        noted_so($order, 'sms', 'SENT', "$name: the fall-back is used");
        is noted($order)->{email}, $status, "$name: noted";
        ok time - $began >= 4, "$name: after some patience"
            if $status eq 'GIVEN_UP';
        is scalar(my @sms = $web->requests($order->{phone})), 1,
            "$name: one text message";
    }

    # until then nothing is lost: it is taken when the server is well
    $mail->mode('rcpt 451');
    my $order = booking(phone => undef);
    noted_so($order, 'email', 'RETRY', 'it waits');
    $mail->mode;
    is scalar(my @all = mails_to($order, 1, 'and is sent')), 1, 'once';
    noted_so($order, 'email', 'SENT', 'noted');

    # down, and nobody else to ask
    $mail->stop;
    $order = booking(phone => undef);
    $t->wait_until(sub { $t->dbh->selectrow_array('select attempts
        from notifications where order_id = ?', undef, $order->{orderId}) },
        LONG, 'tried while it is down');
    $mail->run;
    is scalar(@all = mails_to($order, 1, 'sent when it is back')), 1, 'once';
    quiet();
};


subtest 'an answer that is lost' => sub {
    $mail->mode('lost');
    my $order = booking(phone => undef);
    mails_to($order, 1, 'the server has it, and we do not know');
    $mail->mode;
    noted_so($order, 'email', 'SENT', 'so it is sent again');

    my @all = $mail->mails($order->{to});
    is scalar(@all) >= 2, !!1, 'twice';
    is scalar(keys %{{ map { $_->{headers}{'message-id'} => 1 } @all }}), 1,
        'under one Message-ID';
    is scalar(keys %{{ map { $_->{raw} => 1 } @all }}), 1,
        'the same to the byte';
};


subtest 'a provider' => sub {
    my %off = (email => Mojo::JSON->false);
    my sub texted ($name) {
        $t->put('/api/v1/me/notification-preferences', { channels => \%off },
            user => $name);
        return booking(user => $name);
    }

    my $order = texted('t1');
    noted_so($order, 'sms', 'SENT', 'a text message');
    my ($sms, @more) = $web->requests($order->{phone});
    is \@more, [], 'one';
    is [@{ $sms->{headers} }{qw(authorization x-tenant content-type)}],
        ['Bearer s3cret-of-sms', '7', 'application/json'], 'its headers';
    my ($event) = $t->dbh->selectrow_array(q{select event_id from outbox
        where aggregate_id = ? and type = 'order.confirmed'}, undef,
        $order->{orderId});
    is $sms->{headers}{'idempotency-key'}, "$event.sms", 'its key';
    is decode_json($sms->{body}), { to => $order->{phone}, reference => $event,
        text => match(qr/^The Last Lighthouse, \d{4}-\d\d-\d\d \d\d:\d\d, /) },
        'its body';

    # tries that fail are repeated with the same key and the same bytes
    for my $answer ('429 1', '503', '500', '401', 'reset', 'hang') {
        $web->answer($answer);
        $order = texted('t-' . $answer =~ s/\W/-/r);
        noted_so($order, 'sms', 'RETRY', "$answer: it waits");
        my $failed = time;
        $web->answer;
        noted_so($order, 'sms', 'SENT', "$answer: and is sent");
        my @tries = $web->requests($order->{phone});
        ok @tries >= 2, "$answer: in two tries or more";
        is scalar(keys %{{ map { ("$_->{headers}{'idempotency-key'} "
            . $_->{body}) => 1 } @tries }}), 1, "$answer: all the same";
        ok time - $failed >= 0.9, 'Retry-After is kept to' if $answer =~ / /;
    }

    $web->answer('422');
    $order = texted('t422');
    noted_so($order, 'sms', 'REFUSED', '422: it will never be taken');
    $web->answer;
    quiet('and is not tried again');
    is scalar(@more = $web->requests($order->{phone})), 1, 'one try';

    # a number that is none
    is noted(texted_to('x12')), { sms => 'REFUSED' }, 'no number, no message';
};


# An order of somebody with that phone and without mail, once it is decided.
sub texted_to ($phone) {
    my $user = 'p' . ++$serial;

    $t->put('/api/v1/me/notification-preferences',
        { channels => { email => Mojo::JSON->false } }, user => $user);
    my $order = booking(user => $user, phone => $phone);
    quiet();
    return $order;
}


subtest 'what it costs others' => sub {
    $mail->mode('hang');
    $web->answer('hang');
    my @orders = map { booking() } 1 .. 8;
    my @seconds;

    for (1 .. 100) {
        push @seconds, $t->get('/healthz')->seconds;
        sleep 0.02;
    }

    @seconds = sort { $a <=> $b } @seconds;
    diag sprintf 'p50 %.1f ms, p99 %.1f ms, max %.1f ms while mail hangs',
        map { 1000 * $seconds[$_] } 49, 98, 99;
    # one that waited for mail would be held up for seconds
    ok $seconds[98] < 0.5, 'a worker is not held up';

    $mail->mode;
    $web->answer;
    quiet('and all are told in the end');

    for my $order (@orders) {
        my $noted = noted($order);
        ok $noted->{email} eq 'SENT' || $noted->{sms} eq 'SENT',
            'one way or the other' or diag encode_json($noted);
    }
};


subtest 'numbers' => sub {
    my $m = metrics($t);
    my sub of ($channel, $outcome) {
        return $m->{qq(notifications_total{channel="$channel",)
            . qq(outcome="$outcome"})};
    }

    ok of('email', 'sent') >= scalar(grep { 1 } $mail->mails) - 3,
        'mails that were sent';
    ok of('email', 'refused') >= 7, 'and refused';
    ok of('email', 'failed') >= 5, 'and tries that failed';
    ok of('sms', 'sent') >= 10, 'text messages';
    ok of('push', 'sent') >= 1, 'push messages';
    is of('whatsapp', 'sent'), 0, 'nothing of what there is not';
    ok $m->{'notifications_fallback_total{channel="sms"}'} >= 10,
        'how often it was the fall-back';
    ok $m->{notifications_undeliverable_total} >= 2,
        'and how often nobody took it';
};


subtest 'with a password, and by SES when that does not help' => sub {
    my ($pem, $key) = ("$dir/cert.pem", "$dir/key.pem");

    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        . ' -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1'
        . " -keyout $key -out $pem 2>$dir/openssl.log") == 0 or die 'openssl';
    spew('login', "robot:pass:word\n");
    spew('aws', "[default]\naws_access_key_id = AKIDEXAMPLE\n"
        . "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\n");

    my $safe = Boxoffice::Test::Mail->start_smtp("$dir/tls", $pem, $key,
        'robot:pass:word');
    my $ses = Boxoffice::Test::Mail->start_http("$dir/ses");
    my $from = '"from=Boxoffice <tickets@example.com>"';
    my $t2 = Boxoffice::Test->new(workers => 1, conf => {
        notify_templates => $templates, notify => [
            'email smtp://127.0.0.1:' . $safe->port
                . " login=$dir/login ca=$pem $from timeout=3s",
            'email http://127.0.0.1:' . $ses->port . " name=ses fallback $from"
                . " credentials=$dir/aws region=eu-west-1 timeout=3s" ] });

    my $order = pay($t2, 'ann', try_order($t2, 'ann',
        hold($t2, 'ann', SHOW, ['A1'])->{holdId})->json->{orderId});
    $t2->wait_until(sub { $safe->mails }, LONG, 'a mail');
    my ($got) = $safe->mails;
    is [$got->{tls}, $got->{login}], [Mojo::JSON->true, 'robot'],
        'over TLS, from who may';
    is [$ses->requests], [], 'and no other';

    $safe->mode('data 554');
    $order = pay($t2, 'bea', try_order($t2, 'bea',
        hold($t2, 'bea', SHOW, ['B1'])->{holdId})->json->{orderId});
    $t2->wait_until(sub { $ses->requests }, LONG, 'by SES');
    my ($request) = $ses->requests;
    my $body = decode_json($request->{body});

    is $request->{path}, '/v2/email/outbound-emails', 'SendEmail';
    is [$body->{FromEmailAddress}, $body->{Destination}],
        ['tickets@example.com', { ToAddresses => ['ann@example.com'] }],
        'from and to';
    my $raw = decode_base64($body->{Content}{Raw}{Data});
    like $raw, qr/^Message-ID: <[0-9a-f-]{36}\@example\.com>\r$/m,
        'the mail itself';
    like $raw, qr/^Content-Type: image\/png;\r$/m, 'with its ticket';
    is $request->{headers}{authorization}, signature($request, 'AKIDEXAMPLE',
        'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'eu-west-1', 'ses'),
        'signed as AWS describes it';

    # a password that is wrong says nothing about the mail
    spew('login', "robot:wrong\n");
    $safe->mode;
    $t2->reload;
    my $tries = () = $ses->requests;
    pay($t2, 'cem', try_order($t2, 'cem',
        hold($t2, 'cem', SHOW, ['C1'])->{holdId})->json->{orderId});
    $t2->wait_until(sub { $t2->dbh->selectrow_array("select count(*)
        from notifications where status = 'RETRY' and reason like '%535%'") },
        LONG, 'it is tried again');
    is scalar(my @now = $ses->requests), $tries, 'and no fall-back used yet';
    spew('login', "robot:pass:word\n");
    $t2->reload;
    $t2->wait_until(sub { $safe->mails == 2 }, LONG, 'until it is right');

    $t2->done;
    $_->stop for $safe, $ses;
};


# Signature Version 4 as its documentation describes it.
sub signature ($request, $id, $secret, $region, $service) {
    my ($scope, $names) = $request->{headers}{authorization}
        =~ /Credential=\Q$id\E\/([^,]+),\s*SignedHeaders=([^,]+)/ or return;
    my ($date) = $scope =~ /^(\d{8})\//;
    my $canonical = join "\n", $request->{method}, $request->{path}, '',
        (map { "$_:$request->{headers}{$_}" } split /;/, $names), '', $names,
        sha256_hex(encode_utf8($request->{body}));
    my $key = "AWS4$secret";

    $key = hmac_sha256($_, $key) for $date, $region, $service, 'aws4_request';

    return "AWS4-HMAC-SHA256 Credential=$id/$date/$region/$service/aws4_request"
        . ", SignedHeaders=$names, Signature=" . hmac_sha256_hex(join("\n",
            'AWS4-HMAC-SHA256', $request->{headers}{'x-amz-date'},
            "$date/$region/$service/aws4_request", sha256_hex($canonical)),
            $key);
}


subtest 'what is in no log' => sub {
    my @lines = map { log_lines($_) } glob $t->node->dir . '/logs/*';

    ok @lines > 100, 'there are logs';

    for my $word ('s3cret-of-sms', 'example\.com', 'Zo\xc3\xab', 'Ann Buyer',
        '207946', 'Ticket code', 'Your tickets')
    {
        is [grep { /$word/ } @lines], [], $word;
    }
};


sub log_lines ($file) {
    open my $fh, '<', $file or die "$file: $!";
    return <$fh>;
}


$t->check_invariants;
$t->done;
$_->stop for $mail, $web;
done_testing;
