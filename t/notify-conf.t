# boxoffice_notify and boxoffice_notify_templates: nginx -t finds every mistake
# and names the directive, or the file and what is wrong in it.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test;
use Cwd        qw(getcwd);
use File::Path qw(make_path);

my $t    = Boxoffice::Test->new(start => 0);
my $node = $t->node;
my $dir  = $t->dir;
my $house = getcwd() . '/conf/notifications';


sub spew ($name, $text) {
    make_path("$dir/$name" =~ s{/[^/]*\z}{}r);
    open my $fh, '>', "$dir/$name" or die "$dir/$name: $!";
    print {$fh} $text;
    close $fh or die "$dir/$name: $!";
    return "$dir/$name";
}


# tested(NOTIFY, TEMPLATES): what nginx -t says.
sub tested ($notify, $templates = $house) {
    return $node->check(notify => $notify, notify_templates => $templates);
}


sub bad ($name, $why, $notify, @templates) {
    my ($status, $output) = tested($notify, @templates);

    isnt $status, 0, "$name: refused";
    like $output, qr/\[emerg\][^\n]*$why/, "$name: and why";
    unlike $output, qr/p4ssword/, "$name: no password is shown";
    return;
}


my $smtp  = 'email smtp://127.0.0.1:25 starttls=off from=a@example.com';
my $sms   = "sms http://127.0.0.1:81/x body=$house/sms.json";
my $login = spew('login', "user:p4ssword\n");
my $aws   = spew('aws', "aws_access_key_id=a\naws_secret_access_key=p4ssword\n");


subtest 'what is good' => sub {
    my @good = (
        [$smtp], [$sms], [$smtp, "$sms fallback"],
        [undef], ["$smtp patience=0 events=confirmed,refunded timeout=1s"],
        ["email smtps://127.0.0.1 login=$login \"from=Box <a\@example.com>\""],
        ["email smtp://127.0.0.1 login=$login \"from=\\\"B, O\\\" <a\@b.example>\""],
        ["email https://127.0.0.1 credentials=$aws region=eu-west-1 from=a\@b.c"],
        ["$sms name=one idempotency=X-Key headers=" . spew('h', "A: b\nC:d\n"),
            "$sms name=two connections=3 queue=5 verify=on" =~ s/http:/https:/r],
        ["whatsapp http://127.0.0.1 body=$house/whatsapp.form"],
        ["push https://127.0.0.1 body=$house/push.json"],
    );

    for my $good (@good) {
        my ($status, $output) = tested($good);
        is $status, 0, $good->[0] // 'templates alone' or diag $output;
    }

    my ($status, $output) = tested([$smtp], "$house language=de");
    is $status, 0, 'another language' or diag $output;
};


