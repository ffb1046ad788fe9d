/* What of a request stays with its event, beside its payload: who sent it, and a few fields.
 *
 *     192.0.2.1 https fixed
 *     Host: functions.example
 *     Content-Type: application/json
 *     traceparent: 00-...
 *
 * The word fixed is there where a pin or an override chose the version: its attempts are then in no
 * figure of the alias. Other fields do not stay: they would lie on the disk, and credentials with
 * them. Pure. */
#ifndef WEIR_PROXY_ASYNC_META_H
#define WEIR_PROXY_ASYNC_META_H

#include "base/str.h"
#include "proxy/exchange/request.h"
#include "proxy/http/head.h"

enum { META_MAX = 16384, META_FIELDS_MAX = 32 };

/* The text, malloc'ed; fields that find no room in META_MAX are left out. NULL when out of
 * memory. */
char *meta_write(const struct head *head, const struct request_caller *from);

/* Notes in such a text that the version was fixed. 0, or -ENOMEM and then it is as it was. */
int meta_fix(char **text) __attribute__((warn_unused_result));

/* The field lines of such a text, each with its CR LF, in *from who sent it, and whether its
 * version was fixed. Strings point into the text. */
struct str meta_read(const char *text, struct request_caller *from, bool *is_fixed);

#endif
