
/*
 * Signatures of webhooks.
 */


#include "bo_webhook.h"

#include <string.h>


/* more would not fit into what is compared with a clock */

#define BO_WEBHOOK_DIGITS  12


static int bo_webhook_mac(uint8_t mac[BO_WEBHOOK_MAC], const char *s,
    size_t len);
static int bo_webhook_time(int64_t *time, const char *s, size_t len);


int
bo_webhook_stripe(bo_webhook_t *w, const char *s, size_t len)
{
    size_t       key, n;
    const char  *eq, *end, *next;

    w->time = -1;
    w->n = 0;

    for (end = s + len; s < end; s = next + 1) {
        next = memchr(s, ',', (size_t) (end - s));

        if (next == NULL) {
            next = end;
        }

        eq = memchr(s, '=', (size_t) (next - s));

        if (eq == NULL || eq == s) {
            return -1;
        }

        key = (size_t) (eq - s);
        n = (size_t) (next - eq - 1);

        if (key == 1 && *s == 't') {
            if (w->time != -1 || bo_webhook_time(&w->time, eq + 1, n) != 0) {
                return -1;
            }

        } else if (key == 2 && s[0] == 'v' && s[1] == '1'
                   && w->n < BO_WEBHOOK_MACS
                   && bo_webhook_mac(w->mac[w->n], eq + 1, n) == 0)
        {
            w->n++;
        }
    }

    return w->time == -1 ? -1 : 0;
}


int
bo_webhook_hex(bo_webhook_t *w, const char *s, size_t len)
{
    w->time = -1;
    w->n = 0;

    if (bo_webhook_mac(w->mac[0], s, len) != 0) {
        return -1;
    }

    w->n = 1;

    return 0;
}


int
bo_webhook_fresh(const bo_webhook_t *w, int64_t now)
{
    return w->time >= now - BO_WEBHOOK_TOLERANCE
           && w->time <= now + BO_WEBHOOK_TOLERANCE;
}


static int
bo_webhook_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}


static int
bo_webhook_mac(uint8_t mac[BO_WEBHOOK_MAC], const char *s, size_t len)
{
    int     high, low;
    size_t  i;

    if (len != 2 * BO_WEBHOOK_MAC) {
        return -1;
    }

    for (i = 0; i < BO_WEBHOOK_MAC; i++) {
        high = bo_webhook_digit(s[2 * i]);
        low = bo_webhook_digit(s[2 * i + 1]);

        if (high < 0 || low < 0) {
            return -1;
        }

        mac[i] = (uint8_t) (high << 4 | low);
    }

    return 0;
}


static int
bo_webhook_time(int64_t *time, const char *s, size_t len)
{
    size_t   i;
    int64_t  n;

    if (len == 0 || len > BO_WEBHOOK_DIGITS) {
        return -1;
    }

    n = 0;

    for (i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return -1;
        }

        n = n * 10 + (s[i] - '0');
    }

    *time = n;

    return 0;
}
