
/*
 * The PostgreSQL client: the keywords of a worker's sessions.
 */


#include "ngx_bo_pg_int.h"

#include <pwd.h>


/*
 * A lock is waited for this long in PostgreSQL.  Everything locks in one
 * order, so a longer wait means trouble, and a batch waits as a whole.
 */
#define NGX_BO_PG_LOCK_TIMEOUT      300    /* msec */
#define NGX_BO_PG_IDLE_TIMEOUT      5000   /* msec, idle in a transaction */

/* The two session keywords that are added here, and the terminator. */
#define NGX_BO_PG_EXTRA_KEYWORDS    3


static const char *ngx_bo_pg_options(ngx_pool_t *pool, ngx_bo_pg_conf_t *conf,
    const char *given);
static const char *ngx_bo_pg_os_user(ngx_pool_t *pool);


/*
 * The conninfo's keywords, completed by what is known only in a worker: the
 * user, who would otherwise be looked up by libpq at every connect, and the
 * session's time-outs.
 */

ngx_int_t
ngx_bo_pg_session(ngx_bo_pg_t *pg, ngx_cycle_t *cycle)
{
    ngx_uint_t         i, n, user;
    const char        *options;
    ngx_bo_pg_conf_t  *conf;

    conf = pg->conf;
    options = NULL;
    user = 0;

    for (n = 0; conf->keywords[n]; n++) { /* void */ }

    pg->keywords = ngx_pcalloc(cycle->pool, (n + NGX_BO_PG_EXTRA_KEYWORDS)
                                            * sizeof(char *));
    pg->values = ngx_pcalloc(cycle->pool, (n + NGX_BO_PG_EXTRA_KEYWORDS)
                                          * sizeof(char *));
    if (pg->keywords == NULL || pg->values == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        pg->keywords[i] = conf->keywords[i];
        pg->values[i] = conf->values[i];

        if (ngx_strcmp(conf->keywords[i], "options") == 0) {
            options = conf->values[i];
        }

        if (ngx_strcmp(conf->keywords[i], "user") == 0) {
            user = 1;
        }
    }

    if (!user) {
        pg->keywords[n] = "user";
        pg->values[n] = ngx_bo_pg_os_user(cycle->pool);

        if (pg->values[n++] == NULL) {
            return NGX_ERROR;
        }
    }

    /*
     * A transaction pooler refuses "options", and what they set would stay
     * behind in sessions of others; there the role must carry them.
     */

    if (conf->prepare) {

        /* of a keyword that is given twice libpq takes the last */

        pg->keywords[n] = "options";
        pg->values[n] = ngx_bo_pg_options(cycle->pool, conf, options);

        if (pg->values[n] == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * An operation leaves in the first half of its time at the latest, so that a
 * statement which is cancelled after two fifths of it is answered as an error
 * of known outcome before the deadline makes its outcome unknown.
 */

static const char *
ngx_bo_pg_options(ngx_pool_t *pool, ngx_bo_pg_conf_t *conf, const char *given)
{
    size_t   len;
    u_char  *text, *last;

    if (given == NULL) {
        given = "";
    }

    len = ngx_strlen(given) + 3 * NGX_INT64_LEN
          + sizeof("-c statement_timeout= -c lock_timeout= "
                   "-c idle_in_transaction_session_timeout= ");

    text = ngx_pcalloc(pool, len);
    if (text == NULL) {
        return NULL;
    }

    last = ngx_snprintf(text, len - 1,
                        "-c statement_timeout=%M -c lock_timeout=%d "
                        "-c idle_in_transaction_session_timeout=%d %s",
                        ngx_max(conf->timeout * 2 / 5, 1),
                        NGX_BO_PG_LOCK_TIMEOUT, NGX_BO_PG_IDLE_TIMEOUT,
                        given);
    *last = '\0';

    return (const char *) text;
}


static const char *
ngx_bo_pg_os_user(ngx_pool_t *pool)
{
    size_t          len;
    u_char         *user;
    struct passwd  *pwd;

    pwd = getpwuid(geteuid());
    if (pwd == NULL) {
        return NULL;
    }

    len = ngx_strlen(pwd->pw_name) + 1;

    user = ngx_pnalloc(pool, len);
    if (user == NULL) {
        return NULL;
    }

    ngx_memcpy(user, pwd->pw_name, len);

    return (const char *) user;
}
