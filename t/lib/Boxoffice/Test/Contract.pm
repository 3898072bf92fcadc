package Boxoffice::Test::Contract;

# What docs/openapi.yaml promises, held against what the server has answered.
#
# In a run of the whole suite every test notes the answers that it got, and
# t/last/contract.t judges them: each is of an operation, with a status and a
# body that the description has for it, and no operation is without an answer.
#
#     note_answer('GET', '/api/v1/shows?limit=1', 200, 'application/json', $b);
#
#     my $contract = Boxoffice::Test::Contract->new('docs/openapi.yaml');
#     my @wrong = $contract->problems($answer);    # for each of answers()
#     my @never = $contract->unanswered;

use v5.36;

use Carp        qw(croak);
use Digest::SHA qw(sha1_base64);
use Exporter    qw(import);
use File::Path  qw(make_path);
use Mojo::JSON  qw(decode_json encode_json);

our @EXPORT_OK = qw(answers note_answer);

# Of answers alike a process notes so many; a longer body is not kept.
use constant { ALIKE => 3, BODY_MAX => 200_000 };

# What every operation may answer, says info.description.
my %anywhere = map { $_ => 1 } qw(method_not_allowed timeout internal_error
    http_version_not_supported forbidden rate_limited waiting_room pass_over
    token_invalid token_foreign);

my %noted;
my $fh;


# --- noting

sub directory () {
    my $logs = $ENV{BOXOFFICE_TEST_LOGS} // return;
    return "$logs/contract";
}


