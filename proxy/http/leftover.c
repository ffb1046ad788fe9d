/* Pipelined bytes. */
#include "proxy/http/leftover.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_own_end(const struct leftover *l, const char *data, size_t n)
{
    return l->bytes && data >= l->bytes && data + n == l->bytes + l->len;
}

int leftover_keep(struct leftover *l, const char *data, size_t n)
{
    assert(leftover_is_empty(l));
    if (n == 0)
        return 0;
    if (is_own_end(l, data, n)) {
        l->at = (size_t)(data - l->bytes);
        return 0;
    }
    char *bytes = malloc(n);
    if (!bytes)
        return -ENOMEM;
    memcpy(bytes, data, n);
    free(l->bytes);
    *l = (struct leftover){.bytes = bytes, .len = n};
    return 0;
}

int leftover_add(struct leftover *l, const char *data, size_t n)
{
    size_t waiting = l->len - l->at;

    if (waiting == 0)
        return leftover_keep(l, data, n);
    char *bytes = malloc(waiting + n);
    if (!bytes)
        return -ENOMEM;
    memcpy(bytes, l->bytes + l->at, waiting);
    memcpy(bytes + waiting, data, n);
    free(l->bytes);
    *l = (struct leftover){.bytes = bytes, .len = waiting + n};
    return 0;
}

struct str leftover_begin(struct leftover *l)
{
    struct str all = {l->bytes + l->at, l->len - l->at};

    l->at = l->len;
    return all;
}

void leftover_finish(struct leftover *l)
{
    if (leftover_is_empty(l))
        leftover_fini(l);
}

void leftover_fini(struct leftover *l)
{
    free(l->bytes);
    *l = (struct leftover){.bytes = NULL};
}
