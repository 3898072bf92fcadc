# Sinks that are servers of others: webhooks by the Standard Webhooks
# convention, SQS and SNS with Signature Version 4.  Signatures are computed
# here, from the bytes that arrived.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Outbound       qw(certificate);
use Boxoffice::Test           qw(SHOW);
use Boxoffice::Test::Booking  qw(booked metrics);
use Boxoffice::Test::Outbox   qw(events problems wait_handed_on write_events);
use Boxoffice::Test::Receiver qw(aws_signature webhook_signatures);
use File::Temp   ();
use MIME::Base64 qw(encode_base64);
use Mojo::File   qw(path);
use Mojo::JSON   qw(decode_json);
use Time::HiRes  qw(sleep time);

my $dir = File::Temp->newdir('/tmp/bo-sinks-XXXXXXXX');
chmod 0755, $dir;

my @secrets = map { 'whsec_' . encode_base64($_ x 32, '') } 'a', 'b';
my $keys = "[default]\naws_access_key_id = AKIDEXAMPLE\n"
    . "aws_secret_access_key = secret/+key\naws_session_token=to/ken==\n";

path("$dir/secrets")->spurt("$secrets[0]\n");
path("$dir/keys")->spurt($keys);

my %r = map { $_ => Boxoffice::Test::Receiver->start(dir => $dir, name => $_,
    ) } qw(hook sqs sns);
my ($cert, $key) = certificate($dir, '127.0.0.1');
$r{tls} = Boxoffice::Test::Receiver->start(dir => $dir, name => 'tls',
    cert => $cert, key => $key);

my $aws = "region=eu-central-1 credentials=$dir/keys backoff=20ms timeout=20s";
my @sinks = ('redis',
    'webhook url=' . $r{hook}->url . "/events secret=$dir/secrets "
        . 'backoff=20ms attempts=4 timeout=20s',
    'webhook name=tls url=' . $r{tls}->url . " secret=$dir/secrets ca=$cert "
        . 'types=order.confirmed',
    'sqs url=' . $r{sqs}->url . ' queue=' . $r{sqs}->url
        . "/000000000000/tickets.fifo $aws",
    'sns url=' . $r{sns}->url
        . " topic=arn:aws:sns:eu-central-1:000000000000:events $aws",
);
my $t = Boxoffice::Test->new(nodes => 2, conf => { outbox_sink => [@sinks] });

sub value ($sql, @bind) {
    return scalar $t->dbh->selectrow_array($sql, undef, @bind);
}


