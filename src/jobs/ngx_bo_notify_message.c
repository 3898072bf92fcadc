
/*
 * What a message says: the facts of an event, put into the texts of a
 * language, as mail or as the body of a provider's request.
 */


#include "ngx_bo_notify.h"
#include "booking/bo_calendar.h"
#include "booking/bo_money.h"


#define NGX_BO_NOTIFY_PHONE_MIN  5
#define NGX_BO_NOTIFY_PHONE_MAX  15         /* digits, ITU-T E.164 */


/* Values of templates, in the order of their names. */

typedef enum {
    NGX_BO_NOTIFY_V_ID = 0,
    NGX_BO_NOTIFY_V_EVENT,
    NGX_BO_NOTIFY_V_ORDER,
    NGX_BO_NOTIFY_V_USER,
    NGX_BO_NOTIFY_V_NAME,
    NGX_BO_NOTIFY_V_MOVIE,
    NGX_BO_NOTIFY_V_THEATRE,
    NGX_BO_NOTIFY_V_ADDRESS,
    NGX_BO_NOTIFY_V_SCREEN,
    NGX_BO_NOTIFY_V_DATE,
    NGX_BO_NOTIFY_V_TIME,
    NGX_BO_NOTIFY_V_WEEKDAY,
    NGX_BO_NOTIFY_V_DAY,
    NGX_BO_NOTIFY_V_MONTH,
    NGX_BO_NOTIFY_V_YEAR,
    NGX_BO_NOTIFY_V_TIMEZONE,
    NGX_BO_NOTIFY_V_OFFSET,
    NGX_BO_NOTIFY_V_SEATS,
    NGX_BO_NOTIFY_V_QUANTITY,
    NGX_BO_NOTIFY_V_CHANGED,
    NGX_BO_NOTIFY_V_PRICE,
    NGX_BO_NOTIFY_V_REFUND,
    NGX_BO_NOTIFY_V_TICKET,
    NGX_BO_NOTIFY_V_METHOD,
    NGX_BO_NOTIFY_V_SHOW_CANCELLED,

    /* of a provider's body only */
    NGX_BO_NOTIFY_V_CHANNEL,
    NGX_BO_NOTIFY_V_LANGUAGE,
    NGX_BO_NOTIFY_V_TO,
    NGX_BO_NOTIFY_V_TITLE,
    NGX_BO_NOTIFY_V_TEXT,
    NGX_BO_NOTIFY_VALUES
} ngx_bo_notify_value_e;


#define NGX_BO_NOTIFY_NAMES                                                   \
    "id", "event", "orderId", "userId", "name", "movie", "theatre",           \
    "address", "screen", "date", "time", "weekday", "day", "month", "year",   \
    "timezone", "utcOffset", "seats", "quantity", "cancelledSeats", "price",  \
    "refund", "ticketCode", "paymentMethod", "showCancelled"

const char *const  ngx_bo_notify_names[] = { NGX_BO_NOTIFY_NAMES, NULL };

const char *const  ngx_bo_notify_body_names[] = {
    NGX_BO_NOTIFY_NAMES, "channel", "language", "to", "title", "text", NULL
};


static ngx_bo_notify_language_t *ngx_bo_notify_language(
    ngx_bo_notify_conf_t *nc, ngx_str_t *tag);
static bo_template_t *ngx_bo_notify_own_text(ngx_bo_notify_language_t *lang,
    ngx_uint_t event, ngx_uint_t form);
static ngx_int_t ngx_bo_notify_values(ngx_bo_notify_language_t *lang,
    ngx_uint_t event, ngx_bo_event_t *ev, ngx_bo_notify_facts_t *facts,
    ngx_pool_t *pool, bo_text_t *v);
static void ngx_bo_notify_when(ngx_bo_notify_language_t *lang,
    ngx_bo_notify_facts_t *facts, bo_text_t *v);
static ngx_int_t ngx_bo_notify_money(ngx_pool_t *pool, ngx_str_t *currency,
    int64_t amount, bo_text_t *text);
static ngx_int_t ngx_bo_notify_list(ngx_pool_t *pool, ngx_str_t *seats,
    bo_text_t *text);
static ngx_int_t ngx_bo_notify_render(ngx_pool_t *pool, bo_template_t *t,
    bo_text_t *values, bo_text_t *text);
