/* AWS Signature Version 4 as a server verifies it: in the Authorization header, or in the query of
 * a presigned URL (docs.aws.amazon.com, "Signature Version 4 signing process"; how clients of
 * Lambda, Step Functions and CodeDeploy use it).
 *
 *     sigv4_begin   the head is complete: finds the key, checks the scope, time and session token.
 *                   Nobody without a key's name has a body read
 *     sigv4_body    each piece of the body, in order
 *     sigv4_end     the body is complete: the key that signed it, or why not
 *
 * or sigv4_verify, where all is there. The path is the wire's, without duplicate slashes and dot
 * segments, percent-encoded once more; the query's pairs are sorted, once encoded. The body's hash
 * always counts: UNSIGNED-PAYLOAD, the streaming forms of S3 and SigV4a are refused.
 *
 * Knows no clock and no socket. Any thread; one object is one thread's. */
#ifndef WEIR_CONTROL_SIGV4_H
#define WEIR_CONTROL_SIGV4_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "conf/credentials.h"

struct sigv4_field {
    struct str name, value; /* the value without surrounding blanks */
};

/* Borrowed for sigv4_begin alone; region and service until sigv4_end. */
struct sigv4_request {
    struct str method, path, query; /* as on the wire; the query without '?' */
    const struct sigv4_field *fields;
    int nr_fields;
    const char *region, *service; /* that the scope must name; "lambda", "states", "codedeploy" */
    uint64_t now_s;               /* Unix time */
};

/* For a client: an error's name, such as InvalidSignatureException, and its text in ASCII. */
struct sigv4_refusal {
    const char *type;
    char message[512];
};

struct sigv4;

/* Does the request carry a signature, right or wrong, or anything else in Authorization? */
bool sigv4_is_signed(const struct sigv4_request *request);

/* The object, to be ended by sigv4_end or sigv4_free; NULL with the refusal. credentials may be
 * NULL, and must last as long as the object: so does what sigv4_end returns. */
struct sigv4 *sigv4_begin(const struct sigv4_request *request,
                          const struct credentials *credentials, struct sigv4_refusal *refusal)
    __attribute__((warn_unused_result));

void sigv4_body(struct sigv4 *sigv4, struct str piece);

/* The key that signed the request, or NULL with the refusal; frees the object and clears the
 * pointer. */
const struct credentials_key *sigv4_end(struct sigv4 **sigv4, struct sigv4_refusal *refusal)
    __attribute__((warn_unused_result));

/* Frees and clears; NULL is fine. */
void sigv4_free(struct sigv4 **sigv4);

/* All three. */
const struct credentials_key *sigv4_verify(const struct sigv4_request *request, struct str body,
                                           const struct credentials *credentials,
                                           struct sigv4_refusal *refusal)
    __attribute__((warn_unused_result));

/* Fills in a refusal; bytes that are not printable ASCII become '?'. */
void sigv4_refuse(struct sigv4_refusal *refusal, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
