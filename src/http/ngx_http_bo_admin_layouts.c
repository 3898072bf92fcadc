
/*
 * POST and PUT of layouts, and their preview: a hall is drawn as text, or given
 * as rows of seats, or copied.  What is wrong with it, all of it, is found by
 * booking/bo_draft.
 */


#include "ngx_http_bo_admin.h"


/* Values in a document: more is no hall. */

#define NGX_HTTP_BO_LAYOUT_NODES  400000

/*
 * Seats in a statement, which has the time of any other; and of a change, which
 * is one statement.
 */

#define NGX_HTTP_BO_LAYOUT_PIECE   500
#define NGX_HTTP_BO_LAYOUT_CHANGE  10000


typedef struct {
    const bo_doc_node_t     *name;
    const bo_doc_node_t     *drawing;
    const bo_doc_node_t     *rows;
    const bo_doc_node_t     *categories;
    const bo_doc_node_t     *copy;
} ngx_http_bo_layout_doc_t;


/* A layout that is put together, piece by piece; nobody sees it before. */

typedef struct {
    ngx_http_bo_layout_doc_t  doc;
    bo_draft_t                draft;
    uint32_t                  next;         /* seat, for a copy behind it */
    int64_t                   edition;      /* of what is copied, or 0 */
    u_char                   *text;         /* of a piece */
    u_char                    staged[BO_UUID_LEN];
} ngx_http_bo_layout_t;


static void ngx_http_bo_layout_take(ngx_http_bo_ctx_t *ctx,
    ngx_str_t *matches);
static ngx_int_t ngx_http_bo_layout_read(ngx_http_bo_ctx_t *ctx,
    bo_doc_t *doc);
static ngx_int_t ngx_http_bo_layout_members(ngx_http_bo_ctx_t *ctx,
    bo_doc_t *doc, ngx_http_bo_layout_doc_t *l);
static const char *ngx_http_bo_layout_fault(ngx_http_bo_layout_doc_t *l,
    ngx_uint_t change);
static ngx_int_t ngx_http_bo_layout_draft(ngx_http_bo_ctx_t *ctx,
    bo_doc_t *doc, ngx_http_bo_layout_doc_t *l, bo_draft_t *draft);
static void ngx_http_bo_layout_mistakes(ngx_http_bo_ctx_t *ctx,
    bo_draft_t *draft);
