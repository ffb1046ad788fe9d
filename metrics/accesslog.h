/* The access log: workers format lines into rings of their own, one thread writes them out. A
 * worker never waits: what does not fit is dropped and counted. */
#ifndef WEIR_METRICS_ACCESSLOG_H
#define WEIR_METRICS_ACCESSLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum accesslog_format { ACCESSLOG_JSON, ACCESSLOG_TEXT };

/* One exchange as logged. Strings are borrowed for the call. Names are within the limits of
 * metrics/accessline.c and of visible ASCII without quotes and backslashes: what is checked where
 * they come from. Texts are anything. Times in microseconds, -1 where a phase was not reached. */
struct accesslog_entry {
    uint64_t unix_us;                                /* wall clock at the first request byte */
    struct str request_id, client, protocol, method; /* names */
    struct str trace_id;     /* a name; empty where the request is part of no trace */
    struct str target, host; /* texts; target: path and query as received */
    struct str function, alias, version, endpoint; /* names; empty where none was picked */
    /* a name; differs from version after a failover */
    struct str executed_version;
    /* a name: how version was picked; empty where the alias had no say in it */
    struct str pick;
    bool has_key; /* of the caller, in a sticky split; only its hash is logged */
    uint64_t key;
    int status; /* sent to the client; 0: none */
    /* a name: "ok" or an error's or rejection's label */
    struct str outcome;
    struct str detail; /* a text: the rule or limit that a message broke; empty where none did */
    uint64_t bytes_in, bytes_out; /* bodies */
    /* connection had, response head seen, end; since the start */
    int64_t connect_us, head_us, total_us;
    int retries;
    bool is_upstream_reused;
    uint32_t attempt; /* to run an event, from 1; 0: a client's request */
    struct str user_agent;
};

struct accesslog;
struct accesslog_ring;

/* Starts the writer thread. file: a path, or "-" for standard output. nr_rings: one per worker.
 * NULL with errno when the file cannot be opened or memory ran out. */
struct accesslog *accesslog_open(const char *file, enum accesslog_format format, int nr_rings);

/* Writes out what the rings hold, ends the thread, closes the file. The workers have ended. */
void accesslog_close(struct accesslog **log);

struct accesslog_ring *accesslog_ring(struct accesslog *log, int index);

/* Adds one line. The ring's own worker. No lock, no allocation, and no system call but to wake the
 * writer when the ring is half full. */
void accesslog_write(struct accesslog_ring *ring, const struct accesslog_entry *entry);

/* The writer opens the file again by name, so that it can be rotated (SIGUSR1). Any thread. */
void accesslog_reopen(struct accesslog *log);

/* Lines that were dropped because a ring was full, or that could not be written. Any thread. */
uint64_t accesslog_lost(const struct accesslog *log);

#endif
