#!/usr/bin/perl

# Which message goes where: the facts, the channels and their order, and that
# nothing is sent twice.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;
use TestPg;

my $pg = TestPg->new();
my $dbh = $pg->load();
my $show = TestPg::show($dbh, 26);
my $next = 0;

sub one { return $dbh->selectrow_array(@_) }


# An order of one seat, confirmed unless told otherwise.

sub booked {
    my (%more) = @_;
    my $state = delete $more{state} || 'CONFIRMED';
    my $order = TestPg::order($show, [$next], user_id => 'user' . $next++,
                              %more);

    is(TestPg::outcomes(TestPg::create($dbh, $order)), 'created', 'created');

    if ($state eq 'CONFIRMED') {
        TestPg::confirm($dbh, TestPg::payment($order));
    }

    return $order;
}


sub event {
    my ($order, $type) = @_;
    return $dbh->selectrow_hashref(
        'select event_id, type, payload from boxoffice.outbox '
        . 'where aggregate_id = ? and type = ?', undef, $order->{order_id},
        $type) || die "no $type";
}


my %CHANNELS = (
    channels => [qw(email push sms)], kinds => [qw(email push sms)],
    fallbacks => [qw(f f t)], patience => [600000, 600000, 600000],
    lease => [10000, 10000, 10000],
);

my $db = $dbh;

sub step {
    my ($event, %o) = @_;
    my %c = (%CHANNELS, skipped => [], %o);

    return $db->selectrow_hashref(
        'select * from boxoffice.notification_step(?, ?, ?, ?, ?, ?, ?, ?, ?,'
        . ' ?, ?, ?, ?)', undef, @{$event}{qw(event_id type payload)},
        @c{qw(channels kinds fallbacks patience lease skipped tried attempt
              outcome reason)});
}


# What is done with an event when channels answer so: "email:SENT push:RETRY".
# Returns the channels that were used and the last action.

sub story {
    my ($event, $answers, %o) = @_;
    my %answer = map { split /:/ } split ' ', $answers;
    my (@skipped, @used, %tried);

    while (1) {
        my $n = step($event, skipped => \@skipped, %tried, %o);

        return join(' ', @used, $n->{action}) if $n->{action} ne 'send';

        my $channel = ($o{channels} || $CHANNELS{channels})
            ->[$n->{channel} - 1];
        die "$channel again" if grep { $_ eq $channel } @skipped;

        push @skipped, $channel;
        push @used, $channel . ($n->{fallback} ? '!' : '');
        %tried = (tried => $channel, attempt => $n->{attempt},
                  outcome => $answer{$channel} || 'SENT', reason => 'x');
    }
}


sub rows {
    my ($event) = @_;
    return join ' ', map { join ':', @$_ } @{$dbh->selectall_arrayref(
        'select channel, status, attempts from boxoffice.notifications '
        . 'where event_id = ? order by channel', undef, $event->{event_id})};
}


