/* The process' store. */
#include "proxy/server/storage.h"

#include "base/log.h"
#include "proxy/server/state.h"
#include "store/store_memory.h"

static void wake_up(void *context)
{
    struct server *s = context;

    loop_wake_up(&s->loop);
}

int storage_open(struct server *s)
{
    const struct store_host host = {.loop = &s->loop.uv, .wake_up = wake_up, .context = s};

    s->store = store_memory_open(&host);
    if (s->store)
        return 0;
    log_error("the store cannot be made: out of memory or descriptors");
    return -1;
}

void storage_close(struct server *s)
{
    if (s->store)
        store_close(&s->store);
}