static void ngx_http_bo_layout_piece(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_layout_staged(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_http_bo_layout_refused(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_layout_make(ngx_http_bo_ctx_t *ctx);
static ngx_int_t ngx_http_bo_layout_body(ngx_http_bo_ctx_t *ctx,
    const char *field, ngx_str_t *value);


static ngx_bo_pg_statement_t  ngx_http_bo_stage_seats = {
    "admin_stage_seats",
    "select boxoffice.admin_stage_seats($1::uuid, $2::text)", 2, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_stage_copy = {
    "admin_stage_copy",
    "select last, edition from boxoffice.admin_stage_copy($1::uuid, $2::uuid,"
    " $3::int, $4::int)", 4, 1
};


/* POST /admin/layouts */

void
ngx_http_bo_admin_layout_create(ngx_http_bo_ctx_t *ctx)
{
    if (ngx_http_bo_admin_begin(ctx) != NULL) {
        ngx_http_bo_layout_take(ctx, NULL);
    }
}


/* PUT /admin/layouts/{id} */

void
ngx_http_bo_admin_layout_change(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t  matches;

    if (ngx_http_bo_admin_begin(ctx) != NULL
        && ngx_http_bo_admin_matches(ctx, &matches) == NGX_OK)
    {
        ngx_http_bo_layout_take(ctx, &matches);
    }
}


/* POST /admin/layouts/preview: the document as of POST, whose name may be left
   out; nothing is made of it. */

void
ngx_http_bo_admin_layout_preview(ngx_http_bo_ctx_t *ctx)
{
    bo_doc_t                  doc;
    ngx_str_t                 body;
    bo_draft_t               *draft;
    ngx_http_bo_layout_doc_t  l;

    if (ngx_http_bo_admin_begin(ctx) == NULL
        || ngx_http_bo_layout_read(ctx, &doc) != NGX_OK
        || ngx_http_bo_layout_members(ctx, &doc, &l) != NGX_OK)
    {
        return;
    }

    if (l.copy) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "copyOf");
        return;
    }

    draft = ngx_pcalloc(ctx->request->pool, sizeof(bo_draft_t));

    if (draft == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    if (ngx_http_bo_layout_draft(ctx, &doc, &l, draft) != NGX_OK) {
        return;
    }

    if (ngx_http_bo_admin_hall(ctx->request->pool, draft, &body) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &body);
}


/* GET /admin/layouts/{id}/seats */

void
ngx_http_bo_admin_layout_seats(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_admin_read_as(ctx, "layout_seats");
}


static void
ngx_http_bo_layout_take(ngx_http_bo_ctx_t *ctx, ngx_str_t *matches)
{
    ngx_http_bo_admin_t *a = ctx->data;

    u_char                 random[16];
    bo_doc_t               doc;
    bo_uuid_t              id;
    ngx_str_t              seats;
    ngx_http_bo_layout_t  *l;

    l = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_layout_t));
    a->more = l;

    if (l == NULL || ngx_bo_random(random, sizeof(random)) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    /* RFC 9562, version 4 */

    random[6] = (u_char) ((random[6] & 0x0f) | 0x40);
    random[8] = (u_char) ((random[8] & 0x3f) | 0x80);

    ngx_memcpy(id.bytes, random, sizeof(random));
    bo_uuid_format((char *) l->staged, &id);

    if (ngx_http_bo_layout_read(ctx, &doc) != NGX_OK
        || ngx_http_bo_layout_members(ctx, &doc, &l->doc) != NGX_OK
        || ngx_http_bo_layout_draft(ctx, &doc, &l->doc, &l->draft) != NGX_OK)
    {
        return;
    }

    l->text = ngx_pnalloc(ctx->request->pool,
                          BO_DRAFT_LEN(matches ? l->draft.nseats
                                               : NGX_HTTP_BO_LAYOUT_PIECE));
    if (l->text == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    if (matches == NULL) {
        ngx_http_bo_layout_piece(ctx);
        return;
    }

    seats.data = l->text;
    seats.len = bo_draft_write(&l->draft, 0, l->draft.nseats,
                               (char *) l->text);

    if (ngx_http_bo_layout_body(ctx, "seats",
                                l->draft.nseats ? &seats : NULL)
        == NGX_OK)
    {
        ngx_http_bo_admin_write(ctx, "change", matches);
    }
}


/* The fingerprint was made: the body's strings are unescaped in their place. */

static ngx_int_t
ngx_http_bo_layout_read(ngx_http_bo_ctx_t *ctx, bo_doc_t *doc)
{
    size_t      i;
    ngx_str_t  *body = &ctx->body;

    /* a value follows one of these, or is the first */

    doc->max = 2;

    for (i = 0; i < body->len; i++) {
        switch (body->data[i]) {

        case ',':
        case ':':
        case '[':
            doc->max++;
        }
    }

    if (doc->max > NGX_HTTP_BO_LAYOUT_NODES) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_TOO_LARGE, NULL);
        return NGX_ERROR;
    }

    doc->nodes = ngx_palloc(ctx->request->pool,
                            doc->max * sizeof(bo_doc_node_t));
    if (doc->nodes == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    if (body->len == 0
        || bo_doc_read(doc, (char *) body->data, body->len) != 0
        || doc->nodes[0].type != BO_DOC_OBJECT)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INVALID_JSON, NULL);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_bo_layout_members(ngx_http_bo_ctx_t *ctx, bo_doc_t *doc,
    ngx_http_bo_layout_doc_t *l)
{
    ngx_uint_t            i;
    const char           *fault;
    const bo_doc_node_t  *node;

    const struct {
        const char           *name;
        const bo_doc_node_t **node;
    } fields[] = {
        { "name", &l->name },
        { "drawing", &l->drawing },
        { "rows", &l->rows },
        { "categories", &l->categories },
        { "copyOf", &l->copy }
    };

    ngx_memzero(l, sizeof(ngx_http_bo_layout_doc_t));

    for (node = bo_doc_first(doc, doc->nodes);
         node;
         node = bo_doc_next(doc, node))
    {
        for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
            if (node->name_len == ngx_strlen(fields[i].name)
                && ngx_memcmp(node->name, fields[i].name, node->name_len) == 0)
            {
                *fields[i].node = node;
                break;
            }
        }

        if (i == sizeof(fields) / sizeof(fields[0])) {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNKNOWN_FIELD, NULL);
            return NGX_ERROR;
        }
    }

    if (l->name == NULL && ctx->action->path != NGX_HTTP_BO_WORD) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_MISSING_FIELD, "name");
        return NGX_ERROR;
    }

    fault = ngx_http_bo_layout_fault(l, ctx->request->method == NGX_HTTP_PUT);

    if (fault) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, fault);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* The field that cannot be so, or NULL. */

