# SQS and SNS, by an emulator of others and the client of AWS: what the relay
# sends is accepted, fanned out, and received, once, in order.  Signatures are
# the business of t/sinks.t: the emulator looks at none.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test          qw(SHOW);
use Boxoffice::Test::Booking qw(booked);
use Boxoffice::Test::Outbox  qw(events problems wait_handed_on write_events);
use Boxoffice::Test::Process ();
use Cwd            ();
use File::Basename qw(dirname);
use File::Temp     ();
use List::Util     qw(uniq);
use Mojo::File     qw(path);
use Mojo::JSON     qw(decode_json encode_json from_json);
use Time::HiRes    qw(sleep);

my $here = Cwd::abs_path(dirname(__FILE__));
my $dir  = File::Temp->newdir('/tmp/bo-sqs-XXXXXXXX');
chmod 0755, $dir;

my $port    = Boxoffice::Test::Process::free_port();
my $url     = "http://127.0.0.1:$port";
my %fifo    = (FifoQueue => 'true');
my $setup   = encode_json({
    queues => { 'tickets.fifo' => \%fifo, 'mail.fifo' => \%fifo,
        'audit.fifo' => \%fifo, wants => {} },
    topics => { 'events.fifo' => { FifoTopic => 'true' }, news => {} },
    subscriptions => [
        { topic => 'events.fifo', queue => 'mail.fifo' },
        { topic => 'events.fifo', queue => 'audit.fifo',
            attributes => { RawMessageDelivery => 'true' } },
        { topic => 'news', queue => 'wants',
            attributes => { RawMessageDelivery => 'true',
                FilterPolicy => encode_json({ type => ['order.confirmed'] }) } },
    ],
});

path("$dir/$_")->spurt('') for qw(journal got);
path("$dir/keys")->spurt("aws_access_key_id = AKIDEXAMPLE\n"
    . "aws_secret_access_key = secret\n");

my $emulator = emulator();
my $receiver = Boxoffice::Test::Process->start(log => "$dir/receiver.log",
    command => ['node', "$here/aws/receiver.mjs", $port, "$dir/got",
        qw(tickets.fifo mail.fifo audit.fifo wants)],
    env => { NODE_NO_WARNINGS => 1 });

my $aws = "url=$url region=eu-central-1 credentials=$dir/keys backoff=50ms "
    . 'attempts=100 timeout=10s';
my $arn = 'arn:aws:sns:eu-central-1:000000000000';
my $t   = Boxoffice::Test->new(nodes => 2, conf => { outbox_sink => ['redis',
    "sqs queue=http://sqs.eu-central-1.127.0.0.1:$port/000000000000/tickets.fifo"
        . " $aws",
    "sns name=fan topic=$arn:events.fifo $aws",
    "sns name=news topic=$arn:news $aws",
] });


sub emulator () {
    my $process = Boxoffice::Test::Process->start(log => "$dir/emulator.log",
        command => ['node', "$here/aws/emulator.mjs", $port, "$dir/journal",
            $setup]);

    Boxoffice::Test::Process::wait_until(sub {
        Boxoffice::Test::Process::port_open($port) }, 60)
        or die 'no emulator: ' . path("$dir/emulator.log")->slurp;
    return $process;
}


sub lines ($file) {
    return map { decode_json($_) } split /\n/, path("$dir/$file")->slurp;
}


# The event of a message: bare, or in the envelope of SNS.
sub event_of ($m) {
    my $body = from_json($m->{body});
    return $body->{Type} ? from_json($body->{Message}) : $body;
}


# What was received from a queue, in order: the messages.
sub got ($queue) { return grep { $_->{queue} eq $queue } lines('got') }


