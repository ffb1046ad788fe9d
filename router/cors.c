/* Copying. */
#include "router/cors.h"

static int copy_list(struct stash *stash, struct cors_list *list)
{
    struct str *items;

    if (list->nr == 0)
        return 0;
    items = stash_take(stash, (size_t)list->nr * sizeof(items[0]));
    if (!items)
        return -1;
    for (int i = 0; i < list->nr; i++) {
        items[i].n = list->items[i].n;
        items[i].p = stash_copy(stash, list->items[i]);
        if (!items[i].p)
            return -1;
    }
    list->items = items;
    return 0;
}

struct cors *cors_copy(struct stash *stash, const struct cors *cors)
{
    struct cors *copy = stash_take(stash, sizeof(*copy));

    if (!copy)
        return NULL;
    *copy = *cors;
    return copy_list(stash, &copy->allow_origins) || copy_list(stash, &copy->allow_methods) ||
                   copy_list(stash, &copy->allow_headers) || copy_list(stash, &copy->expose_headers)
               ? NULL
               : copy;
}
