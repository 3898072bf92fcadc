#!/usr/bin/perl
#
# run-tests.pl LOG_DIRECTORY TEST...: runs tests that speak TAP, prints a line
# for each, details of those that fail, and in the end "N passed, M failed".
#
# Three run at a time, on two cores: most tests wait most of their time.  One
# that says "# Runs alone" in its first lines, as it measures times, does.
#
# A test is a .t file (Perl), a .sh file, or a command line with blanks.  One
# PostgreSQL server is started for all of them.

use v5.36;

use Cwd             ();
use File::Basename  qw(basename dirname);
use File::Path      qw(make_path);
use TAP::Parser     ();
use TAP::Parser::Multiplexer ();
use Time::HiRes     qw(time);

use lib dirname(__FILE__) . '/../t/lib';
use Boxoffice::Test::Postgres ();

# A file that takes longer hangs.
use constant FILE_SECONDS => $ENV{BOXOFFICE_TEST_SECONDS} // 300;

use constant JOBS => $ENV{BOXOFFICE_TEST_JOBS} // 3;

my ($logs, @tests) = @ARGV;
my ($passed, $failed) = (0, 0);
my @failures;

$| = 1;
$SIG{INT}  = sub { exit 130 };
$SIG{TERM} = sub { exit 143 };

chdir dirname(__FILE__) . '/..' or die "chdir: $!";
make_path($logs);
$logs = $ENV{BOXOFFICE_TEST_LOGS} = Cwd::abs_path($logs);

# named here for its life, as END blocks of other packages run in any order
my $postgres = Boxoffice::Test::Postgres->shared;
$ENV{BOXOFFICE_TEST_POSTGRES} = $postgres->place;

my %round = (beside => [], alone => [], last => []);

push $round{round_of($_)}->@*, $_ for @tests;

run_all(JOBS, $round{beside}->@*);
run_all(1, $round{alone}->@*);
run_all(JOBS, $round{last}->@*);    # they judge the others

print "\n", map { "failed: $_\n" } @failures if @failures;
print "$passed passed, $failed failed\n";
exit($failed ? 1 : 0);


sub command ($test) {
    my @command = $test =~ /\s/ ? split ' ', $test
        : $test =~ /\.t\z/      ? ($^X, '-It/lib', $test)
        : $test =~ /\.sh\z/     ? ('bash', $test)
        :                         ($test);

    return ['timeout', '-k', '20', FILE_SECONDS, @command];
}


sub round_of ($test) {
    return 'last'   if $test =~ m{/t/last/};
    return 'beside' if $test !~ /\.t\z/;
    open my $fh, '<', $test or die "$test: $!";

    while (defined(my $line = <$fh>) && $. <= 20) {
        return 'alone' if $line =~ /^# Runs alone\b/;
    }

    return 'beside';
}


# A short name for people: the path, or the end of a command.
sub name ($test) {
    my $name = (split ' ', $test)[-1];
    $name =~ s{^\Q${\ Cwd::getcwd()}\E/}{};
    return $name;
}


sub start ($test) {
    my $name = name($test);
    my $file = "$logs/" . ($name =~ tr{/}{-}r) . '.log';

    open my $log, '>', $file or die "$file: $!";

    # stderr with the output: it is the story of a failure
    my $parser = TAP::Parser->new({ exec => command($test), merge => 1 });

    return { name => $name, file => $file, log => $log, parser => $parser,
        start => time };
}


sub run_all ($jobs, @todo) {
    my $mux = TAP::Parser::Multiplexer->new;
    my $running = 0;

    while (1) {
        while ($running < $jobs && @todo) {
            my $job = start(shift @todo);
            $mux->add($job->{parser}, $job);
            $running++;
        }

        my ($parser, $job, $result) = $mux->next or last;

        if (defined $result) {
            print { $job->{log} } $result->raw, "\n";
            next;
        }

        finish($job);
        $running--;
        last if !$running && !@todo;
    }

    return;
}


sub finish ($job) {
    my $parser = $job->{parser};
    my @good   = $parser->actual_passed;
    my @bad    = $parser->actual_failed;
    my @why    = $parser->parse_errors;
    my $skip   = $parser->skip_all;

    my $status = $parser->wait // 0;

    close $job->{log};

    # a failed test that is still "TODO" is none
    @bad = grep { my $n = $_; !grep { $_ == $n } $parser->todo } @bad;
    push @why, 'exit status ' . ($status >> 8 || $status) if $status;
    push @why, 'took longer than ' . FILE_SECONDS . ' s' if $status >> 8 == 124;

    # a test that broke off, or planned more than it did, has failed too
    my $lost = @bad ? 0 : @why ? 1 : 0;

    $passed += @good;
    $failed += @bad + $lost;

    my $verdict = @bad + $lost ? 'FAILED' : $skip ? "skipped: $skip" : 'ok';
    printf "%-44s %4d tests %6.1f s  %s\n", $job->{name}, @good + @bad,
        time - $job->{start}, $verdict;

    report($job, @why) if @bad + $lost;
    return;
}


# What failed, with the lines that tell why.
sub report ($job, @why) {
    open my $fh, '<', $job->{file} or die "$job->{file}: $!";
    my @lines = <$fh>;
    my @show;

    for my $i (0 .. $#lines) {
        if ($lines[$i] =~ /^\s*not ok (?!.*# TODO)/) {
            my $end = $i + 12 < $#lines ? $i + 12 : $#lines;
            push @show, grep { !/^\s*ok / } @lines[$i .. $end];
        }
    }

    @show = @lines > 30 ? @lines[-30 .. -1] : @lines if !@show;
    splice @show, 80 if @show > 80;
    print map { "    $_" } @show;
    print map { "    $_\n" } @why;
    print "    (whole output: $job->{file})\n";
    push @failures, $job->{name};
    return;
}
