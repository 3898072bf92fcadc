# Backends of PostgreSQL end in the middle of their work, several times.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  ();

my $t = Boxoffice::Test->new(nodes => 2, workers => 1);

my $crowd = Boxoffice::Crowd->new($t);
my $ended = 0;

$crowd->wait(2);

for (1 .. 4) {
    $crowd->fault(sub {
        $ended += $t->dbh->selectrow_array(q{
            select count(pg_terminate_backend(pid)) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()});
    });
    $crowd->healed;
    $crowd->wait(0.3);
}

$crowd->finish;
cmp_ok $ended, '>=', 8, 'backends were ended';
$crowd->check(recovery => 1);

$t->done;
done_testing;
