
/*
 * The PostgreSQL client: from the directive's text to what libpq is told.
 *
 * libpq fills what is not given from its defaults, and finding those may read
 * files, ask the name service or DNS, inside a call that must not block.  So
 * everything that has such a default is given.
 */


#include "ngx_bo_pg_int.h"


/* A path that cannot exist, for files that libpq must not look for at home. */
#define NGX_BO_PG_NO_FILE           "/dev/null/none"



typedef struct {
    ngx_pool_t          *pool;
    ngx_bo_pg_conf_t    *conf;
    ngx_uint_t           n;             /* keywords in conf */
} ngx_bo_pg_conninfo_t;


/* The servers, each with one address; joined by commas at the end. */

typedef struct {
    ngx_array_t          hosts;         /* ngx_str_t */
    ngx_array_t          addrs;
    ngx_array_t          ports;
    ngx_uint_t           resolved;      /* number of network addresses */
} ngx_bo_pg_servers_t;


static char *ngx_bo_pg_take_options(ngx_bo_pg_conninfo_t *ci,
    PQconninfoOption *options);
static const char *ngx_bo_pg_given(PQconninfoOption *options,
    const char *keyword);
static char *ngx_bo_pg_take_servers(ngx_bo_pg_conninfo_t *ci,
    PQconninfoOption *options, ngx_uint_t *network);
static char *ngx_bo_pg_take_addresses(ngx_bo_pg_conninfo_t *ci,
    PQconninfoOption *options);
static char *ngx_bo_pg_list_servers(ngx_bo_pg_conninfo_t *ci,
    ngx_bo_pg_servers_t *servers, const char *hosts_text,
    const char *ports_text);
static char *ngx_bo_pg_take_server(ngx_bo_pg_conninfo_t *ci,
    ngx_bo_pg_servers_t *servers, ngx_str_t *host, ngx_str_t *port);
static char *ngx_bo_pg_add_server(ngx_bo_pg_servers_t *servers,
    ngx_str_t *host, ngx_str_t *addr, ngx_str_t *port);
static ngx_str_t ngx_bo_pg_next_item(ngx_str_t *list);
static char *ngx_bo_pg_join(ngx_bo_pg_conninfo_t *ci, const char *keyword,
    ngx_array_t *items);
static char *ngx_bo_pg_set_defaults(ngx_bo_pg_conninfo_t *ci,
    PQconninfoOption *options, ngx_uint_t network);
static char *ngx_bo_pg_set(ngx_bo_pg_conninfo_t *ci, const char *keyword,
    const char *value);
static const char *ngx_bo_pg_copy(ngx_pool_t *pool, const char *text);


static char  ngx_bo_pg_no_memory[] = "no memory";


static const struct {
    const char          *keyword;
    const char          *value;
} ngx_bo_pg_defaults[] = {
    { "application_name", "boxoffice" },
    { "client_encoding", "UTF8" },
    { "gssencmode", "disable" },        /* would look for a ticket */
    { "passfile", NGX_BO_PG_NO_FILE },
    { "sslcert", NGX_BO_PG_NO_FILE },
    { "sslkey", NGX_BO_PG_NO_FILE },
    { "sslrootcert", NGX_BO_PG_NO_FILE },
    { "sslcrl", NGX_BO_PG_NO_FILE },

    /* a peer that has vanished is noticed in seconds, not in 15 minutes */

    { "tcp_user_timeout", "1500" },     /* msec */
    { "keepalives", "1" },
    { "keepalives_idle", "5" },         /* sec */
    { "keepalives_interval", "1" },
    { "keepalives_count", "3" },
    { NULL, NULL }
};


char *
ngx_bo_pg_parse_conninfo(ngx_conf_t *cf, ngx_str_t *conninfo,
    ngx_bo_pg_conf_t *conf)
{
    char                  *rv, *error, *text;
    ngx_uint_t             network;
    PQconninfoOption      *options;
    ngx_bo_pg_conninfo_t   ci;

    text = ngx_pnalloc(cf->pool, conninfo->len + 1);
    if (text == NULL) {
        return ngx_bo_pg_no_memory;
    }

    (void) ngx_cpystrn((u_char *) text, conninfo->data, conninfo->len + 1);

    error = NULL;

    options = PQconninfoParse(text, &error);

    if (options == NULL) {

        /* libpq's text may quote the password */

        PQfreemem(error);
        return "is not a conninfo string or URI of PostgreSQL";
    }

    ngx_memzero(&ci, sizeof(ngx_bo_pg_conninfo_t));

    ci.pool = cf->pool;
    ci.conf = conf;

    conf->conninfo = *conninfo;
    network = 0;

    rv = ngx_bo_pg_take_options(&ci, options);

    if (rv == NULL) {
        rv = ngx_bo_pg_take_servers(&ci, options, &network);
    }

    if (rv == NULL) {
        rv = ngx_bo_pg_set_defaults(&ci, options, network);
    }

    PQconninfoFree(options);

    return rv;
}


/* Copies what was given, but for the servers, which are resolved. */