static const char *
ngx_http_bo_layout_fault(ngx_http_bo_layout_doc_t *l, ngx_uint_t change)
{
    bo_uuid_t   id;
    ngx_uint_t  n;

    if (l->name
        && (l->name->type != BO_DOC_STRING || l->name->len == 0
            || l->name->len > 255))
    {
        return "name";
    }

    if (l->drawing && l->drawing->type != BO_DOC_STRING) {
        return "drawing";
    }

    if (l->rows && l->rows->type != BO_DOC_ARRAY) {
        return "rows";
    }

    if (l->copy
        && (change || l->copy->type != BO_DOC_STRING
            || bo_uuid_parse(&id, l->copy->data, l->copy->len) != 0))
    {
        return "copyOf";
    }

    /* one of them; a change may be of nothing but the name */

    n = (l->drawing != NULL) + (l->rows != NULL) + (l->copy != NULL);

    if (n > 1 || (n == 0 && !change)) {
        return l->drawing ? "drawing" : "rows";
    }

    if (l->categories && l->drawing == NULL && l->rows == NULL) {
        return "categories";
    }

    return NULL;
}


static ngx_int_t
ngx_http_bo_layout_draft(ngx_http_bo_ctx_t *ctx, bo_doc_t *doc,
    ngx_http_bo_layout_doc_t *l, bo_draft_t *draft)
{
    void  *memory;

    if (l->drawing == NULL && l->rows == NULL) {
        return NGX_OK;
    }

    memory = ngx_palloc(ctx->request->pool, BO_DRAFT_MEMORY);
    if (memory == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    bo_draft_init(draft, memory);

    if (l->categories) {
        bo_draft_declare(draft, doc, l->categories);
    }

    if (l->drawing) {
        bo_draft_text(draft, l->drawing->data, l->drawing->len);

    } else {
        bo_draft_rows(draft, doc, l->rows);
    }

    if (ctx->request->method == NGX_HTTP_PUT
        && draft->nseats > NGX_HTTP_BO_LAYOUT_CHANGE)
    {
        bo_draft_mistake(draft, 1, BO_DRAFT_NO_SEAT, NULL,
                         "a hall of more than %d seats is not changed: make "
                         "a new one", NGX_HTTP_BO_LAYOUT_CHANGE);
    }

    if (bo_draft_check(draft) != 0) {
        ngx_http_bo_layout_mistakes(ctx, draft);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_bo_layout_mistakes(ngx_http_bo_ctx_t *ctx, bo_draft_t *draft)
{
    u_char      *p;
    ngx_str_t    details, text;
    ngx_uint_t   i, n;

    n = ngx_min(draft->nmistakes, BO_DRAFT_MISTAKES);

    p = ngx_pnalloc(ctx->request->pool,
                    64 + n * (64 + 6 * sizeof(bo_draft_mistake_t)));
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_LAYOUT, NULL);
        return;
    }

    details.data = p;
    p = ngx_http_bo_put(p, "{\"mistakes\":[");

    for (i = 0; i < n; i++) {
        text.data = (u_char *) draft->mistakes[i].field;
        text.len = ngx_strlen(text.data);
        p = ngx_http_bo_put_str(p, i ? ",{\"field\":" : "{\"field\":", &text);

        text.data = (u_char *) draft->mistakes[i].problem;
        text.len = ngx_strlen(text.data);
        p = ngx_http_bo_put_str(p, ",\"problem\":", &text);
        *p++ = '}';
    }

    p = ngx_http_bo_put(p, "]}");
    details.len = p - details.data;

    ngx_http_bo_error(ctx, NGX_HTTP_BO_E_LAYOUT, &details);
}


/* The next seats; when there are none left, the layout is made of them. */

static void
ngx_http_bo_layout_piece(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_admin_t *a = ctx->data;

    u_char                  after[NGX_INT32_LEN], max[NGX_INT32_LEN];
    uint32_t                n;
    ngx_str_t               v[4];
    ngx_http_bo_layout_t   *l = a->more;
    ngx_bo_pg_statement_t  *st;

    v[0].data = l->staged;
    v[0].len = BO_UUID_LEN;

    if (l->doc.copy) {
        st = &ngx_http_bo_stage_copy;
        v[1].data = (u_char *) l->doc.copy->data;
        v[1].len = l->doc.copy->len;
        v[2].data = after;
        v[2].len = ngx_sprintf(after, "%D", (int32_t) l->next - 1) - after;
        v[3].data = max;
        v[3].len = ngx_sprintf(max, "%ui",
                               (ngx_uint_t) NGX_HTTP_BO_LAYOUT_PIECE)
                   - max;

    } else {
        n = ngx_min(l->draft.nseats - l->next, NGX_HTTP_BO_LAYOUT_PIECE);

        if (n == 0) {
            ngx_http_bo_layout_make(ctx);
            return;
        }

        st = &ngx_http_bo_stage_seats;
        v[1].data = l->text;
        v[1].len = bo_draft_write(&l->draft, l->next, n, (char *) l->text);
        l->next += n;
    }

    ngx_http_bo_wait(ctx, &a->call);

    a->call.pg = ngx_bo_pg_submit(ctx->store->pg, st, v,
                                  ngx_http_bo_layout_staged, ctx);

    if (a->call.pg == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


/* Whatever went wrong here, there is no layout that anybody sees. */

static void
ngx_http_bo_layout_staged(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row)
{
    ngx_http_bo_ctx_t *ctx = data;

    int64_t                edition;
    ngx_http_bo_admin_t   *a = ctx->data;
    ngx_http_bo_layout_t  *l = a->more;

    a->call.pg = NULL;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK) {
        ngx_http_bo_resume(ctx, ngx_http_bo_layout_refused);
        return;
    }

    if (l->doc.copy == NULL) {
        ngx_http_bo_resume(ctx, ngx_http_bo_layout_piece);
        return;
    }

    if (PQntuples(res) == 0) {
        a->error = NGX_HTTP_BO_E_LAYOUT_NOT_FOUND;
        ngx_http_bo_resume(ctx, ngx_http_bo_layout_refused);
        return;
    }

    edition = ngx_bo_column_int(res, 0, 1);

    if (l->edition && l->edition != edition) {

        /* changed while it was copied: half of each would be neither */

        ngx_http_bo_resume(ctx, ngx_http_bo_layout_refused);
        return;
    }

    l->edition = edition;

    if (PQgetisnull(res, 0, 0)) {
        ngx_http_bo_resume(ctx, ngx_http_bo_layout_make);
        return;
    }

    l->next = (uint32_t) ngx_bo_column_int(res, 0, 0) + 1;
    ngx_http_bo_resume(ctx, ngx_http_bo_layout_piece);
}


static void
ngx_http_bo_layout_refused(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_admin_t *a = ctx->data;

    ngx_http_bo_error(ctx, a->error, NULL);
}


static void
ngx_http_bo_layout_make(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_admin_t *a = ctx->data;

    ngx_str_t              staged;
    ngx_http_bo_layout_t  *l = a->more;

    staged.data = l->staged;
    staged.len = BO_UUID_LEN;

    if (ngx_http_bo_layout_body(ctx, "staged", &staged) == NGX_OK) {
        ngx_http_bo_admin_write(ctx, "create", NULL);
    }
}


/* What SQL takes: the name, and a field that needs no escape, or NULL. */

static ngx_int_t
ngx_http_bo_layout_body(ngx_http_bo_ctx_t *ctx, const char *field,
    ngx_str_t *value)
{
    ngx_http_bo_admin_t *a = ctx->data;

    u_char                *p;
    ngx_str_t              name;
    ngx_http_bo_layout_t  *l = a->more;

    name.data = (u_char *) l->doc.name->data;
    name.len = l->doc.name->len;

    p = ngx_pnalloc(ctx->request->pool,
                    64 + 6 * name.len + (value ? value->len : 0));
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    ctx->body.data = p;
    p = ngx_http_bo_put_str(p, "{\"name\":", &name);

    if (value) {
        p = ngx_sprintf(p, ",\"%s\":", field);
        p = ngx_http_bo_put_plain(p, "", value);
    }

    *p++ = '}';
    ctx->body.len = p - ctx->body.data;

    return NGX_OK;
}