subtest 'the facts' => sub {
    my $order = booked(phone => '+441', name => 'Zoë');
    my $n = step(event($order, 'order.confirmed'));

    $dbh->do("update boxoffice.shows set starts_at = '2026-07-01 18:30+00', "
             . "ends_at = '2026-07-01 20:30+00' where show_id = ?", undef,
             $show->{show_id});

    is($n->{action}, 'send', 'send');
    is($n->{channel}, 1, 'by mail first');
    is($n->{address}, 'ann@example.org', 'to the customer');
    is($n->{customer}, 'Zoë', 'by name');
    is($n->{seat_ids}, "S$order->{seat_nos}" =~ tr/{}//dr, 'the seats');
    is($n->{amount}, 100, 'the price');
    is($n->{refund}, undef, 'nothing goes back');
    is($n->{language}, undef, 'no language was chosen');

    my ($theatre) = one('select t.theatre_id from boxoffice.screens '
                        . 'join boxoffice.theatres t using (theatre_id) '
                        . 'join boxoffice.shows s using (screen_id) '
                        . 'where s.show_id = ?', undef, $show->{show_id});

    # a summer's and a winter's night, on both sides of Greenwich, half hours

    my @cases = (
        ['Europe/London', '2026-07-01 18:30+00', '2026-07-01 19:30', 3,
            '+01:00'],
        ['Europe/London', '2026-12-01 18:30+00', '2026-12-01 18:30', 2,
            '+00:00'],
        ['Asia/Kolkata', '2026-12-31 20:00+00', '2027-01-01 01:30', 5,
            '+05:30'],
        ['America/St_Johns', '2026-12-01 02:00+00', '2026-11-30 22:30', 1,
            '-03:30'],
        ['America/New_York', '2026-03-08 06:30+00', '2026-03-08 01:30', 7,
            '-05:00'],
        ['America/New_York', '2026-03-08 07:30+00', '2026-03-08 03:30', 7,
            '-04:00'],
    );

    for my $case (@cases) {
        my ($zone, $at, $local, $weekday, $offset) = @$case;

        $dbh->do('update boxoffice.theatres set timezone = ? '
                 . 'where theatre_id = ?', undef, $zone, $theatre);
        $dbh->do('update boxoffice.shows set starts_at = ?, ends_at = '
                 . "?::timestamptz + interval '2 h' where show_id = ?", undef,
                 $at, $at, $show->{show_id});

        my $f = $dbh->selectrow_hashref(
            'select * from boxoffice.notification_facts(?, ?)', undef,
            @{event($order, 'order.confirmed')}{qw(type payload)});

        is("$f->{starts_local} $f->{weekday} $f->{utc_offset} $f->{timezone}",
           "$local $weekday $offset $zone", "$at in $zone");
    }

    $show = TestPg::show($dbh, 26);
};


subtest 'channels' => sub {
    my @cases = (
        # answers, channels used, rows
        ['', 'email push done', 'email:SENT:1 push:SENT:1'],
        ['email:REFUSED', 'email push done', 'email:REFUSED:1 push:SENT:1'],
        ['email:REFUSED push:REFUSED', 'email push sms! done',
            'email:REFUSED:1 push:REFUSED:1 sms:SENT:1'],
        ['email:REFUSED push:REFUSED sms:REFUSED',
            'email push sms! undeliverable',
            'email:REFUSED:1 push:REFUSED:1 sms:REFUSED:1'],
        ['email:RETRY', 'email push later', 'email:RETRY:1 push:SENT:1'],
        ['email:RETRY push:REFUSED', 'email push later',
            'email:RETRY:1 push:REFUSED:1'],
        ['email:REFUSED push:REFUSED sms:RETRY', 'email push sms! later',
            'email:REFUSED:1 push:REFUSED:1 sms:RETRY:1'],
    );

    for my $case (@cases) {
        my ($answers, $story, $rows) = @$case;
        my $event = event(booked(phone => '+441'), 'order.confirmed');

        is(story($event, $answers), $story, $answers || 'all well');
        is(rows($event), $rows, 'noted');

        if ($story =~ /done|undeliverable/) {
            is(story($event, ''), $story =~ /(\w+)\z/ ? $1 : '',
               'it comes again: nothing is sent');
            is(rows($event), $rows, 'nothing has changed');
        }
    }

    my $event = event(booked(), 'order.confirmed');
    is(story($event, 'email:REFUSED push:REFUSED'),
       'email push undeliverable', 'no phone, no message to it');
};


subtest 'again and again' => sub {
    my $event = event(booked(phone => '+441'), 'order.confirmed');

    is(story($event, 'email:RETRY push:SENT'), 'email push later', 'failed');
    is(story($event, 'email:RETRY'), 'email later', 'only what failed');
    is(story($event, ''), 'email done', 'and then it is taken');
    is(rows($event), 'email:SENT:3 push:SENT:1', 'three tries');

    # patience ends where there is a fall-back, and not before

    $event = event(booked(phone => '+441'), 'order.confirmed');
    my %only = (channels => [qw(email sms)], kinds => [qw(email sms)],
                fallbacks => [qw(f t)], lease => [1000, 1000]);

    is(story($event, 'email:RETRY', %only, patience => [60000, 1]),
       'email later', 'it waits');
    is(story($event, 'email:RETRY', %only, patience => [0, 1]),
       'sms! done', 'it has waited long enough');
    is(rows($event), 'email:GIVEN_UP:1 sms:SENT:1', 'noted');

    $event = event(booked(), 'order.confirmed');
    is(story($event, 'email:RETRY', %only, patience => [0, 0]),
       'email later', 'no phone: no fall-back');
    is(story($event, 'email:RETRY', %only, patience => [0, 0]),
       'email later', 'so it goes on trying');
    is(story($event, '', %only, patience => [0, 0]), 'email done', 'well');

    # a fall-back that fails for now is tried for ever

    $event = event(booked(phone => '+441'), 'order.confirmed');
    is(story($event, 'email:REFUSED sms:RETRY', %only, patience => [0, 0]),
       'email sms! later', 'the last one');
    is(story($event, 'sms:RETRY', %only, patience => [0, 0]),
       'sms! later', 'is not given up');
};


subtest 'two nodes have the same event' => sub {
    my $event = event(booked(), 'order.confirmed');
    my %mail = (channels => ['email'], kinds => ['email'],
                fallbacks => ['f'], patience => [1]);
    my $n = step($event, %mail, lease => [400]);

    is($n->{action}, 'send', 'one sends');

    my $other = step($event, %mail, lease => [400]);
    is($other->{action}, 'later', 'the other one waits');
    ok($other->{wait_ms} > 0 && $other->{wait_ms} <= 400, 'as long as that');

    $dbh->do('select pg_sleep(0.5)');
    $other = step($event, %mail, lease => [60000]);
    is("$other->{action} $other->{attempt}", 'send 2',
       'nobody noted the end: it is sent again');

    # the first one comes back

    $n = step($event, %mail, lease => [400], skipped => ['email'],
              tried => 'email', attempt => 1, outcome => 'RETRY');
    is($n->{action}, 'later', 'its failure does not matter any more');
    is(rows($event), 'email:SENDING:2', 'the other one has it');

    $n = step($event, %mail, lease => [400], skipped => ['email'],
              tried => 'email', attempt => 1, outcome => 'SENT');
    is($n->{action}, 'done', 'its success does');

    $n = step($event, %mail, lease => [400], skipped => ['email'],
              tried => 'email', attempt => 2, outcome => 'REFUSED');
    is("$n->{action} " . rows($event), 'done email:SENT:2',
       'and is not taken back');

    # at once: one of two gets it

    $event = event(booked(), 'order.confirmed');
    my $second = $pg->dbh();
    $second->begin_work();
    $db = $second;
    is(step($event, %mail, lease => [60000])->{action}, 'send', 'one has it');
    $db = $dbh;
    $dbh->do("set lock_timeout = '50ms'");
    ok(!eval { step($event, %mail, lease => [60000]); 1 },
       'the other one finds out when the first one has committed');
    $second->commit();
    is(step($event, %mail, lease => [60000])->{action}, 'later', 'later');
    $dbh->do('reset lock_timeout');
    $second->disconnect();
};


subtest 'who does not want them' => sub {
    $dbh->do(q{insert into boxoffice.notification_preferences
               (user_id, muted, language) values
               ('mute', '{email,push,sms,whatsapp}', 'de'),
               ('nomail', '{email}', null), ('notext', '{sms}', 'hi-IN')});

    my $event = event(booked(user_id => 'mute', phone => '+4'),
                      'order.confirmed');
    is(story($event, ''), 'done', 'nothing for one who wants nothing');
    is(rows($event), '', 'and nothing noted');

    $event = event(booked(user_id => 'nomail', phone => '+4'),
                   'order.confirmed');
    is(story($event, 'push:REFUSED'), 'push sms! done', 'no mail');

    $event = event(booked(user_id => 'notext', phone => '+4'),
                   'order.confirmed');
    is(step($event, lease => [0, 0, 0])->{language}, 'hi-IN', 'the language');
    is(story($event, 'email:REFUSED push:REFUSED'),
       'email push undeliverable', 'no text message');

    ok(!eval { $dbh->do("insert into boxoffice.notification_preferences "
                        . "(user_id, $_->[0]) values ('x', ?)", undef,
                        $_->[1]); 1 }, "$_->[0] $_->[1] is refused")
        for ['muted', '{fax}'], ['language', ''], ['language', '../de'],
            ['language', 'de_AT'], ['language', 'a'];
};


subtest 'what an event is about' => sub {
    my $order = booked();
    my $confirmed = event($order, 'order.confirmed');

    TestPg::cancel($dbh, TestPg::withdrawal($order, admin => 't'));
    is(story($confirmed, ''), 'superseded',
       'no ticket for what was cancelled meanwhile');

    my $event = event($order, 'order.cancelled');
    my $n = step($event);
    is("$n->{action} $n->{refund}", 'send 100', 'cancelled, and what goes back');

    my ($refund) = one('select refund_id from boxoffice.refunds '
                       . 'where order_id = ?', undef, $order->{order_id});
    $dbh->do("update boxoffice.refunds set status = 'DONE', done_at = now() "
             . 'where refund_id = ?', undef, $refund);
    $n = step(event({ order_id => $refund }, 'payment.refunded'));
    is("$n->{action} $n->{refund} $n->{order_id}",
       "send 100 $order->{order_id}", 'refunded: the order and the amount');

    my $part = booked();
    my ($payload) = one(q{select payload || '{"cancelledSeatIds": ["A1", "A2"],
        "refund": {"amount": 70}}' from boxoffice.outbox
        where aggregate_id = ? and type = 'order.confirmed'}, undef,
        $part->{order_id});
    $n = step({ event_id => TestPg::uuid(), type => 'order.seats_cancelled',
                payload => $payload });
    is("$n->{action} $n->{changed_seats} $n->{refund}", 'send A1,A2 70',
       'some seats');

    my $gone = { event_id => TestPg::uuid(), type => 'order.confirmed',
                 payload => '{"orderId": "' . TestPg::uuid()
                            . '", "showNo": 1}' };
    is(step($gone)->{action}, 'superseded', 'an order that is not there');
    is(step({ %$gone, payload => '{"showNo": 999999}' })->{action},
       'superseded', 'no show');
    is(step({ %$gone, payload => '{}' })->{action}, 'superseded', 'nothing');

    my $pending = booked(state => 'PAYMENT_PENDING');
    $dbh->do("update boxoffice.orders set expires_at = now() where "
             . 'order_id = ?', undef, $pending->{order_id});
    $dbh->do('select * from boxoffice.expire_orders(10)');
    is(step(event($pending, 'order.expired'))->{action}, 'send', 'expired');
};


subtest 'old ones go' => sub {
    my ($n) = one('select count(*) from boxoffice.notifications');
    $dbh->do("update boxoffice.notifications set updated_at = now() "
             . "- interval '91 days' where channel = 'email'");
    my ($old) = one("select count(*) from boxoffice.notifications "
                    . "where channel = 'email'");
    is(one('select boxoffice.purge_notifications(90)'), $old, 'the old ones');
    is(one('select count(*) from boxoffice.notifications'), $n - $old,
       'and no others');
};


TestPg::healthy($dbh, 'at the end');
$pg->stop();
done_testing();