static char *
ngx_bo_pg_take_options(ngx_bo_pg_conninfo_t *ci, PQconninfoOption *options)
{
    char              *rv;
    ngx_uint_t         n;
    PQconninfoOption  *option;

    /* the defaults, with their terminator, and sslmode */

    n = sizeof(ngx_bo_pg_defaults) / sizeof(ngx_bo_pg_defaults[0]) + 1;

    for (option = options; option->keyword; option++) {
        n++;
    }

    ci->conf->keywords = ngx_pcalloc(ci->pool, n * sizeof(char *));
    ci->conf->values = ngx_pcalloc(ci->pool, n * sizeof(char *));

    if (ci->conf->keywords == NULL || ci->conf->values == NULL) {
        return ngx_bo_pg_no_memory;
    }

    if (ngx_bo_pg_given(options, "service")) {
        return "names a service, whose file would be read at every connect";
    }

    if (ngx_bo_pg_given(options, "replication")) {
        return "asks for replication";
    }

    for (option = options; option->keyword; option++) {

        if (ngx_bo_pg_given(options, option->keyword) == NULL
            || ngx_strcmp(option->keyword, "host") == 0
            || ngx_strcmp(option->keyword, "hostaddr") == 0
            || ngx_strcmp(option->keyword, "port") == 0)
        {
            continue;
        }

        rv = ngx_bo_pg_set(ci, option->keyword, option->val);
        if (rv) {
            return rv;
        }
    }

    return NULL;
}


/* What the text gives for a keyword; NULL if nothing, also if it is empty. */

static const char *
ngx_bo_pg_given(PQconninfoOption *options, const char *keyword)
{
    PQconninfoOption  *option;

    for (option = options; option->keyword; option++) {
        if (ngx_strcmp(option->keyword, keyword) == 0) {
            return (option->val && option->val[0]) ? option->val : NULL;
        }
    }

    return NULL;
}


/*
 * Writes host, hostaddr and port as lists of equal length, an entry for each
 * address; libpq tries them in this order.  network: set to 1 unless all
 * are sockets of this machine.
 */

