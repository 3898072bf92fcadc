package Bench::Reference;

# What nginx itself would answer: "return 200" of the same bytes, header and
# text, at a path of as many bytes.  So what is left between the two is what it
# costs to make the answer, and not to send it, nor to read it.

use v5.36;

use Carp qw(croak);

# What nginx writes in any case, or by the text.
my %own = map { $_ => 1 }
    qw(Connection Content-Length Content-Type Date Server);


# A path as long as that of what it is a reference for.
sub path ($like, $name) {
    return "/ref/$name" . '-' x (length($like) - length "/ref/$name");
}


# For nginx.conf, inside of http and of server.  Each reference is [PATH,
# ANSWER, text => another text]: that path answers like the
# Mojo::Message::Response.
sub conf (@references) {
    my ($http, $server) = ("variables_hash_max_size 2048;\n", '');

    for my $reference (@references) {
        my ($in_http, $in_server) = location(@$reference);

        $http .= $in_http;
        $server .= $in_server;
    }

    return ($http, $server);
}


sub location ($path, $res, %o) {
    my $text = $o{text} // $res->body;
    my $h    = $res->headers;
    my @part = unpack '(a3000)*', $text;
    my $http = '';
    my $var  = $path =~ s/\W+/_/gr;

    # A word of nginx.conf has at most 4 KB: a text is put together from
    # variables whose values are constants, unless it is one word.
    for my $n (0 .. $#part) {
        last if @part == 1;
        $http .= "map \$host \$$var$n { default ${\ word($part[$n]) }; }\n";
        $part[$n] = "\${$var$n}";
    }

    my $answer = @part == 1 ? word($text) : '"' . join('', @part) . '"';
    my $server = "location = $path {\ndefault_type application/json;\n"
        . join('', map { "add_header $_ ${\ word($h->header($_)) };\n" }
            grep { !$own{$_} } sort $h->names->@*)
        . "return 200 $answer;\n}\n";

    return ($http, $server);
}


sub word ($text) {
    croak "\$, ' or \\ in: $text" if $text =~ /['\$\\]/;
    return "'$text'";
}


1;
