/* What all threads of the process share: what is in force now, and the few objects that more
 * than one thread writes.
 *
 *     control thread:  shared_put_table, shared_put_settings
 *     worker:          sees that a number has grown, takes a reference
 *
 * Tables, settings and certificates are frozen before they are put here. The numbers tell a
 * worker that there is news without the lock. The other members are set before the first thread
 * starts and stay. */
#ifndef WEIR_PROXY_WORKER_SHARED_H
#define WEIR_PROXY_WORKER_SHARED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "conf/settings.h"
#include "proxy/worker/pins.h"
#include "proxy/worker/recall.h"
#include "proxy/worker/slots.h"
#include "router/table.h"

struct accesslog;
struct admission;
struct metrics;
struct names;
struct pinkeys;
struct qsbr;
struct tls_server;

struct shared {
    /* In force; replaced under the lock, by the control thread alone, which therefore may read
     * them without it. */
    pthread_mutex_t lock;
    struct table *table;
    struct settings *settings;
    struct tls_server *tls;
    _Atomic uint64_t serial;          /* of the table */
    _Atomic uint64_t settings_serial; /* grows whenever settings or tls are replaced */

    struct admission *admission;
    struct qsbr *qsbr;
    struct metrics *metrics;
    struct names *names;   /* upstream/names.h */
    struct accesslog *log; /* NULL: none is written */
    struct pins pins;      /* versions of calls that may come again */
    /* signs pins (docs/pins.md) where no pins.key_file is given; NULL: no memory for it */
    struct pinkeys *pin_keys;
    struct slots slots;     /* limits of connections over all workers */
    struct recalls recalls; /* canaries that are to be taken back */
};

/* All empty. Control thread, as the next three. */
void shared_init(struct shared *shared);

/* Releases table, settings and certificates; the owner of the other members releases those. No
 * other thread runs. */
void shared_fini(struct shared *shared);

/* Puts a table in force and takes over the caller's reference; *table becomes the one before,
 * which is the caller's to release, or NULL. */
void shared_put_table(struct shared *shared, struct table **table);

/* The same for settings and certificates. */
void shared_put_settings(struct shared *shared, struct settings **settings,
                         struct tls_server **tls);

/* A counted reference to what is in force now; NULL where there is none. Any thread. */
struct table *shared_table(struct shared *shared);
struct settings *shared_settings(struct shared *shared);
struct tls_server *shared_tls(struct shared *shared);

#endif
