# docs/openapi.yaml against every answer that the tests before this one have
# got: no operation, no status, no field that is not described; no operation
# that nobody has called.  It comes last in a run of the whole suite.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test::Contract qw(answers);
use Mojo::File qw(path);

my @answers = answers()
    or skip_all('nothing is noted: it judges what the tests before it saw');
my $contract = Boxoffice::Test::Contract->new('docs/openapi.yaml');

is [$contract->errors], [], 'the description is one of OpenAPI 3.0';

my @codes = path('src/http/ngx_http_bo_error.c')->slurp
    =~ /\{ \d{3}, "(\w+)"/g;

is [sort $contract->codes], [sort @codes], 'it has all codes of errors';

my %wrong;

for my $answer (@answers) {
    push $wrong{$_}->@*, $answer->{test} for $contract->problems($answer);
}

is [map { "$_ ($wrong{$_}[0])" } sort keys %wrong], [],
    scalar(@answers) . ' answers are as described';

if ($ENV{BOXOFFICE_TEST_WHOLE}) {
    is [$contract->unanswered], [], 'every operation was called';
    diag 'described, and not seen: ', join ', ', $contract->unseen;
}

done_testing;
