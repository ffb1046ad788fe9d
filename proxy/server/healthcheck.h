/* weir healthcheck: is the weir that runs here ready? For images that have no shell and no curl. */
#ifndef WEIR_PROXY_SERVER_HEALTHCHECK_H
#define WEIR_PROXY_SERVER_HEALTHCHECK_H

#include <stdbool.h>

struct healthcheck_options {
    const char *admin; /* address of its admin listener; NULL: the default one */
    const char *ca_file, *certificate, *key;
    bool is_live; /* asks /healthz instead of /readyz */
};

/* The exit status: 0 where the answer is 200, 1 with a line on standard error where it is another,
 * or where none came within five seconds. */
int healthcheck_run(const struct healthcheck_options *options);

#endif
