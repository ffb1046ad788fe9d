/* Keeping heads that came in pieces. */
#include "proxy/http/partial.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

enum { ROOM_FIRST = 1024, ROOM_SPARE = 512 };

static int grow(struct partial *partial, size_t room)
{
    size_t wanted = partial->room ? partial->room : ROOM_FIRST;

    while (wanted < room)
        wanted *= 2;
    if (wanted == partial->room)
        return 0;
    char *grown = realloc(partial->bytes, wanted);
    if (!grown)
        return -ENOMEM;
    partial->bytes = grown;
    partial->room = wanted;
    return 0;
}

/* Only the fields in use are copied, and the one that is being read; what was remembered with those
 * that they replace is of no use any more. */
static void copy_head(struct head *to, const struct head *from)
{
    size_t nr = (size_t)from->nr_fields + 1;

    memcpy(to, from,
           offsetof(struct head, fields) +
               (nr < HEAD_FIELDS_MAX ? nr : HEAD_FIELDS_MAX) * sizeof(from->fields[0]));
    to->memo.nr = 0;
}

int partial_keep(struct partial **partial, struct http1 *parser, const char *data, size_t n)
{
    struct partial *p = *partial;

    if (!p) {
        p = calloc(1, sizeof(*p));
        if (!p || grow(p, n + ROOM_SPARE) < 0) {
            free(p);
            return -ENOMEM;
        }
        assert(p->bytes);
        memcpy(p->bytes, data, n);
        *partial = p;
    } else if (data != p->bytes) {
        memmove(p->bytes, data, n);
    }
    p->len = n;
    p->is_kept = true;
    if (parser->head != &p->head) {
        copy_head(&p->head, parser->head);
        http1_move(parser, &p->head);
    }
    return 0;
}

int partial_room(struct partial *partial, char **at, size_t *room)
{
    if (grow(partial, partial->len + ROOM_SPARE) < 0)
        return -ENOMEM;
    *at = partial->bytes + partial->len;
    *room = partial->room - partial->len;
    return 0;
}

void partial_begin(struct partial *partial, size_t new_bytes)
{
    assert(new_bytes <= partial->room - partial->len);
    partial->len += new_bytes;
    partial->is_kept = false;
}

ssize_t partial_read_more(struct partial *partial, struct io *io, struct str *bytes)
{
    char *at;
    size_t room;

    if (partial_room(partial, &at, &room) < 0)
        return -ENOMEM;
    ssize_t n = io_read(io, at, room);
    if (n > 0) {
        partial_begin(partial, (size_t)n);
        *bytes = (struct str){partial->bytes, partial->len};
    }
    return n;
}

void partial_free(struct partial **partial)
{
    if (*partial)
        free((*partial)->bytes);
    free(*partial);
    *partial = NULL;
}
