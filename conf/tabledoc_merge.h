/* Reading the table file beside what is in force: each thing that the file says passes through here
 * on its way to the builder, and conf/merge.h decides whose value the builder gets. Says for people
 * what the file changed. Runs on the thread that builds the table; ours must not change
 * meanwhile. */
#ifndef WEIR_CONF_TABLEDOC_MERGE_H
#define WEIR_CONF_TABLEDOC_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/merge.h"
#include "conf/overlay.h"
#include "conf/problems.h"
#include "router/builder.h"
#include "router/table.h"

enum { TABLEDOC_MERGE_NOW = 64 };

/* One reading. You set the first five members and zero the rest; tabledoc_merge_fini ends it. */
struct tabledoc_merge {
    const struct merge_said *base; /* what the file last said; NULL: nothing, the file wins */
    const struct table *ours;      /* in force; NULL: nothing */
    const char *file;              /* for messages */
    const struct overlay *overlay; /* what the API changed; NULL: nothing */
    /* maps of sticky splits that a process before this one had in force; NULL: none */
    const struct overlay *maps;

    struct merge_said *theirs; /* what it says now: the next base. NULL: the very same bytes */
    struct problems changes;   /* one for each thing: path, and a sentence such as
                                * "hello:live 95/5 -> 80/20"; none where base is NULL */
    bool is_different;         /* the table in force has to change */
    uint32_t nr_known;         /* things that the base knows too */
    bool is_new_function;      /* the function that is being read: its parts need no line each */
    /* What is said of the function or the route that is being read; of all of the function. */
    struct merge_thing *now;
    uint32_t nr_now, now_capacity;
    uint64_t whole;
    /* Rows of the overlay that hold no longer, as the file has another word; counted. */
    struct overlay_row **lost;
    uint32_t nr_lost, lost_capacity;
};

/* Call it before you parse the file. True if its bytes are the same as last time: then there is
 * nothing to read. */
bool tabledoc_merge_is_same_text(const struct tabledoc_merge *merge, const char *text, size_t n);

/* Begins to read other bytes. 0, or -1 when out of memory, as below. */
int tabledoc_merge_begin(struct tabledoc_merge *merge, const char *text, size_t n)
    __attribute__((warn_unused_result));

int tabledoc_merge_function(struct tabledoc_merge *merge, const struct function_spec *spec)
    __attribute__((warn_unused_result));

/* After the last part of a function. */
int tabledoc_merge_function_end(struct tabledoc_merge *merge, struct str name)
    __attribute__((warn_unused_result));

/* What the file says of a part of the function that was read last, or of the route that was: then
 * function is its host, and name its path. False: nothing. */
bool tabledoc_merge_now(const struct tabledoc_merge *merge, enum merge_kind kind,
                        struct str function, struct str name, uint64_t *digest);

/* The row holds no longer. said is what the file says of it, as text (NULL: nothing):
 * the log names both. */
int tabledoc_merge_lose(struct tabledoc_merge *merge, const struct overlay_row *row,
                        const char *said) __attribute__((warn_unused_result));

int tabledoc_merge_url(struct tabledoc_merge *merge, struct str function, struct str name,
                       uint64_t digest) __attribute__((warn_unused_result));

/* digest: tabledoc_digest_version and _endpoint. */
int tabledoc_merge_version(struct tabledoc_merge *merge, struct str function, struct str name,
                           uint64_t digest) __attribute__((warn_unused_result));

enum tabledoc_merged { TABLEDOC_TAKE_THEIRS, TABLEDOC_TAKE_OURS, TABLEDOC_TAKE_NONE };

/* spec is the file's. Where the alias in force stays, this function replaces *spec by it: the
 * strings point into the table in force, and the arms go into arms, which has room for
 * SPLIT_ARMS_MAX. Returns a value of enum tabledoc_merged, or -1. */
int tabledoc_merge_alias(struct tabledoc_merge *merge, struct str function, struct alias_spec *spec,
                         struct arm_spec *arms) __attribute__((warn_unused_result));

int tabledoc_merge_route(struct tabledoc_merge *merge, struct str host, struct str path,
                         uint64_t digest) __attribute__((warn_unused_result));

/* The file says something of this entry, SECTION.ENTRY. */
int tabledoc_merge_section(struct tabledoc_merge *merge, struct str name, uint64_t digest)
    __attribute__((warn_unused_result));

/* After the last thing: finds what the file no longer says. */
int tabledoc_merge_end(struct tabledoc_merge *merge) __attribute__((warn_unused_result));

void tabledoc_merge_fini(struct tabledoc_merge *merge);

/* Where the readers of the document (tabledoc*.c) send each thing. */
struct tabledoc_out {
    struct builder *builder;
    struct tabledoc_merge *merge; /* NULL: the document alone */
    const struct tabledoc_merge
        *whole;                 /* where what is kept beside the document stands; may be NULL */
    bool is_dry;                /* the builder is only asked, nothing is added */
    const struct table *edited; /* the table in force whose functions are edited; NULL: none is */
};

#endif
