# /healthz and /readyz: what a load balancer asks.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW);
use Boxoffice::Test::Booking qw(hold order pay try_hold);
use Mojo::JSON qw(false);

my $t = Boxoffice::Test->new(postgres => 'own', workers => 1);

sub ready () {
    my $r = $t->get('/readyz');
    return [0 + $r->code, $r->json];
}


sub becomes ($want, $seconds, $name) {
    my $got;
    $t->wait_until(sub { $got = ready();
        Mojo::JSON::encode_json($got) eq Mojo::JSON::encode_json($want) },
        $seconds, $name) or diag Mojo::JSON::encode_json($got);
    return;
}


my $ok = [200, { status => 'ok' }];
my $no_redis = [503, { redis => false, status => 'unavailable' }];
my $no_pg    = [503, { postgres => false, status => 'unavailable' }];

subtest 'both there' => sub {
    becomes($ok, 3, 'ready');

    for my $path (qw(/healthz /readyz)) {
        my $r = $t->get($path);
        is [$r->code, $r->body, $r->header('content-type')],
            [200, '{"status":"ok"}', 'application/json'], $path;
        my $head = $t->request('HEAD', $path, undef);
        is [$head->code, $head->body], [200, ''], "HEAD $path";
        is $t->request('POST', $path, '{}')->code, 405, "POST $path";
    }
};


for my $case (
    ['Redis', 'frozen', sub { $t->stop_redis }, sub { $t->cont_redis }],
    ['Redis', 'killed', sub { $t->kill_redis }, sub { $t->start_redis }],
    ['PostgreSQL', 'frozen', sub { $t->stop_postgres },
        sub { $t->cont_postgres }],
    ['PostgreSQL', 'killed', sub { $t->kill_postgres },
        sub { $t->start_postgres }],
) {
    my ($store, $how, $away, $back) = @$case;

    subtest "$store $how" => sub {
        $away->();
        becomes($store eq 'Redis' ? $no_redis : $no_pg, 6, 'not ready');
        is $t->get('/healthz')->code, 200, 'alive all the same';
        ok $t->get('/readyz')->seconds < 0.5, 'the answer does not wait';

        $back->();
        becomes($ok, 8, 'ready again');
    };
}


subtest 'and it is true' => sub {
    my $r;
    $t->wait_until(sub {
        $r = try_hold($t, 'ann', SHOW, ['A1']);
        return $r->code == 201 || $r->code == 200;
    }, 3, 'a hold') or diag $r->body;
    is pay($t, 'bob', order($t, 'bob', SHOW, ['A2'])->{orderId})->{status},
        'CONFIRMED', 'an order';
};


$t->check_invariants;
$t->done;
done_testing;
