/* Building the tree; walking it is inline in trie.h. */
#include "router/trie.h"

#include <stdlib.h>
#include <string.h>

enum { NODES_MIN = 8, CACHE_LINE = 64 };

/* Aligned, so that no node lies across two cache lines. */
static int grow(struct trie *trie)
{
    uint32_t capacity = trie->capacity ? trie->capacity * 2 : NODES_MIN;
    struct trie_node *nodes = aligned_alloc(CACHE_LINE, capacity * sizeof(nodes[0]));

    if (!nodes)
        return -1;
    if (trie->nr > 0)
        memcpy(nodes, trie->nodes, trie->nr * sizeof(nodes[0]));
    free(trie->nodes);
    trie->nodes = nodes;
    trie->capacity = capacity;
    return 0;
}

static uint32_t add_node(struct trie *trie, uint32_t parent, struct str label)
{
    struct trie_node *node;

    if (trie->nr == trie->capacity && grow(trie))
        return TRIE_NONE;
    node = &trie->nodes[trie->nr];
    *node = (struct trie_node){parent, TRIE_NONE, TRIE_NONE, (uint32_t)label.n, {.p = label.p}};
    if (label.n > 0 && label.n <= TRIE_SHORT)
        memcpy(node->label.text, label.p, label.n);
    return trie->nr++;
}

uint32_t trie_add_root(struct trie *trie)
{
    return add_node(trie, TRIE_NONE, (struct str){NULL, 0});
}

uint32_t trie_add(struct trie *trie, uint32_t parent, struct str label)
{
    uint32_t node = trie_child(trie, parent, label);

    if (node != TRIE_NONE)
        return node;
    node = add_node(trie, parent, label);
    if (node == TRIE_NONE)
        return TRIE_NONE;
    if (flathash_add(&trie->children, (uint32_t)hash_str(label, parent), node)) {
        trie->nr--;
        return TRIE_NONE;
    }
    if (label.n > trie->label_max)
        trie->label_max = label.n;
    return node;
}

void trie_fini(struct trie *trie)
{
    free(trie->nodes);
    flathash_fini(&trie->children);
    *trie = (struct trie){0};
}
