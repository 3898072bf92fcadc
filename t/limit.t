# Rate limits: what passes, what is refused and how, and what a reload keeps.

use v5.36;
use lib 't/lib';

use Boxoffice::Test qw(SHOW);
use Mojo::UserAgent ();
use Test2::V0;
use Time::HiRes     qw(sleep time);

my $t = Boxoffice::Test->new(
    workers => 4,
    conf    => {
        limit_zone => [
            'user:64k key=$boxoffice_user rate=1r/m burst=3',
            'agent:64k key=$http_user_agent rate=1000r/s burst=5',
            'watched:64k key=$remote_addr rate=1r/h',
            'shared:64k key=$arg_k rate=50r/s burst=20',
        ],
    },
    server_extra => <<~'END',
        location = /by-user { boxoffice_limit user; return 204; }
        location = /static {
            boxoffice_limit user;
            boxoffice_limit agent;
            root html; try_files /nothing =404;
        }
        location = /dry { boxoffice_limit watched dry_run; root html; try_files /nothing =404; }
        location = /shared { boxoffice_limit shared; root html; try_files /nothing =404; }
        location = /named { try_files /nothing @limited; }
        location @limited { boxoffice_limit user; root html; try_files /nothing =404; }
        location = /both {
            boxoffice_limit agent;
            boxoffice_limit user;
            root html; try_files /nothing =404;
        }
        END
    location_extra => 'boxoffice_limit user;',
);

my $map = '/api/v1/shows/' . SHOW . '/seatmap';

subtest 'a bucket of three' => sub {
    for my $left (2, 1, 0) {
        my $r = $t->get($map, user => 'ann');

        is $r->code, 200, 'passes';
        is $r->header('RateLimit-Policy'), '"user";q=3;w=180', 'policy';
        like $r->header('RateLimit'), qr/^"user";r=$left;t=\d+$/, 'what is left';
    }

    my $r = $t->get($map, user => 'ann');

    is $r->code, 429, 'refused';
    is $r->json->{error}{code}, 'rate_limited', 'code';
    is $r->json->{error}{details}, { limit => 'user' }, 'which one';
    like $r->header('RateLimit'), qr/^"user";r=0;t=1[78]\d$/, 'when it is full';
    like $r->header('Retry-After'), qr/^(?:5\d|6[0-2])$/, 'when to come back';

    is $t->get($map, user => 'bob')->code, 200, 'not for somebody else';
    is $t->get($map)->code, 200, 'nobody has no limit by user'
        for 1 .. 5;
};


subtest 'the time to come back differs' => sub {
    my %seconds;

    $seconds{ $t->get($map, user => 'ann')->header('Retry-After') }++
        for 1 .. 30;
    ok keys %seconds > 1, 'jitter' or diag join ' ', %seconds;
};


subtest 'a write that is refused does nothing' => sub {
    $t->get($map, user => 'eve') for 1 .. 3;

    my $r = $t->post('/api/v1/holds', { showId => SHOW, seatIds => ['A1'] },
        user => 'eve');

    is $r->code, 429, 'refused';
    is [$t->redis->keys('seat_lock:*')], [], 'nothing in Redis';
    is $t->get($map, user => 'ann', headers =>
        { accept => 'application/problem+json' })->json->{status}, 429,
        'as a problem, too';
};


subtest 'any location' => sub {
    my %agent = (headers => { 'user-agent' => 'one' });

    is $t->get('/static', user => 'sue', %agent)->code, 404, 'passes';

    my $r = $t->get('/static', user => 'sue', %agent);

    like $r->header('RateLimit'), qr/^"user";r=1;t=\d+, "agent";r=\d;t=\d+$/,
        'two limits';
    is $t->get('/static', user => 'sue', %agent)->code, 404, 'the last one';
    is $t->get('/static', user => 'sue', %agent)->code, 429, 'no more';
};


