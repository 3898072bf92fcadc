package Boxoffice::Tokens;

# Keys and tokens of tests, made without a line of the module: keys by
# openssl, tokens by Crypt::JWT or from their bytes.

use v5.36;

use Carp          qw(croak);
use Crypt::JWT    qw(encode_jwt);
use Digest::SHA   qw(hmac_sha256);
use Exporter      qw(import);
use MIME::Base64  qw(encode_base64url decode_base64url);

our @EXPORT_OK = qw(slurp spurt b64 unb64 raw_token);


sub b64   ($bytes) { return encode_base64url($bytes) }
sub unb64 ($text)  { return decode_base64url($text) }


sub slurp ($file) {
    open my $fh, '<:raw', $file or croak "$file: $!";
    local $/ = undef;
    return scalar <$fh>;
}


sub spurt ($file, $bytes) {
    open my $fh, '>:raw', $file or croak "$file: $!";
    print {$fh} $bytes;
    close $fh or croak "$file: $!";
    return $file;
}


# new(DIRECTORY): a private and a public key of each kind in PEM, "rsa" and
# "rsa.pub" for example, and a shared secret.
sub new ($class, $dir) {
    my $self = bless { dir => $dir }, $class;

    $self->make('rsa',  'RSA', '-pkeyopt', 'rsa_keygen_bits:2048');
    $self->make('rsa2', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048');
    $self->make('ec',   'EC',  '-pkeyopt', 'ec_paramgen_curve:P-256');
    $self->make('k1',   'EC',  '-pkeyopt', 'ec_paramgen_curve:secp256k1');
    $self->make('ed',   'ED25519');

    $self->{secret} = 'shared secret of the tests, long enough';
    spurt("$dir/secret", "$self->{secret}\n");

    return $self;
}


sub make ($self, $name, $algorithm, @options) {
    my $file = $self->file($name);

    system('openssl', 'genpkey', '-quiet', '-algorithm', $algorithm, @options,
        '-out', $file) == 0
        || system("openssl genpkey -algorithm $algorithm @options "
            . "-out $file 2>/dev/null") == 0
        or croak 'openssl genpkey';
    system('openssl', 'pkey', '-in', $file, '-pubout', '-out', "$file.pub")
        == 0 or croak 'openssl pkey';
    chmod 0644, $file, "$file.pub";
    return;
}


sub file ($self, $name) { return "$self->{dir}/$name" }
sub pem  ($self, $name) { my $pem = slurp($self->file($name)); return \$pem }


# Claims that are good now; undef takes one away.
sub claims ($self, %change) {
    my %claims = (
        iss => 'https://id.example', aud => 'shop', sub => 'ann',
        iat => time, exp => time + 300, %change,
    );

    delete @claims{ grep { !defined $claims{$_} } keys %claims };
    return \%claims;
}


# A token signed by Crypt::JWT.
sub signed ($self, $alg, $key, $header = {}, %change) {
    return encode_jwt(alg => $alg, key => $key,
        payload => $self->claims(%change), extra_headers => $header);
}


sub hs256 ($self, %change) {
    return $self->signed('HS256', $self->{secret}, {}, %change);
}


# raw_token(HEADER, PAYLOAD, SIGN): of bytes as they are; SIGN is the secret of
# an HMAC, or code that makes the signature.
sub raw_token ($header, $payload, $sign) {
    my $input = b64($header) . '.' . b64($payload);

    return "$input." . b64(ref $sign ? $sign->($input)
        : hmac_sha256($input, $sign));
}


1;