subtest 'webhooks' => sub {
    my $id = booked($t, 'ann', SHOW, [qw(A1 A2)])->{orderId};
    wait_handed_on($t);

    my @seen = $r{hook}->requests;
    is [map { "$_->{method} $_->{path}" } @seen], [('POST /events') x 2],
        'a request for each event';

    my $h = $seen[1]{headers};
    is $h->{'content-type'}, 'application/json', 'JSON';
    is $h->{'webhook-id'}, value('select event_id from outbox where
        aggregate_id = ? and version = 2', $id), 'the id is the event\'s';
    ok abs($h->{'webhook-timestamp'} - time) < 30, 'the time of the attempt';
    is [map { webhook_signatures($_, $secrets[0]) } @seen], [1, 1],
        'signed';
    is [webhook_signatures({ $seen[1]->%*, body => "$seen[1]{body} " },
        $secrets[0]), webhook_signatures($seen[1], $secrets[1])], [0, 0],
        'the check is one';

    my $event = decode_json($seen[1]{body});
    like $event, { type => 'order.confirmed', aggregate => $id, version => 2,
        timestamp => qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/,
        data => { orderId => $id, status => 'CONFIRMED' } }, 'the event';

    is [map { $_->{type} } $r{tls}->taken], ['order.confirmed'],
        'another one, over TLS, gets what it wants';
};


subtest 'rotation of the secret' => sub {
    path("$dir/secrets")->spurt("$secrets[1]\n$secrets[0]\n");
    $t->reload(node => $_) for 1, 2;
    write_events($t, 1, 1);
    wait_handed_on($t);

    my $r = ($r{hook}->requests)[-1];
    is [webhook_signatures($r, @secrets)], [1, 1], 'both sign';
    like $r->{headers}{'webhook-signature'}, qr/\Av1,\S{44} v1,\S{44}\z/,
        'in one header';
};


subtest 'SQS' => sub {
    my @seen = $r{sqs}->requests;

    is \@{[ grep { $_->{headers}{'x-amz-target'}
        ne 'AmazonSQS.SendMessageBatch'
        || $_->{headers}{'content-type'} ne 'application/x-amz-json-1.0'
        || "$_->{method} $_->{path}" ne 'POST /' } @seen ]}, [],
        'its JSON protocol';

    for my $r (@seen) {
        my ($want, $got, $scope) = aws_signature($r, 'secret/+key');
        is $got, $want, 'signed';
        like $scope, qr{\AAKIDEXAMPLE \d{8}/eu-central-1/sqs/aws4_request },
            'for the service';
    }

    is $seen[0]{headers}{'x-amz-security-token'}, 'to/ken==',
        'with the token of a session';
    my ($want, $got) = aws_signature({ $seen[0]->%*, body => '{}' },
        'secret/+key');
    isnt $got, $want, 'the check is one';

    my $body  = decode_json($seen[0]{body});
    my $entry = $body->{Entries}[0];
    is $body->{QueueUrl}, $r{sqs}->url . '/000000000000/tickets.fifo',
        'the queue';
    my $event = decode_json($entry->{MessageBody});
    is [@$entry{qw(MessageGroupId MessageDeduplicationId)}],
        [@$event{qw(aggregate id)}], 'a group for each aggregate';
    is $entry->{MessageAttributes}{type}, { DataType => 'String',
        StringValue => $event->{type} }, 'the type can be filtered by';
};


subtest 'SNS' => sub {
    my @seen = $r{sns}->requests;

    for my $r (@seen) {
        my ($want, $got, $scope) = aws_signature($r, 'secret/+key');
        is $got, $want, 'signed';
        like $scope, qr{/eu-central-1/sns/aws4_request }, 'for the service';
    }

    my $form = Mojo::Parameters->new($seen[0]{body})->to_hash;
    my $event = decode_json($form->{Message});
    is $form, { Action => 'Publish', Version => '2010-03-31',
        TopicArn => 'arn:aws:sns:eu-central-1:000000000000:events',
        Message => $form->{Message},
        'MessageAttributes.entry.1.Name' => 'type',
        'MessageAttributes.entry.1.Value.DataType' => 'String',
        'MessageAttributes.entry.1.Value.StringValue' => $event->{type} },
        'the form';
};


subtest 'many' => sub {
    write_events($t, 200, 2);
    wait_handed_on($t, 60);

    my $events = events($t);
    is [problems($events, $r{$_}->taken)], [], $_ for qw(hook sqs sns);

    my @batches = map { scalar decode_json($_->{body})->{Entries}->@* }
        $r{sqs}->requests;
    ok((grep { $_ > 5 } @batches), 'SQS gets some at a time')
        or diag "@batches";
};




subtest 'an event that one of them will not take' => sub {
    $r{$_}->set(mode => 'ok', poison => 'quoted', poisoned => 'fail')
        for qw(hook);
    $r{sqs}->set(mode => 'ok', poison => '"n": 7,');

    # of ten, all are poison for the hook, one is for the queue
    my @ids = write_events($t, 10, 1);
    $t->wait_until(sub { value(q{select count(*) from deliveries
        where status = 'DEAD'}) == 11 }, 60, 'given up');
    is $t->dbh->selectall_arrayref(q{select sink, count(*), min(attempts),
        min(last_error) from deliveries group by sink order by sink}),
        [['sqs', 1, 1, 'InvalidMessageContents'],
        ['webhook', 10, 4, 'http 500']], 'by whom, and after how many tries';

    $r{hook}->set(mode => 'ok');
    $r{sqs}->set(mode => 'ok');
    $t->dbh->do(q{select replay_dead_letter(delivery_id) from deliveries});
    wait_handed_on($t);
    is [problems(events($t), $r{$_}->taken)], [], "$_ has it in the end"
        for qw(hook sqs);
};


subtest 'Retry-After' => sub {
    $r{hook}->set(mode => 'busy');
    my ($id) = write_events($t, 1, 1);
    $t->wait_until(sub { ($r{hook}->requests)[-1]{mode} eq 'busy' }, 5,
        'it says 429');
    $r{hook}->set(mode => 'ok');
    wait_handed_on($t);
    my @times = map { $_->{time} } grep { $_->{body} =~ $id }
        $r{hook}->requests;
    ok $times[-1] - $times[-2] >= 0.95, 'it is left alone for a second'
        or diag $times[-1] - $times[-2];
};


$_->stop for values %r;
$t->done;
done_testing;