# Refused by the second limit, a request does not cost the first: with a rate
# of 1000/s the tokens come back at once, so the counter of what is left tells.
subtest 'a refusal costs no other limit' => sub {
    my @codes = map { $t->get('/both', user => 'sue',
        headers => { 'user-agent' => 'two' })->code } 1 .. 40;

    is [grep { $_ != 429 } @codes], [], 'all by the limit of the user';
    like $t->get('/both', headers => { 'user-agent' => 'two' })
        ->header('RateLimit'), qr/^"agent";r=4;/, 'the other one is full';
};


subtest 'a location that nginx goes on to' => sub {
    my @codes = map { $t->get('/named', user => 'max')->code } 1 .. 5;
    is \@codes, [404, 404, 404, 429, 429], 'counts, and counts once';
};


subtest 'dry run' => sub {
    is $t->get('/dry')->code, 404, 'passes' for 1 .. 3;
    is $t->get('/dry')->header('RateLimit'), undef, 'and says nothing';

    my $metrics = $t->get('/metrics')->body;

    like $metrics, qr/^boxoffice_limit_dry_total\{limit="watched"\} 3$/m,
        'what would have been refused';
    like $metrics, qr/^boxoffice_limit_refused_total\{limit="user"\} [1-9]/m,
        'what was';
};


# In any window of t seconds no more than burst + rate * t.
subtest 'one limit for four workers' => sub {
    my $ua = Mojo::UserAgent->new(max_connections => 0);
    my (@passed, $refused);
    my $end  = time + 3;
    my $more;

    $more = sub {
        return if time > $end;

        my $start = time;

        $ua->get($t->url('/shared?k=x'), sub ($ua, $tx) {
            my $code = $tx->res->code // 0;

            push @passed, [$start, time] if $code == 404;
            $refused++ if $code == 429;
            $more->();
        });
    };
    $more->() for 1 .. 16;
    Mojo::IOLoop->timer(4 => sub { Mojo::IOLoop->stop });
    Mojo::IOLoop->start;

    ok $refused, 'some were refused';
    ok @passed >= 20 + 50 * 2.5, 'no token was lost'
        or diag scalar @passed;

    # one that passed did so between its start and its end
    my $worst = 0;

    for my $from (map { $_->[0] } @passed) {
        for my $window (0.1, 0.5, 1, 2) {
            my $n = grep { $_->[0] >= $from && $_->[1] <= $from + $window }
                @passed;
            my $over = $n - 20 - 50 * $window;

            $worst = $over if $over > $worst;
        }
    }

    ok $worst <= 1, 'never more than the rule' or diag $worst;
};


subtest 'a reload keeps what was spent' => sub {
    $t->reload;
    is $t->get($map, user => 'ann')->code, 429, 'still refused';
};


for my $change (
    ['another size', 'user:128k key=$boxoffice_user rate=1r/m burst=3',
        qr/"user" cannot change its size in a reload/],
    ['another key', 'user:64k key=$remote_addr rate=1r/m burst=3',
        qr/"user" uses the key "\$remote_addr" while previously it used the key/],
) {
    my ($what, $zone, $message) = @$change;

    subtest "$what is refused" => sub {
        my @zones = $t->node->{conf}{limit_zone}->@*;

        $zones[0] = $zone;
        $t->node->write_conf(limit_zone => \@zones);
        $t->node->process->signal('HUP');
        $t->allow_log($message);
        $t->wait_until(sub { $t->node->log =~ $message }, 5, 'and said');
        is $t->get($map, user => 'ann')->code, 429, 'what was spent stays';
    };
}


subtest 'another rate is taken' => sub {
    my @zones = $t->node->{conf}{limit_zone}->@*;

    $zones[0] = 'user:64k key=$boxoffice_user rate=2r/s burst=3';
    $t->reload(limit_zone => \@zones);
    is $t->get($map, user => 'ann')->code, 429, 'it begins with nothing';
    sleep 1;
    is $t->get($map, user => 'ann')->code, 200, 'half a second was enough';
};

$t->done;
done_testing;