sub note_answer ($method, $path, $status, $type, $body) {
    my $directory = directory() // return;

    $path =~ s/[?#].*//s;
    $path =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;

    my $alike = join ' ', $method, $status,
        $path =~ s{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}}{ID}gir,
        sha1_base64(join ',', sort(($body // '') =~ /"(\w+)":/g));

    return if $noted{$alike}++ >= ALIKE;

    if (!$fh) {
        make_path($directory);
        open $fh, '>>', "$directory/$$.jsonl" or croak "$directory: $!";
        $fh->autoflush;
    }

    print {$fh} encode_json({ method => $method, path => $path,
        status => $status, type => $type, test => $0,
        body => length($body // '') > BODY_MAX ? undef : $body }), "\n";
    return;
}


# All that was noted, as hashes.
sub answers () {
    my $directory = directory() // return;
    my @answers;

    for my $file (glob "$directory/*.jsonl") {
        open my $in, '<', $file or croak "$file: $!";
        push @answers, map { decode_json($_) } <$in>;
    }

    return @answers;
}


# --- judging

sub new ($class, $file) {
    require JSON::Validator;
    require YAML::XS;

    no warnings 'once';
    local $YAML::XS::Boolean = 'JSON::PP';

    my $doc  = YAML::XS::LoadFile($file);
    my $self = bless { doc => $doc, seen => {} }, $class;

    # as it stands, before it is made stricter
    $self->{errors} = JSON::Validator->new->schema($file)->schema->errors;

    _close($doc->{components}{schemas});
    _close($doc->{components}{responses});
    _close($doc->{paths});
    $self->{schema} = JSON::Validator->new->schema($doc)->schema;

    for my $path (sort keys $doc->{paths}->%*) {
        my $item = $doc->{paths}{$path};
        my $base = ($item->{servers} // $doc->{servers})->[0]{url} =~ s{/\z}{}r;
        my $form = join '', map { /^\{/ ? '[^/]+' : quotemeta }
            split /(\{\w+\})/, $base . $path;

        push $self->{paths}->@*, [qr/\A$form\z/, $path =~ tr/{//, $path];
    }

    # a path that is named in full comes before one with a parameter
    $self->{paths} = [sort { $a->[1] <=> $b->[1] } $self->{paths}->@*];
    return $self;
}


# An object has the properties that it is described with, and no others.
sub _close ($schema) {
    if (ref $schema eq 'ARRAY') {
        _close($_) for @$schema;
        return;
    }

    return if ref $schema ne 'HASH';

    if (ref $schema->{properties} eq 'HASH') {
        $schema->{additionalProperties} //= JSON::PP::false();
    }

    # parts of one object cannot be closed each for itself
    _close($schema->{$_}) for grep { $_ ne 'allOf' && $_ ne 'example' }
        keys %$schema;
    return;
}


# The codes of errors that it has.
sub codes ($self) {
    return $self->{doc}{components}{schemas}{ErrorCode}{enum}->@*;
}


# What is wrong with the description itself.
sub errors ($self) { return map { "$_" } $self->{errors}->@* }


sub _target ($self, $node) {
    while (ref $node eq 'HASH' && defined $node->{'$ref'}) {
        my @steps = split m{/}, $node->{'$ref'} =~ s{^#/}{}r;

        $node = $self->{doc};
        $node = $node->{ s{~1}{/}gr =~ s{~0}{~}gr } for @steps;
    }

    return $node;
}


# What is wrong with an answer; nothing where the path or the method is of no
# operation, which is answered 404 or 405.
sub problems ($self, $answer) {
    my ($method, $status) = (lc $answer->{method}, $answer->{status});
    my ($match) = grep { $answer->{path} =~ $_->[0] } $self->{paths}->@*;

    $method = 'get' if $method eq 'head';

    my $operation = $match && $self->{doc}{paths}{ $match->[2] }{$method};
    my $name = "$method " . ($match ? $match->[2] : $answer->{path});

    if (!$operation) {
        return $status >= 200 && $status < 300 && $answer->{path} =~ m{^/api/}
            && $method ne 'options' ? "$name: $status is not described" : ();
    }

    my $described = $self->_target($operation->{responses}{$status});

    $self->{seen}{$name}{$status}++;

    return if !$described && $anywhere{ _error_code($answer) };
    return "$name: $status is not described" if !$described;
    return map { "$name: $status: $_" } $self->_body($described, $answer);
}


sub _error_code ($answer) {
    my $json = Mojo::JSON::j($answer->{body} // '');

    return ref $json ne 'HASH' ? '' : ref $json->{error} eq 'HASH'
        ? $json->{error}{code} // '' : $json->{code} // '';
}


sub _body ($self, $described, $answer) {
    my $content = $described->{content};
    my $body    = $answer->{body};
    my $type    = ($answer->{type} // '') =~ s/;.*//sr;

    return if $answer->{method} eq 'HEAD' || !defined $body;
    return length $body ? "a body that is not described" : () if !$content;

    return if $answer->{status} == 413 && $type eq 'text/html';

    my $media = $content->{$type}
        or return "$type is not described";

    return if $type !~ /\bjson\b/;

    my $json = eval { Mojo::JSON::decode_json($body) };

    return "no JSON: $@" if !defined $json;
    return map { "$_" } $self->{schema}->validate($json, $media->{schema});
}


# All operations, as [method, path, what it says].
sub _operations ($self) {
    my $paths = $self->{doc}{paths};

    return map {
        my $path = $_;
        map { [$_, $path, $paths->{$path}{$_}] }
            grep { /^(?:get|put|post|delete|patch)$/ }
            sort keys $paths->{$path}->%*;
    } sort keys %$paths;
}


# Operations that nobody has called, or whose callers were all turned away.
sub unanswered ($self) {
    return grep {
        my $seen = $self->{seen}{$_} // {};
        !grep { !/^40[0134]$/ } keys %$seen;
    } map { "$_->[0] $_->[1]" } $self->_operations;
}


# Statuses of operations that are described and that nobody has seen.
sub unseen ($self) {
    return map {
        my ($method, $path, $operation) = @$_;
        my $seen = $self->{seen}{"$method $path"} // {};
        map { "$method $path: $_" } grep { !$seen->{$_} }
            sort keys $operation->{responses}->%*;
    } $self->_operations;
}



1;
