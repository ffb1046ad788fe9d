/* The metrics page: facts of the table and of the process joined with what was counted. Control thread. */
#ifndef WEIR_PROXY_SERVER_SCRAPE_H
#define WEIR_PROXY_SERVER_SCRAPE_H

#include <stddef.h>

struct server;

/* The page, to be freed by the caller; *length without terminator. NULL when out of memory. */
char *scrape_page(struct server *server, size_t *length);

#endif
