
/*
 * The texts of messages: files of a folder, one folder a language, read and
 * checked with the configuration.
 */


#include "ngx_bo_notify.h"
#include "store/ngx_bo_file.h"


#define NGX_BO_NOTIFY_LANGUAGE_MAX  32


static ngx_int_t ngx_bo_notify_read_language(ngx_conf_t *cf,
    ngx_bo_notify_conf_t *nc, ngx_str_t *name);
static ngx_int_t ngx_bo_notify_read_words(ngx_conf_t *cf,
    ngx_bo_notify_conf_t *nc, ngx_bo_notify_language_t *lang);
static ngx_int_t ngx_bo_notify_read_text(ngx_conf_t *cf,
    ngx_bo_notify_conf_t *nc, ngx_bo_notify_language_t *lang,
    ngx_uint_t event, ngx_uint_t form);
static ngx_uint_t ngx_bo_notify_needed(ngx_bo_notify_conf_t *nc,
    ngx_uint_t event, ngx_uint_t form);
static ngx_int_t ngx_bo_notify_path(ngx_conf_t *cf, ngx_bo_notify_conf_t *nc,
    ngx_str_t *language, const char *name, const char *suffix,
    ngx_str_t *path);
static ngx_uint_t ngx_bo_notify_is_language(ngx_str_t *name);
static ngx_int_t ngx_bo_notify_by_name(const void *one, const void *two);


const char  *ngx_bo_notify_events[] = {
    "confirmed", "failed", "expired", "cancelled", "seats-cancelled",
    "refunded"
};


static const char  *ngx_bo_notify_suffixes[] = {
    ".subject", ".txt", ".html", ".short", ".sms", ".whatsapp", ".push"
};


ngx_int_t
ngx_bo_notify_read_file(ngx_conf_t *cf, ngx_str_t *path, ngx_uint_t optional,
    size_t max, ngx_str_t *text)
{
    char  *error;

    ngx_set_errno(0);

    error = ngx_bo_file_read(cf, cf->pool, path, max + 1, text);

    if (error) {
        if (optional && ngx_errno == NGX_ENOENT) {
            return NGX_DECLINED;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno, "\"%V\": %s", path,
                           error);
        return NGX_ERROR;
    }

    if (text->len > max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is longer than %uz bytes", path, max);
        return NGX_ERROR;
    }

    text->data[text->len] = '\0';

    return NGX_OK;
}


