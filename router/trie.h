/* A tree of labels: the segments of paths, the parts of host names from the right. It is walked
 * from the root a label at a time, and each step is one hash look-up of (node, label), so a walk
 * costs what it matches, however many labels there are and however long the rest is. */
#ifndef WEIR_ROUTER_TRIE_H
#define WEIR_ROUTER_TRIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/flathash.h"
#include "base/str.h"
#include "router/hash.h"

enum { TRIE_NONE = FLATHASH_NONE, TRIE_SHORT = 16 };

/* Half a cache line, and most labels in it: in a large tree each step of a walk costs one line for
 * its slot and one for the node. */
struct trie_node {
    uint32_t parent; /* TRIE_NONE: a root */
    uint32_t here;   /* what belongs to the node itself; TRIE_NONE: nothing */
    uint32_t below;  /* what belongs to all that goes on from here; TRIE_NONE: nothing */
    uint32_t n;      /* bytes of the label */
    union {
        char text[TRIE_SHORT]; /* n <= TRIE_SHORT */
        const char *p;
    } label;
};

/* Zero-initialised is empty. */
struct trie {
    struct trie_node *nodes;
    uint32_t nr, capacity;
    size_t label_max; /* bytes of the longest label */
    struct flathash children;
};

/* A new root. TRIE_NONE when out of memory. */
uint32_t trie_add_root(struct trie *trie);

/* The child with this label, made if it was not there. The label's bytes must stay as long as the
 * trie. TRIE_NONE when out of memory. */
uint32_t trie_add(struct trie *trie, uint32_t parent, struct str label);

/* Releases it and leaves it empty. */
void trie_fini(struct trie *trie);

static inline bool trie_is_labelled(const struct trie_node *node, struct str label)
{
    return str_eq((struct str){node->n <= TRIE_SHORT ? node->label.text : node->label.p, node->n},
                  label);
}

/* The child with this label, or TRIE_NONE. */
static inline uint32_t trie_child(const struct trie *trie, uint32_t parent, struct str label)
{
    uint32_t tag, at;

    if (label.n > trie->label_max)
        return TRIE_NONE;
    tag = (uint32_t)hash_str(label, parent);
    for (uint32_t n = flathash_first(&trie->children, tag, &at); n != FLATHASH_NONE;
         n = flathash_next(&trie->children, tag, &at))
        if (trie->nodes[n].parent == parent && trie_is_labelled(&trie->nodes[n], label))
            return n;
    return TRIE_NONE;
}

#endif