static ngx_int_t ngx_bo_notify_mail(ngx_bo_notify_conf_t *nc,
    ngx_bo_notify_channel_t *ch, ngx_uint_t event, ngx_bo_event_t *ev,
    ngx_bo_notify_facts_t *facts, ngx_array_t *files, ngx_pool_t *pool,
    ngx_bo_outbound_request_t *request);
static ngx_int_t ngx_bo_notify_calendar(ngx_bo_notify_channel_t *ch,
    ngx_uint_t event, ngx_bo_event_t *ev, ngx_bo_notify_facts_t *facts,
    ngx_array_t *files, ngx_pool_t *pool);
static ngx_int_t ngx_bo_notify_ses(ngx_bo_notify_channel_t *ch,
    bo_mail_t *mail, ngx_pool_t *pool, ngx_bo_outbound_request_t *request);
static ngx_int_t ngx_bo_notify_post(ngx_bo_notify_conf_t *nc,
    ngx_bo_notify_channel_t *ch, ngx_uint_t event, ngx_bo_event_t *ev,
    ngx_bo_notify_facts_t *facts, ngx_pool_t *pool,
    ngx_bo_outbound_request_t *request);
static ngx_int_t ngx_bo_notify_headers(ngx_bo_notify_channel_t *ch,
    ngx_bo_event_t *ev, ngx_pool_t *pool, ngx_bo_outbound_request_t *request);
static ngx_int_t ngx_bo_notify_phone(ngx_pool_t *pool, ngx_str_t *address,
    bo_text_t *to);


static ngx_inline void
ngx_bo_text(bo_text_t *text, ngx_str_t *s)
{
    text->data = (char *) s->data;
    text->len = s->len;
}


/* The language that a user gets, by what he said. */

static ngx_bo_notify_language_t *
ngx_bo_notify_language(ngx_bo_notify_conf_t *nc, ngx_str_t *tag)
{
    size_t                     primary;
    ngx_uint_t                 i;
    ngx_bo_notify_language_t  *lang, *found;

    lang = nc->languages.elts;
    found = NULL;

    for (primary = 0; primary < tag->len && tag->data[primary] != '-';
         primary++)
    {
        /* void */
    }

    for (i = 0; i < nc->languages.nelts; i++) {

        if (lang[i].name.len == tag->len
            && ngx_strncasecmp(lang[i].name.data, tag->data, tag->len) == 0)
        {
            return &lang[i];
        }

        if (lang[i].name.len == primary
            && ngx_strncasecmp(lang[i].name.data, tag->data, primary) == 0)
        {
            found = &lang[i];
        }
    }

    return found ? found : nc->house;
}


static bo_template_t *
ngx_bo_notify_own_text(ngx_bo_notify_language_t *lang, ngx_uint_t event,
    ngx_uint_t form)
{
    bo_template_t  *t;

    t = lang->texts[event];

    if (t[form].text.data) {
        return &t[form];
    }

    if (form > NGX_BO_NOTIFY_SHORT && t[NGX_BO_NOTIFY_SHORT].text.data) {
        return &t[NGX_BO_NOTIFY_SHORT];
    }

    return NULL;
}


ngx_int_t
ngx_bo_notify_compose(ngx_bo_notify_conf_t *nc, ngx_bo_notify_channel_t *ch,
    ngx_uint_t event, ngx_bo_event_t *ev, ngx_bo_notify_facts_t *facts,
    ngx_array_t *files, ngx_pool_t *pool, ngx_bo_outbound_request_t *request)
{
    ngx_memzero(request, sizeof(ngx_bo_outbound_request_t));

    return ch->kind == NGX_BO_NOTIFY_EMAIL
           ? ngx_bo_notify_mail(nc, ch, event, ev, facts, files, pool,
                                request)
           : ngx_bo_notify_post(nc, ch, event, ev, facts, pool, request);
}


