#!/usr/bin/perl

# Several sessions fight over a hall of 60 seats with random batches of
# everything; the invariants are checked meanwhile and afterwards.
#
# BATCHES and SEED in the environment change how much and which.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use POSIX ();
use Test::More;
use TestPg;

my $WORKERS = 4;
my $BATCHES = $ENV{BATCHES} || 2000;
my $SEED = $ENV{SEED} || time();
my $LIMIT = 6;
my @USERS = map { "user$_" } 1 .. 12;

my $pg = TestPg->new(max_connections => 20);
my $dbh = $pg->load();
my $show = TestPg::show($dbh, 6);
diag("seed $SEED");

# Two cores interleave less than a fleet does: pauses between the statements
# of the functions widen every window.
$dbh->do('create function public.pause() returns trigger language plpgsql as '
         . "'begin perform pg_sleep(random() * random() * 0.004); "
         . "return null; end'");
for my $table (qw(idempotency user_seats seat_claims payments
                  refunds outbox)) {
    $dbh->do("create trigger pause after insert or update or delete on "
             . "boxoffice.$table for each statement "
             . 'execute function public.pause()');
}


# Seats near each other, so that requests overlap often.

sub seats {
    my $first = int(rand(60));
    my %set = map { ($first + int(rand(8))) % 60 => 1 } 0 .. int(rand(4));
    return [sort { $a <=> $b } keys %set];
}


sub wish {
    my ($known) = @_;
    my $user = $USERS[rand @USERS];
    my $o = TestPg::order($show, seats(), user_id => $user,
                          user_limit => $LIMIT,
                          ttl_ms => rand() < 0.3 ? 1 + int(rand(20)) : 60000,
                          idem_key => rand() < 0.7
                                      ? 'key' . int(rand(400)) : undef,
                          fingerprint => 'f' . int(rand(2)));
    if (@$known && rand() < 0.1) {
        my $old = $known->[rand @$known];
        $o->{$_} = $old->{$_} for qw(hold_id user_id);
    }
    return $o;
}


# What one worker does; its failures go to the pipe, one for each line.

sub worker {
    my ($n, $out) = @_;
    my $my = $pg->dbh();
    my @known;
    my %seen;
    my $tell = sub { print $out "@_\n" };

    srand($SEED + $n);
    $my->do('set statement_timeout = 20000');

    # all know some orders of the others
    my $learn = sub {
        @known = @{$my->selectall_arrayref(
            'select order_id, show_no, user_id, hold_id, payment_id '
            . 'from boxoffice.orders where show_id = ? '
            . 'order by created_at desc limit 60', { Slice => {} },
            $show->{show_id})};
    };

    for my $round (1 .. $BATCHES / $WORKERS) {
        $learn->() if $round % 5 == 1;
        my $size = rand() < 0.2 ? 1 : 1 + int(rand(16));
        my $dice = rand();
        my @r;

        eval {
            if ($dice < 0.5 || !@known) {
                my @items = map { wish(\@known) } 1 .. $size;
                @r = TestPg::create($my, @items);
                for my $i (0 .. $#r) {
                    my $what = $r[$i]{outcome};
                    if ($what eq 'created'
                        && $r[$i]{order_id} ne $items[$i]{order_id}) {
                        $tell->('created another order');
                    }
                    if ($what eq 'seats_taken' && !@{$r[$i]{conflicts}}) {
                        $tell->('seats_taken without conflicts');
                    }
                    if ($r[$i]{user_id}
                        && $r[$i]{user_id} ne $items[$i]{user_id}) {
                        $tell->("$what shows another user's order");
                    }
                }

            } elsif ($dice < 0.75) {
                @r = TestPg::confirm($my, map {
                    my $o = $known[rand @known];
                    TestPg::payment($o, user_limit => $LIMIT,
                        (rand() < 0.3
                         ? (payment_id => 'pay' . int(rand(60))) : ()),
                        verdict => rand() < 0.3 ? 'DECLINED' : 'CAPTURED',
                        user_id => rand() < 0.2 ? undef : $o->{user_id},
                        idem_key => rand() < 0.7
                                    ? 'key' . int(rand(400)) : undef)
                } 1 .. $size);

            } elsif ($dice < 0.9) {
                @r = TestPg::cancel($my, map {
                    TestPg::withdrawal($known[rand @known],
                        admin => rand() < 0.5 ? 't' : 'f',
                        user_id => $USERS[rand @USERS],
                        idem_key => rand() < 0.7
                                    ? 'key' . int(rand(400)) : undef)
                } 1 .. $size);

            } elsif ($dice < 0.97) {
                $my->selectall_arrayref(
                    'select * from boxoffice.expire_orders(8)');

            } else {
                my @fixed = $my->selectrow_array(
                    'select * from boxoffice.cleanup_orphans(0)');
                $tell->("cleanup found @fixed") if $fixed[0] || $fixed[1];
            }
            1;
        } or $tell->("died: " . join(' ', split(/\n/, $@)));

        $tell->('retry for a single item')
            if @r == 1 && $r[0]{outcome} eq 'retry';
        $seen{$_->{outcome}}++ for @r;
    }

    print $out "seen $_ $seen{$_}\n" for keys %seen;
}


