# The image without a container.  docker/entrypoint.sh and its nginx.conf: what
# is in the environment gets into the configuration, secrets into files of
# nginx's own, and who comes can register and log in.  docker/Dockerfile: its
# build has what it needs of the checkout.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test          ();
use Boxoffice::Test::Process ();
use Cwd            ();
use File::Basename qw(dirname);
use File::Temp     ();
use Mojo::UserAgent ();

my $root = Cwd::getcwd();
my $t    = Boxoffice::Test->new;
my $node = $t->node;
my $port = Boxoffice::Test::Process::free_port();
my $metrics = Boxoffice::Test::Process::free_port();
my $tmp  = File::Temp->newdir('/tmp/bo-docker-XXXXXXXX');
my $run  = "$tmp/run";
my $key  = 'a key of 32 bytes at the very least, for tests';
my $ua   = Mojo::UserAgent->new(request_timeout => 30);

mkdir $run or die "$run: $!";
chmod 0755, "$tmp";
chmod 0777, $run;


sub write_file ($file, $text) {
    open my $fh, '>', $file or die "$file: $!";
    print {$fh} $text;
    close $fh or die "$file: $!";
    return;
}


sub read_file ($file) {
    open my $fh, '<', $file or die "$file: $!";
    local $/ = undef;
    return <$fh>;
}


# The configuration of the image with the paths of this machine.
my $conf = read_file("$root/docker/nginx.conf.in");
my $module = $ENV{BOXOFFICE_MODULE}
    // "$root/build/release/ngx_http_boxoffice_module.so";
$conf =~ s{modules/ngx_http_boxoffice_module\.so}{$module};
$conf =~ s{listen 8080 default_server}{listen 127.0.0.1:$port default_server};
$conf =~ s{listen 9145}{listen 127.0.0.1:$metrics};
$conf =~ s{/usr/share/boxoffice}{$root}g;
$conf =~ s{/etc/nginx/boxoffice/}{$root/conf/snippets/}g;
$conf =~ s{/run/boxoffice}{$run}g;
$conf =~ s{/dev/stdout}{$tmp/access.log};
write_file("$tmp/nginx.conf.in", $conf);
write_file("$tmp/key", $key);
write_file("$tmp/gateway.key", 'sk_test_x');
chmod 0644, map { "$tmp/$_" } qw(key gateway.key nginx.conf.in);

# root's workers are those of the first user that nginx names
my %env = (BOXOFFICE_RUN => $run, BOXOFFICE_CONF => "$tmp/nginx.conf.in",
    BOXOFFICE_REDIS => $node->{redis}, BOXOFFICE_POSTGRES =>
    "$node->{postgres} application_name=this&that", BOXOFFICE_GATEWAY => 'mock',
    BOXOFFICE_ACCOUNTS_KEY_FILE => "$tmp/key");

# the nginx that the module was built for
if ($ENV{BOXOFFICE_NGINX}) {
    %env = ($node->env->%*, %env,
        PATH => dirname($ENV{BOXOFFICE_NGINX}) . ":$ENV{PATH}");
}


