package TestPg;

# A private PostgreSQL for a test: its own data directory and socket, no TCP,
# gone when the test ends.  Migrated, with the sample data and
# check_invariants().

use strict;
use warnings;

use Cwd qw(abs_path);
use DBI;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

my $BIN = $ENV{BO_PG_BIN} || '/usr/lib/postgresql/15/bin';
my $SQL = abs_path(dirname(abs_path(__FILE__)) . '/../../sql');

our @ORDER = qw(order_id show_id show_no user_id hold_id seat_nos seat_ids
                amount currency status created_ms expires_ms confirmed_ms
                ended_ms ticket_code payment_method);


# new(name => value, ...): server settings for -c.

sub new {
    my ($class, %settings) = @_;

    my $dir = tempdir('bo-sql-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $self = bless { dir => $dir, owner => $$ }, $class;

    # the server refuses to run as root
    my @as = ();
    if ($> == 0) {
        my ($uid, $gid) = (getpwnam('postgres'))[2, 3];
        chown($uid, $gid, $dir) or die "chown $dir: $!";
        @as = ('setpriv', "--reuid=$uid", "--regid=$gid", '--clear-groups');
    }
    $self->{as} = \@as;

    %settings = (fsync => 'off', listen_addresses => "''",
                 unix_socket_directories => $dir, max_connections => 40,
                 log_min_messages => 'warning', timezone => 'UTC',
                 deadlock_timeout => '100ms', %settings);

    chdir('/');
    quiet(@as, "$BIN/initdb", '-D', "$dir/data", '-A', 'trust', '-U', 'bo',
          '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync');
    quiet(@as, "$BIN/pg_ctl", '-D', "$dir/data", '-w', '-l', "$dir/log",
          '-o', join(' ', map { "-c $_=$settings{$_}" } sort keys %settings),
          'start');
    $self->{up} = 1;

    return $self;
}


sub quiet {
    my $out = '';
    my $pid = open(my $pipe, '-|') // die "fork: $!";
    if (!$pid) {
        open(STDERR, '>&', \*STDOUT);
        exec(@_) or exit(127);
    }
    $out .= $_ while <$pipe>;
    close($pipe) or die "@_ failed:\n$out";
    return $out;
}


sub conninfo {
    my ($self, $db) = @_;
    return "host=$self->{dir} user=bo dbname=" . ($db || 'bo');
}


sub sql_dir { return $SQL }


sub migrate {
    my ($self, $db) = @_;
    return quiet("$SQL/migrate.sh", $self->conninfo($db));
}


# A database with everything in it; returns a handle.

sub load {
    my ($self) = @_;

    $self->dbh('postgres')->do('create database bo');
    $self->migrate();
    for my $file (qw(invariants sample)) {
        quiet('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null',
              '-d', $self->conninfo(), '-f', "$SQL/$file.sql");
    }
    return $self->dbh();
}


sub dbh {
    my ($self, $db) = @_;
    return DBI->connect("dbi:Pg:" . $self->conninfo($db), '', '',
                        { RaiseError => 1, PrintError => 0, AutoCommit => 1,
                          PrintWarn => 0, AutoInactiveDestroy => 1 });
}


# call($dbh, function, \@items, @columns): items are hashes; one array is
# passed for each column.  Returns the rows as hashes, by item, and tests
# that there is exactly one for each.

sub call {
    my ($dbh, $function, $items, @columns) = @_;

    my $rows = $dbh->selectall_arrayref(
        "select * from boxoffice.$function("
        . join(', ', ('?') x @columns) . ')', { Slice => {} },
        map { my $c = $_; '{' . join(',', map { quote($_->{$c}) } @$items)
              . '}' } @columns);

    my %by = map { $_->{item} => $_ } @$rows;
    my @sorted = map { $by{$_} } 1 .. @$items;

    if (@$rows != @$items || grep { !defined } @sorted) {
        fail("$function returns one row for each item");
        die "$function returned " . @$rows . " rows for " . @$items;
    }
    return @sorted;
}


sub quote {
    my ($value) = @_;
    return 'NULL' if !defined $value;
    $value =~ s/([\\"])/\\$1/g;
    return "\"$value\"";
}


my %COLUMNS = (
    create_orders => [qw(order_id show_id revision user_id hold_id seat_nos
                         seat_ids amount payment_method name email phone
                         ttl_ms user_limit idem_key fingerprint
                         seat_prices)],
    confirm_orders => [qw(order_id show_no user_id payment_id verdict provider
                          ticket_code idem_key fingerprint user_limit)],
    cancel_seats => [qw(order_id show_no user_id admin seats terms idem_key
                        fingerprint)],
    record_holds => [qw(hold_id show_id user_id seat_nos created_ms expires_ms
                        outcome)],
);

sub create  { my $d = shift; call($d, 'create_orders', [@_],
                                  @{$COLUMNS{create_orders}}) }
sub confirm { my $d = shift; call($d, 'confirm_orders', [@_],
                                  @{$COLUMNS{confirm_orders}}) }
sub give_back { my $d = shift; call($d, 'cancel_seats', [@_],
                                    @{$COLUMNS{cancel_seats}}) }
sub cancel  { my $d = shift;        # all of it, as the API has it
              give_back($d, map { { terms => $_->{admin} eq 't' ? 'FULL'
                                                                : 'POLICY',
                                    %$_ } } @_) }
sub holds   { my $d = shift; call($d, 'record_holds', [@_],
                                  @{$COLUMNS{record_holds}}) }


my $serial = 0;

sub uuid {
    return sprintf('%08x-%04x-8%03x-8%03x-%012x', rand(2 ** 32), $$ & 0xffff,
                   rand(4096), rand(4096), ++$serial);
}


# An order for seats (numbers) of a show, with what else is given.

sub order {
    my ($show, $seats, %more) = @_;
    return { order_id => uuid(), hold_id => uuid(), show_id => $show->{show_id},
             show_no => $show->{show_no}, revision => $show->{revision},
             user_id => 'ann', seat_nos => '{' . join(',', @$seats) . '}',
             seat_ids => join(',', map { "S$_" } @$seats),
             amount => 100 * @$seats, payment_method => 'CARD',
             name => 'Ann', email => 'ann@example.org', phone => undef,
             ttl_ms => 600000, user_limit => 10, idem_key => undef,
             fingerprint => 'f', %more };
}


# A payment for an order, as confirm_orders() wants it.

sub payment {
    my ($order, %more) = @_;
    return { order_id => $order->{order_id}, show_no => $order->{show_no},
             user_id => $order->{user_id}, payment_id => 'pay-' . uuid(),
             verdict => 'CAPTURED', provider => 'mock',
             ticket_code => 'T-' . uuid(), idem_key => undef,
             fingerprint => 'f', user_limit => 10, %more };
}


sub withdrawal {
    my ($order, %more) = @_;
    return { order_id => $order->{order_id}, show_no => $order->{show_no},
             user_id => $order->{user_id}, admin => 'f', idem_key => undef,
             fingerprint => 'f', %more };
}


# A new show on a new screen of a small hall: rows of ten seats, one price.

sub show {
    my ($dbh, $rows) = @_;
    my $name = 'hall-' . uuid();
    my $drawing = join("\n", map { chr(65 + $_) . ' STD 10o' } 0 .. $rows - 1);

    my ($layout) = $dbh->selectrow_array(
        'select boxoffice.create_layout(?, ?)', undef, $name, $drawing);
    my ($screen) = $dbh->selectrow_array(
        'insert into boxoffice.screens (theatre_id, name, layout_id) '
        . 'select theatre_id, ?, ? from boxoffice.theatres '
        . 'order by theatre_id limit 1 returning screen_id', undef,
        $name, $layout);
    my ($outcome, $id) = $dbh->selectrow_array(
        'select * from boxoffice.create_show_once(?, ?, ?, ?, ?, ?, 120, ?, ?, '
        . '?, true)', undef, 'root', uuid(), 'print', $screen, 'Film',
        (time() + 5 * 86400) * 1000, 'EUR', ['STD'], [100]);
    die "no show: $outcome" if $outcome ne 'created';
    return show_row($dbh, $id);
}


sub show_row {
    my ($dbh, $id) = @_;
    return $dbh->selectrow_hashref(
        'select * from boxoffice.show_by_id(?)', undef, $id);
}


sub outcomes { return join(' ', map { $_->{outcome} } @_) }


# Tests that the database is in order.

sub healthy {
    my ($dbh, $name) = @_;
    my $found = $dbh->selectall_arrayref(
        'select * from boxoffice.check_invariants() limit 20');
    is(scalar(@$found), 0, "invariants: $name")
        or diag(join("\n", map { "$_->[0]: $_->[1]" } @$found));
}


sub stop {
    my ($self) = @_;
    return if !$self->{up} || $self->{owner} != $$;
    $self->{up} = 0;
    quiet(@{$self->{as}}, "$BIN/pg_ctl", '-D', "$self->{dir}/data", '-m',
          'immediate', '-w', 'stop');
}


# The server's log, for a test that wants it clean.

sub log {
    my ($self) = @_;
    open(my $f, '<', "$self->{dir}/log") or die "log: $!";
    local $/;
    return scalar <$f>;
}


sub DESTROY {
    my ($self) = @_;
    local $?;
    eval { $self->stop() };
}


1;
