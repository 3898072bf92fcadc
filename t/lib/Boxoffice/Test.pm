package Boxoffice::Test;

# What an end-to-end test of Boxoffice stands on: nginx nodes, a Redis and a
# PostgreSQL database of its own.
#
#     use lib 't/lib';
#     use Test2::V0;
#     use Boxoffice::Test qw(SHOW);
#
#     my $t = Boxoffice::Test->new(conf => { hold_ttl => '2s' });
#     my $r = $t->post('/api/v1/holds',
#         { showId => SHOW, seatIds => ['A1'] }, user => 'ann');
#     is $r->code, 201, 'held';
#     $t->check_invariants;
#     $t->done;
#     done_testing;

use v5.36;

use Boxoffice::Test::Client   ();
use Boxoffice::Test::Contract qw(note_answer);
use Boxoffice::Test::Nginx    ();
use Boxoffice::Test::Postgres ();
use Boxoffice::Test::Process  ();
use Boxoffice::Test::Redis    ();
use Boxoffice::Test::Response ();
use Carp            qw(croak);
use Exporter        qw(import);
use File::Basename  qw(basename);
use File::Copy      ();
use File::Path      qw(make_path remove_tree);
use File::Temp      ();
use Mojo::JSON      ();
use Mojo::UserAgent ();
use Mojo::UserAgent::CookieJar ();
use Time::HiRes     ();
use Test2::API      qw(context);

# Shows of the sample data.
use constant SHOW         => '00000000-0000-4000-8000-000000000001';
use constant SMALL_SHOW   => '00000000-0000-4000-8000-000000000002';
use constant LARGE_SHOW   => '00000000-0000-4000-8000-000000000003';
use constant THEATRE_SHOW => '00000000-0000-4000-8000-000000000004';
use constant STADIUM_SHOW => '00000000-0000-4000-8000-000000000005';

# A busy machine makes things late, not wrong.
use constant PATIENCE => 6;

our @EXPORT_OK = qw(SHOW SMALL_SHOW LARGE_SHOW THEATRE_SHOW STADIUM_SHOW uuid);

my %living;

# without these END and DESTROY would not run
$SIG{INT}  = sub { exit 130 };
$SIG{TERM} = sub { exit 143 };


