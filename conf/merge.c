/* Sets of (key, digest), and the rule of the three-way merge over them.
 *
 * Keys are hashes, so owners are equally spread: a sealed set is sorted by placing each thing in
 * its bucket (some four to a bucket, or all that an owner has) and sorting those within, and a
 * thing is found by looking through its bucket, after halving a large one. Two things with the same
 * key, one chance in 10^6 among six million, do no harm: what counts is whether one of them has the
 * digest. */
#include "conf/merge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "router/hash.h"

enum { CAPACITY_MIN = 64, BUCKET_THINGS = 4, FEW_THINGS = 16 };

static const uint64_t NAME_BITS = (1ull << 40) - 1; /* of a key; those above are the owner's */

uint64_t merge_key(enum merge_kind kind, struct str owner, struct str name)
{
    /* The owner's length keeps ("ab", "c") and ("a", "bc") apart. */
    uint64_t by_owner = hash_str(owner, owner.n), by_name = hash_str(name, by_owner + kind);

    /* The things of a function lie side by side, as they are asked for one after the other. A host
     * has too many routes for that. */
    return kind == MERGE_ROUTE ? by_name : (by_owner & ~NAME_BITS) | (by_name & NAME_BITS);
}

struct merge_said *merge_said_make(void)
{
    return calloc(1, sizeof(struct merge_said));
}

void merge_said_free(struct merge_said **said)
{
    struct merge_said *s = *said;

    *said = NULL;
    if (!s)
        return;
    free(s->list);
    free(s->index);
    free(s);
}

int merge_said_add(struct merge_said *said, uint64_t key, uint64_t digest)
{
    assert(!said->index);
    if (said->nr == said->capacity) {
        uint32_t more = said->capacity ? 2 * said->capacity : CAPACITY_MIN;
        struct merge_thing *grown = NULL;
        if (more > said->capacity)
            grown = reallocarray(said->list, more, sizeof(said->list[0]));
        if (!grown)
            return -1;
        said->list = grown;
        said->capacity = more;
    }
    said->list[said->nr++] = (struct merge_thing){key, digest};
    return 0;
}

static uint32_t bucket_of(uint64_t key, uint32_t nr_buckets)
{
    return (uint32_t)((unsigned __int128)key * nr_buckets >> 64);
}

static bool is_before(const struct merge_thing *a, const struct merge_thing *b)
{
    return a->key != b->key ? a->key < b->key : a->digest < b->digest;
}

/* Shell's sort, which for the handful that a bucket has is plain insertion; an owner may have many
 * things. (qsort allocates.) */
static void sort_bucket(struct merge_thing *list, uint32_t nr)
{
    for (uint32_t gap = nr > FEW_THINGS ? nr / 2 : 1; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11) {
        for (uint32_t i = gap; i < nr; i++) {
            struct merge_thing thing = list[i];
            uint32_t at = i;
            for (; at >= gap && is_before(&thing, &list[at - gap]); at -= gap)
                list[at] = list[at - gap];
            list[at] = thing;
        }
    }
}

int merge_said_seal(struct merge_said *said)
{
    uint32_t nr_buckets = said->nr / BUCKET_THINGS + 1;
    uint32_t *index = calloc((size_t)nr_buckets + 1, sizeof(index[0]));
    struct merge_thing *sorted = malloc((said->nr + (size_t)1) * sizeof(sorted[0]));

    assert(!said->index);
    if (!index || !sorted) {
        free(index);
        free(sorted);
        return -1;
    }
    /* Count, add up to the buckets' ends, fill each from its end: then index has their starts. */
    for (uint32_t i = 0; i < said->nr; i++)
        index[bucket_of(said->list[i].key, nr_buckets)]++;
    for (uint32_t b = 1; b <= nr_buckets; b++)
        index[b] += index[b - 1];
    for (uint32_t i = 0; i < said->nr; i++)
        sorted[--index[bucket_of(said->list[i].key, nr_buckets)]] = said->list[i];
    for (uint32_t b = 0; b < nr_buckets; b++)
        sort_bucket(sorted + index[b], index[b + 1] - index[b]);
    free(said->list);
    said->list = sorted;
    said->capacity = said->nr;
    said->index = index;
    said->nr_buckets = nr_buckets;
    return 0;
}

/* The first thing of a key, and with this digest unless any will do; NULL where there is none. */
static const struct merge_thing *look_up(const struct merge_said *said, uint64_t key,
                                         const uint64_t *digest)
{
    uint32_t bucket, at, end;

    if (!said)
        return NULL;
    assert(said->index);
    bucket = bucket_of(key, said->nr_buckets);
    at = said->index[bucket];
    end = said->index[bucket + 1];
    while (end - at > FEW_THINGS) { /* the first of the key is not before at, nor behind end */
        uint32_t middle = at + (end - at) / 2;
        if (said->list[middle].key < key)
            at = middle + 1;
        else
            end = middle;
    }
    for (end = said->index[bucket + 1]; at < end && said->list[at].key <= key; at++)
        if (said->list[at].key == key && (!digest || said->list[at].digest == *digest))
            return &said->list[at];
    return NULL;
}

static bool find(const struct merge_said *said, uint64_t key, const uint64_t *digest)
{
    return look_up(said, key, digest) != NULL;
}

bool merge_said_find(const struct merge_said *said, uint64_t key, uint64_t *digest)
{
    const struct merge_thing *thing = look_up(said, key, NULL);

    if (thing)
        *digest = thing->digest;
    return thing != NULL;
}

bool merge_said_has(const struct merge_said *said, uint64_t key)
{
    return find(said, key, NULL);
}

bool merge_said_says(const struct merge_said *said, uint64_t key, uint64_t digest)
{
    return find(said, key, &digest);
}

bool merge_said_is_same(const struct merge_said *a, const struct merge_said *b)
{
    assert(a->index && b->index);
    return a->nr == b->nr &&
           (a->nr == 0 || memcmp(a->list, b->list, a->nr * sizeof(a->list[0])) == 0);
}

/* Is this what the base says of the thing, be it that it is not there? */
static bool is_base(const struct merge_said *base, uint64_t key, const uint64_t *digest)
{
    return digest ? find(base, key, digest) : !find(base, key, NULL);
}

struct merge_verdict merge_decide(const struct merge_said *base, uint64_t key,
                                  const uint64_t *theirs, const uint64_t *ours)
{
    bool is_alike = theirs && ours ? *theirs == *ours : !theirs == !ours;

    if (is_base(base, key, theirs))
        return (struct merge_verdict){.side = MERGE_OURS};
    return (struct merge_verdict){
        .side = MERGE_THEIRS,
        .is_edit = true,
        .is_conflict = !is_alike && !is_base(base, key, ours),
    };
}
