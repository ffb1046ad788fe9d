/* One answer: from the behaviours and the request's head to bytes in an output buffer, a piece at a time.
 *
 *     reply_begin (head is there) -> reply_body (each run of request body) -> reply_body_end
 *                                 \-> reply_produce, whenever there is room in out, until it says how it ends
 *
 * reply knows nothing of sockets: the peer sends what is in out and carries out the ending once out is empty. */
#ifndef WEIR_DEMO_REPLY_H
#define WEIR_DEMO_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "alarms.h"
#include "behave.h"
#include "bytes.h"
#include "reqhead.h"

enum { REPLY_OUT_MAX = 64 * 1024 }; /* how much is produced ahead of the socket */

enum reply_ending {
    REPLY_GOES_ON, /* more will come: call again when out has room, a body came, or the alarm rang */
    REPLY_KEEP,    /* complete; the connection can be used again */
    REPLY_CLOSE,   /* complete; the connection ends */
    REPLY_TUNNEL,  /* 101: from here on every byte goes back as it came */
    REPLY_FAIL_CLOSE,
    REPLY_FAIL_RESET,
    REPLY_FAIL_STALL
};

enum reply_phase { REPLY_WAITS, REPLY_HEAD, REPLY_CONTENT, REPLY_TAIL, REPLY_ENDED };
enum reply_framing { REPLY_LENGTH, REPLY_CHUNKED, REPLY_EOF, REPLY_NO_CONTENT };

struct reply {
    enum reply_phase phase;
    enum reply_framing framing;
    enum reply_ending ending; /* once ENDED */
    int minor;                /* of the answer's HTTP version */
    bool is_head;             /* the request's method is HEAD */
    bool keep_alive, is_request_minor_0, is_body_complete, is_control, is_generated;
    bool was_delayed, was_body_delayed;
    uint64_t size, sent; /* of the content; size is BEHAVE_NONE while unknown */
    uint64_t taken;      /* request body bytes */
    uint32_t crc;
    bool is_pattern;
    struct behave does;
    struct bytes json, body, trailers; /* description, request body for it or for the echo, request trailers */
    char upgrade[64];
    struct alarms_entry alarm; /* rings when a pause is over; the peer sets ring */
};

/* Who we are: in every answer. Set before the first. */
void reply_set_version(const char *version);

/* connection and ordinal: which connection this is, and which request on it, for the description. keep_alive: the
 * process and the request allow it. Interim answers go to out at once. */
void reply_begin(struct reply *reply, const struct reqhead *head, uint64_t connection, uint64_t ordinal, bool keep_alive,
                 struct bytes *out);

/* A run of the request's body has come. */
void reply_body(struct reply *reply, struct str data);

/* The request is complete. */
void reply_body_end(struct reply *reply);

/* Produces what can be produced now, up to REPLY_OUT_MAX in out. */
enum reply_ending reply_produce(struct reply *reply, struct bytes *out);

/* Whether the request's body may be read now: an echo that cannot be sent yet holds it back. */
bool reply_wants_body(const struct reply *reply);

/* The answer to a request that broke HTTP. */
void reply_malformed(struct bytes *out);

void reply_fini(struct reply *reply);

#endif