# new(%options):
#   nodes          => number of nginx nodes on the same stores (1)
#   workers        => workers of each (2)
#   worker_connections => of each worker (4096)
#   files          => that a worker may open (four times that)
#   conf           => { hold_ttl => '2s', redis => "...", ... }: directives
#                     boxoffice_* of the http level; undef takes one away
#   auth           => argument of boxoffice_auth ('development')
#   main_extra, http_extra, server_extra => text of nginx.conf
#   location_extra => text in each location of the API
#   gate           => the waiting room before the holds
#   log_level      => of the error log ('info')
#   postgres       => 'own' for a server of its own, with fsync; else the one
#                     of the run is shared, with a database of its own
#   allow_log      => regex or array: lines of the error log that may be there
#   start          => 0: do not start nginx yet ($t->node->start)
#   append         => appendfsync of Redis, which has an append-only file then
#   clocks         => Boxoffice::Test::Clocks: "redis" and "node" can be set
#   optimistic     => 1: the locations of the optimistic mode
sub new ($class, %o) {
    my $dir = File::Temp->newdir('/tmp/bo-test-XXXXXXXX', CLEANUP => 0);

    chmod 0755, $dir;

    my $allow = delete $o{allow_log} // [];
    my $self  = bless {
        dir   => "$dir",
        owner => $$,
        allow => ref $allow eq 'ARRAY' ? $allow : [$allow],
    }, $class;

    $living{$self} = $self;

    $self->{redis_server} = Boxoffice::Test::Redis->start(dir => "$dir",
        append => delete $o{append},
        env => $o{clocks} ? $o{clocks}->env('redis') : {});
    $self->{postgres} = ($o{postgres} // '') eq 'own'
        ? Boxoffice::Test::Postgres->start(fsync => 1)
        : Boxoffice::Test::Postgres->shared;
    $self->{database} = $self->{postgres}->create_database;

    for my $n (1 .. ($o{nodes} // 1)) {
        my $node = Boxoffice::Test::Nginx->new(%o,
            dir      => "$dir/node$n",
            redis    => $self->{redis_server}->url,
            postgres => $self->conninfo);
        push $self->{nodes}->@*, $node;
        $node->start if $o{start} // 1;
    }

    return $self;
}


# --- places

sub dir      ($self) { return $self->{dir} }
sub conninfo ($self) { return $self->{postgres}->conninfo($self->{database}) }


# Nodes are counted from 1.
sub node  ($self, $n = 1) { return $self->{nodes}[$n - 1] }
sub nodes ($self)         { return $self->{nodes}->@* }


sub url ($self, $path = '/', %o) {
    return 'http://127.0.0.1:' . $self->node($o{node} // 1)->port . $path;
}


# --- one request
#
# Options: user => sent as x-user-id; key => Idempotency-Key (POST makes one up
# unless it is undef); headers => {...}; node => number.  A body that is a
# reference is sent as JSON, a string as it is, undef not at all.

sub get ($self, $path, %o) { return $self->request('GET',    $path, undef, %o) }
sub del ($self, $path, %o) { return $self->request('DELETE', $path, undef, %o) }

sub put ($self, $path, $body, %o) {
    return $self->request('PUT', $path, $body, %o);
}


sub post ($self, $path, $body, %o) {
    return $self->request('POST', $path, $body, %o);
}


# A connection of its own for each: what happens to a kept connection while
# nginx is reloaded or killed is not what such a test is about.
sub request ($self, $method, $path, $body, %o) {
    my $ua = $self->{ua} //= Mojo::UserAgent->new(
        max_connections => 0, max_redirects => 0, inactivity_timeout => 30,
        request_timeout => 30, connect_timeout => 5,

        # a test says itself what it sends
        cookie_jar => Mojo::UserAgent::CookieJar->new(ignore => sub { 1 }));
    my $start = Time::HiRes::time();
    my $tx    = $ua->build_tx($method => $self->url($path, %o),
        _headers($method, $body, \%o), _bytes($body) // ());

    $ua->start($tx);

    my $res   = $tx->res;
    my $error = $tx->error;

    if ($res->code) {
        note_answer($method, $path, $res->code, $res->headers->content_type,
            $res->body);
    }

    return Boxoffice::Test::Response->new(
        code    => $res->code // 0,
        head    => $res->headers->to_string,
        body    => $res->body,
        error   => $error && !$error->{code} ? $error->{message} : undef,
        seconds => Time::HiRes::time() - $start);
}


sub _headers ($method, $body, $o) {
    my %headers;

    $headers{'x-user-id'} = $o->{user} if defined $o->{user};
    $headers{'Content-Type'} = 'application/json' if defined $body;

    my $key = exists $o->{key} ? $o->{key}
        : $method eq 'POST' ? uuid() : undef;
    $headers{'Idempotency-Key'} = $key if defined $key;

    return { %headers, ($o->{headers} // {})->%* };
}


sub _bytes ($body) {
    return ref $body ? Mojo::JSON::encode_json($body) : $body;
}


# --- many requests

# run_many(CONCURRENCY, REQUESTS, CODE): REQUESTS is an array of [METHOD, PATH,
# BODY, OPTIONS...], or code that gives the next one.  Without CODE all answers
# come back in order, else CODE is called with (RESPONSE, NUMBER from 0,
# REQUEST) for each and may add to the array.  The option timeout => SECONDS of
# a request counts for the whole run; answers that did not come have code 0.
sub run_many ($self, $concurrency, $requests, $code = undef, %o) {
    my $n    = 0;
    my $next = ref $requests eq 'CODE' ? $requests
        : sub { return $requests->[$n] };
    my @responses;

    Boxoffice::Test::Client->run(
        concurrency => $concurrency,
        timeout     => $o{timeout},
        next => sub {
            my $request = $next->() or return;
            return [$self->_raw($request), [$n++, $request]];
        },
        done => sub ($response, $tag) {
            return $code->($response, @$tag) if $code;
            $responses[$tag->[0]] = $response;
        },
    );

    return \@responses;
}


# The port and the bytes of a request.
sub _raw ($self, $request) {
    my ($method, $path, $body, %o) = @$request;
    my $headers = _headers($method, $body, \%o);
    my $bytes   = _bytes($body) // '';
    my $text    = "$method $path HTTP/1.1\r\nHost: localhost\r\n";

    $text .= "$_: $headers->{$_}\r\n" for keys %$headers;

    if (length $bytes || $method eq 'POST' || $method eq 'PUT') {
        $text .= 'Content-Length: ' . length($bytes) . "\r\n";
    }

    return ($self->node($o{node} // 1)->port, "$text\r\n$bytes");
}


# --- stores

# A connection to Redis; a new one when the server was started again.
sub redis ($self) {
    return $self->{redis} //= $self->{redis_server}->connect;
}


sub kill_redis ($self) {
    delete $self->{redis};
    return $self->{redis_server}->kill;
}


sub start_redis ($self) { return $self->{redis_server}->run }
sub stop_redis  ($self) { return $self->{redis_server}->freeze }
sub cont_redis  ($self) { return $self->{redis_server}->thaw }


sub restart_redis ($self) {
    delete $self->{redis};
    $self->{redis_server}->stop;
    return $self->{redis_server}->run;
}


# A connection to this test's database, errors raised; search_path is set.
sub dbh ($self) {
    my $dbh = $self->{dbh};

    if (!$dbh || !$dbh->ping) {
        $dbh = $self->{dbh} = $self->new_dbh;
    }

    return $dbh;
}


sub new_dbh ($self) {
    my $dbh = $self->{postgres}->connect($self->{database});
    $dbh->do('set search_path = boxoffice, public');
    return $dbh;
}


# These need postgres => 'own'.
sub kill_postgres  ($self) { return $self->{postgres}->kill }
sub start_postgres ($self) { return $self->{postgres}->run }
sub stop_postgres  ($self) { return $self->{postgres}->freeze }
sub cont_postgres  ($self) { return $self->{postgres}->thaw }

sub restart_postgres ($self) {
    $self->{postgres}->stop;
    return $self->{postgres}->run;
}


# --- nginx

sub reload      ($self, %o) { return $self->node(delete $o{node} // 1)->reload(%o) }
sub worker_pids ($self, %o) { return $self->node($o{node} // 1)->worker_pids }


# What the workers have of memory that is their own, in KB.
sub worker_rss ($self, %o) {
    my $sum = 0;

    for my $pid ($self->worker_pids(%o)) {
        open my $fh, '<', "/proc/$pid/status" or next;
        $sum += $1 for join('', <$fh>) =~ /^RssAnon:\s+(\d+) kB/mg;
    }

    return $sum;
}


sub kill_worker ($self, $pid = undef, %o) {
    return $self->node($o{node} // 1)->kill_worker($pid // ());
}


# --- assertions

# wait_until(CODE, SECONDS, NAME): the first true value of CODE; fails when
# there was none in some times that time, or, with strict => 1, in that time.
sub wait_until ($self, $code, $seconds = 5, $name = undef, %o) {
    $seconds *= PATIENCE if !$o{strict};

    my $value = Boxoffice::Test::Process::wait_until($code, $seconds);

    if (defined $name || !$value) {
        my $ctx = context();
        $ctx->ok(!!$value, $name // 'waiting',
            ["it did not come true within $seconds s"]);
        $ctx->release;
    }

    return $value;
}


# definite(SUB, SECONDS, NAME): what SUB, which sends a request, is answered at
# last, other than "not now"; a client asks again, too.
sub definite ($self, $send, @wait) {
    my $r;

    $self->wait_until(sub { ($r = $send->())->code != 503 }, @wait);
    return $r;
}


# Until each worker of a node has its stores, which takes a moment on a busy
# machine: over so many connections, each of them is met.
sub wait_ready ($self, %o) {
    my $ask = ['GET', '/readyz', undef, node => $o{node} // 1];

    return $self->wait_until(sub {
        !grep { $_->code != 200 } $self->run_many(8, [($ask) x 40])->@*;
    }, 20);
}


# What must hold at every moment, in PostgreSQL and in Redis.
sub check_invariants ($self, $name = 'invariants hold') {
    my @broken = map { join ': ', map { $_ // '' } @$_ }
        $self->dbh->selectall_arrayref(
            'select * from boxoffice.check_invariants()')->@*;

    push @broken, $self->_eternal_locks;

    my $ctx = context();
    $ctx->ok(!@broken, $name, \@broken);
    $ctx->release;
    return !@broken;
}


# Locks of seats without a time to live.
sub _eternal_locks ($self) {
    my $redis  = $self->redis;
    my $cursor = 0;
    my @broken;

    do {
        ($cursor, my $keys) = $redis->scan($cursor, MATCH => 'seat_lock:*',
            COUNT => 1000)->@*;

        for my $key (@$keys) {
            $redis->pttl($key, sub ($ttl, $) {
                push @broken, "$key has no time to live" if $ttl == -1;
            });
        }

        $redis->wait_all_responses;
    } while ($cursor);

    return @broken;
}


# allow_log(REGEX...): further lines of the error log that may be there.
sub allow_log ($self, @allow) {
    push $self->{allow}->@*, @allow;
    return;
}


# Stops everything; fails when a node did not end by itself or its log has a
# line that must not be there.
sub done ($self) {
    my @problems = $self->_stop;

    my $ctx = context();
    $ctx->ok(!@problems, 'nothing bad in the error logs', \@problems);
    $ctx->release;
    return !@problems;
}


# For those who are no tests: stops everything, and returns what the logs have
# that should not be there.
sub stop ($self) {
    delete $living{$self};
    return $self->_stop;
}


sub _stop ($self) {
    return if $self->{stopped}++;

    my @problems;

    $self->{redis_server}->thaw if $self->{redis_server};

    for my $node (($self->{nodes} // [])->@*) {
        $node->stop;
        push @problems, $node->problems($self->{allow}->@*);
    }

    delete $self->@{qw(ua redis)};
    $self->{redis_server}->kill if $self->{redis_server};

    if (my $dbh = delete $self->{dbh}) {
        $dbh->disconnect;
    }

    if ($self->{database}) {
        eval { $self->{postgres}->drop_database($self->{database}); 1 }
            or push @problems, "drop database: $@";
    }

    $self->_keep_logs;
    delete $self->{postgres};
    remove_tree($self->{dir});
    delete $living{$self};

    return @problems;
}


# In a run of all tests logs stay, named like the test.
sub _keep_logs ($self) {
    my $place = $ENV{BOXOFFICE_TEST_LOGS} or return;
    my $test  = basename($0) =~ s/\.t\z//r;
    my $keep  = "$place/$test";

    for my $file (glob "$self->{dir}/node*/logs/error.log $self->{dir}/*.log"
        . " $self->{dir}/node*/asan/*")
    {
        my $name = $file =~ s{^\Q$self->{dir}\E/}{}r =~ tr{/}{-}r;
        make_path($keep);
        File::Copy::copy($file, "$keep/$name");
    }

    return;
}


# A test that ended early, or forgot "done", still stops its servers and still
# tells about them.  %living keeps the object: the test's variable is gone by
# now.
END {
    my $status = $?;

    for my $t (grep { defined && $_->{owner} == $$ } values %living) {
        my @problems = $t->_stop;
        print STDERR "# $_\n" for @problems;
        $status ||= 1 if @problems;
    }

    $? = $status;
}


# --- functions

# A random UUID, version 4.
sub uuid () {
    my @hex = unpack 'A8 A4 A3 A4 A12', Boxoffice::Test::Process::random_hex(16);

    substr $hex[3], 0, 1, (qw(8 9 a b))[hex(substr $hex[3], 0, 1) & 3];
    return "$hex[0]-$hex[1]-4$hex[2]-$hex[3]-$hex[4]";
}


1;
