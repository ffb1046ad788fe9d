/* The process' store: which kind, opened before the table is read, closed when no worker runs. */
#ifndef WEIR_PROXY_SERVER_STORAGE_H
#define WEIR_PROXY_SERVER_STORAGE_H

struct server;

/* Opens s->store as the settings say; 0, or -1 with the reason logged. Control thread, with a loop.
 */
int storage_open(struct server *s) __attribute__((warn_unused_result));

/* Does what was handed over, tells it and closes. */
void storage_close(struct server *s);

#endif
