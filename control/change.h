/* How the API changes what is in force, one operation after the other.
 *
 *     request --> change_begin: queued --> its turn: handler
 *                                             |-- fills in change->response: that is the answer
 *                                             \-- change_submit(edits, done)
 *                                                   --> checked by the table document's rules
 *                                                   --> stored, in one transaction
 *                                                   --> in force on every worker
 *                                                   --> done(result) fills in change->response
 *
 * What the API makes or changes are fragments of the table document (docs/table.md): a handler
 * reads the table in force (hooks->table, tabledoc_function_write), and submits what a function or
 * an alias is to say from now on. While it has its turn nothing else changes what is in force, from
 * its first call to done.
 *
 * A handler must do nothing but read, answer and submit: where the table file is read again just
 * then, its turn starts anew, and it is called again. The client may go away meanwhile: the change
 * goes on, and its answer is dropped.
 *
 * Things that are not in the table (a deployment, say) are rows of the store alone: change_keep
 * adds them, and they are stored in the same transaction as the edits.
 *
 * Control thread. No callback is called from within a call to this file. */
#ifndef WEIR_CONTROL_CHANGE_H
#define WEIR_CONTROL_CHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "conf/problems.h"
#include "control/api.h"
#include "store/store.h"

struct change;
struct change_engine;
struct tabledoc_diff;

enum change_kind {
    CHANGE_FUNCTION, /* a function: of an edit, with its versions, aliases and URLs */
    CHANGE_VERSION,  /* not of an edit */
    CHANGE_ALIAS,
    CHANGE_URL,     /* not of an edit */
    CHANGE_SECTION, /* of an edit: one of conf/tabledoc_section.h, by its name; no function */
    CHANGE_TABLE    /* of an edit: the whole document; what it does not name is deleted */
};

/* What a thing is to say. The strings are copied by change_submit. */
struct change_edit {
    enum change_kind kind;
    const char *function;
    const char *name; /* of an alias, or a section */
    /* As the table document has it, whole: what is left out has its default. The reference goes
     * over to change_submit. NULL: the thing is to go; of CHANGE_TABLE: it is the request's
     * body. */
    json_t *document;
    /* NULL, or what change_revision must still say of the thing, else the result is
     * CHANGE_CONFLICT */
    const char *expected_revision;
};

enum change_status {
    CHANGE_DONE,     /* stored and in force */
    CHANGE_REFUSED,  /* the documents' rules say no: problems */
    CHANGE_CONFLICT, /* a revision is another than expected */
    CHANGE_FAILED,   /* reason says why; nothing has changed */
    CHANGE_UNKNOWN   /* reason; it may come into force with the next start */
};

struct change_result {
    enum change_status status;
    const struct problems *problems; /* never NULL */
    const char *reason;
    uint64_t generation;              /* in force now */
    const struct tabledoc_diff *diff; /* of CHANGE_DONE: which things have changed */
};

/* change->response is empty before either is called. */
typedef void change_fn(struct change *change);
typedef void change_done_fn(struct change *change, const struct change_result *result);

/* Who has to know what becomes other, and may add to it (control/publish.h). Rows are added by
 * change_keep. The first two return 0, or -1 when out of memory, or where it must not be: then with
 * a problem added. */
struct change_listener {
    /* A function is to be as this document says, which may be changed. */
    int (*edits)(struct change *change, const char *function, json_t *document);
    /* A table has been built. is_whole: of a document; else the edits have been told. */
    int (*replaces)(struct change *change, const struct api_build *build, bool is_whole);
    /* It is stored and in force. */
    void (*done)(struct change *change);
    /* Another member of a fleet has changed a row that is none of the table. */
    void (*followed)(const struct api_hooks *hooks, const struct store_edit *edit);
    /* Ends what was noted in the change (change->noted), in any case. */
    void (*forget)(struct change *change);
};

/* One operation. You read request, and fill in response; state is yours. */
struct change {
    const struct api_hooks *hooks;
    struct api_request request; /* a copy that lives as long as the change */
    struct api_response response;
    void *state; /* whatever the handler keeps for done; state_free, if set, ends it */
    void (*state_free)(void *state);
    void *context;                       /* of one that nobody asked for; else NULL */
    void (*context_free)(void *context); /* at its end, if set */
    void *noted;                         /* the listener's */
    bool is_led;                         /* only while this member leads its fleet */
    const char *by;                      /* who does it, for the log; NULL: the admin API */
    struct change_work *work;            /* the engine's */
};

/* Queues an operation for a request, whose body it takes over where it may. False: waiter is told
 * the answer, later. True when out of memory: the response says so. */
bool change_begin(const struct api_hooks *hooks, const struct api_request *request,
                  struct api_waiter *waiter, struct api_response *response, change_fn *handle)
    __attribute__((warn_unused_result));

/* The same for an operation of weir's own, for which no request came: its handler finds context in
 * the change. 0, or -1 when out of memory. */
int change_begin_own(const struct api_hooks *hooks, void *context, change_fn *handle)
    __attribute__((warn_unused_result));

/* Before change_submit: a row that is to be stored, or deleted, with what is submitted. Copied. */
void change_keep(struct change *change, const struct store_edit *edit);

/* Once in a turn, by the handler. All edits become one change: all of them, or none, one
 * generation. nr 0: only what change_keep was given is stored. */
void change_submit(struct change *change, const struct change_edit *edits, int nr,
                   change_done_fn *done);

/* Fills in change->response for a result that is not CHANGE_DONE: 400 with the problems, 412, 503.
 * Operations with texts of their own answer for themselves. */
void change_answer_failure(struct change *change, const struct change_result *result);

/* The RevisionId of what is in force: another UUID after each change through the API, also one that
 * says the same; of what only the table file says, one that is made from what it says. name: of the
 * alias, version ("$LATEST" too), or of the URL its qualifier; "" for a function. 0, or -1 when out
 * of memory: a revision that says nothing true would take somebody's change for known. */
enum { CHANGE_REVISION_SIZE = 37 };
int change_revision(const struct api_hooks *hooks, enum change_kind kind, struct str function,
                    struct str name, char out[CHANGE_REVISION_SIZE])
    __attribute__((warn_unused_result));

/* ---- For the wiring ---- */

/* The engine for hooks, which outlive it; NULL when out of memory. */
struct change_engine *change_engine_make(const struct api_hooks *hooks);
/* Nothing comes into force any more, and nobody is answered. */
void change_engine_end(struct change_engine *changes);
/* Ends it, and what waits, unanswered; clears the pointer. The store tells nothing any more. */
void change_engine_free(struct change_engine **changes);

/* What struct store_watch calls where the store is shared; context: the hooks. What another member
 * of the fleet has changed comes into force in a turn of its own, before all that wait, with that
 * member's RevisionIds; then the store is told (store_take). */
void change_follow(void *hooks, const struct store_edit *edits, int nr, uint64_t generation);

/* Goes on. hooks->soon asks for a call of the first, hooks->soon_on_all for one of the other. */
void change_engine_turn(struct change_engine *changes);
void change_engine_settled(struct change_engine *changes);
/* What hooks->build was asked for is there. */
void change_engine_built(struct change_engine *changes);
/* A reload that ran has come to its end. */
void change_engine_reloaded(struct change_engine *changes);

/* Does one stand between its first call and done? Then a table that was read from the file must
 * not be put in force. */
bool change_engine_is_busy(const struct change_engine *changes);

/* Will another table than one with other weights come into force? Then no reload must begin. */
bool change_engine_is_building(const struct change_engine *changes);

/* For api_forget: nobody waits for the answer any more. */
void change_forget(struct api_waiter *waiter);

#endif
