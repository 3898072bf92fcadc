package Boxoffice::Test::Nginx;

# One nginx node of a test: master and workers in a directory of their own.

use v5.36;

use Boxoffice::Test::Process ();
use Carp            qw(croak);
use Cwd             ();
use File::Basename  qw(dirname);
use MIME::Base64    qw(encode_base64);

my $root = Cwd::abs_path(dirname(__FILE__) . '/../../../..');

# What no error log may hold.  A worker's end by signal or with a code is an
# [alert], but sanitizers end it with a code of their own, as a [notice].
my $bad = qr{
    \[(?:alert|emerg|crit)\]
    | exited[ ]on[ ]signal | exited[ ]with[ ](?:fatal[ ])?code[ ](?!0\b)
    | (?:Address|Leak|UndefinedBehavior)Sanitizer | runtime[ ]error:
}x;


# new(dir => DIRECTORY, redis => URL, postgres => CONNINFO, and what
# Boxoffice::Test->new describes)
sub new ($class, %o) {
    my $self = bless { %o }, $class;

    $self->{port}  //= Boxoffice::Test::Process::free_port();
    $self->{allow}   = [];
    $self->{binary}  = $ENV{BOXOFFICE_NGINX} // '/usr/sbin/nginx';
    $self->{module}  = $ENV{BOXOFFICE_MODULE}
        // "$root/build/release/ngx_http_boxoffice_module.so";

    mkdir $self->{dir} or croak "$self->{dir}: $!";
    mkdir "$self->{dir}/$_" for qw(logs temp asan);
    chmod 0755, $self->{dir};
    chmod 01777, "$self->{dir}/asan";

    # the same on all nodes of a test
    open my $fh, '>', "$self->{dir}/secret" or croak "$self->{dir}: $!";
    say {$fh} 'a secret of 32 bytes or more, for tests';
    close $fh or croak "$self->{dir}: $!";

    $self->ticket_key('ticket.pem', 'of 32 bytes, to sign the tickets');

    return $self;
}


# ticket_key(NAME, SEED): a file of a private key of Ed25519, made from 32
# bytes; its path.
sub ticket_key ($self, $name, $seed) {
    my $file = "$self->{dir}/$name";
    my $der  = pack('H*', '302e020100300506032b657004220420') . $seed;

    open my $fh, '>', $file or croak "$file: $!";
    print {$fh} "-----BEGIN PRIVATE KEY-----\n", encode_base64($der),
        "-----END PRIVATE KEY-----\n";
    close $fh or croak "$file: $!";

    return $file;
}


sub port ($self) { return $self->{port} }
sub dir  ($self) { return $self->{dir} }


# Workers read html/ themselves: a checkout that others cannot enter leaves
# only root.
sub _user () {
    return '' if $> != 0;

    for (my $path = $root; $path ne '/'; $path = dirname($path)) {
        return 'user root;' if !((stat $path)[2] & 0001);
    }

    return 'user www-data;';
}


