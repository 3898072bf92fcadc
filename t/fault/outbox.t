# The relay under faults: each sink stopped, slow, failing, resetting and
# restarted; workers killed between publishing and marking, and at random; a
# poisoned event.  Afterwards every sink has every event, none that is unknown,
# those of one aggregate in order.  BOXOFFICE_SEED repeats what was random.
#
# Runs alone: it measures a time.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test           ();
use Boxoffice::Test::Outbox
    qw(events pending problems stream wait_handed_on write_events);
use Boxoffice::Test::Receiver ();
use Boxoffice::Test::Trap     ();
use File::Temp   ();
use MIME::Base64 qw(encode_base64);
use Mojo::File   qw(path);
use Time::HiRes  qw(sleep time);

my $seed = $ENV{BOXOFFICE_SEED} // time ^ $$;
srand $seed;
diag "seed $seed";

my $dir = File::Temp->newdir('/tmp/bo-outbox-XXXXXXXX');
chmod 0755, $dir;
path("$dir/secret")->spurt('whsec_' . encode_base64('k' x 32, '') . "\n");
path("$dir/keys")->spurt("aws_access_key_id=A\naws_secret_access_key=B\n");

my %r = map { $_ => Boxoffice::Test::Receiver->start(dir => $dir,
    name => $_) } qw(hook sqs);
my $more = 'timeout=1s backoff=20ms attempts=1000';
my $t = Boxoffice::Test->new(nodes => 2, workers => 2, conf => { outbox_sink => [
    'redis', 'audit ' . $more,
    'webhook url=' . $r{hook}->url . " secret=$dir/secret $more",
    'sqs url=' . $r{sqs}->url . " queue=http://q/a.fifo region=r "
        . "credentials=$dir/keys $more" ] });

# what is said of a sink or of Redis that is away
$t->allow_log(qr/\[error\]/);

sub complete ($name, $seconds = 90) {
    wait_handed_on($t, $seconds, "$name: all is handed on");

    my $events = events($t);
    is [problems($events, stream($t))], [], "$name: the stream";
    is [problems($events, $r{$_}->taken)], [], "$name: $_" for qw(hook sqs);
    is scalar $t->dbh->selectrow_array('select count(*) from outbox o
        where not exists (select from audit_log a
        where a.event_id = o.event_id)'), 0, "$name: the audit log";
    is scalar $t->dbh->selectrow_array(q{select count(*) from deliveries}), 0,
        "$name: no dead letters";
    return;
}


# While CODE lasts events are written; the others go on meanwhile.
sub fault ($name, $sink, $begin, $end) {
    write_events($t, 10, 1);
    $begin->();
    my @ids = write_events($t, 15, 2);
    my $seen = $t->wait_until(sub {
        my %seen = map { $_->{aggregate} => 1 }
            $sink eq 'redis' ? $r{hook}->taken : stream($t);
        return !grep { !$seen{$_} } @ids;
    }, 20, "$name: the others go on");
    sleep 0.5 + rand;
    $end->();
    return;
}


complete('at rest');

for my $sink (qw(hook sqs)) {
    my $r = $r{$sink};

    fault("$sink stopped", $sink, sub { $r->freeze }, sub { $r->thaw });
    fault("$sink $_", $sink, sub { $r->set(mode => $_) },
        sub { $r->set(mode => 'ok') }) for qw(slow fail hang reset);
    fault("$sink restarted", $sink, sub { $r->kill }, sub { $r->restart });
}

complete('sinks');

fault('redis stopped', 'redis', sub { $t->stop_redis },
    sub { $t->cont_redis });
fault('redis full', 'redis', sub { $t->redis->config_set('maxmemory', 1) },
    sub { $t->redis->config_set('maxmemory', 0) });
# With a save point it saves as it goes; what came between two commands would
# be lost with it.
fault('redis restarted', 'redis', sub {
    $t->redis->config_set('save', '3600 1');
    $t->redis->shutdown;
    delete $t->{redis};
}, sub { $t->start_redis });
complete('redis');


# The short way, then a lane: the event has reached its sink, and nobody has
# noted it.

for my $step (qw(ngx_bo_relay_ended ngx_bo_lane_ended)) {
    my $trap = Boxoffice::Test::Trap->set($t->node->{module}, $step,
        map { $t->worker_pids(node => $_) } 1, 2) // do {
            diag 'this machine does not let processes be traced';
            last;
        };

    my $pid;

    # a worker whose Redis was away a moment ago does not try it at once
    for (1 .. 25) {
        write_events($t, 20, 1);
        last if $pid = $trap->caught(1);
    }

    ok $pid, "$step: published and not marked" or next;
    $trap->kill($pid);
    $trap->free;
    $t->allow_log(qr/worker process $pid exited on signal 9/);
    complete("killed at $step");
}

my %times;
$times{ $_->{id} }++ for stream($t);
ok((grep { $_ > 1 } values %times),
    'what was published and not marked came again, with its id');


subtest 'workers killed at random' => sub {
    my @written;

    for (1 .. 6) {
        my $node = 1 + int rand 2;
        my @pids = $t->worker_pids(node => $node);

        push @written, write_events($t, 30, 2);
        sleep rand 0.08;
        $t->kill_worker($pids[rand @pids], node => $node);
    }

    is scalar @written, 180, 'written meanwhile';
    complete('workers killed');
};


subtest 'a whole node' => sub {
    write_events($t, 60, 2);
    $t->node(2)->kill;
    complete('a node less');
};


subtest 'poison holds up nobody else' => sub {
    my ($bad) = write_events($t, 1, 2);
    complete('before');
    $r{$_}->set(mode => 'ok', poison => $bad, poisoned => 'hang')
        for qw(hook);
    $t->dbh->do(q{insert into outbox (aggregate_id, version, type, payload)
        select ?, v, 'order.created', '{}' from generate_series(3, 4) v},
        undef, $bad);
    $t->wait_until(sub { grep { $_->{mode} eq 'hang'
        && $_->{body} =~ $bad } $r{hook}->requests }, 10, 'it hangs');

    my $began = time;
    my @good  = write_events($t, 20, 2);
    $t->wait_until(sub { my %n; $n{ $_->{aggregate} }++ for $r{hook}->taken;
        !grep { ($n{$_} // 0) < 2 } @good }, 20, 'the others pass');
    my $took = time - $began;
    ok $took < 5, 'in their usual time' or diag $took;
    is scalar(grep { $_->{aggregate} eq $bad && $_->{version} > 2 }
        $r{hook}->taken), 0, 'what follows it waits';

    $r{hook}->set(mode => 'ok');
    complete('and is healed');
};


$_->stop for values %r;
$t->done;
done_testing;
