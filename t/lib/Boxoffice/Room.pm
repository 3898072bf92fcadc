package Boxoffice::Room;

# A waiting room as the one who runs it sees it, and those who come to it.
#
#     my $room = Boxoffice::Room->new($t);
#     $room->set(phase => 'OPEN', rate => 100);
#     my $ticket = $room->join('ann')->json->{ticket};

use v5.36;

my %admin = (user => 'root', headers => { 'x-user-role' => 'ADMIN' });


sub new ($class, $test, $name = 'premiere') {
    return bless { test => $test, path => "/api/v1/waiting-rooms/$name" },
        $class;
}


sub path ($self) { return $self->{path} }


# What it looks like at a node, from 1.
sub now ($self, $node = 1) {
    return $self->{test}->get($self->{path}, node => $node)->json;
}


# Changes settings; the answer.
sub try_set ($self, %what) {
    return $self->{test}->put($self->{path}, {%what}, %admin);
}


# The same, and it must be taken.
sub set ($self, %what) {
    my $r = $self->try_set(%what);

    die 'not set: ' . $r->body . "\n" if $r->code != 202;

    return;
}


# Until a node has what Redis and PostgreSQL say.
sub wait_ready ($self, $seconds = 5, @nodes) {
    for my $n (@nodes ? @nodes : 1 .. $self->{test}->nodes) {
        $self->{test}->wait_until(sub { $self->now($n)->{ready} }, $seconds,
            "node $n is ready");
    }

    return;
}


sub join ($self, $user) {
    return $self->{test}->post("$self->{path}/join", undef, user => $user,
        key => undef);
}


sub place ($self, $user, $ticket, $node = 1) {
    return $self->{test}->get("$self->{path}/place", user => $user,
        node => $node,
        headers => { 'x-boxoffice-ticket' => $ticket });
}


sub leave ($self, $user, $ticket) {
    return $self->{test}->del("$self->{path}/place", user => $user,
        headers => { 'x-boxoffice-ticket' => $ticket });
}


1;