# The main-level directives: "hold_ttl => '2s'" is boxoffice_hold_ttl 2s, an
# array is one directive for each element, undef takes a default away.
sub _directives ($self, $change) {
    my %conf = (
        redis    => $self->{redis},
        postgres => "\"$self->{postgres}\" connections=2",
        zone     => 'seats:16m',
        jobs     => 'on',
        secret_file => "$self->{dir}/secret",
        ticket_key_file => "$self->{dir}/ticket.pem",

        # most tests take seats as they come
        orphan_rule => 'off',
        ($self->{conf} // {})->%*,
        %$change,
    );
    my $text = '';

    for my $name (sort keys %conf) {
        my @values = ref $conf{$name} ? $conf{$name}->@* : $conf{$name};
        $text .= "    boxoffice_$name $_;\n" for grep { defined } @values;
    }

    return $text;
}


# The text of nginx.conf; %change overrides directives of the http level.
sub conf ($self, %change) {
    my $user    = _user();
    my $workers = $self->{workers}        // 2;
    my $level   = $self->{log_level}      // 'info';
    my $auth    = $self->{auth}           // 'development';
    my $main    = $self->{main_extra}     // '';
    my $http    = $self->{http_extra}     // '';
    my $server  = $self->{server_extra}   // '';
    my $extra   = $self->{location_extra} // '';
    my $gate    = $self->{gate} ? "boxoffice_waiting_room $self->{gate};" : '';
    my $optimistic = $self->{optimistic} ? _optimistic() : '';
    my $admin   = _admin();
    my $connections = $self->{worker_connections} // 4096;
    my $files   = $self->{files} // 4 * $connections;
    my $boxoffice = $self->_directives(\%change);

    return <<~"END";
    $user
    load_module $self->{module};
    daemon off;
    worker_processes $workers;
    worker_shutdown_timeout 10s;
    worker_rlimit_nofile $files;
    pid nginx.pid;
    error_log logs/error.log $level;
    $main

    events {
        worker_connections $connections;
    }

    http {
        include /etc/nginx/mime.types;
        default_type application/octet-stream;

        log_format json escape=json
            '{"requestId":"\$request_id","request":"\$request_method \$uri",'
            '"status":\$status,"seconds":\$request_time}';
        access_log logs/access.log json;

        client_body_temp_path temp/body;
        proxy_temp_path temp/proxy;
        fastcgi_temp_path temp/fastcgi;
        uwsgi_temp_path temp/uwsgi;
        scgi_temp_path temp/scgi;

        client_max_body_size 16k;
        client_body_buffer_size 16k;
        request_pool_size 8k;
        keepalive_requests 1000000;

    $boxoffice
        $http

        server {
            listen 127.0.0.1:$self->{port} backlog=4096;
            boxoffice_auth $auth;
            $server

            location / { root $root/html; }
            location /api/v1/shows { boxoffice_shows; $extra }
            location /api/v1/screens { boxoffice_screens; $extra }
            location /api/v1/movies { boxoffice_movies; $extra }
            location /api/v1/search { boxoffice_search; $extra }
            location /api/v1/theatres { boxoffice_theatres; $extra }
            location /api/v1/holds { boxoffice_holds; $extra $gate }
            location /api/v1/orders { boxoffice_orders; $extra }
            location /api/v1/checkins { boxoffice_checkins; $extra }
            location /api/v1/ticket-keys { boxoffice_ticket_keys; $extra }
            location /api/v1/waiting-rooms { boxoffice_waiting_rooms; $extra }
            location /api/v1/webhooks {
                boxoffice_webhooks;
                client_max_body_size 64k;
                client_body_buffer_size 64k;
            }
            location /api/v1/me/notification-preferences {
                boxoffice_notification_preferences; $extra
            }
            $admin
            location /api/v1/admin/dead-letters {
                boxoffice_dead_letters; $extra
            }
            $optimistic
            location = /healthz { boxoffice_health live; }
            location = /readyz { boxoffice_health ready; }
            location = /metrics { boxoffice_metrics; }
        }
    }
    END
}


sub _admin () {
    my %size = (movies => '256k', theatres => '256k', shows => '256k',
        layouts => '1m', screens => '16k', audit => '16k',
        quarantine => '16k');

    return join "\n", map {
        "location /api/v1/admin/$_ { boxoffice_admin $_;"
        . " client_max_body_size $size{$_};"
        . " client_body_buffer_size $size{$_}; }"
    } sort keys %size;
}


sub _optimistic () {
    my %path = (availability => '= /get-availability',
        create => '= /create-booking', complete => '= /complete-booking',
        bookings => '/bookings');

    return join "\n", map { "location $path{$_} { boxoffice_optimistic $_; }" }
        sort keys %path;
}


sub write_conf ($self, %change) {
    my $file = "$self->{dir}/nginx.conf";

    open my $fh, '>', $file or croak "$file: $!";
    chmod 0600, $file;
    print {$fh} $self->conf(%change);
    close $fh or croak "$file: $!";
    return $file;
}


sub _command ($self) {
    return ($self->{binary}, '-p', "$self->{dir}/",
        '-c', "$self->{dir}/nginx.conf", '-e', "$self->{dir}/logs/error.log");
}


# What a sanitizer build is told.
sub env ($self) {
    return {
        ASAN_OPTIONS => "detect_odr_violation=0:detect_leaks=1:"
            . 'verify_asan_link_order=0:'
            . "log_path=$self->{dir}/asan/report",
        ($self->{clocks} ? $self->{clocks}->env('node')->%* : ()),
        UBSAN_OPTIONS => 'print_stacktrace=1',
        LSAN_OPTIONS => "suppressions=$root/t/lib/lsan.supp:"
            . 'print_suppressions=0',
    };
}


sub start ($self) {
    $self->write_conf;
    $self->{process} = Boxoffice::Test::Process->start(
        command => [$self->_command],
        death   => 'TERM',
        env     => $self->env,
        log     => "$self->{dir}/logs/stderr.log",
    );

    Boxoffice::Test::Process::wait_until(sub {
        croak "nginx has ended:\n" . $self->log if !$self->{process}->alive;
        return Boxoffice::Test::Process::port_open($self->{port});
    }, 20) or croak "nginx does not answer:\n" . $self->log;

    return $self;
}


# check(%change): what "nginx -t" says of this configuration with some
# directives changed: (exit status, output).
sub check ($self, %change) {
    my $file = "$self->{dir}/check.conf";

    open my $fh, '>', $file or croak "$file: $!";
    print {$fh} $self->conf(%change);
    close $fh or croak "$file: $!";

    my %env = $self->env->%*;
    local @ENV{ keys %env } = values %env;

    # nginx -t ends without giving back what the configuration took, and tells
    # it to the caller: there may be no directory for reports yet
    for ($ENV{ASAN_OPTIONS}) {
        s/detect_leaks=1/detect_leaks=0/ && s/:log_path=.*//
            or croak "not understood: $_";
    }

    my $output = `$self->{binary} -t -q -p $self->{dir}/ -c $file \\
        -e $self->{dir}/logs/check.log 2>&1`;
    return ($? >> 8, $output);
}


sub process ($self) { return $self->{process} }


sub worker_pids ($self) {
    my @pids;

    for my $pid (Boxoffice::Test::Process::children($self->{process}->pid)) {
        open my $fh, '<', "/proc/$pid/cmdline" or next;
        my $line = <$fh> // '';
        push @pids, $pid if $line =~ /worker process(?! is shutting down)/;
    }

    return @pids;
}


# reload(%change): HUP, and waits until all workers are new ones.
sub reload ($self, %change) {
    my %old = map { $_ => 1 } $self->worker_pids;

    $self->write_conf(%change);
    $self->{process}->signal('HUP');

    return Boxoffice::Test::Process::wait_until(sub {
        my @new = $self->worker_pids;
        return @new == ($self->{workers} // 2) && !grep { $old{$_} } @new;
    }, 20) || croak "no new workers after HUP:\n" . $self->log;
}


# Kills one worker; that the master reports this is not held against the test.
sub kill_worker ($self, $pid = ($self->worker_pids)[0]) {
    push $self->{allow}->@*, qr/worker process $pid exited on signal 9/;
    CORE::kill 'KILL', $pid;

    return Boxoffice::Test::Process::wait_until(sub {
        my @new = $self->worker_pids;
        return @new == ($self->{workers} // 2) && !grep { $_ == $pid } @new;
    }, 20) || croak "no new worker after $pid";
}


# Graceful: requests under way are finished.
sub quit ($self) { return $self->{process}->stop('QUIT', 30) }


# The whole node at once, as when a machine loses power.
sub kill ($self) { return $self->{process}->kill_family }


# Workers at work finish first: a leak check and the log of a sanitizer come
# at the end of a worker.
sub stop ($self) {
    return if !$self->{process} || !$self->{process}->alive;
    CORE::kill 'CONT', $self->{process}->family;

    if (!$self->{process}->stop('QUIT', 15)) {
        push $self->{problems}->@*, 'nginx did not stop within 15 s of QUIT';
    }

    return;
}


sub log ($self) {
    my $text = '';

    for my $file ("$self->{dir}/logs/stderr.log", "$self->{dir}/logs/error.log")
    {
        open my $fh, '<', $file or next;
        local $/ = undef;
        $text .= <$fh> // '';
    }

    return $text;
}


# problems(ALLOW...): lines of the logs that must not be there.
sub problems ($self, @allow) {
    my @problems = ($self->{problems} // [])->@*;

    for my $line (split /\n/, $self->log) {
        next if $line !~ $bad;
        next if grep { $line =~ $_ } @allow, $self->{allow}->@*;
        push @problems, $line;
    }

    for my $file (glob "$self->{dir}/asan/*") {
        open my $fh, '<', $file or next;
        my $report = join '', grep { defined } map { scalar <$fh> } 1 .. 40;
        push @problems, "$file:\n$report";
    }

    return @problems;
}


sub DESTROY ($self) {
    return if !$self->{process};
    local ($?, $!, $@);
    $self->{process}->stop('TERM') if $self->{process}->alive;
}


1;
