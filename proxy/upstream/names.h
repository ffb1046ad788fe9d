/* The names of endpoints: who looks them up, when, and who hears of it. One look-up per name and
 * process.
 *
 *     table in force --> names_follow --> dns_ask (io/dns.h) --> origin->name->set --> workers
 *                            ^                                        \--> names_events.changed
 *            its age, or a worker that waits
 *
 * A name is looked up as soon as a table has it, and again when its answer's time to live has
 * passed, at least every resolve_ms. What fails leaves the last addresses in force and is tried
 * again, at growing intervals; a warning says so once. A name that no table has any more is
 * forgotten.
 *
 * Control thread, unless a function says otherwise. */
#ifndef WEIR_PROXY_UPSTREAM_NAMES_H
#define WEIR_PROXY_UPSTREAM_NAMES_H

#include <stdint.h>

#include "proxy/io/loop.h"
#include "router/registry.h"

enum {
    /* look-ups on their way at once; others wait, but for those that a worker waits for */
    NAMES_ASKED_MAX = 256,
    /* an answer is used that long, whatever its time to live (or resolve_ms, if that is less) */
    NAMES_LEAST_MS = 1000,
    /* that long after a failure nobody waits for a name without an address */
    NAMES_FAILED_MS = 1000,
    NAMES_BACKOFF_MAX_MS = 60000
};

struct names;

struct names_events {
    /* The name has another set, or none and its look-up has failed. */
    void (*changed)(void *context, struct origin *name);
    void *context;
};

/* NULL when out of memory or descriptors. */
struct names *names_make(struct loop *loop, struct registry *registry,
                         const struct names_events *events);

/* Forgets all names, without a word to anybody; workers have ended. Handles of libuv close as
 * the loop settles. Clears the pointer. */
void names_free(struct names **names);

/* To be called when the names of tables, or the settings, are others than before: looks up those
 * that are new. */
void names_follow(struct names *names, uint32_t resolve_ms, const char *servers);

/* Gives back what is known of addresses that no name has any more. To be called now and then. */
void names_sweep(struct names *names);

/* An invocation waits for the name's first address: it is looked up now. Any thread that holds
 * the origin. */
void names_want(struct names *names, struct origin *name);

#endif