sub start (%more) {
    my $process = Boxoffice::Test::Process->start(
        command => ["$root/docker/entrypoint.sh"], log => "$tmp/log",
        env => { %env, %more });

    $t->wait_until(sub {
        return 1 if !$process->alive;
        return ($ua->get("http://127.0.0.1:$port/readyz")->res->code // 0)
            == 200;
    }, 20, 'it has started, or ended');
    return $process;
}


sub post ($path, $body) {
    return $ua->post("http://127.0.0.1:$port/api/v1$path", json => $body)
        ->result;
}


my %person = (email => 'ann@example.org', password => 'a horse and its staple',
    name => 'Ann');

subtest 'a secret from a file, another that is made' => sub {
    my $process = start();

    ok $process->alive, 'it runs' or diag read_file("$tmp/log");
    is read_file("$run/accounts.key"), $key, 'the key is the file\'s';
    is +(stat "$run/$_")[2] & 0777, 0600, "$_: for nginx alone"
        for qw(accounts.key secret nginx.conf);
    like read_file("$run/secret"), qr/\A[0-9a-f]{96}\z/, 'the secret is made';
    like read_file("$tmp/log"), qr/neither BOXOFFICE_SECRET_FILE nor/,
        'which is said';

    is post('/auth/register', \%person)->code, 201, 'somebody registers';
    my $login = post('/auth/login', { %person{qw(email password)} });
    is $login->code, 200, 'and logs in' or diag $login->body;
    my $me = $ua->get("http://127.0.0.1:$port/api/v1/me", { Authorization =>
        'Bearer ' . $login->json->{accessToken} })->result;
    is [$me->code, $me->json->{email}], [200, $person{email}],
        'and is known by the token';
    is $ua->get("http://127.0.0.1:$port/api/v1/orders",
        { 'x-user-id' => 'ann' })->result->code, 401,
        'nobody is who he says, unless it is development';
    ok $t->dbh->selectrow_array('select count(*) from pg_stat_activity
        where application_name = ?', undef, 'this&that'), 'an "&" is one';
    is $ua->get("http://127.0.0.1:$port/metrics")->res->code, 404,
        'figures are not for who buys';
    like $ua->get("http://127.0.0.1:$metrics/metrics")->res->body,
        qr/^boxoffice_requests_total/m, 'they have a port of their own';
    ok $process->stop('QUIT', 30), 'ends';
};


subtest 'from the environment' => sub {
    my $process = start(BOXOFFICE_ACCOUNTS_KEY_FILE => '',
        BOXOFFICE_ACCOUNTS_KEY => "$key!", BOXOFFICE_SECRET => "$key?",
        BOXOFFICE_AUTH => 'development keys house', BOXOFFICE_GATEWAY => '');

    ok $process->alive, 'it runs' or diag read_file("$tmp/log");
    is [map { read_file("$run/$_") } qw(accounts.key secret)],
        ["$key!", "$key?"], 'both secrets';
    is $ua->get("http://127.0.0.1:$port/api/v1/orders",
        { 'x-user-id' => 'ann' })->result->code, 200, 'development';
    unlike join('', map { read_file("/proc/$_/environ") } $process->pid),
        qr/\Q$key\E/, 'they are not in its environment any more';
    ok $process->stop('QUIT', 30), 'ends';
};


subtest 'nobody sells for play money by mistake' => sub {
    my $process = start(BOXOFFICE_GATEWAY => '');

    ok !$process->alive, 'it ends';
    like read_file("$tmp/log"), qr/BOXOFFICE_GATEWAY is not set/, 'and why';

    $process = start(BOXOFFICE_GATEWAY => 'stripe url=http://127.0.0.1:9');
    ok !$process->alive, 'no key';
    like read_file("$tmp/log"), qr/BOXOFFICE_GATEWAY_KEY_FILE is not set/,
        'and why';

    $process = start(BOXOFFICE_GATEWAY => 'stripe url=http://127.0.0.1:9',
        BOXOFFICE_GATEWAY_KEY_FILE => "$tmp/gateway.key",
        BOXOFFICE_GATEWAY_WEBHOOKS => 'whsec_for_tests');
    ok $process->alive, 'with one it runs' or diag read_file("$tmp/log");
    is [map { (stat "$run/$_")[2] & 0777 } qw(gateway.key gateway.secrets)],
        [0600, 0600], 'its files are for nginx alone';
    is post('/webhooks/stripe', {})->code, 401, 'a webhook has to be signed';
    unlike join('', map { read_file("/proc/$_/environ") } $process->pid),
        qr/whsec/, 'the secret is not in its environment any more';
    ok $process->stop('QUIT', 30), 'ends';
};


# The stage that builds, with what it copies until each of its steps.
subtest 'the build' => sub {
    my ($stage) = read_file("$root/docker/Dockerfile")
        =~ /^FROM \S+ AS build\n(.*?)^FROM /ms;
    my $dir = File::Temp->newdir('/tmp/bo-image-XXXXXXXX');

    for my $step (split /\n/, $stage) {
        if ($step =~ /^COPY (\S+) (\S+)$/) {
            my ($from, $to) = ($1, $2);

            system "mkdir -p '$dir/" . dirname("$to.") . "' && cp -r"
                . " '$root/$from' '$dir/$to'";
            is $?, 0, $step;

        } elsif ($step =~ /^RUN (.+)/) {
            my $said = `cd '$dir' && $1 2>&1`;
            is $?, 0, $step or diag $said;
        }
    }

    ok -s "$dir/build/release/ngx_http_boxoffice_module.so", 'a module';
};


$t->check_invariants;
$t->done;
done_testing;
