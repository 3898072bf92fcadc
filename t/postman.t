# The Postman collection that is made from docs/openapi.yaml, run by newman from
# its first request to its last: every operation that ends, each answered as
# one who tries the API expects.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test ();
use File::Temp      ();
use Mojo::JSON      qw(decode_json);

my $key = File::Temp->new;

print {$key} "the key that signs what we issue, long enough\n";
close $key or die "$key: $!";

my $t = Boxoffice::Test->new(
    auth => 'development keys house',
    optimistic => 1,
    gate => 'premiere',
    conf => {
        auth_jwt => 'house issuer=boxoffice audience=boxoffice roles=roles',
        accounts => "house HS256 $key memory=1m passes=1",
        bookings => 'durability=none',
        waiting_room_zone => 'premiere:1m rate=5/s state=OFF',
    },
    server_extra => <<~'END',
        location /api/v1/auth { boxoffice_login; }
        location /api/v1/me { boxoffice_me; }
        location /api/v1/admin/people { boxoffice_people; }
        location /api/v1/admin/api-keys { boxoffice_api_keys; }
        END
);

# twice: what a run leaves behind is in nobody's way
for my $run (1, 2) {
    my $origin = $t->url('/') =~ s{/\z}{}r;
    my $output = `node t/postman/run.mjs $origin 2>&1`;
    my ($said) = $output =~ /^(\{.*\})$/m;

    ok $said, "run $run: newman has come to its end" or diag $output;
    my $run_of = decode_json($said // '{}');

    is $run_of->{failed}, [], 'no request was answered otherwise';
    is $run_of->{missing}, [], 'the collection has all operations';
    ok $run_of->{requests} > 100, "$run_of->{requests} requests";
}

done_testing;
