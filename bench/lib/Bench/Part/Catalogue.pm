package Bench::Part::Catalogue;

# A catalogue of the size of a country: what a page costs that is in memory,
# against nginx's own answer of the same bytes; and how long what is asked for
# the first time takes, at a steady rate.
#
# The data are made once and kept beside the builds; they are made again when
# what they are made by has changed, or their days have gone by.

use v5.36;

use Bench::Reference          ();
use Bench::Report             ();
use Boxoffice::Test::Nginx    ();
use Boxoffice::Test::Postgres ();
use Boxoffice::Test::Process  ();
use Carp        qw(croak);
use Digest::SHA ();
use File::Path  qw(make_path remove_tree);
use List::Util  qw(shuffle sum0);
use Mojo::UserAgent ();
use Mojo::Util  qw(url_escape);
use Time::HiRes qw(time);

use constant {
    RATE        => 200,      # a second, of each kind by itself
    CONNECTIONS => 32,
    DAYS        => 4,        # that the data are good for
};

my %size = (movies => 100_000, theatres => 5000, shows => 1_000_000);

my @uncached = (
    { name => 'search',  title => 'search' },
    { name => 'suggest', title => 'autocomplete' },
    { name => 'shows',   title => 'shows by date' },
);


sub run ($class, $rig, $report, %o) {
    my $self = bless { rig => $rig, report => $report, %o,
        dir => $rig->dir . '/catalogue' }, $class;

    make_path($self->{dir});
    chmod 0755, $self->{dir};
    srand 42;

    $self->load_data;
    $self->{pace} = $rig->pace;
    $self->cached;
    $self->first_time;

    delete($self->{dbh})->disconnect;
    delete $self->{node};
    return;
}


# --- the data

# What they are made by.
sub print_of ($self) {
    my $sha = Digest::SHA->new(256);

    $sha->addfile($_) for sort glob "$self->{rig}{root}/sql/[0-9]*.sql";
    $sha->addfile("$self->{rig}{root}/tools/generate-catalogue.sql");
    return $sha->add(map { "$_ $size{$_}" } sort keys %size)->hexdigest;
}


sub load_data ($self) {
    my $data  = "$ENV{BOXOFFICE_BUILD}/catalogue";
    my $print = $self->print_of;
    my $is    = -e "$data.print" ? Bench::Rig::_read("$data.print") : '';
    my $fresh = $is ne $print || -M "$data.print" > DAYS;

    if ($fresh) {
        unlink "$data.print", "$data.password";
        remove_tree($data);
    }

    $self->{pg} = Boxoffice::Test::Postgres->start(fsync => 1, data => $data);
    $self->{database} = 'catalogue';
    $self->generate if $fresh;
    Bench::Rig::_write("$data.print", $print) if $fresh;

    $self->{dbh} = $self->{pg}->connect($self->{database});
    $self->{dbh}->do('set search_path = boxoffice, public');
    $self->tell_size;
    return;
}


sub generate ($self) {
    my $start = time;
    my $log   = "$self->{dir}/generate.log";

    say STDERR '  generating';
    $self->{pg}->admin("create database $self->{database} template "
        . Boxoffice::Test::Postgres::TEMPLATE);
    system('psql -X -q ' . join(' ', map { "-v $_=$size{$_}" } sort keys %size)
        . " -f $self->{rig}{root}/tools/generate-catalogue.sql -d '"
        . $self->{pg}->conninfo($self->{database}) . "' >$log 2>&1") == 0
        or croak "the catalogue cannot be made, see $log";
    $self->{made} = time - $start;
    say STDERR sprintf '  generated in %.0f s', $self->{made};
    return;
}


sub tell_size ($self) {
    my @count = map { ($self->{dbh}->selectrow_array(
        "select count(*) from $_"))[0] } qw(movies theatres shows);

    $self->{report}->heading('The catalogue', sprintf(
        '%s movies, %s theatres, %s shows, %s with all indexes; %s.',
        map({ Bench::Report::number($_) } @count),
        $self->{dbh}->selectrow_array('select pg_size_pretty('
            . 'pg_database_size(current_database()))'),
        $self->{made} ? sprintf 'made in %.0f s', $self->{made}
            : 'made in a run before'));
    return;
}


# --- the server

sub node ($self) { return $self->{node} }


