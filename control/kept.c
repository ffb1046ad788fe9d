/* One block of memory for the strings of each edit. */
#include "control/kept.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS = 4 };

/* The copy at *at, which moves behind it. */
static const char *put(char **at, const char *text)
{
    char *p = *at;
    size_t n = strlen(text) + 1;

    memcpy(p, text, n);
    *at += n;
    return p;
}

/* False when out of memory. The block begins with the revision, which is empty. */
static bool copy(struct store_edit *to, const struct store_edit *from)
{
    const struct store_row *row = &from->row;
    const char *texts[TEXTS] = {row->kind, row->function, row->name,
                                row->document ? row->document : ""};
    size_t bytes = 1;
    char *at;

    for (int i = 0; i < TEXTS; i++)
        bytes += strlen(texts[i]) + 1;
    at = calloc(1, bytes);
    *to = (struct store_edit){.kind = from->kind};
    if (!at)
        return false;
    to->row.revision = at++;
    to->row.kind = put(&at, texts[0]);
    to->row.function = put(&at, texts[1]);
    to->row.name = put(&at, texts[2]);
    to->row.document = put(&at, texts[3]);
    return true;
}

void kept_add(struct kept *kept, const struct store_edit *edit)
{
    struct store_edit *list = reallocarray(kept->list, (size_t)kept->nr + 1, sizeof(list[0]));

    kept->is_short |= !list;
    if (!list)
        return;
    kept->list = list;
    if (copy(&list[kept->nr], edit))
        kept->nr++;
    else
        kept->is_short = true;
}

void kept_fini(struct kept *kept)
{
    for (int i = 0; i < kept->nr; i++)
        free((char *)(uintptr_t)kept->list[i].row.revision);
    free(kept->list);
    *kept = (struct kept){.nr = 0};
}
