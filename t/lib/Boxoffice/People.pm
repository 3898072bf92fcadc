package Boxoffice::People;

# Accounts in tests: the directives and locations, and people who log in.

use v5.36;

use Boxoffice::Test   ();
use Boxoffice::Tokens qw(spurt unb64);
use Exporter    qw(import);
use File::Temp  ();
use Mojo::JSON  qw(decode_json);

our @EXPORT_OK = qw(claims);

use constant PASSWORD => 'a horse and its staple';

my $number = 0;


# setup(OPTIONS of Boxoffice::Test, accounts => further parameters): a test
# with accounts, whose hashes are cheap.
sub setup ($class, %o) {
    my $dir = File::Temp->newdir('/tmp/bo-people-XXXXXXXX');
    chmod 0755, "$dir";
    spurt("$dir/key", "the key that signs what we issue, long enough\n");

    my $accounts = delete $o{accounts} // '';
    my $conf     = delete $o{conf}     // {};
    my $server   = delete $o{server_extra} // '';
    my $t = Boxoffice::Test->new(
        auth => 'house keys',
        conf => {
            auth_jwt => 'house issuer=https://box.example audience=box '
                . 'roles=roles cookie=box',
            accounts => "house HS256 $dir/key memory=1m passes=1 $accounts",
            %$conf,
        },
        server_extra => $server . <<~'END',
            location /api/v1/auth { boxoffice_login; }
            location /api/v1/me { boxoffice_me; }
            location /api/v1/admin/people { boxoffice_people; }
            location /api/v1/admin/api-keys { boxoffice_api_keys; }
            END
        %o,
    );

    return bless { t => $t, dir => $dir, log => [] }, $class;
}


sub t    ($self) { return $self->{t} }
sub file ($self, $name) { return "$self->{dir}/$name" }


# call(METHOD, PATH, BODY, token => ..., more options of request)
sub call ($self, $method, $path, $body = undef, %o) {
    my $token = delete $o{token};
    my %headers = ((delete $o{headers} // {})->%*);

    $headers{Authorization} = "Bearer $token" if defined $token;

    return $self->{t}->request($method, "/api/v1/$path", $body, key => undef,
        headers => \%headers, %o);
}


sub auth ($self, $what, $body = {}, %o) {
    return $self->call('POST', "auth/$what", $body, %o);
}


sub me ($self, $token, %o) { return $self->call('GET', 'me', undef,
    token => $token, %o) }


# somebody(FIELDS): a new person; what registration answered, and the password.
sub somebody ($self, %fields) {
    my $n = ++$number;
    my %body = (email => "somebody$n\@example.com", password => PASSWORD,
        name => "Some Body $n", %fields);
    my $r = $self->auth('register', \%body);

    die 'register: ', $r->code, ' ', $r->body if $r->code != 201;

    return { $r->json->%*, %body };
}


sub login ($self, $who, %o) {
    return $self->auth('login', { email => $who->{email},
        password => $who->{password} }, %o);
}


# A new person who is an administrator, logged in.
sub administrator ($self) {
    my $who = $self->somebody;

    $self->{t}->dbh->do('select set_person_role(?, ?)', undef, $who->{email},
        'ADMIN');
    return { %$who, $self->login($who)->json->%* };
}


# The claims of a token, unverified.
sub claims ($token) {
    return decode_json(unb64((split /\./, $token)[1]));
}


1;
