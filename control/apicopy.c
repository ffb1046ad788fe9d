/* One block for all strings. */
#include "control/apicopy.h"

#include <stdlib.h>
#include <string.h>

/* The copy at *at of a string, which may be absent. */
static struct str put_string(char **at, struct str s)
{
    char *p = *at;

    if (!s.p)
        return s;
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    *at += s.n;
    return (struct str){p, s.n};
}

int apicopy_make(struct apicopy *memory, struct api_request *to, const struct api_request *from)
{
    bool is_taken = from->body_owner && from->body.p && from->body.p == *from->body_owner;
    size_t bytes = from->method.n + from->path.n + from->query.n + from->host.n + from->origin.n +
                   from->content_type.n + from->target.n + from->if_match.n +
                   from->if_none_match.n + (is_taken ? 0 : from->body.n);
    char *at = malloc(bytes + 1);

    if (!at)
        return -1;
    memory->strings = at;
    to->method = put_string(&at, from->method);
    to->path = put_string(&at, from->path);
    to->query = put_string(&at, from->query);
    to->host = put_string(&at, from->host);
    to->origin = put_string(&at, from->origin);
    to->content_type = put_string(&at, from->content_type);
    to->target = put_string(&at, from->target);
    to->if_match = put_string(&at, from->if_match);
    to->if_none_match = put_string(&at, from->if_none_match);
    if (is_taken) {
        to->body = from->body;
        memory->body = *from->body_owner;
        *from->body_owner = NULL;
    } else {
        to->body = put_string(&at, from->body);
    }
    return 0;
}

void apicopy_fini(struct apicopy *memory)
{
    free(memory->strings);
    free(memory->body);
    *memory = (struct apicopy){.strings = NULL};
}
