# /me/notification-preferences: what a user wants of messages.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test;
use Boxoffice::Test::Booking qw(TIME);

my $t = Boxoffice::Test->new(nodes => 2);

use constant PATH => '/api/v1/me/notification-preferences';

my %all = map { $_ => Mojo::JSON->true } qw(email sms whatsapp push);

sub read_them ($user, %o) { return $t->get(PATH, user => $user, %o) }
sub set ($user, $body, %o) { return $t->put(PATH, $body, user => $user, %o) }


subtest 'who never said anything' => sub {
    my $r = read_them('ann');

    is $r->code, 200, 'is answered';
    is $r->json, { channels => \%all, language => undef, updatedAt => undef },
        'everything is wanted';
    is $t->dbh->selectrow_array(
        'select count(*) from notification_preferences'), 0, 'and no row';
};


subtest 'set and read' => sub {
    my $r = set('ann', { channels => { sms => Mojo::JSON->false,
        email => Mojo::JSON->true }, language => 'de' });
    my %said = (channels => { %all, sms => Mojo::JSON->false },
        language => 'de', updatedAt => match(TIME));

    is $r->code, 200, 'set';
    is $r->json, \%said, 'the answer';
    is read_them('ann', node => 2)->json, $r->json, 'reads the same';
    is read_them('bea')->json->{language}, undef, 'somebody else has her own';

    is [$t->dbh->selectrow_array('select muted, language from '
        . "notification_preferences where user_id = 'ann'")],
        [['sms'], 'de'], 'in the database';

    is set('ann', { language => 'pt-BR' }, node => 2)->json,
        { channels => \%all, language => 'pt-BR', updatedAt => match(TIME) },
        'what is not named is as by default';
    is set('ann', {})->json->{language}, undef, 'the language, too';
    is set('ann', { channels => { map { $_ => Mojo::JSON->false }
        keys %all } })->json->{channels},
        { map { $_ => Mojo::JSON->false } keys %all }, 'nothing at all';
};


subtest 'refusals' => sub {
    my @cases = (
        [{ language => '' }, 'invalid_field'],
        [{ language => 'e' }, 'invalid_field'],
        [{ language => '../de' }, 'invalid_field'],
        [{ language => 'de_AT' }, 'invalid_field'],
        [{ language => 'de-' }, 'invalid_field'],
        [{ language => '-de' }, 'invalid_field'],
        [{ language => '12' }, 'invalid_field'],
        [{ language => 'de-AT-a-b-c' }, 'invalid_field'],
        [{ language => 'x' x 9 }, 'invalid_field'],
        [{ language => 'x' x 33 }, 'invalid_field'],
        [{ language => 5 }, 'invalid_field'],
        [{ language => undef }, 'invalid_field'],
        [{ channels => [] }, 'invalid_field'],
        [{ channels => { sms => 1 } }, 'invalid_field'],
        [{ channels => { fax => Mojo::JSON->true } }, 'unknown_field'],
        [{ userId => 'bea' }, 'unknown_field'],
        ['[]', 'invalid_json'], ['{', 'invalid_json'],
    );

    for my $case (@cases) {
        my ($body, $error) = @$case;
        my $r = set('ann', $body);
        my $name = ref $body ? Mojo::JSON::encode_json($body) : $body;

        is [$r->code, $r->error_code], [400, $error], $name;
    }

    is read_them(undef)->code, 401, 'nobody reads';
    is set(undef, {})->code, 401, 'nobody sets';
    is $t->post(PATH, {}, user => 'ann')->code, 405, 'no POST';
    is $t->get(PATH . '/x', user => 'ann')->code, 404, 'nothing below';

    is set('ann', { language => 'zh-Hant-TW' })->code, 200, 'and still works';
};


$t->check_invariants;
$t->done;
done_testing;
