/* Reading the documents again, putting what they say in force, and watching the files.
 *
 *     signal, changed file, POST /reload
 *         --> a thread of libuv's reads and builds --> control thread: publish, answer
 *
 * Reading and building takes seconds for a large table, so it runs beside the control loop,
 * which serves the admin listener meanwhile. One reload runs at a time; all that are asked for
 * while it runs become one that follows it. An alias that the API changes meanwhile is in force
 * at once, and stays so in the table that is being built.
 *
 * Control thread, unless a function says otherwise. */
#ifndef WEIR_PROXY_SERVER_RELOAD_H
#define WEIR_PROXY_SERVER_RELOAD_H

#include <sys/queue.h>
#include <uv.h>

#include "conf/problems.h"
#include "conf/tabledoc_merge.h"
#include "control/api.h"
#include "control/mapstore.h"

struct server;
struct settings;
struct tls_server;

/* One reading of the documents. All parts are made before any is put in force. */
struct reload_reading {
    /* In force when it began; counted. */
    struct settings *old_settings;
    struct tls_server *old_tls;
    struct table *old_table;
    /* What it made. */
    struct settings *settings;
    struct tls_server *tls;
    struct table *table; /* old_table where the file changes nothing */
    struct tabledoc_merge merge;
    struct mapstore_list maps; /* of table: whose the store keeps */
    struct overlay *overlay;   /* what the API had changed when it began; the reading's own */
    struct problems problems, notes;
    int result; /* 0 or -1, and then there are problems */
};

struct reload {
    uv_work_t work;
    struct reload_reading reading; /* the building thread's while is_running */
    bool is_running, is_wanted;
    bool is_read;   /* what was read waits for a change to end, to be put in force */
    uint64_t round; /* counts the reloads that have begun */
    TAILQ_HEAD(, api_waiter) waiters; /* in the order of their rounds */
    uint64_t nr_ok, nr_rejected;
    bool was_rejected; /* the last one */
    int64_t ended_ms;  /* when, in Unix time; 0: there was none */
};

/* Nothing runs, nobody waits. */
void reload_init(struct reload *reload);

/* Reads the documents again, in a while if a reload runs already, and puts in force what they
 * changed, or leaves everything as it is and logs the problems. waiter, unless NULL, is told the
 * result, never from within this call. */
void reload_begin(struct server *s, struct api_waiter *waiter);

/* Begins the reload that was asked for while it could not begin, if any. */
void reload_go_on(struct server *s);

/* Puts in force what was read, if that waits. No change has its turn. */
void reload_finish(struct server *s);

/* The waiter goes away: it will not be told. */
void reload_forget(struct server *s, struct api_waiter *waiter);

/* Puts a table in force: publishes it, tells the workers, opens its splits. Takes the reference. */
void reload_publish_table(struct server *s, struct table *table);

/* Remembers what the table file says, once it is in force. Takes *said, which may be NULL
 * (nothing new), and clears it. No reload runs. */
void reload_take_base(struct server *s, struct merge_said **said);

/* What the settings say of the process log's level. */
void reload_take_log_level(const struct settings *settings);

#endif
