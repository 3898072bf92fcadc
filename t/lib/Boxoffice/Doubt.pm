package Boxoffice::Doubt;

# Money in doubt: orders, and a provider that says of their payments what was
# not asked for.
#
#     my $provider = Boxoffice::Provider->new($dir);
#     my $t = Boxoffice::Test->new(conf => { orphan_rule => 'off',
#         gateway => $provider->gateway });
#     $provider->start('http://127.0.0.1:9/nobody');
#     my $p = payable($t, $provider);
#     say_of($t, $p, amount => 9000);

use v5.36;

use Boxoffice::Test qw(SHOW);
use Boxoffice::Test::Booking qw(order);
use Digest::SHA qw(hmac_sha256_hex);
use Exporter    qw(import);
use Mojo::JSON  qw(encode_json);

our @EXPORT_OK = qw(payable say_of);


# An order, and a payment of it that the customer has made at the provider.
sub payable ($t, $provider) {
    state $seat = 0;
    my $user  = 'u' . ++$seat;
    my $order = order($t, $user, SHOW,
        [chr(65 + $seat / 10) . (1 + $seat % 10)]);
    my $r = $t->post("/api/v1/orders/$order->{orderId}/pay", {}, user => $user);
    die $r->code . $r->body if $r->code != 200;
    $provider->pay($r->json->{paymentId});
    return { %$order, user => $user, $r->json->%* };
}


# What the provider says of it is not what was asked for: amount, currency,
# order, status.  The outcome of the webhook.
sub say_of ($t, $p, %more) {
    state $n = 0;
    my $body = encode_json { id => 'evt_' . ++$n, object => 'event',
        type => 'payment_intent.succeeded', data => { object => {
            id => $p->{paymentId}, object => 'payment_intent',
            status => $more{status} // 'succeeded',
            amount => $more{amount} // $p->{amount},
            amount_received => $more{amount} // $p->{amount},
            currency => $more{currency} // lc $p->{currency},
            metadata => { order_id => $more{order} // $p->{orderId},
                intent_id => $p->{intentId} // ($t->dbh->selectrow_array(
                    'select intent_id from payment_intents
                    where reference = ?', undef, $p->{paymentId}))[0] } } } };
    my $time = time;

    return $t->post('/api/v1/webhooks/stripe', $body, key => undef, headers =>
        { 'Stripe-Signature' => "t=$time,v1="
            . hmac_sha256_hex("$time.$body", 'whsec_provider') })
        ->json->{outcome};
}


1;
