# Dead letters: what a sink has refused for good, shown to an administrator,
# replayed and dropped.

use v5.36;
use utf8;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test           qw(uuid);
use Boxoffice::Test::Booking  qw(TIME UUID metrics);
use Boxoffice::Test::Outbox   qw(write_events);
use Boxoffice::Test::Receiver ();
use File::Temp   ();
use MIME::Base64 qw(encode_base64);
use Mojo::File   qw(path);
use Time::HiRes  qw(sleep);

my $dir = File::Temp->newdir('/tmp/bo-dead-XXXXXXXX');
chmod 0755, $dir;
path("$dir/secret")->spurt('whsec_' . encode_base64('k' x 32, ''));

my $hook = Boxoffice::Test::Receiver->start(dir => $dir, name => 'hook');
my $t = Boxoffice::Test->new(conf => { outbox_sink => 'webhook url='
    . $hook->url . " secret=$dir/secret backoff=10ms attempts=2 timeout=20s" });

my @admin = (user => 'root', headers => { 'x-user-role' => 'ADMIN' });
my $path  = '/api/v1/admin/dead-letters';

sub list ($query = '') { return $t->get("$path$query", @admin) }


$t->wait_ready;
is list()->json, { items => [], nextCursor => undef }, 'none at first';

# the first is refused, the second one of its aggregate goes on then
$hook->set(mode => 'fail', poison => 'never', poisoned => 'ok');
my @ids = write_events($t, 5, 1);
$t->wait_until(sub { (list()->json->{items} // [])->@* == 5 }, 30,
    'five are given up');

my $r     = list('?limit=3');
my @items = $r->json->{items}->@*;

is $items[0], {
    deadLetterId => match(UUID), sink => 'webhook', eventId => match(UUID),
    aggregateId => match(UUID), version => 1, type => 'order.created',
    attempts => 2, error => 'http 500', createdAt => match(TIME),
    deadAt => match(TIME),
    data => { n => match(qr/\A\d+\z/), note => 'a "quoted" \ text, äöü' },
}, 'what is told of one';
is scalar @items, 3, 'a page';
push @items, list('?limit=3&cursor=' . $r->json->{nextCursor})
    ->json->{items}->@*;
is [sort map { $_->{aggregateId} } @items], [sort @ids],
    'all of them on two pages';
is [map { $_->{deadAt} } @items], [reverse sort map { $_->{deadAt} } @items],
    'the latest first';

is $t->get($path, user => 'ann')->code, 403, 'not for everybody';
is $t->get($path)->code, 401, 'not for nobody';
is list('?limit=0')->code, 400, 'a wrong limit';
is list('?cursor=x')->code, 400, 'a wrong cursor';

my ($replayed, $dropped) = map { "$path/$_->{deadLetterId}" } @items;

is $t->post("$replayed/replay", {}, user => 'ann')->code, 403,
    'nor can everybody decide';
is $t->post("$replayed/replay", { a => 1 }, @admin)->code, 400,
    'an unknown field';
is $t->post("$path/" . uuid() . '/replay', {}, @admin)->code, 404,
    'one that is none';
is $t->get($replayed, @admin)->code, 404, 'it is not read by itself';

$hook->set(mode => 'ok');
is $t->post("$replayed/replay", {}, @admin)->code, 200, 'replayed';
is $t->post("$replayed/replay", {}, @admin)->code, 404, 'once';
$t->wait_until(sub { grep { $_->{id} eq $items[0]{eventId} } $hook->taken },
    10, 'it arrives, with its id');

is $t->post("$dropped/drop", {}, @admin)->code, 200, 'dropped';
is $t->post("$dropped/drop", {}, @admin)->code, 404, 'once';
is scalar(list()->json->{items}->@*), 3, 'the others stay';
sleep 2.6;
is metrics($t)->{'outbox_dead_letters{sink="webhook"}'}, 3, 'as a gauge says';
is metrics($t)->{'outbox_dead_total{sink="webhook"}'}, 5, 'and a counter';
is scalar(grep { $_->{id} eq $items[1]{eventId} } $hook->taken), 0,
    'what was dropped has not come';

$hook->stop;
$t->done;
done_testing;