static ngx_int_t
ngx_bo_notify_values(ngx_bo_notify_language_t *lang, ngx_uint_t event,
    ngx_bo_event_t *ev, ngx_bo_notify_facts_t *facts, ngx_pool_t *pool,
    bo_text_t *v)
{
    u_char  *p;

    ngx_memzero(v, NGX_BO_NOTIFY_VALUES * sizeof(bo_text_t));

    ngx_bo_text(&v[NGX_BO_NOTIFY_V_ID], &ev->id);
    v[NGX_BO_NOTIFY_V_EVENT].data = ngx_bo_notify_events[event];
    v[NGX_BO_NOTIFY_V_EVENT].len = ngx_strlen(ngx_bo_notify_events[event]);
    ngx_bo_text(&v[NGX_BO_NOTIFY_V_ORDER], &facts->order);
    ngx_bo_text(&v[NGX_BO_NOTIFY_V_USER], &facts->user);
    ngx_bo_text(&v[NGX_BO_NOTIFY_V_NAME], &facts->customer);
    ngx_bo_text(&v[NGX_BO_NOTIFY_V_MOVIE], &facts->movie);
    ngx_bo_text(&v[NGX_BO_NOTIFY_V_THEATRE], &facts->theatre);
    ngx_bo_text(&v[NGX_BO_NOTIFY_V_ADDRESS], &facts->place);
    ngx_bo_text(&v[NGX_BO_NOTIFY_V_SCREEN], &facts->screen);
    ngx_bo_text(&v[NGX_BO_NOTIFY_V_TICKET], &facts->ticket);
    ngx_bo_text(&v[NGX_BO_NOTIFY_V_METHOD], &facts->method);
    ngx_bo_text(&v[NGX_BO_NOTIFY_V_LANGUAGE], &lang->name);

    if (facts->show_cancelled) {
        v[NGX_BO_NOTIFY_V_SHOW_CANCELLED].data = "yes";
        v[NGX_BO_NOTIFY_V_SHOW_CANCELLED].len = 3;
    }

    p = ngx_pnalloc(pool, NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v[NGX_BO_NOTIFY_V_QUANTITY].data = (char *) p;
    v[NGX_BO_NOTIFY_V_QUANTITY].len = ngx_sprintf(p, "%ui", facts->nseats) - p;

    ngx_bo_notify_when(lang, facts, v);

    if (ngx_bo_notify_money(pool, &facts->currency, facts->amount,
                            &v[NGX_BO_NOTIFY_V_PRICE])
        != NGX_OK
        || (facts->refund
            && ngx_bo_notify_money(pool, &facts->currency, facts->refund,
                                   &v[NGX_BO_NOTIFY_V_REFUND])
               != NGX_OK)
        || ngx_bo_notify_list(pool, &facts->seats,
                              &v[NGX_BO_NOTIFY_V_SEATS])
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_bo_notify_list(pool, &facts->changed,
                              &v[NGX_BO_NOTIFY_V_CHANGED]);
}


/* "2026-11-29 18:30" in its parts; the theatre's time, as PostgreSQL has it. */

static void
ngx_bo_notify_when(ngx_bo_notify_language_t *lang,
    ngx_bo_notify_facts_t *facts, bo_text_t *v)
{
    char       *local;
    ngx_int_t   month;

    ngx_bo_text(&v[NGX_BO_NOTIFY_V_TIMEZONE], &facts->timezone);
    ngx_bo_text(&v[NGX_BO_NOTIFY_V_OFFSET], &facts->offset);

    if (facts->local.len != sizeof("2026-11-29 18:30") - 1) {
        return;    /* a year of five digits */
    }

    local = (char *) facts->local.data;

    v[NGX_BO_NOTIFY_V_DATE].data = local;
    v[NGX_BO_NOTIFY_V_DATE].len = 10;
    v[NGX_BO_NOTIFY_V_TIME].data = local + 11;
    v[NGX_BO_NOTIFY_V_TIME].len = 5;
    v[NGX_BO_NOTIFY_V_YEAR].data = local;
    v[NGX_BO_NOTIFY_V_YEAR].len = 4;
    v[NGX_BO_NOTIFY_V_DAY].data = local[8] == '0' ? local + 9 : local + 8;
    v[NGX_BO_NOTIFY_V_DAY].len = local[8] == '0' ? 1 : 2;

    month = ngx_atoi((u_char *) local + 5, 2);

    if (month >= 1 && month <= 12 && facts->weekday >= 1
        && facts->weekday <= 7)
    {
        v[NGX_BO_NOTIFY_V_WEEKDAY] = lang->words[facts->weekday - 1];
        v[NGX_BO_NOTIFY_V_MONTH] = lang->words[6 + month];
    }
}


static ngx_int_t
ngx_bo_notify_money(ngx_pool_t *pool, ngx_str_t *currency, int64_t amount,
    bo_text_t *text)
{
    bo_out_t   out;
    bo_text_t  code;

    ngx_bo_text(&code, currency);

    out.p = ngx_pnalloc(pool, NGX_INT64_LEN + currency->len + 8);
    out.len = 0;

    if (out.p == NULL) {
        return NGX_ERROR;
    }

    bo_money_put(&out, &code, amount);

    text->data = out.p;
    text->len = out.len;

    return NGX_OK;
}


/* A blank behind each comma. */

static ngx_int_t
ngx_bo_notify_list(ngx_pool_t *pool, ngx_str_t *seats, bo_text_t *text)
{
    u_char  *p;
    size_t   i;

    p = ngx_pnalloc(pool, 2 * seats->len);
    if (p == NULL) {
        return seats->len ? NGX_ERROR : NGX_OK;
    }

    text->data = (char *) p;

    for (i = 0; i < seats->len; i++) {
        *p++ = seats->data[i];

        if (seats->data[i] == ',') {
            *p++ = ' ';
        }
    }

    text->len = (char *) p - text->data;

    return NGX_OK;
}


static ngx_int_t
ngx_bo_notify_render(ngx_pool_t *pool, bo_template_t *t, bo_text_t *values,
    bo_text_t *text)
{
    bo_out_t  out;

    out.p = NULL;
    out.len = 0;
    bo_template_render(&out, t, values);

    out.p = ngx_pnalloc(pool, out.len + 1);
    if (out.p == NULL) {
        return NGX_ERROR;
    }

    out.len = 0;
    bo_template_render(&out, t, values);

    text->data = out.p;
    text->len = out.len;

    return NGX_OK;
}


static ngx_int_t
ngx_bo_notify_mail(ngx_bo_notify_conf_t *nc, ngx_bo_notify_channel_t *ch,
    ngx_uint_t event, ngx_bo_event_t *ev, ngx_bo_notify_facts_t *facts,
    ngx_array_t *files, ngx_pool_t *pool, ngx_bo_outbound_request_t *request)
{
    bo_out_t                   out;
    bo_text_t                  v[NGX_BO_NOTIFY_VALUES];
    bo_mail_t                  mail;
    bo_template_t             *t;
    ngx_bo_notify_language_t  *lang;

    if (!bo_mail_address((char *) facts->address.data, facts->address.len)) {
        return NGX_DECLINED;
    }

    /* in one language: that of the user, if it has all of it */

    lang = ngx_bo_notify_language(nc, &facts->language);

    if (lang->texts[event][NGX_BO_NOTIFY_SUBJECT].text.data == NULL
        || lang->texts[event][NGX_BO_NOTIFY_TEXT].text.data == NULL)
    {
        lang = nc->house;
    }

    t = lang->texts[event];

    ngx_memzero(&mail, sizeof(bo_mail_t));

    if (ngx_bo_notify_values(lang, event, ev, facts, pool, v) != NGX_OK
        || ngx_bo_notify_render(pool, &t[NGX_BO_NOTIFY_SUBJECT], v,
                                &mail.subject)
           != NGX_OK
        || ngx_bo_notify_render(pool, &t[NGX_BO_NOTIFY_TEXT], v, &mail.text)
           != NGX_OK
        || (t[NGX_BO_NOTIFY_HTML].text.data
            && ngx_bo_notify_render(pool, &t[NGX_BO_NOTIFY_HTML], v,
                                    &mail.html)
               != NGX_OK)
        || ngx_bo_notify_calendar(ch, event, ev, facts, files, pool)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    mail.from = ch->from;
    ngx_bo_text(&mail.to.name, &facts->customer);
    ngx_bo_text(&mail.to.address, &facts->address);
    ngx_bo_text(&mail.id, &ev->id);
    ngx_bo_text(&mail.language, &lang->name);
    mail.date = ev->created;
    mail.files = files->elts;
    mail.nfiles = files->nelts;

    if (ch->aws) {
        return ngx_bo_notify_ses(ch, &mail, pool, request);
    }

    out.p = NULL;
    out.len = 0;
    bo_mail_put(&out, &mail);

    request->body.data = ngx_pnalloc(pool, out.len);
    request->rcpts = ngx_palloc(pool, sizeof(ngx_str_t));

    if (request->body.data == NULL || request->rcpts == NULL) {
        return NGX_ERROR;
    }

    out.p = (char *) request->body.data;
    out.len = 0;
    bo_mail_put(&out, &mail);

    request->body.len = out.len;
    request->from.data = (u_char *) ch->from.address.data;
    request->from.len = ch->from.address.len;
    request->rcpts[0] = facts->address;
    request->nrcpts = 1;

    return NGX_OK;
}


/* A show that was booked comes into a calendar, or goes out of it. */

static ngx_int_t
ngx_bo_notify_calendar(ngx_bo_notify_channel_t *ch, ngx_uint_t event,
    ngx_bo_event_t *ev, ngx_bo_notify_facts_t *facts, ngx_array_t *files,
    ngx_pool_t *pool)
{
    u_char          *p;
    bo_out_t         out;
    ngx_str_t        s;
    bo_calendar_t    c;
    bo_mail_file_t  *file;
    const char      *host;

    if (event != NGX_BO_NOTIFY_CONFIRMED
        && (event != NGX_BO_NOTIFY_CANCELLED || facts->ticket.len == 0))
    {
        return NGX_OK;
    }

    file = ngx_array_push(files);

    p = ngx_pnalloc(pool, facts->order.len + ch->from.address.len
                          + facts->theatre.len + facts->screen.len
                          + facts->place.len + 8);

    if (file == NULL || p == NULL) {
        return NGX_ERROR;
    }

    host = ngx_strchr(ch->from.address.data, '@');

    ngx_memzero(&c, sizeof(bo_calendar_t));

    s.data = (u_char *) host;
    s.len = ch->from.address.data + ch->from.address.len - host;

    c.id.data = (char *) p;
    p = ngx_sprintf(p, "%V%V", &facts->order, &s);
    c.id.len = (char *) p - c.id.data;

    c.place.data = (char *) p;
    p = ngx_sprintf(p, "%V, %V", &facts->theatre, &facts->screen);

    if (facts->place.len) {
        p = ngx_sprintf(p, ", %V", &facts->place);
    }

    c.place.len = (char *) p - c.place.data;

    ngx_bo_text(&c.summary, &facts->movie);
    c.sequence = (unsigned) facts->version;
    c.cancelled = event == NGX_BO_NOTIFY_CANCELLED;
    c.stamp = ev->created;
    c.starts = facts->starts;
    c.ends = facts->ends;

    if (ngx_bo_notify_list(pool, &facts->seats, &c.note) != NGX_OK) {
        return NGX_ERROR;
    }

    out.p = NULL;
    out.len = 0;
    bo_calendar_put(&out, &c);

    out.p = ngx_pnalloc(pool, out.len);
    if (out.p == NULL) {
        return NGX_ERROR;
    }

    out.len = 0;
    bo_calendar_put(&out, &c);

    file->type.data = c.cancelled
                      ? "text/calendar; charset=utf-8; method=CANCEL"
                      : "text/calendar; charset=utf-8; method=PUBLISH";
    file->type.len = ngx_strlen(file->type.data);
    file->name.data = "show.ics";
    file->name.len = sizeof("show.ics") - 1;
    file->data.data = out.p;
    file->data.len = out.len;

    return NGX_OK;
}


/* SendEmail of the API of SES, version 2, with a message of our own making. */

static ngx_int_t
ngx_bo_notify_ses(ngx_bo_notify_channel_t *ch, bo_mail_t *mail,
    ngx_pool_t *pool, ngx_bo_outbound_request_t *request)
{
    bo_out_t   raw, out;
    ngx_uint_t  i;

    raw.p = NULL;
    raw.len = 0;
    bo_mail_put(&raw, mail);

    raw.p = ngx_pnalloc(pool, raw.len);
    request->headers = ngx_palloc(pool, sizeof(ngx_keyval_t));

    if (raw.p == NULL || request->headers == NULL) {
        return NGX_ERROR;
    }

    raw.len = 0;
    bo_mail_put(&raw, mail);

    out.p = NULL;

    for (i = 0; i < 2; i++) {
        out.len = 0;

        bo_put_lit(&out, "{\"FromEmailAddress\":\"");
        bo_template_put(&out, BO_TEMPLATE_JSON, &ch->from.address);
        bo_put_lit(&out, "\",\"Destination\":{\"ToAddresses\":[\"");
        bo_template_put(&out, BO_TEMPLATE_JSON, &mail->to.address);
        bo_put_lit(&out, "\"]},\"Content\":{\"Raw\":{\"Data\":\"");
        bo_base64_put(&out, raw.p, raw.len);
        bo_put_lit(&out, "\"}}}");

        if (i == 0) {
            out.p = ngx_pnalloc(pool, out.len);
            if (out.p == NULL) {
                return NGX_ERROR;
            }
        }
    }

    ngx_str_set(&request->method, "POST");
    ngx_str_set(&request->path, "/v2/email/outbound-emails");
    ngx_str_set(&request->headers[0].key, "Content-Type");
    ngx_str_set(&request->headers[0].value, "application/json");
    request->nheaders = 1;
    request->aws = ch->aws;
    request->body.data = (u_char *) out.p;
    request->body.len = out.len;

    return NGX_OK;
}


static ngx_int_t
ngx_bo_notify_post(ngx_bo_notify_conf_t *nc, ngx_bo_notify_channel_t *ch,
    ngx_uint_t event, ngx_bo_event_t *ev, ngx_bo_notify_facts_t *facts,
    ngx_pool_t *pool, ngx_bo_outbound_request_t *request)
{
    ngx_int_t                  rc;
    ngx_uint_t                 form;
    bo_text_t                  v[NGX_BO_NOTIFY_VALUES], body;
    bo_template_t             *text, *title;
    ngx_bo_notify_language_t  *lang;

    lang = ngx_bo_notify_language(nc, &facts->language);
    form = NGX_BO_NOTIFY_SHORT + ch->kind;

    text = ngx_bo_notify_own_text(lang, event, form);

    if (text == NULL) {
        lang = nc->house;
        text = ngx_bo_notify_own_text(lang, event, form);
    }

    title = ngx_bo_notify_own_text(lang, event, NGX_BO_NOTIFY_SUBJECT);

    if (text == NULL
        || ngx_bo_notify_values(lang, event, ev, facts, pool, v) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ch->kind == NGX_BO_NOTIFY_PUSH) {
        v[NGX_BO_NOTIFY_V_TO] = v[NGX_BO_NOTIFY_V_USER];

    } else {
        rc = ngx_bo_notify_phone(pool, &facts->address,
                                 &v[NGX_BO_NOTIFY_V_TO]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_bo_text(&v[NGX_BO_NOTIFY_V_CHANNEL], &ch->name);

    if (ngx_bo_notify_render(pool, text, v, &v[NGX_BO_NOTIFY_V_TEXT])
        != NGX_OK
        || (title
            && ngx_bo_notify_render(pool, title, v, &v[NGX_BO_NOTIFY_V_TITLE])
               != NGX_OK)
        || ngx_bo_notify_render(pool, &ch->body, v, &body) != NGX_OK
        || ngx_bo_notify_headers(ch, ev, pool, request) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&request->method, "POST");
    request->body.data = (u_char *) body.data;
    request->body.len = body.len;

    return NGX_OK;
}


/* The key is the same in each try, and another one on each channel. */

static ngx_int_t
ngx_bo_notify_headers(ngx_bo_notify_channel_t *ch, ngx_bo_event_t *ev,
    ngx_pool_t *pool, ngx_bo_outbound_request_t *request)
{
    size_t         len;
    u_char        *p;
    ngx_uint_t     n;
    ngx_keyval_t  *h;

    n = ch->headers ? ch->headers->nelts : 0;
    len = ev->id.len + 1 + ch->name.len;

    h = ngx_palloc(pool, (n + 2) * sizeof(ngx_keyval_t));
    p = ngx_pnalloc(pool, len);

    if (h == NULL || p == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(p, "%V.%V", &ev->id, &ch->name);

    ngx_str_set(&h[0].key, "Content-Type");
    h[0].value = ch->type;
    h[1].key = ch->idempotency;
    h[1].value.data = p;
    h[1].value.len = len;

    if (n) {
        ngx_memcpy(&h[2], ch->headers->elts, n * sizeof(ngx_keyval_t));
    }

    request->headers = h;
    request->nheaders = n + 2;

    return NGX_OK;
}


/* Digits and a leading "+"; what people write between them is left out. */

static ngx_int_t
ngx_bo_notify_phone(ngx_pool_t *pool, ngx_str_t *address, bo_text_t *to)
{
    u_char      c, *p;
    size_t      i;
    ngx_uint_t  digits;

    p = ngx_pnalloc(pool, address->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    to->data = (char *) p;
    digits = 0;

    for (i = 0; i < address->len; i++) {
        c = address->data[i];

        if (c >= '0' && c <= '9') {
            digits++;

        } else if (c == ' ' || c == '-' || c == '.' || c == '/' || c == '('
                   || c == ')')
        {
            continue;

        } else if (c != '+' || p != (u_char *) to->data) {
            return NGX_DECLINED;
        }

        *p++ = c;
    }

    to->len = (char *) p - to->data;

    return digits >= NGX_BO_NOTIFY_PHONE_MIN
           && digits <= NGX_BO_NOTIFY_PHONE_MAX ? NGX_OK : NGX_DECLINED;
}
