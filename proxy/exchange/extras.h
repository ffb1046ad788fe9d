/* What weir adds to a response beside the endpoint's own fields, and which of those it takes off:
 * CORS of a function URL, pins, cookies that it issues. Few exchanges have any.
 *
 *     who decides (furl.c, ...)   extras_of, extras_add, extras_take, extras_take_cookie
 *     who writes the head         extras_lines, extras_takes, extras_put_trailers
 *
 * It holds for whatever the front is given with front->head: the endpoint's response, a function's
 * answer, one that weir gives in its place (standin.h). Errors of weir's own (front->error) have
 * nothing of it. Belongs to one exchange; worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_EXTRAS_H
#define WEIR_PROXY_EXCHANGE_EXTRAS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/str.h"
#include "proxy/payload/payload_cors.h"

struct exchange;

/* LINES_MAX: bytes of all that is added. */
enum { EXTRAS_TAKEN_MAX = 8, EXTRAS_LINES_MAX = PAYLOAD_CORS_MAX + 8192 };

struct extras {
    struct buffer lines; /* "name: value\r\n", one behind the other */
    bool has_cors;       /* the response's own Access-Control fields are taken off */
    int nr_taken;
    struct extras_taken {
        struct str name, cookie; /* name empty: Set-Cookie of that cookie */
    } taken[EXTRAS_TAKEN_MAX];
};

/* Those of the exchange, made where there are none yet. NULL when out of memory. */
struct extras *extras_of(struct exchange *ex);

/* Adds the line "name: value", to be seen by the client beside whatever the endpoint says under
 * that name. The value is one of a field: no line ends. What would be too much, or finds no memory,
 * is left out. */
void extras_add(struct extras *extras, struct str name, struct str value);

/* The endpoint's fields of that name (in any case, in the head and among the trailers) reach no
 * client. The string lasts as long as the table of the exchange. EXTRAS_TAKEN_MAX of both kinds at
 * most. */
void extras_take(struct extras *extras, struct str name);

/* The same for its Set-Cookie fields of that cookie; names of cookies count as they are written. */
void extras_take_cookie(struct extras *extras, struct str cookie);

static inline struct str extras_lines(const struct extras *extras)
{
    return buffer_text(&extras->lines);
}

/* Is the endpoint's field one of those? */
bool extras_takes(const struct extras *extras, struct str name, struct str value);

/* Writes the trailers (lines "name: value\r\n") without those fields at p, which has room for all
 * of them; returns the end. */
char *extras_put_trailers(char *p, const struct extras *extras, struct str trailers);

/* Clears the pointer, which may be NULL. */
void extras_free(struct extras **extras);

#endif
