/* The table file and the admin API both change things (a function's limits, a version, an alias, a
 * route). This file decides who wins, for each thing by itself:
 *
 *     base     what the file said when it was last taken
 *     theirs   what the file says now
 *     ours     what is in force
 *
 *     theirs is base   the file has nothing new to say: ours stays, also where the API deleted it
 *     theirs is not    the file wins, also where it deletes; a conflict if ours is neither of them
 *
 * So the file never undoes what the API did, until somebody edits that very thing in the file.
 *
 * A thing is known by a key (hash of kind and names) and its value by a digest (hash of what is
 * said of it, in one canonical form, conf/tabledoc_digest.h). A set of them takes 17 bytes a thing
 * and can be stored as it is: it has no pointers. Pure: no clock, no file, no table. One thread at
 * a time, any. */
#ifndef WEIR_CONF_MERGE_H
#define WEIR_CONF_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum merge_kind {
    MERGE_FUNCTION,
    MERGE_VERSION,
    MERGE_ALIAS,
    MERGE_ROUTE,
    MERGE_URL,
    MERGE_WHOLE,  /* a function with all that belongs to it */
    MERGE_SECTION /* an entry of one, SECTION.ENTRY, of no owner */
};

struct merge_thing {
    uint64_t key, digest;
};

/* What a file says: a set of things. Add them all, then seal it, then ask. */
struct merge_said {
    struct merge_thing *list; /* sealed: by key, then by digest */
    uint32_t nr, capacity;
    uint32_t *index; /* sealed: where the keys of each bucket begin; nr_buckets + 1 entries */
    uint32_t nr_buckets;
    uint64_t text; /* hash of the file's bytes, 0 where nobody set it */
};

/* The key of a thing: (function, ""), (function, version), (function, alias), (host, path). */
uint64_t merge_key(enum merge_kind kind, struct str owner, struct str name);

/* Empty; NULL when out of memory. */
struct merge_said *merge_said_make(void);
/* Ends it and clears the pointer, which may be NULL. */
void merge_said_free(struct merge_said **said);

/* 0, or -1 when out of memory. Only before it is sealed. */
int merge_said_add(struct merge_said *said, uint64_t key, uint64_t digest)
    __attribute__((warn_unused_result));
/* Makes it ready to be asked, in linear time. 0, or -1 when out of memory (then it can only be
 * freed). */
int merge_said_seal(struct merge_said *said) __attribute__((warn_unused_result));

/* Does it say anything of the thing? Does it say this? NULL says nothing of anything. */
bool merge_said_has(const struct merge_said *said, uint64_t key);
bool merge_said_says(const struct merge_said *said, uint64_t key, uint64_t digest);
/* What does it say? False where it says nothing, or is NULL. */
bool merge_said_find(const struct merge_said *said, uint64_t key, uint64_t *digest);

/* Do both say the same of the same things? The order in which you added them does not count. */
bool merge_said_is_same(const struct merge_said *a, const struct merge_said *b);

enum merge_side { MERGE_OURS, MERGE_THEIRS };

struct merge_verdict {
    enum merge_side side; /* whose value holds from now on; "absent" is a value too */
    bool is_edit;         /* the file says something else than it said */
    bool is_conflict;     /* the API had changed it too, in another way: its change is lost */
};

/* theirs, ours: the digest, or NULL where the thing is not there. */
struct merge_verdict merge_decide(const struct merge_said *base, uint64_t key,
                                  const uint64_t *theirs, const uint64_t *ours);

#endif
