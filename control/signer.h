/* AWS Signature Version 4 as a client makes it, for weir's own requests to an admin listener
 * (control/sigv4.h verifies). Any thread. */
#ifndef WEIR_CONTROL_SIGNER_H
#define WEIR_CONTROL_SIGNER_H

#include <stdint.h>

#include "base/str.h"

/* Who signs. */
struct signer_key {
    const char *access_key_id, *secret_access_key;
    const char *session_token; /* NULL: none */
    const char *region;
};

/* What is signed, of the service "lambda". */
struct signer_request {
    const char *method;
    const char *path; /* needs no escaping; there is no query */
    const char *host; /* as the Host field has it */
    struct str body;
    uint64_t now_s; /* Unix time */
};

/* The fields that a request needs, each with its line end: X-Amz-Date, X-Amz-Content-SHA256,
 * X-Amz-Security-Token where there is one, and Authorization. To be freed; NULL when out of memory,
 * or where the secret or the region is longer than any may be. */
char *signer_fields(const struct signer_key *key, const struct signer_request *request);

#endif
