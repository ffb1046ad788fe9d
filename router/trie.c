/* Building the tree; walking it is inline in trie.h. */
#include "router/trie.h"

#include <stdlib.h>

static uint32_t add_node(struct trie *trie, uint32_t parent, struct str label)
{
    if (trie->nr == trie->capacity) {
        uint32_t capacity = trie->capacity ? trie->capacity * 2 : 8;
        struct trie_node *nodes = realloc(trie->nodes, capacity * sizeof(nodes[0]));

        if (!nodes)
            return TRIE_NONE;
        trie->nodes = nodes;
        trie->capacity = capacity;
    }
    trie->nodes[trie->nr] = (struct trie_node){parent, TRIE_NONE, TRIE_NONE, label};
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
