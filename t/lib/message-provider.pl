#!/usr/bin/perl
#
# message-provider.pl PORT DIRECTORY: an HTTP provider of messages.  Each request becomes
# a line of JSON in DIRECTORY/requests.  What it answers is the text of
# DIRECTORY/answer, read anew each time: "STATUS [RETRY-AFTER]", "hang", "reset";
# 202 when there is no such file.

use v5.36;

use EV;
use Mojo::IOLoop;
use Mojo::JSON qw(encode_json);
use Mojo::Server::Daemon;
use Mojolicious;

my ($port, $dir) = @ARGV;
my $app = Mojolicious->new;

$app->log->level('fatal');
$app->routes->any('/*where' => { where => '' } => sub ($c) {
    my $req    = $c->req;
    my $answer = '202';

    if (open my $fh, '<', "$dir/answer") {
        chomp($answer = <$fh> // '');
    }

    open my $fh, '>>', "$dir/requests" or die "$dir/requests: $!";
    say {$fh} encode_json({ method => $req->method,
        path => $req->url->path->to_string, body => $req->text,
        answer => $answer, headers => { map { lc $_ => $req->headers->header($_) }
            $req->headers->names->@* } });
    close $fh or die "$dir/requests: $!";

    if ($answer eq 'hang') {
        $c->inactivity_timeout(3600)->render_later;
        return;
    }

    if ($answer eq 'reset') {
        $c->render_later;
        Mojo::IOLoop->stream($c->tx->connection)->close;
        return;
    }

    my ($status, $after) = split ' ', $answer;
    $c->res->headers->header('Retry-After' => $after) if defined $after;
    $c->render(json => { status => $status + 0 }, status => $status);
});

Mojo::Server::Daemon->new(app => $app, silent => 1,
    listen => ["http://127.0.0.1:$port"])->run;