ngx_int_t
ngx_bo_notify_read_templates(ngx_conf_t *cf, ngx_bo_notify_conf_t *nc)
{
    ngx_dir_t                  dir;
    ngx_str_t                  name, *slot;
    ngx_uint_t                 i;
    ngx_array_t                names;
    ngx_bo_notify_language_t  *lang;

    if (ngx_array_init(&names, cf->temp_pool, 4, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_open_dir(&nc->path, &dir) == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"boxoffice_notify_templates\": " ngx_open_dir_n
                           " \"%V\" failed", &nc->path);
        return NGX_ERROR;
    }

    while (ngx_read_dir(&dir) == NGX_OK) {
        name.len = ngx_de_namelen(&dir);
        name.data = ngx_de_name(&dir);

        if (!ngx_bo_notify_is_language(&name)) {
            continue;
        }

        slot = ngx_array_push(&names);

        if (slot == NULL || (slot->data = ngx_pstrdup(cf->pool, &name)) == NULL)
        {
            (void) ngx_close_dir(&dir);
            return NGX_ERROR;
        }

        slot->len = name.len;
    }

    if (ngx_close_dir(&dir) == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_dir_n " \"%V\" failed", &nc->path);
    }

    /* the order of a folder is nobody's choice */

    ngx_sort(names.elts, names.nelts, sizeof(ngx_str_t),
             ngx_bo_notify_by_name);

    slot = names.elts;

    for (i = 0; i < names.nelts; i++) {
        if (ngx_bo_notify_read_language(cf, nc, &slot[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    lang = nc->languages.elts;

    for (i = 0; i < nc->languages.nelts; i++) {
        if (lang[i].name.len == nc->language.len
            && ngx_strncmp(lang[i].name.data, nc->language.data,
                           nc->language.len)
               == 0)
        {
            nc->house = &lang[i];
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"boxoffice_notify_templates\": there is no folder "
                       "\"%V\" in \"%V\"", &nc->language, &nc->path);

    return NGX_ERROR;
}


static ngx_int_t
ngx_bo_notify_by_name(const void *one, const void *two)
{
    const ngx_str_t *a = one;
    const ngx_str_t *b = two;

    return ngx_memn2cmp(a->data, b->data, a->len, b->len);
}


/* As the preferences have it: letters, digits, hyphens, two letters first. */

static ngx_uint_t
ngx_bo_notify_is_language(ngx_str_t *name)
{
    u_char      c;
    ngx_uint_t  i;

    if (name->len < 2 || name->len > NGX_BO_NOTIFY_LANGUAGE_MAX) {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
            && !(i > 1 && (c == '-' || (c >= '0' && c <= '9'))))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_bo_notify_read_language(ngx_conf_t *cf, ngx_bo_notify_conf_t *nc,
    ngx_str_t *name)
{
    ngx_uint_t                 event, form;
    ngx_bo_notify_language_t  *lang;

    lang = ngx_array_push(&nc->languages);
    if (lang == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(lang, sizeof(ngx_bo_notify_language_t));
    lang->name = *name;

    if (ngx_bo_notify_read_words(cf, nc, lang) != NGX_OK) {
        return NGX_ERROR;
    }

    for (event = 0; event < NGX_BO_NOTIFY_EVENTS; event++) {
        for (form = 0; form < NGX_BO_NOTIFY_FORMS; form++) {
            if (ngx_bo_notify_read_text(cf, nc, lang, event, form) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* The names of the days and months, one a line. */

static ngx_int_t
ngx_bo_notify_read_words(ngx_conf_t *cf, ngx_bo_notify_conf_t *nc,
    ngx_bo_notify_language_t *lang)
{
    u_char         *p, *last, *end;
    ngx_str_t       path, text;
    ngx_uint_t      n;
    bo_template_t   t;

    if (ngx_bo_notify_path(cf, nc, &lang->name, "words", "", &path) != NGX_OK
        || ngx_bo_notify_read_file(cf, &path, 0, 4096, &text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* they are no template, but as clean as one has to be */

    t.text.data = (char *) text.data;
    t.text.len = text.len;
    t.names = ngx_bo_notify_names;

    if (ngx_bo_notify_check_template(cf, &path, &t) != NGX_OK) {
        return NGX_ERROR;
    }

    n = 0;
    last = text.data + text.len;

    for (p = text.data; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, '\n');

        if (end == NULL) {
            end = last;
        }

        if (end == p) {
            continue;
        }

        if (n < NGX_BO_NOTIFY_WORDS) {
            lang->words[n].data = (char *) p;
            lang->words[n].len = end - p;
        }

        n++;
    }

    if (n == NGX_BO_NOTIFY_WORDS) {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" must have 19 lines, 7 days from Monday on and "
                       "12 months, not %ui", &path, n);

    return NGX_ERROR;
}


static ngx_int_t
ngx_bo_notify_read_text(ngx_conf_t *cf, ngx_bo_notify_conf_t *nc,
    ngx_bo_notify_language_t *lang, ngx_uint_t event, ngx_uint_t form)
{
    ngx_int_t       rc;
    ngx_str_t       path, text;
    ngx_uint_t      optional;
    bo_template_t  *t;

    if (ngx_bo_notify_path(cf, nc, &lang->name, ngx_bo_notify_events[event],
                           ngx_bo_notify_suffixes[form], &path)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* what another language does not have comes in that of the house */

    optional = lang->name.len != nc->language.len
               || ngx_strncmp(lang->name.data, nc->language.data,
                              lang->name.len)
               || !ngx_bo_notify_needed(nc, event, form);

    rc = ngx_bo_notify_read_file(cf, &path, optional, BO_TEMPLATE_MAX, &text);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : NGX_ERROR;
    }

    /* one line, or the line end that editors add stays out of the message */

    if (form != NGX_BO_NOTIFY_TEXT && form != NGX_BO_NOTIFY_HTML) {
        while (text.len && text.data[text.len - 1] == '\n') {
            text.len--;
        }
    }

    if (form == NGX_BO_NOTIFY_SUBJECT
        && ngx_strlchr(text.data, text.data + text.len, '\n'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must be one line", &path);
        return NGX_ERROR;
    }

    if (text.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is empty", &path);
        return NGX_ERROR;
    }

    t = &lang->texts[event][form];
    t->text.data = (char *) text.data;
    t->text.len = text.len;
    t->names = ngx_bo_notify_names;
    t->kind = form == NGX_BO_NOTIFY_HTML ? BO_TEMPLATE_HTML
                                         : BO_TEMPLATE_TEXT;

    return ngx_bo_notify_check_template(cf, &path, t);
}


/*
 * Mail needs a subject and a text, the others something short: of their own,
 * or the one for all; that is looked for only when it is needed.
 */

static ngx_uint_t
ngx_bo_notify_needed(ngx_bo_notify_conf_t *nc, ngx_uint_t event,
    ngx_uint_t form)
{
    ngx_uint_t                 i, mail;
    ngx_bo_notify_channel_t  **ch;

    ch = nc->channels.elts;

    for (i = 0; i < nc->channels.nelts; i++) {

        if (!(ch[i]->events & (1 << event))) {
            continue;
        }

        mail = ch[i]->kind == NGX_BO_NOTIFY_EMAIL;

        if (mail ? form == NGX_BO_NOTIFY_SUBJECT || form == NGX_BO_NOTIFY_TEXT
                 : form == NGX_BO_NOTIFY_SHORT)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_bo_notify_check_template(ngx_conf_t *cf, ngx_str_t *path,
    bo_template_t *t)
{
    bo_template_error_t  error;

    if (bo_template_check(t, &error) == 0) {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\", line %uz: %s", path,
                       error.line, error.why);

    return NGX_ERROR;
}


static ngx_int_t
ngx_bo_notify_path(ngx_conf_t *cf, ngx_bo_notify_conf_t *nc,
    ngx_str_t *language, const char *name, const char *suffix,
    ngx_str_t *path)
{
    u_char  *p;

    path->len = nc->path.len + 1 + language->len + 1 + ngx_strlen(name)
                + ngx_strlen(suffix);

    path->data = ngx_pnalloc(cf->pool, path->len + 1);
    if (path->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(path->data, "%V/%V/%s%s", &nc->path, language, name,
                    suffix);
    *p = '\0';

    return NGX_OK;
}
