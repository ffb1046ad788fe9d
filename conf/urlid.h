/* Hosts of function URLs: <url-id>.lambda-url.<region>.on.aws, as Lambda has them.
 *
 * The id is no secret and is stored nowhere: it follows from what the URL is of, so that the
 * Lambda API, which shows it, and the table, which routes by it, agree, and a URL config that is
 * deleted and made again has the same address. Pure. */
#ifndef WEIR_CONF_URLID_H
#define WEIR_CONF_URLID_H

#include <stdbool.h>

#include "base/str.h"

enum { URLID_LENGTH = 32, URLID_HOST_MAX = 253 };

/* What a function URL is of: the settings' aws.account_id and aws.region, and the key in the
 * table document: functions.<function>.urls.<qualifier> ("$LATEST" or an alias). */
struct urlid_of {
    struct str account, region, function, qualifier;
};

/* The id, in lower-case letters and digits, and a NUL. */
void urlid_make(const struct urlid_of *of, char id[URLID_LENGTH + 1]);

/* The whole host, and a NUL. A region that does not fit (aws.region is checked to) is cut. */
void urlid_host(const struct urlid_of *of, char host[URLID_HOST_MAX + 1]);

/* Is host (without port, in any case, perhaps with a final dot) one of this region's function
 * URLs? *id then points to the URLID_LENGTH characters in it, which may be in upper case. */
bool urlid_find(struct str host, struct str region, struct str *id)
    __attribute__((warn_unused_result));

#endif