my %pipes;

for my $n (1 .. $WORKERS) {
    my $pid = open(my $pipe, '-|') // die "fork: $!";
    if (!$pid) {
        $dbh->{InactiveDestroy} = 1;
        open(my $out, '>&', \*STDOUT) or POSIX::_exit(1);
        $out->autoflush(1);
        eval { worker($n, $out); 1 } or print $out "died: $@\n";
        POSIX::_exit(0);
    }
    $pipes{fileno($pipe)} = $pipe;
}

my (%seen, @wrong);
my $checks = 0;

while (%pipes) {
    my $bits = '';
    vec($bits, $_, 1) = 1 for keys %pipes;
    my $ready = select($bits, undef, undef, 0.2);

    for my $fd ($ready > 0 ? keys %pipes : ()) {
        next if !vec($bits, $fd, 1);
        if (!sysread($pipes{$fd}, my $text, 65536)) {
            close(delete $pipes{$fd});
            next;
        } else {
            for my $line (split(/\n/, $text)) {
                if ($line =~ /^seen (\w+) (\d+)$/) { $seen{$1} += $2 }
                else                               { push @wrong, $line }
            }
        }
    }

    # one statement sees one moment
    push @wrong, map { "meanwhile $_->[0]: $_->[1]" }
        @{$dbh->selectall_arrayref(
            'select * from boxoffice.check_invariants()')};
    push @wrong, map { "meanwhile $_->[0] has $_->[1] seats" }
        @{$dbh->selectall_arrayref(
            'select user_id, seats from boxoffice.user_seats '
            . 'where seats > ?', undef, $LIMIT)};
    $checks++;
}

is(scalar(@wrong), 0, 'nothing went wrong')
    or diag(join("\n", @wrong[0 .. ($#wrong < 20 ? $#wrong : 20)]));
ok($checks > 5, "invariants looked at $checks times meanwhile");
TestPg::healthy($dbh, 'afterwards');

for my $outcome (qw(created replayed hold_ordered key_reused in_progress
                    seats_taken limit retry confirmed declined already
                    expired failed cancelled payment_used not_found)) {
    ok($seen{$outcome}, "$outcome was among the outcomes");
}
diag(join(', ', map { "$_ $seen{$_}" } sort keys %seen));

# nobody was put at the end of a cycle of locks
my ($deadlocks) = $dbh->selectrow_array(
    'select deadlocks from pg_stat_database where datname = current_database()');
is($deadlocks, 0, 'no deadlock');
unlike($pg->log(), qr/ERROR|PANIC|FATAL|deadlock/, 'a clean log');

done_testing();
