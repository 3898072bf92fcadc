# A node that has never heard of Redis keeps its gate shut.

use v5.36;
use lib 't/lib';

use Boxoffice::Test;
use Test2::V0;

my $api = '/api/v1/waiting-rooms/premiere';

my $t = Boxoffice::Test->new(
    start => 0,
    conf  => { waiting_room_zone => ['premiere:1m rate=100/s',
        'quiet:1m rate=100/s state=OFF'] },
    server_extra => <<~'END',
        location = /gated { boxoffice_waiting_room premiere; root html; try_files /nothing =404; }
        location = /quiet { boxoffice_waiting_room quiet; root html; try_files /nothing =404; }
        END
);

$t->kill_redis;
$t->node->start;

is $t->get('/gated')->error_code, 'waiting_room', 'nobody passes';
is $t->get('/quiet')->code, 404, 'but where it is off, as configured';
is $t->post("$api/join", undef, user => 'ann')->code, 503, 'nobody joins';
is $t->get($api)->json->{ready}, F(), 'it says why';

$t->start_redis;

my $pass;

$t->wait_until(sub {
    $pass = $t->post("$api/join", undef, user => 'ann')->json->{pass};
}, 10, 'then people come in');
is $t->get('/gated', user => 'ann',
    headers => { 'x-boxoffice-pass' => $pass })->code, 404, 'and pass';

$t->done;
done_testing;
