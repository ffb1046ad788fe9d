/* The metrics page, from the request to its text (scrape.h): what only the control thread may read
 * is copied when it is asked for, in time that does not grow with the table. */
#ifndef WEIR_PROXY_SERVER_SCRAPING_H
#define WEIR_PROXY_SERVER_SCRAPING_H

#include <stdbool.h>

struct listing;
struct server;

/* The hook metrics of struct api_hooks. Control thread. */
int scraping_prepare(struct server *s, bool all, struct listing *listing)
    __attribute__((warn_unused_result));

#endif
