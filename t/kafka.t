# The sink for Kafka, against librdkafka's mock cluster in another process.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test          ();
use Boxoffice::Test::Outbox  qw(events problems wait_handed_on write_events);
use Boxoffice::Test::Process ();
use Cwd            ();
use File::Basename qw(dirname);
use File::Temp     ();
use Mojo::File     qw(path);
use Mojo::JSON     qw(from_json);
use Time::HiRes    qw(sleep time);

my $here = Cwd::abs_path(dirname(__FILE__));
my $dir  = File::Temp->newdir('/tmp/bo-kafka-XXXXXXXX');
chmod 0755, $dir;

system('cc', '-O1', '-Wall', '-Wextra', '-Werror', '-o', "$dir/kafka",
    "$here/outbox/kafka.c", '-lrdkafka') == 0 or die 'cc';

my $cluster = Boxoffice::Test::Process->start(log => "$dir/log",
    command => ["$dir/kafka", 'bookings', "$dir/ports", "$dir/out"]);
Boxoffice::Test::Process::wait_until(sub { -s "$dir/ports" }, 30)
    or die 'no cluster';
chomp(my $brokers = path("$dir/ports")->slurp);

my $t = Boxoffice::Test->new(nodes => 2, conf => { outbox_sink => ['redis',
    "kafka brokers=$brokers topic=bookings timeout=3s "
    . 'property=socket.timeout.ms=2000 property=reconnect.backoff.max.ms=500'
    ] });

# "kafka ...": what it says of brokers that are away
$t->allow_log(qr/\[error\]/);

# What the consumer has read: in order within a partition, which an aggregate
# stays in.
sub consumed () {
    my @seen;

    for my $line (split /\n/, path("$dir/out")->slurp) {
        my ($key, $id, $json) = split / /, $line, 3;
        utf8::decode($json);
        my $event = from_json($json);
        die "$key $id: $json" if $key ne $event->{aggregate}
            || $id ne $event->{id};
        push @seen, $event;
    }

    return @seen;
}


sub complete ($name) {
    wait_handed_on($t, 60, "$name: all is handed on");
    my @problems;
    $t->wait_until(sub { @problems = problems(events($t), consumed());
        !@problems }, 20, "$name: consumed, each, in order")
        or diag "@problems[0 .. 3]";
    return;
}


write_events($t, 60, 3);
complete('at rest');
like [grep { $_->{data}{n} == 1 } consumed()]->[0], { type => 'order.created',
    version => 1, data => { note => qr/quoted/ } }, 'what an event has';

$cluster->signal('USR1');
sleep 0.5;
write_events($t, 20, 2);
sleep 4;
$cluster->signal('USR2');
complete('brokers away');

$cluster->signal('STOP');
write_events($t, 20, 2);
sleep 2;
$cluster->signal('CONT');
complete('brokers stopped');

write_events($t, 30, 2);
$t->kill_worker(($t->worker_pids)[$_], node => 1) for 0, 1;
complete('workers killed');

write_events($t, 30, 2);
$t->reload(node => $_) for 1, 2;
complete('a reload');

$cluster->stop('TERM');
$t->done;
done_testing;