# What the emulator said yes to.
sub said ($to) { return grep { ($_->{to} // '') eq $to } lines('journal') }


# Everything was received from a queue, each once, in order; "forgotten" are
# events that it had accepted and lost with its memory.
sub complete ($queue, $name, @forgotten) {
    my @problems;

    $t->wait_until(sub {
        @problems = problems(events($t), @forgotten,
            map { event_of($_) } got($queue));
        return !@problems;
    }, 60, "$name: $queue has each event, in order")
        or diag "@problems[0 .. ($#problems > 3 ? 3 : $#problems)]";
    return;
}


subtest 'at rest' => sub {
    my $id = booked($t, 'ann', SHOW, [qw(A1 A2)])->{orderId};

    write_events($t, 60, 3);
    wait_handed_on($t, 60);
    complete($_, 'at rest') for qw(tickets.fifo mail.fifo audit.fifo);

    my @got = got('tickets.fifo');
    is scalar(@got), 182, 'no more than that';
    is [grep { my $e = event_of($_); $_->{group} ne $e->{aggregate}
        || $_->{dedup} ne $e->{id} || $_->{type} ne $e->{type} } @got], [],
        'groups, ids and types are those of the events';

    my ($mine) = grep { event_of($_)->{aggregate} eq $id
        && event_of($_)->{version} == 2 } @got;
    is event_of($mine)->{data}{status}, 'CONFIRMED', 'a booking';

    my ($envelope) = map { from_json($_->{body}) } got('mail.fifo');
    like $envelope, { Type => 'Notification',
        TopicArn => "$arn:events.fifo", MessageAttributes => { type => {
        Type => 'String', Value => qr/\Aorder\./ } } }, 'the envelope of SNS';

    $t->wait_until(sub { got('wants') }, 30, 'a filter lets through');
    is [map { event_of($_)->{type} } got('wants')], ['order.confirmed'],
        'what it names, and only that';
};


# Accepted, and the answer lost: it comes again, and a FIFO queue knows it.
subtest 'answers that are lost' => sub {
    $emulator->signal('USR1');
    write_events($t, 30, 2);
    wait_handed_on($t, 60);
    complete($_, 'lost answers') for qw(tickets.fifo mail.fifo audit.fifo);

    is scalar(grep { $_->{lost} } lines('journal')), 3, 'three were lost';
    my @ids = map { $_->{dedup} // () } said('sqs'), said("$arn:events.fifo");
    ok @ids > 2 * keys events($t)->%*, 'some came twice to the server'
        or diag @ids . ' of ' . keys events($t)->%*;

    for my $queue (qw(tickets.fifo mail.fifo audit.fifo)) {
        my @dedup = map { event_of($_)->{id} } got($queue);
        is scalar(@dedup), scalar(uniq @dedup), "$queue: received once";
    }
};


subtest 'the server is killed, and comes back' => sub {
    my $writer = fork // die "fork: $!";

    if (!$writer) {
        my $dbh = $t->new_dbh;
        for (1 .. 10) {
            write_events($t, 20, 2, dbh => $dbh);
            sleep 0.2;
        }
        require POSIX;
        POSIX::_exit(0);
    }

    my $before = said('sqs');
    $t->wait_until(sub { said('sqs') > $before + 40 }, 30,
        'in the middle of it');
    $emulator->stop('KILL');

    # what it had accepted and nobody has received is gone with its memory
    my %forgotten;
    my $mark = said('sqs');
    my %of = ('tickets.fifo' => 'sqs', 'mail.fifo' => "$arn:events.fifo",
        'audit.fifo' => "$arn:events.fifo");

    sleep 2;
    for my $queue (keys %of) {
        my %got = map { event_of($_)->{id} => 1 } got($queue);
        $forgotten{$queue} = [grep { !$got{ $_->{id} } }
            map { event_of($_) } said($of{$queue})];
    }

    is scalar(said('sqs')), $mark, 'it is away';
    $emulator = emulator();
    waitpid $writer, 0;
    is $?, 0, 'the writer has ended';
    wait_handed_on($t, 60);

    for my $queue (sort keys %of) {
        my $events = events($t);

        is [problems($events, map { event_of($_) } said($of{$queue}))], [],
            "$of{$queue}: accepted, each booking in order";
        $t->wait_until(sub {
            return keys %$events == uniq(map { $_->{id} }
                $forgotten{$queue}->@*, map { event_of($_) } got($queue));
        }, 60, "$queue: nothing is missing");
        is [problems($events, in_place([map { event_of($_) } got($queue)],
            $forgotten{$queue}))], [], "$queue: each booking in order";
    }
};


# The received events with the forgotten ones in their places.
sub in_place ($got, $forgotten) {
    my %by;

    push $by{ $_->{aggregate} }->@*, $_ for @$got;
    for my $e (@$forgotten) {
        my $list = $by{ $e->{aggregate} } //= [];
        my ($at) = grep { $list->[$_]{version} > $e->{version} } 0 .. $#$list;
        splice @$list, $at // @$list, 0, $e;
    }

    return map { @$_ } values %by;
}


$receiver->stop;
$emulator->stop;
$t->done;
done_testing;
