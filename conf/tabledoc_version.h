/* One version of the table document, the object below "versions". */
#ifndef WEIR_CONF_TABLEDOC_VERSION_H
#define WEIR_CONF_TABLEDOC_VERSION_H

#include "conf/jsondoc.h"
#include "conf/tabledoc_merge.h"
#include "conf/url.h"
#include "router/builder.h"

/* Reads and checks a version, whose name is the place's key. If nothing in the document was wrong
 * so far, adds it to the builder's last function. */
void tabledoc_version_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                           struct tabledoc_out *out);

/* The endpoint of a URL that was read from text; names is where it keeps what it points to. */
enum { TABLEDOC_HOST_MAX = 255 };
struct tabledoc_endpoint_names {
    char host[TABLEDOC_HOST_MAX + 1], name[TABLEDOC_HOST_MAX + 1];
};
struct endpoint_spec tabledoc_version_endpoint(const char *text, const struct url *url,
                                               struct tabledoc_endpoint_names *names);

/* A new object that tabledoc_version_read takes for this version; NULL when out of memory. */
json_t *tabledoc_version_write(const struct version *version);

#endif
