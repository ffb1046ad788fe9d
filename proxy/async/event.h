/* One event on its way through weir: what is stored of it, and what its last attempt said. A heap
 * object that is handed from thread to thread through inboxes; whoever has it owns it.
 *
 *     worker  event_make --> store --> worker, answers 202 --> control, into the schedule
 *     control (event_load where it is no longer in memory) --> worker, an attempt --> control
 *
 * A dead letter is an event as well: its version is empty in the store, its payload is the record
 * (letter.h), and its qualifier says where it was to go when it was written. */
#ifndef WEIR_PROXY_ASYNC_EVENT_H
#define WEIR_PROXY_ASYNC_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/id.h"
#include "base/str.h"
#include "proxy/async/schedule.h"
#include "proxy/async/verdict.h"
#include "proxy/exchange/accepting.h"
#include "store/store.h"

struct inbox;

enum { EVENT_BODY_MAX = 16384, EVENT_VERSION_MAX = 24, EVENT_ERROR_MAX = 64, EVENT_TO_MAX = 256 };

/* What the one to whom it is handed is to do. */
enum event_note {
    EVENT_IS_STORED,     /* to a worker: answer the client, pass it on to the control thread */
    EVENT_IS_NOT_STORED, /* to a worker: answer the client with what failure says, free it */
    EVENT_IS_DUE,        /* to a worker: make an attempt */
    EVENT_IS_ACCEPTED,   /* to the control thread: put it into the schedule */
    EVENT_HAS_RUN,       /* to the control thread: last says how */
    EVENT_IS_LETTER      /* to the control thread: a dead letter is stored, or not */
};

/* How the last attempt ended. */
struct event_last {
    int status;                  /* that a client would have got; 0: there was no attempt yet */
    char error[EVENT_ERROR_MAX]; /* the function's error, or the type of weir's own */
    char *body;                  /* the response's, or weir's own message; at most EVENT_BODY_MAX */
    size_t body_bytes;
    bool is_whole;    /* body is all of it */
    bool is_function; /* the function said so, and not weir */
};

struct event {
    STAILQ_ENTRY(event) link; /* of an inbox */
    enum event_note note;
    struct acceptance acceptance; /* of the client that waits */
    struct inbox *home;           /* of the worker that made it, or of the control thread */
    struct store_event_put put;   /* put.event points to what stands here */
    const char *failure;          /* EVENT_IS_NOT_STORED, or of a letter; malloc'ed, or NULL */
    struct schedule_turn turn;    /* of the attempt */
    struct verdict_past past;
    enum verdict_attempt attempt; /* EVENT_HAS_RUN: how it ended */
    struct event_last last;
    /* of a letter that is due: FUNCTION, or FUNCTION:QUALIFIER; empty: to a URL */
    char to[EVENT_TO_MAX];
    char version[EVENT_VERSION_MAX + 1]; /* put.event.version: drawn; empty: not yet */
    char id[ID_LENGTH + 1];
    struct event *failed; /* of a letter that is being stored: whose it is; owned */
    char text[];          /* function, qualifier, meta, payload */
};

struct event_spec {
    struct str id; /* ID_LENGTH */
    struct str function, qualifier, version, meta, payload;
    uint64_t accepted_ms, due_ms;
};

/* Copies all; NULL when out of memory. */
struct event *event_make(const struct event_spec *spec);

/* The same from what the store tells, with attempts, error and what they say. */
struct event *event_load(const struct store_event *stored);

/* Clears the pointer, which may point to NULL. */
void event_free(struct event **event);

/* Replaces what the last attempt said. body is copied, and cut. */
void event_set_last(struct event *event, int status, struct str error, bool is_function,
                    struct str body);

/* What the store keeps as the event's error: counts and the last attempt, for people and for
 * event_load. malloc'ed; NULL when out of memory. */
char *event_write_error(const struct event *event);

/* The name under which the schedule has it: its function's, or one for the letters of a
 * function. */
enum { EVENT_QUEUE_MAX = 300 };
struct str event_queue_name(char out[EVENT_QUEUE_MAX], const char *function, bool is_letter);

/* Where the store shows no version, it is a letter. */
static inline bool event_is_letter(const struct store_event *stored)
{
    return !stored->version || !stored->version[0];
}

#endif