subtest 'what is wrong in a channel' => sub {
    my $n = qr/"boxoffice_notify": /;
    my @bad = (
        ['a kind', qr/${n}there is no such kind.*"fax"/, 'fax http://x'],
        ['no URL', qr/number of arguments.*"boxoffice_notify"/, 'sms'],
        ['a scheme', qr/${n}it must begin with "smtp.*"http:\/\/127/,
            $smtp =~ s/smtp:/http:/r],
        ['mail for text', qr/${n}it must begin with "http.*"smtp:/,
            $sms =~ s/http:/smtp:/r],
        ['no sender', qr/${n}"from=" is missing in "email"/,
            'email smtp://127.0.0.1'],
        ['no body', qr/${n}"body=" is missing in "sms"/,
            'sms http://127.0.0.1'],
        (map { ["sender $_", qr/${n}it must be an address.*"from=/,
            "email smtp://127.0.0.1 \"from=$_\""] } 'x', 'x@', 'a b@c.d',
            'Box <a@b>', 'Box <a@b.c', 'a@b.c x'),
        ['a parameter', qr/${n}invalid parameter in "colour=red"/,
            "$smtp colour=red"],
        ['one of mail', qr/${n}invalid parameter in "from=a\@b.c"/,
            "$sms from=a\@b.c"],
        ['one of text', qr/${n}invalid parameter in "body=x.json"/,
            "$smtp body=x.json"],
        ['nothing', qr/${n}invalid parameter in "patience="/,
            "$smtp patience="],
        ['patience', qr/${n}invalid time in "patience=long"/,
            "$smtp patience=long"],
        ['a timeout', qr/${n}invalid parameter in "timeout=0"/,
            "$smtp timeout=0"],
        ['events', qr/${n}events are confirmed, .*"events=sold"/,
            "$smtp events=sold"],
        ['events, none', qr/${n}events are .*"events=confirmed,"/,
            "$smtp events=confirmed,"],
        ['a name', qr/${n}a name is of a-z.*"Mail"/, "$smtp name=Mail"],
        ['a long name', qr/${n}a name has 1 to 20/, "$smtp name=" . 'a' x 21],
        ['a login without TLS', qr/password for .* needs "starttls=on"/,
            "$smtp login=$login"],
        ['a login', qr/${n}the file must be a line "user:password"/,
            "$smtp login=" . spew('nologin', "p4ssword\n")],
        ['a login that is not there', qr/".*\/nothing": the file cannot be opened/,
            "$smtp login=$dir/nothing"],
        ['keys', qr/${n}the file has no aws_access_key_id/,
            "email https://x.example credentials=$login from=a\@b.c"],
        ['keys without region', qr/${n}SES needs "credentials=" and "region="/,
            "email https://127.0.0.1 credentials=$aws from=a\@b.c"],
        ['region without keys', qr/${n}SES needs "credentials=" and "region="/,
            "$smtp region=eu-west-1"],
        ['a region', qr/${n}a region is of/, "$smtp region=eu/west"],
        ['headers', qr/${n}the lines of the file must be "Name: value"/,
            "$sms headers=" . spew('badh', "A: b\nnothing p4ssword\n")],
        ['headers with a blank', qr/${n}the lines of the file must be/,
            "$sms headers=" . spew('badh2', "A B: p4ssword\n")],
        ['idempotency', qr/${n}it must be the name of a header/,
            "$sms idempotency=a:b"],
        ['a body', qr/${n}the file's name must end in "\.json" or "\.form"/,
            "sms http://127.0.0.1 body=$house/en/confirmed.txt"],
        ['a body that is not there', qr/".*x\.json": the file cannot be opened/,
            'sms http://127.0.0.1 body=x.json'],
        ['a body with a mistake',
            qr{/b\.json", line 2: a tag has an unknown name}, 'sms http://127.0.0.1 body='
            . spew('b.json', "{\n\"a\":\"{{who}}\"}")],
    );

    bad($_->[0], $_->[1], [$_->[2]]) for @bad;

    bad('a name twice', qr/${n}its name is another's already/, [$smtp, $smtp]);
    bad('nine channels', qr/${n}there are 8 channels already/,
        [map { "$sms name=s$_" } 1 .. 9]);
    bad('no templates', qr/"boxoffice_notify" needs "boxoffice_notify_templates"/,
        [$smtp], undef);
};


subtest 'a body that makes no JSON' => sub {
    my $serial = 0;

    for my $body ('{"a": {{text}}}', '{"a": "{{text}}",}', '{"a": "{{text}}"',
        'a={{text}}', '{{#title}}{"a": "{{title}}"}{{/title}}')
    {
        bad($body, qr/"boxoffice_notify": it makes no JSON in "body=/,
            ['sms http://127.0.0.1 body='
                . spew('j' . ++$serial . '.json', $body)]);
    }

    my ($status, $output) = tested(['sms http://127.0.0.1 body='
        . spew('good.json', '{"a": "{{text}}"{{#title}}, "b": 1{{/title}}}')]);
    is $status, 0, 'one that does' or diag $output;
};


subtest 'what is wrong in the templates' => sub {
    my $words = join '', map { "$_\n" } 1 .. 19;

    # a folder of templates: all that mail needs, and a change of one file
    my $serial = 0;
    my sub folder (%change) {
        my $folder = 'f' . ++$serial;
        my %files  = ('en/words' => $words);

        for my $event (qw(confirmed failed expired cancelled seats-cancelled
            refunded))
        {
            $files{"en/$event.$_"} = "{{movie}}\n" for qw(subject txt);
        }

        %files = (%files, %change);
        spew("$folder/$_", $files{$_})
            for grep { defined $files{$_} } keys %files;
        return "$dir/$folder";
    }

    my ($status, $output) = tested([$smtp], folder());
    is $status, 0, 'what mail needs' or diag $output;
    ($status, $output) = tested(["$smtp events=confirmed"],
        folder('en/failed.txt' => undef));
    is $status, 0, 'and only for the events that are sent' or diag $output;
    ($status, $output) = tested([$smtp],
        folder('fr/words' => $words, 'fr/failed.txt' => 'x'));
    is $status, 0, 'another language may have less' or diag $output;

    my @bad = (
        [qr/".*\/en\/failed\.txt": the file cannot be opened/, 'en/failed.txt' => undef],
        [qr/".*\/en\/words": the file cannot be opened/, 'en/words' => undef],
        [qr/en\/words" must have 19 lines/, 'en/words' => "a\n" x 18],
        [qr/en\/words" must have 19 lines/, 'en/words' => "a\n" x 20],
        [qr/en\/failed\.txt" is empty/, 'en/failed.txt' => ''],
        [qr/en\/failed\.subject" must be one line/,
            'en/failed.subject' => "a\nb\n"],
        [qr/en\/failed\.txt", line 3: a tag has an unknown name/,
            'en/failed.txt' => "a\nb\n{{nobody}}\n"],
        [qr/en\/failed\.txt", line 1: a tag has an unknown name/,
            'en/failed.txt' => "{{text}}\n"],
        [qr/en\/failed\.txt", line 2: a tag does not end/,
            'en/failed.txt' => "a\n{{movie\n"],
        [qr/en\/failed\.html", line 2: a section does not end/,
            'en/failed.html' => "{{#refund}}\n"],
        [qr/en\/failed\.txt", line 1: it is not UTF-8/,
            'en/failed.txt' => "\xff\n"],
        [qr/fr\/failed\.push", line 1: it has a control character/,
            'fr/words' => $words, 'fr/failed.push' => "\r\n"],
        [qr/".*\/fr\/words": the file cannot be opened/, 'fr/failed.txt' => "a\n"],
    );

    for my $bad (@bad) {
        my ($why, %change) = @$bad;
        bad("$why", $why, [$smtp], folder(%change));
    }

    my $f = folder();
    bad('text needs short ones', qr/en\/confirmed\.short": the file cannot be opened/,
        [$sms], $f);
    bad('a language that is not there', qr/there is no folder "xx" in/,
        [$smtp], "$f language=xx");
    bad('a folder that is not there', qr/"boxoffice_notify_templates": .*failed/,
        [$smtp], "$dir/nowhere");
    bad('a parameter', qr/"boxoffice_notify_templates": invalid parameter/,
        [$smtp], "$f colour=red");
};


$t->done;
done_testing;