static char *
ngx_bo_pg_take_servers(ngx_bo_pg_conninfo_t *ci, PQconninfoOption *options,
    ngx_uint_t *network)
{
    char                 *rv;
    ngx_bo_pg_servers_t   servers;

    if (ngx_bo_pg_given(options, "hostaddr")) {
        *network = 1;
        return ngx_bo_pg_take_addresses(ci, options);
    }

    if (ngx_array_init(&servers.hosts, ci->pool, 4, sizeof(ngx_str_t))
        != NGX_OK
        || ngx_array_init(&servers.addrs, ci->pool, 4, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&servers.ports, ci->pool, 4, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return ngx_bo_pg_no_memory;
    }

    servers.resolved = 0;

    rv = ngx_bo_pg_list_servers(ci, &servers,
                                ngx_bo_pg_given(options, "host"),
                                ngx_bo_pg_given(options, "port"));
    if (rv) {
        return rv;
    }

    *network = (servers.resolved > 0);

    rv = ngx_bo_pg_join(ci, "host", &servers.hosts);

    if (rv == NULL && servers.resolved) {
        rv = ngx_bo_pg_join(ci, "hostaddr", &servers.addrs);
    }

    if (rv == NULL) {
        rv = ngx_bo_pg_join(ci, "port", &servers.ports);
    }

    return rv;
}


/* Resolved already, by whoever wrote it. */

static char *
ngx_bo_pg_take_addresses(ngx_bo_pg_conninfo_t *ci, PQconninfoOption *options)
{
    char         *rv;
    ngx_uint_t    i;
    const char   *keywords[] = { "hostaddr", "host", "port" };

    for (i = 0; i < 3; i++) {
        rv = ngx_bo_pg_set(ci, keywords[i],
                           ngx_bo_pg_given(options, keywords[i]));
        if (rv) {
            return rv;
        }
    }

    return NULL;
}


/* Pairs the hosts with their ports; either text may be NULL. */

static char *
ngx_bo_pg_list_servers(ngx_bo_pg_conninfo_t *ci,
    ngx_bo_pg_servers_t *servers, const char *hosts_text,
    const char *ports_text)
{
    char        *rv;
    ngx_str_t    hosts, ports, host, port;
    ngx_uint_t   several;

    hosts.data = (u_char *) (hosts_text ? hosts_text : "");
    hosts.len = ngx_strlen(hosts.data);

    ports.data = (u_char *) (ports_text ? ports_text : "");
    ports.len = ngx_strlen(ports.data);

    port = ngx_bo_pg_next_item(&ports);
    several = (ports.data != NULL);

    for ( ;; ) {
        host = ngx_bo_pg_next_item(&hosts);

        rv = ngx_bo_pg_take_server(ci, servers, &host, &port);
        if (rv) {
            return rv;
        }

        if (hosts.data == NULL) {
            break;
        }

        /* one port is for all hosts, else each has its own */

        if (ports.data) {
            port = ngx_bo_pg_next_item(&ports);

        } else if (several) {
            return "has fewer ports than hosts";
        }
    }

    return ports.data ? "has more ports than hosts" : NULL;
}


/* The next of a comma-separated list; list->data is NULL after the last. */

static ngx_str_t
ngx_bo_pg_next_item(ngx_str_t *list)
{
    u_char     *comma;
    ngx_str_t   item;

    item = *list;
    comma = ngx_strlchr(list->data, list->data + list->len, ',');

    if (comma == NULL) {
        ngx_str_null(list);
        return item;
    }

    item.len = comma - item.data;

    list->len -= item.len + 1;
    list->data = comma + 1;

    return item;
}


static char *
ngx_bo_pg_take_server(ngx_bo_pg_conninfo_t *ci, ngx_bo_pg_servers_t *servers,
    ngx_str_t *host, ngx_str_t *port)
{
    char        *rv;
    ngx_url_t    u;
    ngx_str_t    addr;
    ngx_uint_t   i;

    if (host->len == 0 || host->data[0] == '/' || host->data[0] == '@') {

        /* a directory or an abstract name of local sockets; or the default */

        ngx_str_null(&addr);
        return ngx_bo_pg_add_server(servers, host, &addr, port);
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.host = *host;

    if (ngx_inet_resolve_host(ci->pool, &u) != NGX_OK) {
        return u.err ? "has a host that cannot be resolved"
                     : ngx_bo_pg_no_memory;
    }

    for (i = 0; i < u.naddrs; i++) {
        addr.data = ngx_pnalloc(ci->pool, NGX_SOCKADDR_STRLEN);
        if (addr.data == NULL) {
            return ngx_bo_pg_no_memory;
        }

        addr.len = ngx_sock_ntop(u.addrs[i].sockaddr, u.addrs[i].socklen,
                                 addr.data, NGX_SOCKADDR_STRLEN, 0);

        rv = ngx_bo_pg_add_server(servers, host, &addr, port);
        if (rv) {
            return rv;
        }

        servers->resolved++;
    }

    return NULL;
}


static char *
ngx_bo_pg_add_server(ngx_bo_pg_servers_t *servers, ngx_str_t *host,
    ngx_str_t *addr, ngx_str_t *port)
{
    ngx_str_t  *h, *a, *p;

    h = ngx_array_push(&servers->hosts);
    a = ngx_array_push(&servers->addrs);
    p = ngx_array_push(&servers->ports);

    if (h == NULL || a == NULL || p == NULL) {
        return ngx_bo_pg_no_memory;
    }

    *h = *host;
    *a = *addr;
    *p = *port;

    return NULL;
}


static char *
ngx_bo_pg_join(ngx_bo_pg_conninfo_t *ci, const char *keyword,
    ngx_array_t *items)
{
    size_t       len;
    u_char      *text, *p;
    ngx_str_t   *item;
    ngx_uint_t   i;

    item = items->elts;
    len = 0;

    for (i = 0; i < items->nelts; i++) {
        len += item[i].len + 1;
    }

    text = ngx_pnalloc(ci->pool, len);
    if (text == NULL) {
        return ngx_bo_pg_no_memory;
    }

    p = text;

    for (i = 0; i < items->nelts; i++) {
        p = ngx_cpymem(p, item[i].data, item[i].len);
        *p++ = (i + 1 < items->nelts) ? ',' : '\0';
    }

    return ngx_bo_pg_set(ci, keyword, (const char *) text);
}


static char *
ngx_bo_pg_set_defaults(ngx_bo_pg_conninfo_t *ci, PQconninfoOption *options,
    ngx_uint_t network)
{
    char        *rv;
    ngx_uint_t   i;

    for (i = 0; ngx_bo_pg_defaults[i].keyword; i++) {

        if (ngx_bo_pg_given(options, ngx_bo_pg_defaults[i].keyword)) {
            continue;
        }

        rv = ngx_bo_pg_set(ci, ngx_bo_pg_defaults[i].keyword,
                           ngx_bo_pg_defaults[i].value);
        if (rv) {
            return rv;
        }
    }

    if (ngx_bo_pg_given(options, "sslmode")) {
        return NULL;
    }

    return ngx_bo_pg_set(ci, "sslmode", network ? "prefer" : "disable");
}


/* Adds a keyword; without a value it is left out. */

static char *
ngx_bo_pg_set(ngx_bo_pg_conninfo_t *ci, const char *keyword,
    const char *value)
{
    ngx_bo_pg_conf_t  *conf;

    if (value == NULL || value[0] == '\0') {
        return NULL;
    }

    conf = ci->conf;

    conf->keywords[ci->n] = ngx_bo_pg_copy(ci->pool, keyword);
    conf->values[ci->n] = ngx_bo_pg_copy(ci->pool, value);

    if (conf->keywords[ci->n] == NULL || conf->values[ci->n] == NULL) {
        return ngx_bo_pg_no_memory;
    }

    ci->n++;

    return NULL;
}


static const char *
ngx_bo_pg_copy(ngx_pool_t *pool, const char *text)
{
    size_t   len;
    u_char  *copy;

    len = ngx_strlen(text) + 1;

    copy = ngx_pnalloc(pool, len);
    if (copy == NULL) {
        return NULL;
    }

    ngx_memcpy(copy, text, len);

    return (const char *) copy;
}
