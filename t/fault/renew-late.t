# A show is changed while its worker is reading it, by a statement that does not
# see the change yet; or cannot be read just then.  Whoever looks on sees the
# change at once all the same, on all nodes.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test          qw(SMALL_SHOW);
use Boxoffice::Test::Booking qw(try_hold);
use POSIX                    ();

my $t = Boxoffice::Test->new(nodes => 2, workers => 1,
    allow_log => qr/loading a show failed: ERROR:  not now/);
my $show = '/api/v1/shows/' . SMALL_SHOW;
my $dbh  = $t->dbh;

my ($read) = $dbh->selectrow_array(
    q{select pg_get_functiondef('show_by_id'::regproc)});


# Has a show be read by a function that does something first.
sub reads ($first) {
    $dbh->do($read =~ s/^begin$/begin\n$first/mr);
    return;
}


sub breaks ($seat) {
    my $r = $t->put("/api/v1/admin/shows/" . SMALL_SHOW . '/seats',
        { broken => [$seat] }, user => 'root',
        headers => { 'x-user-role' => 'ADMIN', 'If-Match' => '*' });
    is $r->code, 200, "$seat is broken" or diag $r->body;
    return;
}


# Redis has been taken over to the change: no node holds it any more.
sub seen ($seat) {
    for my $node (1, 2) {
        $t->wait_until(sub {
            my $r = $t->get("$show/seatmap", node => $node);
            return 'UNAVAILABLE' eq (map { $_->{status} }
                grep { $_->{seatId} eq $seat } $r->json->{seats}->@*)[0];
        }, 1, "node $node shows $seat as it is");
        is try_hold($t, 'ann', SMALL_SHOW, [$seat], node => $node)->code, 409,
            'nor is it held there';
    }
    return;
}


# Redis knows it by the other node; this one begins to read it, and has seen
# the rows when they are changed.
subtest 'a load that is under way' => sub {
    is $t->get("$show/seatmap", node => 2)->code, 200, 'the other has it';
    reads('perform pg_advisory_xact_lock_shared(7, 7);');
    my $lock = $t->new_dbh;
    $lock->do('select pg_advisory_lock(7, 7)');

    my $pid = fork // die "fork: $!";
    if (!$pid) {
        $t->get("$show/seatmap");
        POSIX::_exit(0);
    }
    $t->wait_until(sub { $dbh->selectrow_array(q{select count(*) from pg_locks
        where locktype = 'advisory' and not granted and objid = 7
          and database = (select oid from pg_database
                          where datname = current_database())}) }, 2,
        'it is being read');
    breaks('A1');
    $lock->do('select pg_advisory_unlock(7, 7)');
    waitpid $pid, 0;
    seen('A1');
};


subtest 'a load that fails' => sub {
    $dbh->do('create sequence tries');
    reads(q{if nextval('boxoffice.tries') = 1 then
        raise exception 'not now'; end if;});
    breaks('B1');
    seen('B1');
    ok $dbh->selectrow_array('select last_value from tries') > 1, 'once more';
};


reads('');
$dbh->do('drop sequence tries');
$t->check_invariants;
$t->done;
done_testing;
