/* What an operation is made of, for the files that share it:
 *
 *     change.c         its way, from its turn to its answer
 *     change_build.c   makes the table that it leads to
 *     change_follow.c  what other members of a fleet have changed
 *     change_answer.c  what is told of one that has come to nothing
 *     change_work.c    below them: into the queue, and failing
 *
 * Private to them. Control thread. */
#ifndef WEIR_CONTROL_CHANGE_PARTS_H
#define WEIR_CONTROL_CHANGE_PARTS_H

#include <sys/queue.h>

#include "conf/overlay.h"
#include "conf/tabledoc_diff.h"
#include "control/api.h"
#include "control/apicopy.h"
#include "control/change.h"
#include "control/kept.h"

enum { CHANGE_REASON_MAX = 1024 };

/* Where an operation is. Only the first of the queue leaves STAGE_QUEUED. */
enum change_stage {
    STAGE_QUEUED,
    STAGE_TURN,      /* its handler runs */
    STAGE_SUBMITTED, /* to be checked and put in force */
    STAGE_BUILDING,  /* a table, beside the loop */
    STAGE_BUILT,     /* to be stored */
    STAGE_STORING,
    STAGE_STORED,   /* to be put in force */
    STAGE_SETTLING, /* in force; the workers take it */
    STAGE_SETTLED   /* done is to be told */
};

/* The functions that an operation leaves other than they were. */
struct change_outline {
    struct tabledoc_edit *list; /* names are the edits', documents counted */
    int nr;
};

struct edit {
    enum change_kind kind;
    char *function, *name; /* name "" where there is none */
    json_t *document;      /* NULL: delete */
};

struct change_work {
    struct change change; /* first */
    TAILQ_ENTRY(change_work) link;
    struct change_engine *engine;
    struct api_waiter *waiter; /* NULL: it has gone */
    enum change_stage stage;
    change_fn *handle;
    change_done_fn *done;
    struct edit *edits;
    int nr_edits;
    struct kept kept; /* rows for the store alone */
    struct change_outline outline;
    struct api_build build; /* its table is that to be put in force, in any case */
    struct tabledoc_diff diff;
    /* Of what another member of the fleet has stored already (change_follow.c). */
    bool is_followed;        /* has its turn before all that is not */
    uint64_t generation;     /* the store's, in which it is so */
    struct overlay *overlay; /* all rows, with it; NULL: the edits alone */
    enum store_outcome outcome;
    char reason[CHANGE_REASON_MAX];
    struct str document; /* the whole table, as it is read */
    char *text;          /* of it, where it is the engine's */
    struct problems problems;
    struct change_result result;
    struct apicopy copy; /* the request's */
};

struct change_engine {
    const struct api_hooks *hooks;
    TAILQ_HEAD(works, change_work) queue;
    struct works waiting;   /* for the end of a reload */
    struct works spreading; /* in force, and to be told once all members have it */
    bool is_over;
};

/* ---- change_work.c ---- */

static inline struct table *change_work_in_force(const struct change_work *w)
{
    return w->engine->hooks->table(w->engine->hooks->context);
}

/* It is over, for this reason. */
void change_work_fail(struct change_work *w, enum change_status status, const char *reason);
void change_work_fail_memory(struct change_work *w);

/* Queues an operation, as the last one. request: copied; NULL: none came for it. NULL when out of
 * memory. */
struct change_work *change_work_queue(const struct api_hooks *hooks,
                                      const struct api_request *request, change_fn *handle);

/* ---- change_follow.c ---- */

/* Another member was faster: its turn begins anew, after what that member changed. */
void change_follow_first(struct change_work *work);
/* In the place of storing: what followed is there already. */
void change_follow_store(struct change_work *work);
/* Its table is in force: so is what is none of it. */
void change_follow_rows(struct change_work *work);

/* ---- change_answer.c ---- */

/* Does a request with this query ask to be answered once all members of the fleet have it? */
bool change_answer_waits_for_fleet(struct str query);
/* It is done, but not all members may have it: 503 that says so. */
void change_answer_not_spread(struct change *change, const char *reason);

/* ---- change_build.c ---- */

/* The alias in force that an edit names; NULL: there is none. */
const struct target *change_build_find_alias(const struct change_work *w, const struct edit *edit);
/* Is it no more than other weights for an alias that there is? */
bool change_build_is_plain(const struct change_work *w);
/* Makes the table of a plain one: it is STAGE_BUILT, or over. */
void change_build_alias(struct change_work *w);
/* Has the table of any other one built: it is STAGE_BUILDING, or over. */
void change_build(struct change_work *w);
/* Once it is in force. */
void change_build_log(const struct change_work *w);

#endif