sub start_node ($self, $name, %o) {
    delete $self->{node};
    $self->{node} = Boxoffice::Test::Nginx->new(
        dir       => "$self->{dir}/$name",
        redis     => $self->{rig}->redis('ours')->url,
        postgres  => $self->{pg}->conninfo($self->{database}),
        conf      => { catalogue_zone => 'catalogue:64m' },
        log_level => 'warn',
        http_extra   => $o{http} // '',
        server_extra => 'access_log off;' . ($o{server} // ''),
    )->start;

    # every worker has what it needs, and knows how far changes have come
    my $ua = Mojo::UserAgent->new;
    my $ok = 0;

    Boxoffice::Test::Process::wait_until(sub {
        $ok = ($ua->get($self->url('/readyz'))->res->code // 0) == 200
            ? $ok + 1 : 0;
        return $ok == 20;
    }, 30) or croak 'nginx is not ready';
    return;
}


sub url ($self, $path) {
    return 'http://127.0.0.1:' . $self->node->port . $path;
}


sub get ($self, $path) { return $self->answer($path)->body }

sub answer ($self, $path) {
    my $tx = Mojo::UserAgent->new->get($self->url($path),
        { 'Accept-Encoding' => 'identity' });

    croak "$path: " . $tx->res->body if ($tx->res->code // 0) != 200;
    return $tx->res;
}


sub metric ($self, $name) {
    my ($value) = $self->get('/metrics') =~ /^boxoffice_catalogue_$name (\d+)$/m
        or croak "no metric $name";
    return $value;
}


# --- what is in memory

sub cached ($self) {
    my ($movie, $day) = $self->{dbh}->selectrow_array(
        'select movie_id, local_day from shows where local_day > current_date '
        . 'group by 1, 2 order by count(*) desc limit 1');
    my @pages = (
        { name => 'list',  title => 'movies, twenty of them',
            path => '/api/v1/movies' },
        { name => 'movie', title => 'one movie',
            path => "/api/v1/movies/$movie" },
        { name => 'shows', title => 'its shows of a day',
            path => "/api/v1/movies/$movie/shows?date=$day" },
    );

    $self->start_node('pages');
    $_->{answer} = $self->answer($_->{path}) for @pages;
    $self->start_node('cached', $self->references(@pages));

    for my $page (@pages) {
        $self->get($page->{path}) eq $page->{answer}->body
            or croak "$page->{path} has changed";
        $self->compare($page);
    }

    return;
}


sub references ($self, @pages) {
    my @references = map { [Bench::Reference::path($_->{path} =~ s/\?.*//r,
        $_->{name}), $_->{answer}] } @pages;
    my ($http, $server) = Bench::Reference::conf(@references);

    for my $n (0 .. $#pages) {
        my ($query) = $pages[$n]{path} =~ /(\?.*)/;
        $pages[$n]{reference} = $references[$n][0] . ($query // '');
    }

    return (http => $http, server => $server);
}


sub compare ($self, $page) {
    my $bytes = length $page->{answer}->body;
    my @rows;

    for my $connections ($self->{connections}->@*) {
        my %rounds;

        for (1 .. $self->{rounds}) {
            push $rounds{$_}->@*, $self->wrk($page, $_, $connections)
                for qw(path reference);
        }

        my %rate = map { my $what = $_; $what => [map { $_->{per_second} }
            $rounds{$what}->@*] } keys %rounds;
        my ($value, $text) = Bench::Report::ratio($rate{path},
            $rate{reference});

        push @rows, [$connections, map({ Bench::Report::span($_->@*) }
            @rate{qw(path reference)}), $text, map { Bench::Report::number(
            Bench::Report::median(map { $_->{server_us} } $_->@*)) }
            @rounds{qw(path reference)}];
        $self->{report}->goal("cached: $page->{title} / return 200, "
            . "c=$connections", $value, $text, 0.9);
    }

    $self->{report}->heading("From memory: $page->{title} ($bytes bytes)");
    $self->{report}->table(['connections', 'answers/s',
        'return 200 of the same', 'ratio', 'server us', 'its server us'],
        @rows);
    return;
}


sub wrk ($self, $page, $what, $connections) {
    my @family = $self->node->process->family;
    my $before = Bench::Rig::cpu_of(@family);
    my $r = $self->{rig}->wrk(script => 'get', connections => $connections,
        seconds => $self->{seconds}, url => $self->url($page->{$what}));

    croak "$page->{$what}: $r->{refused} refused" if $r->{refused};

    my $label = $what eq 'path' ? 'Boxoffice' : 'return 200';

    return $self->{report}->round('catalogue',
        "$page->{name}, $label c=$connections", {
        connections => $connections, requests => $r->{requests},
        server_us => (Bench::Rig::cpu_of(@family) - $before)
            / ($r->{requests} || 1) * 1e6,
        per_second => $r->{requests} / $r->{us} * 1e6,
        bytes => $r->{bytes} / ($r->{requests} || 1),
        p50_ms => $r->{p50} / 1000, p99_ms => $r->{p99} / 1000 });
}


# --- what was never asked for

sub first_time ($self) {
    my $each = RATE * $self->{seconds};
    my @rows;

    for my $kind (@uncached) {
        my $make     = "some_$kind->{name}";
        my @requests = $self->$make($each * ($self->{rounds} + 1));

        # the first second goes: statements are prepared, sessions find
        # their functions
        $self->start_node("first-$kind->{name}");
        $self->paced($kind, 'warm-up', 1, splice @requests, 0, $each);

        my @rounds = map { $self->paced($kind, "round $_", $self->{seconds},
            splice @requests, 0, $each) } 1 .. $self->{rounds};
        my $p99 = Bench::Report::median(map { $_->{p99_ms} } @rounds);

        push @rows, [$kind->{title}, map { my $key = $_;
            Bench::Report::span(map { $_->{$key} } @rounds) }
            qw(p50_ms p90_ms p99_ms max_ms misses)];
        $self->{report}->goal("uncached: p99 of $kind->{title} at "
            . RATE . '/s', $p99, sprintf('%.1f ms', $p99), '<20');
    }

    $self->{report}->heading('Asked for the first time', RATE . ' requests a '
        . 'second by the clock, each another one; times count from when a '
        . 'request was due.  Misses are what the module counted, of '
        . "$each requests a round.");
    $self->{report}->table(['', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms',
        'misses'], @rows);
    return;
}


sub paced ($self, $kind, $label, $seconds, @requests) {
    my $before = $self->metric('misses_total');
    my $r = $self->{pace}->run(port => $self->node->port, rate => RATE,
        seconds => $seconds, connections => CONNECTIONS,
        requests => \@requests);
    my $misses = $self->metric('misses_total') - $before;

    croak "$kind->{name}: not all were answered: "
        . Mojo::JSON::encode_json($r) if $r->{unanswered} || $r->{broken}
        || keys $r->{statuses}->%* != 1 || !$r->{statuses}{200};
    croak "$kind->{name}: $misses misses of $r->{requests}"
        if $misses < $r->{requests};

    return $self->{report}->round('catalogue', "$kind->{name} $label", {
        requests => $r->{requests}, misses => $misses,
        map { ("${_}_ms" => $r->{$_} / 1000) } qw(p50 p90 p99 p999 max) });
}


# distinct(NUMBER, CODE): requests that CODE makes, until there are so many.
sub distinct ($number, $make) {
    my (%seen, @requests);

    for my $try (1 .. 20 * $number) {
        my $path = $make->();
        next if !defined $path || $seen{$path}++;
        push @requests, "GET $path";
        last if @requests == $number;
    }

    croak "there are not $number of them" if @requests < $number;
    return @requests;
}


sub pick (@list) { return $list[rand @list] }


sub place () { return sprintf 'near=%.3f,%.3f', rand(100) - 50,
    rand(340) - 170 }


sub query (%value) {
    return join '&', map { "$_=" . url_escape($value{$_}) } sort keys %value;
}


sub titles ($self) {
    return $self->{titles} //= $self->{dbh}->selectcol_arrayref(
        'select title from movies tablesample bernoulli (20) repeatable (1)');
}


sub days ($self) {
    return $self->{days} //= $self->{dbh}->selectcol_arrayref(
        'select distinct local_day from shows where local_day > current_date '
        . 'and local_day < current_date + 30 order by 1');
}


# A letter is missing, or two have changed places.
sub mistyped ($word) {
    my $at = 1 + int rand(length($word) - 2);
    my $two = substr $word, $at, 2;

    substr $word, $at, 2, rand() < 0.5 ? substr $two, 0, 1 : reverse $two;
    return $word;
}


# Whole titles, single words, words that are mistyped; each third of them with
# filters or a place.
sub some_search ($self, $number) {
    my $titles = $self->titles;
    my $days   = $self->days;

    return distinct($number, sub {
        my $title = lc pick(@$titles);
        my $word  = pick(split / /, $title);
        my $kind  = rand;
        my $q = $kind < 0.4 ? $title : $kind < 0.7 ? $word : mistyped($word);
        my %with = (q => $q, limit => 1 + int rand 50);

        $kind = rand;
        $with{language} = pick(qw(English Hindi Tamil)) if $kind < 0.1;
        $with{genre}    = pick(qw(Drama Comedy Horror)) if $kind > 0.9;
        $with{date}     = pick(@$days) if $kind > 0.1 && $kind < 0.2;

        return '/api/v1/search?' . query(%with)
            . ($kind > 0.2 && $kind < 0.35 ? '&' . place() : '');
    });
}


# What is sent while somebody types a title: its first letters.
sub some_suggest ($self, $number) {
    my $titles = $self->titles;

    return distinct($number, sub {
        my $title = lc pick(@$titles);
        my $typed = substr $title, 0, 1 + int rand 12;

        return '/api/v1/search/suggest?' . query(q => $typed =~ s/ +\z//r,
            limit => 1 + int rand 20);
    });
}


# A show chosen at random says which movie and day: so a movie is asked for as
# often as it is shown.
sub some_shows ($self, $number) {
    my $rows = $self->{dbh}->selectall_arrayref(
        'select movie_id, local_day from shows tablesample bernoulli (5) '
        . 'repeatable (1) where local_day > current_date');

    return distinct($number, sub {
        my ($movie, $day) = pick(@$rows)->@*;

        return "/api/v1/movies/$movie/shows?date=$day&limit="
            . (1 + int rand 40) . (rand() < 0.5 ? '&' . place() : '');
    });
}


1;
