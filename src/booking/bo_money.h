
/* Amounts for people to read. */


#ifndef _BO_MONEY_H_INCLUDED_
#define _BO_MONEY_H_INCLUDED_


#include <stdint.h>

#include "bo_out.h"


/*
 * Writes "INR 1250.00": a currency's code by ISO 4217 and an amount in its
 * minor units, with as many digits behind the point as it has there.
 */
void bo_money_put(bo_out_t *out, const bo_text_t *currency, int64_t amount);


#endif /* _BO_MONEY_H_INCLUDED_ */
