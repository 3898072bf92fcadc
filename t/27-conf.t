# What "nginx -t" says of an address with a password in it, of an order that
# waits for ever, and of a location whose stores are not there.

use v5.36;

use Test2::V0;
use Cwd        qw(getcwd);
use File::Temp qw(tempdir);

my $module = $ENV{BOXOFFICE_MODULE}
    // getcwd . '/build/release/ngx_http_boxoffice_module.so';
my $nginx = $ENV{BOXOFFICE_NGINX} // '/usr/sbin/nginx';
my $dir = tempdir(CLEANUP => 1);

my $stores = q{boxoffice_redis redis://127.0.0.1:6379;
    boxoffice_postgres "host=/nowhere dbname=x"; boxoffice_zone seats:1m;};


# The verdict on a text at the http level, and what nginx says.
sub verdict ($text) {
    mkdir "$dir/logs";
    open my $file, '>', "$dir/nginx.conf" or die "$dir: $!";
    print $file "load_module $module; pid $dir/pid; events {}\n",
        "http { access_log off; $text }\n";
    close $file or die "$dir: $!";

    # what the configuration holds at exit is no leak
    local $ENV{ASAN_OPTIONS} = 'detect_leaks=0:detect_odr_violation=0';
    my $said = `$nginx -t -p $dir/ -c $dir/nginx.conf -e stderr 2>&1`;
    return ($? == 0, $said);
}

sub refused ($text, $why) {
    my ($ok, $said) = verdict($text);
    ok !$ok, "refused: $text";
    like $said, $why, '... and why';
    unlike $said, qr/SECRET/, '... without the password';
}

sub accepted ($text) {
    my ($ok, $said) = verdict($text);
    ok $ok, "accepted: $text" or diag $said;
}

refused 'boxoffice_redis redis://u:SECRET@127.0.0.1:port;',
    qr/"boxoffice_redis": invalid port/;
refused 'boxoffice_redis http://u:SECRET@127.0.0.1;', qr/"boxoffice_redis"/;
refused 'boxoffice_postgres "password=SECRET dbname";',
    qr/"boxoffice_postgres": is not a conninfo string/;
refused 'boxoffice_postgres "password=SECRET service=x";',
    qr/"boxoffice_postgres": names a service/;

refused 'boxoffice_order_ttl 25h;',
    qr/"boxoffice_order_ttl" must not be longer than 1d/;
accepted 'boxoffice_order_ttl 1d;';

for my $needs ('boxoffice_shows', 'boxoffice_metrics',
    'boxoffice_health ready')
{
    refused "server { location /x { $needs; } }",
        qr/no "boxoffice_redis" is defined/;
    accepted "$stores server { location /x { $needs; } }";
}

accepted 'server { location /x { boxoffice_health live; } }';

done_testing;
