/* The parts of the store in etcd (store/store_etcd.h), for its own files:
 *
 *     store_etcd.c   the interface, start and end
 *     etcd_write.c   one change on its way to etcd
 *     etcd_view.c    what etcd has: reads, the watch, pieces
 *     etcd_copy.c    the copy of what is in force
 *     etcd_members.c who belongs to the fleet, and who leads it
 *     etcd_slot.c    which place in the fleet this member has
 *     etcd_await.c   who waits until all members have a table in force
 *     etcd_accounts.c what each slot's splits have come to
 *
 * Each calls those below it; etcd_view.c tells etcd_write.c by view.on_read and view.on_news.
 *
 * Control thread. */
#ifndef WEIR_STORE_ETCD_SHARE_H
#define WEIR_STORE_ETCD_SHARE_H

#include <sys/queue.h>
#include <uv.h>

#include "base/prng.h"
#include "store/etcd.h"
#include "store/job.h"
#include "store/pieces.h"
#include "store/store.h"
#include "store/store_etcd.h"

struct store_etcd;

/* What etcd has, as seen last, while it is read and taken. */
struct etcd_view {
    uv_timer_t *timer;
    struct etcd_call *read, *watch, *load; /* NULL: none is on its way */
    uint64_t nr_lines;                     /* the watch has told so much; */
    uint64_t read_after;                   /* so much when the read began, */
    uint64_t asked_ms;                     /* and when that was */
    bool is_up, was_told;                  /* the log has been told of is_up */
    bool has_read;                         /* one has been answered since the start */
    uint64_t seen;                         /* revision of the switching key; 0: there is none */
    struct pieces news;                    /* of seen: ids, and texts as they come */
    bool is_known;                         /* news are those of seen */
    bool is_following;                     /* told to the watch, not yet taken */
    uint64_t following;                    /* which revision that is, */
    struct job *told;                      /* and what was told */
    bool is_refused;                       /* etcd has answered the last read by an error */
    uint64_t rejected;                     /* the last one that is no right table */
    uint64_t nr_rejected;
    int nr_missed;    /* loads in a row that found no piece */
    char reason[600]; /* why it does not answer; */
    char lost[600];   /* why what it has is not taken (store.is_lost) */
    /* For the others; store_etcd.c sets on_members, etcd_write_init the rest. A read of the
     * switching key is over; is_answered: this is what etcd has (value NULL: there is none). */
    void (*on_read)(struct store_etcd *e, bool is_answered, uint64_t revision, const char *value);
    /* The news were told, or nothing can be told. */
    void (*on_news)(struct store_etcd *e, bool are_told);
    /* A read is over, and members were seen where etcd has answered. */
    void (*on_members)(struct store_etcd *e);
};

/* The change on its way; at most one. */
struct etcd_write {
    uv_timer_t *timer;
    struct job *job;    /* NULL: none is */
    bool is_waiting;    /* it has lost: told once the news were */
    bool is_lost;       /* its fate: a read is to say */
    bool was_whole;     /* replaces all that etcd has */
    bool is_led;        /* made by the leader alone */
    bool has_deletes;   /* the transaction takes out the pieces before */
    uint64_t expected;  /* revision of the switching key; 0: there is none */
    struct pieces next; /* ids of all pieces, texts of those that are touched */
    bool are_touched[PIECES_NR];
    int next_piece; /* the first that is not staged yet */
    struct etcd_call *call;
    char why[300]; /* it cannot be made; else "" */
};

/* This process as a member, and all of them as seen last. */
struct etcd_members {
    uv_timer_t *timer;
    struct etcd_call *renewal, *put, *election; /* NULL: none is on its way */
    char *address;
    uint64_t lease_ms;
    uint64_t lease;    /* 0: none */
    uint64_t sent_ms;  /* when the renewal on its way was sent */
    uint64_t until_ms; /* so long the lease holds for certain */
    bool has_joined, has_left;
    uint64_t is_put, putting; /* the generation that etcd has of this member; and will have, */
    int put_slot;             /* and its slot */
    uint64_t elected;         /* revision that made this one the leader; 0: it is not */
    bool has_leader;
    struct store_etcd_member *list; /* nr of them, by id */
    int nr;
    char leader[STORE_ETCD_MEMBER_ID]; /* its id; "" */
    bool is_own;                       /* this one was seen as the leader */
    uint64_t seen_ms;                  /* when that was asked for; 0: never */
    uint64_t seen_revision;            /* as of which it is so */
    void (*left)(void *context);       /* told once; NULL: nobody waits */
    void *left_context;
};

/* The place of this member in the fleet, which outlives it. */
struct etcd_slot {
    struct etcd_call *call;
    char token[STORE_ETCD_TOKEN + 1]; /* who this is, from start to start */
    int number;                       /* -1: none yet */
    int claimed;                      /* asked for, to be had */
    bool is_held;                     /* etcd has it so */
    bool is_new;                      /* taken by this process: it was nobody's before */
    uint64_t revision;                /* of its key */
    bool is_freed;
};

