
/*
 * Amounts for people to read.
 */


#include "bo_money.h"


static unsigned bo_money_digits(const bo_text_t *currency);


void
bo_money_put(bo_out_t *out, const bo_text_t *currency, int64_t amount)
{
    char      text[32];
    size_t    n;
    uint64_t  rest;
    unsigned  digits, i;

    digits = bo_money_digits(currency);
    rest = amount < 0 ? -(uint64_t) amount : (uint64_t) amount;
    n = sizeof(text);

    for (i = 0; rest || i <= digits; i++) {

        if (i == digits && digits) {
            text[--n] = '.';
        }

        text[--n] = (char) ('0' + rest % 10);
        rest /= 10;
    }

    bo_put_text(out, currency);
    bo_put_char(out, ' ');

    if (amount < 0) {
        bo_put_char(out, '-');
    }

    bo_put(out, text + n, sizeof(text) - n);
}


/* ISO 4217, those whose minor unit is no hundredth. */

static unsigned
bo_money_digits(const bo_text_t *currency)
{
    size_t  i;

    static const char  none[] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX "
                                "UYI VND VUV XAF XOF XPF ";
    static const char  three[] = "BHD IQD JOD KWD LYD OMR TND ";

    if (currency->len != 3) {
        return 2;
    }

    for (i = 0; i < sizeof(none) - 1; i += 4) {
        if (memcmp(none + i, currency->data, 3) == 0) {
            return 0;
        }
    }

    for (i = 0; i < sizeof(three) - 1; i += 4) {
        if (memcmp(three + i, currency->data, 3) == 0) {
            return 3;
        }
    }

    return 2;
}
