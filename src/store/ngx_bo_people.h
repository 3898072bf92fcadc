
/*
 * People and their sessions in PostgreSQL: see sql/039_people.sql.
 */


#ifndef _NGX_BO_PEOPLE_H_INCLUDED_
#define _NGX_BO_PEOPLE_H_INCLUDED_


#include "booking/bo_role.h"
#include "ngx_bo_store.h"


/* What is asked; the parameters are those of the function in SQL. */

typedef enum {
    NGX_BO_PERSON_BY_EMAIL = 0,
    NGX_BO_PERSON_BY_ID,
    NGX_BO_PERSON_REGISTER,
    NGX_BO_PERSON_OPEN,
    NGX_BO_PERSON_REFRESH,
    NGX_BO_PERSON_END,
    NGX_BO_PERSON_END_ALL,
    NGX_BO_PERSON_UPDATE,
    NGX_BO_PERSON_PASSWORD,
    NGX_BO_PERSON_EMAIL,
    NGX_BO_PERSON_MAKE_CODE,
    NGX_BO_PERSON_BY_CODE,
    NGX_BO_PERSON_RESET,
    NGX_BO_PERSON_ROLE,
    NGX_BO_PERSON_ERASE
} ngx_bo_person_op_e;

#define NGX_BO_PERSON_PARAMS  9


/* What it came to. */

typedef enum {
    NGX_BO_PERSON_NONE = 0,  /* there is nobody */
    NGX_BO_PERSON_FOUND,
    NGX_BO_PERSON_CREATED,
    NGX_BO_PERSON_TAKEN,     /* the address has somebody */
    NGX_BO_PERSON_OPENED,
    NGX_BO_PERSON_CHANGED,
    NGX_BO_PERSON_STALE,     /* the password is not the one that was checked */
    NGX_BO_PERSON_ROTATED,
    NGX_BO_PERSON_AGAIN,
    NGX_BO_PERSON_REUSED,
    NGX_BO_PERSON_EXPIRED,
    NGX_BO_PERSON_ENDED,
    NGX_BO_PERSON_ERASED,
    NGX_BO_PERSON_FORBIDDEN  /* who asks is no administrator any more */
} ngx_bo_person_e;


/* The call's outcome says whether there was an answer; "came" which. */

typedef struct {
    ngx_bo_call_t            call;      /* first */
    ngx_pool_t              *pool;      /* of the answer */
    ngx_bo_person_op_e       op;

    ngx_bo_person_e          came;
    ngx_str_t                user;
    bo_role_e                role;
    ngx_str_t                email;
    ngx_str_t                name;
    ngx_str_t                phone;     /* len 0: none */
    int64_t                  created;   /* ms since 1970 */
    int64_t                  updated;
    ngx_str_t                password;  /* PHC */
    ngx_str_t                seen;      /* which it is, for who checked it */
    int64_t                  until;     /* ms since 1970, of a code */
} ngx_bo_person_t;


/*
 * Starts it; values has as many texts as the function has parameters.
 * NGX_AGAIN, and call.done will be called, or NGX_ERROR when it was refused.
 */
ngx_int_t ngx_bo_person_ask(ngx_bo_person_t *p, ngx_bo_person_op_e op,
    ngx_str_t *values);

/* Makes a random id (RFC 9562, version 4).  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_bo_person_id(bo_uuid_t *id);


#endif /* _NGX_BO_PEOPLE_H_INCLUDED_ */
