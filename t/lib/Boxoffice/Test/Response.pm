package Boxoffice::Test::Response;

# The answer to a request; code 0 and error when there was none.

use v5.36;

use Mojo::JSON ();


# new(code => N, head => TEXT, body => BYTES, seconds => N, error => TEXT)
sub new ($class, %o) { return bless { %o }, $class }


sub code    ($self) { return $self->{code} }
sub body    ($self) { return $self->{body} }
sub error   ($self) { return $self->{error} }
sub seconds ($self) { return $self->{seconds} }


# The values of all headers of that name, joined as HTTP does; undef: none.
sub header ($self, $name) {
    my @values = $self->{head} =~ /^\Q$name\E:[ \t]*(.*?)[ \t]*\r?$/mig;
    return @values ? join(', ', @values) : undef;
}


# The parsed body, undef when it is not JSON.
sub json ($self) {
    return $self->{json} //= eval { Mojo::JSON::decode_json($self->{body}) };
}


# The code of an error answer: {"error": {"code": ...}}.
sub error_code ($self) {
    my $json = $self->json;
    return ref $json eq 'HASH' && ref $json->{error} eq 'HASH'
        ? $json->{error}{code} : undef;
}


1;
