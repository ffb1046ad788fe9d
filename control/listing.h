/* Responses that list the table: with a million functions they take seconds to write, so that is
 * done beside the control loop, from a table that is held meanwhile.
 *
 *     listing_begin --> hooks->write --> listing_write, on another thread
 *                                    \-> listing_written, on the control thread: the answer
 */
#ifndef WEIR_CONTROL_LISTING_H
#define WEIR_CONTROL_LISTING_H

#include <stddef.h>

#include "control/api.h"
#include "router/invoke.h"

struct listing {
    struct table *table;       /* a reference */
    struct api_waiter *waiter; /* NULL: the client has gone */
    /* Of functions: those behind this name, so many at most. */
    char after[INVOKE_NAME_MAX + 1];
    size_t max;
    /* Writes it, from table, after and max alone; to be freed, NULL when out of memory. */
    char *(*write)(const struct listing *listing);
    char *text;
};

/* Begins an answer; API_ANSWERED where memory is short. from: after, max and write. Control
 * thread, as for the rest. */
enum api_outcome listing_begin(const struct api_hooks *hooks, struct api_waiter *waiter,
                               struct api_response *response, const struct listing *from);

/* Any thread. */
void listing_write(struct listing *listing);

/* Answers, unless the client has gone, and ends the listing. */
void listing_written(struct listing *listing);

/* The waiter goes away. */
void listing_forget(struct api_waiter *waiter);

#endif
