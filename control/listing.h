/* Responses as large as the table (its lists, the metrics page): with a million functions they take
 * seconds to write, so that is done beside the control loop, from a table that is held meanwhile.
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
    const char *content_type; /* NULL: JSON */
    /* Of the metrics page: what write needs beside the table. */
    void *facts;
    /* Writes it, from table, after, max and facts alone; to be freed, NULL when out of memory. */
    char *(*write)(const struct listing *listing, size_t *length);
    void (*free_facts)(void *facts); /* NULL: there are none */
    char *text;
    size_t length;
};

/* Begins an answer; API_ANSWERED where memory is short. from: all but table, waiter and text;
 * its facts are taken over. Control thread, as for the rest. */
enum api_outcome listing_begin(const struct api_hooks *hooks, struct api_waiter *waiter,
                               struct api_response *response, const struct listing *from);

/* Any thread. */
void listing_write(struct listing *listing);

/* Answers, unless the client has gone, and ends the listing. Returns the text if nobody took it, to
 * be freed on another thread: it may be large. */
char *listing_written(struct listing *listing) __attribute__((warn_unused_result));

/* The waiter goes away. */
void listing_forget(struct api_waiter *waiter);

#endif
