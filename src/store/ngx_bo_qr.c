
/*
 * QR codes as SVG and as PNG.
 */


#include "ngx_bo_qr.h"

#include <qrencode.h>
#include <zlib.h>


#define NGX_BO_QR_TEXT_MAX  400


static QRcode *ngx_bo_qr_make(ngx_str_t *text);
static ngx_uint_t ngx_bo_qr_dark(QRcode *qr, int x, int y);
static void ngx_bo_qr_rows(QRcode *qr, u_char *rows);
static u_char *ngx_bo_qr_chunk(u_char *p, const char *type, u_char *data,
    size_t len);
static u_char *ngx_bo_qr_be32(u_char *p, uint32_t value);


static QRcode *
ngx_bo_qr_make(ngx_str_t *text)
{
    QRcode   *qr;
    QRinput  *input;

    if (text->len == 0 || text->len > NGX_BO_QR_TEXT_MAX) {
        return NULL;
    }

    input = QRinput_new2(0, QR_ECLEVEL_M);
    if (input == NULL) {
        return NULL;
    }

    /* a text of the alphanumeric mode takes two thirds of the room in it */

    qr = QRinput_append(input, QR_MODE_AN, (int) text->len, text->data) == 0
         || QRinput_append(input, QR_MODE_8, (int) text->len, text->data) == 0
         ? QRcode_encodeInput(input) : NULL;

    QRinput_free(input);

    return qr;
}


static ngx_uint_t
ngx_bo_qr_dark(QRcode *qr, int x, int y)
{
    return qr->data[y * qr->width + x] & 1;
}


/* One path, of a rectangle for each run of dark modules in a row. */

ngx_int_t
ngx_bo_qr_svg(ngx_pool_t *pool, ngx_str_t *text, ngx_str_t *svg)
{
    int      x, y, end, size;
    u_char  *p;
    QRcode  *qr;

    qr = ngx_bo_qr_make(text);
    if (qr == NULL) {
        return NGX_ERROR;
    }

    /* a run and the gap behind it are two modules at least */

    p = ngx_pnalloc(pool, 512 + (size_t) qr->width * ((qr->width + 1) / 2)
                          * (sizeof("M000 000h000v1h-000z") - 1));
    if (p == NULL) {
        QRcode_free(qr);
        return NGX_ERROR;
    }

    size = qr->width + 2 * NGX_BO_QR_QUIET;

    svg->data = p;
    p = ngx_sprintf(p, "<svg xmlns=\"http://www.w3.org/2000/svg\" "
                    "viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
                    "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path d=\"",
                    size, size, size, size);

    for (y = 0; y < qr->width; y++) {
        for (x = 0; x < qr->width; x = end) {
            end = x + 1;

            if (!ngx_bo_qr_dark(qr, x, y)) {
                continue;
            }

            while (end < qr->width && ngx_bo_qr_dark(qr, end, y)) {
                end++;
            }

            p = ngx_sprintf(p, "M%d %dh%dv1h-%dz", x + NGX_BO_QR_QUIET,
                            y + NGX_BO_QR_QUIET, end - x, end - x);
        }
    }

    p = ngx_sprintf(p, "\"/></svg>\n");
    svg->len = p - svg->data;

    QRcode_free(qr);

    return NGX_OK;
}


/*
 * PNG (ISO/IEC 15948): grey of one bit, so that a byte is a module.  A row is
 * what is new in it (filter 2, "up"): seven of eight are zeros.
 */

ngx_int_t
ngx_bo_qr_png(ngx_pool_t *pool, ngx_str_t *text, ngx_str_t *png)
{
    int       rc;
    size_t    size, raw;
    uLongf    len;
    u_char   *p, *rows, *data, header[13];
    QRcode   *qr;

    static const u_char  signature[] = "\x89PNG\r\n\x1a\n";

    qr = ngx_bo_qr_make(text);
    if (qr == NULL) {
        return NGX_ERROR;
    }

    size = qr->width + 2 * NGX_BO_QR_QUIET;
    raw = 8 * size * (1 + size);
    len = compressBound(raw);

    rows = ngx_pcalloc(pool, raw);
    data = ngx_palloc(pool, len);
    p = ngx_pnalloc(pool, len + 64);

    if (rows == NULL || data == NULL || p == NULL) {
        QRcode_free(qr);
        return NGX_ERROR;
    }

    ngx_bo_qr_rows(qr, rows);
    QRcode_free(qr);

    rc = compress2(data, &len, rows, raw, Z_BEST_SPEED);

    (void) ngx_pfree(pool, rows);

    if (rc != Z_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(header, sizeof(header));
    (void) ngx_bo_qr_be32(header, (uint32_t) (8 * size));
    (void) ngx_bo_qr_be32(header + 4, (uint32_t) (8 * size));
    header[8] = 1;      /* bits a pixel; colour, compression, ... are 0 */

    png->data = p;
    p = ngx_cpymem(p, signature, sizeof(signature) - 1);
    p = ngx_bo_qr_chunk(p, "IHDR", header, sizeof(header));
    p = ngx_bo_qr_chunk(p, "IDAT", data, len);
    p = ngx_bo_qr_chunk(p, "IEND", NULL, 0);
    png->len = p - png->data;

    (void) ngx_pfree(pool, data);

    return NGX_OK;
}


/* 8 rows of pixels for each of modules; a row begins with its filter. */

static void
ngx_bo_qr_rows(QRcode *qr, u_char *rows)
{
    int      x, y, size;
    u_char  *p, pixel, above;

    size = qr->width + 2 * NGX_BO_QR_QUIET;

    /* the quiet zone above the code: white, and again */

    rows[0] = 0;
    ngx_memset(rows + 1, 0xff, size);

    for (y = 1; y < 8 * size; y++) {
        p = rows + y * (1 + size);
        *p++ = 2;

        if (y % 8 != 0) {
            continue;
        }

        for (x = 0; x < qr->width; x++) {
            pixel = above = 0;

            if (y / 8 >= NGX_BO_QR_QUIET
                && y / 8 < qr->width + NGX_BO_QR_QUIET)
            {
                pixel = ngx_bo_qr_dark(qr, x, y / 8 - NGX_BO_QR_QUIET)
                        ? 0xff : 0;
            }

            if (y / 8 - 1 >= NGX_BO_QR_QUIET
                && y / 8 - 1 < qr->width + NGX_BO_QR_QUIET)
            {
                above = ngx_bo_qr_dark(qr, x, y / 8 - 1 - NGX_BO_QR_QUIET)
                        ? 0xff : 0;
            }

            /* white less white, or black less black, is 0 */

            p[x + NGX_BO_QR_QUIET] = (u_char) (above - pixel);
        }
    }
}


static u_char *
ngx_bo_qr_chunk(u_char *p, const char *type, u_char *data, size_t len)
{
    u_char  *start;

    p = ngx_bo_qr_be32(p, (uint32_t) len);
    start = p;
    p = ngx_cpymem(p, type, 4);

    if (len) {
        p = ngx_cpymem(p, data, len);
    }

    return ngx_bo_qr_be32(p, (uint32_t) crc32(0, start, (uInt) (p - start)));
}


static u_char *
ngx_bo_qr_be32(u_char *p, uint32_t value)
{
    *p++ = (u_char) (value >> 24);
    *p++ = (u_char) (value >> 16);
    *p++ = (u_char) (value >> 8);
    *p++ = (u_char) value;

    return p;
}
