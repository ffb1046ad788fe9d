/* What outlives the process: the store, and the file of splits' orders. Opened before the table is
 * read. Control thread. */
#ifndef WEIR_PROXY_SERVER_STORAGE_H
#define WEIR_PROXY_SERVER_STORAGE_H

#include <stdbool.h>
#include <uv.h>

#include "conf/problems.h"
#include "store/mapfile.h"
#include "store/store.h"

struct logbook;
struct wardbook;
struct server;

struct storage {
    int lock;                /* on state.directory, for as long as the process lives */
    struct mapfile splits;   /* the logbook's memory */
    struct logbook *logbook; /* NULL without a directory */
    struct mapfile wards;    /* the wardbook's memory */
    struct wardbook *wardbook;
    uint32_t nr_wards_lost; /* that the log has told of */
    uv_work_t growth;       /* of the file, on a thread of libuv's pool */
    size_t wanted;
    bool is_growing, is_full; /* the last growth failed: it was logged */
    struct store_reason reason;
    bool is_shared; /* s->store is a fleet's (store/store_etcd.h) */
    bool is_empty;  /* it had no table at the start */
    bool is_ending; /* it is told to be left */
};

/* Opens s->store as the settings say, and gives the registry its logbook; 0, or -1 with the reason
 * logged. */
int storage_open(struct server *s) __attribute__((warn_unused_result));

/* Would the file of splits in the folder be taken by storage_open? 0, or -1 with a reason. Changes
 * nothing. */
int storage_look(const char *directory, struct store_reason *reason)
    __attribute__((warn_unused_result));

/* The first table of a fleet whose store is empty, from the table file; or another member's, where
 * that was faster. s->rows are those of the store then. 0, or -1 with the reason logged or in
 * problems. */
int storage_seed(struct server *s, struct problems *problems) __attribute__((warn_unused_result));

/* The first table is in force. */
void storage_settle(struct server *s);

/* A table has come into force: says in the log where the file of budgets and guards is full. */
void storage_tell_wards(struct server *s);

/* Now and then: lets the file of splits grow where they soon need more of it. */
void storage_tend(struct server *s);

/* No worker runs any more: does what was handed to the store, tells it and closes it. What is known
 * of splits stays in the file from now on, whatever is freed. */
void storage_close(struct server *s);

/* No split is left. */
void storage_fini(struct server *s);

#endif