/* What the slots have published, as seen last, and what this one publishes. */
struct etcd_accounts {
    uv_timer_t *timer;
    struct etcd_call *read, *put;     /* NULL: none is on its way */
    uint64_t seen;                    /* all until this revision was told */
    uint64_t asked_ms;                /* when it was begun */
    uint64_t reading;                 /* of the first page of the read on its way */
    char *next;                       /* where the next page begins; NULL: at the first */
    bool has_failed;                  /* the last read did */
    uint64_t nr_reads;                /* that came to their end */
    store_etcd_account_told *told;    /* NULL: nobody follows */
    store_etcd_account_put *put_told; /* of the put on its way */
    void *context, *put_context;
};

struct store_etcd {
    struct store store; /* first */
    struct store_host host;
    struct store *local;
    struct etcd *etcd;
    char *prefix, *table_key, *member;
    uint64_t timeout_ms;
    bool (*is_shared)(const char *kind);
    struct prng rng;
    struct pieces force; /* of store.generation */
    struct etcd_view view;
    struct etcd_write write;
    struct etcd_members members;
    struct etcd_slot slot;
    TAILQ_HEAD(, etcd_wait) waits;
    struct etcd_accounts accounts;
    bool replaces; /* store_replace was called */
    bool is_led;   /* store_lead was */
    bool is_open;  /* the start is over: the log is told of what happens */
    bool is_closing;
};

/* ---- etcd_view.c ---- */

int etcd_view_init(struct store_etcd *e) __attribute__((warn_unused_result));
void etcd_view_fini(struct store_etcd *e);
/* Reads the switching key now, unless that is on its way; after that every few hundred ms. */
void etcd_view_read(struct store_etcd *e);
/* The switching key is this one (value NULL: there is none). */
void etcd_view_see(struct store_etcd *e, uint64_t revision, const char *value);
/* There is none, where there was one. */
void etcd_view_lose(struct store_etcd *e);
/* Goes on with what is to be read and told. */
void etcd_view_go_on(struct store_etcd *e);
void etcd_view_reject(struct store_etcd *e, uint64_t revision, const char *reason);

/* ---- etcd_write.c ---- */

int etcd_write_init(struct store_etcd *e) __attribute__((warn_unused_result));
void etcd_write_fini(struct store_etcd *e);
/* Takes the job: of its edits the shared ones go to etcd, then all of them to the local store. */
void etcd_write_begin(struct store_etcd *e, struct job **job);

/* ---- etcd_copy.c ---- */

/* What is taken now goes to the copy, with further edits; told is called once that is stored, or
 * could not be. edits: those of a generation. */
void etcd_copy_write(struct store_etcd *e, const struct store_edit *edits, int nr, store_told *told,
                     void *context);
/* force and store.generation become as the copy has them; without ids, which etcd's reader brings.
 * 0, or -1 with a reason. */
int etcd_copy_open(struct store_etcd *e, bool *has_copy, struct store_reason *reason)
    __attribute__((warn_unused_result));

/* ---- etcd_members.c ---- */

int etcd_members_init(struct store_etcd *e, const struct store_etcd_options *options)
    __attribute__((warn_unused_result));
void etcd_members_fini(struct store_etcd *e);
/* Adds what etcd_members_see reads to a transaction. */
void etcd_members_ask(struct store_etcd *e, struct etcdjson_txn *txn);
/* An answer to that, which was asked for at asked_ms (base/clock.h). */
void etcd_members_see(struct store_etcd *e, const struct etcdjson_answer *answer,
                      uint64_t asked_ms);
/* The generation or the slot is another. */
void etcd_members_tell(struct store_etcd *e);
bool etcd_members_leads(const struct store_etcd *e);
/* To a transaction: only while this member leads. */
void etcd_members_compare(const struct store_etcd *e, struct etcdjson_txn *txn);
/* Its id; "" where none is known. */
const char *etcd_members_leader(const struct store_etcd *e);
void etcd_members_join(struct store_etcd *e);
void etcd_members_leave(struct store_etcd *e);
/* Leaves; left is told once nothing is on its way any more, the end of the slot included. */
void etcd_members_end(struct store_etcd *e, void (*left)(void *context), void *context);
/* Something is on its way no more. */
void etcd_members_tell_left(struct store_etcd *e);

/* ---- etcd_await.c ---- */

/* 0, or -1 when out of memory; told is never called from within the call. */
int etcd_await_begin(struct store_etcd *e, uint64_t generation, store_told *told, void *context)
    __attribute__((warn_unused_result));
void etcd_await_look(struct store_etcd *e);
void etcd_await_fini(struct store_etcd *e);

/* ---- etcd_slot.c ---- */

/* Reads what the last start has left in the local store. 0, or -1 with a reason. */
int etcd_slot_open(struct store_etcd *e, struct store_reason *reason)
    __attribute__((warn_unused_result));
/* Goes on to have one, unless it has. */
void etcd_slot_tend(struct store_etcd *e);
/* It is anybody's again. */
void etcd_slot_free(struct store_etcd *e);

/* ---- etcd_accounts.c ---- */

int etcd_accounts_init(struct store_etcd *e) __attribute__((warn_unused_result));
void etcd_accounts_fini(struct store_etcd *e);

#endif
