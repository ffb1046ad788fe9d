/* Code.ImageUri, which says where a version's code lives:
 *
 *     http://HOST[:PORT][/PATH], https://...      kind http
 *     HOST:PORT[/PATH]                            the same, over http (the AWS CLI of version 1
 *                                                 fetches arguments that begin with http://)
 *     rie+http://..., rie+https://...             kind rie
 *     lambda+http://..., lambda+https://...       kind lambda
 *
 * Several endpoints stand with commas between; all of one kind. Pure. */
#ifndef WEIR_CONTROL_LAMBDA_CODE_H
#define WEIR_CONTROL_LAMBDA_CODE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Sets kind and endpoints of a version of the table document. NULL, or what is wrong, as the end of
 * a sentence that begins with "Code.ImageUri". is_out: out of memory, whatever is returned. */
const char *lambda_code_read(const char *image_uri, json_t *version, bool *is_out);

/* What a version's ImageUri is: configuration.ImageUri if that is what kind and endpoints say, else
 * a text that says it. A new string; NULL when out of memory. */
char *lambda_code_write(const json_t *version);

/* CodeSha256: base64 of the SHA-256 of the text of the ImageUri. False when out of memory. */
enum { LAMBDA_CODE_SHA256 = 45 };
bool lambda_code_sha256(const char *image_uri, char out[LAMBDA_CODE_SHA256])
    __attribute__((warn_unused_result));

#endif
