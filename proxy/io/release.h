/* Frees large memory on a thread of libuv's pool: giving half a gigabyte back to the system takes
 * some hundred milliseconds, during which a loop would stand still. */
#ifndef WEIR_PROXY_IO_RELEASE_H
#define WEIR_PROXY_IO_RELEASE_H

#include "proxy/io/loop.h"

/* Takes memory, which malloc has made; NULL is fine. Without memory for the order it is freed here.
 * The loop's thread. */
void release_take(struct loop *loop, void *memory);

#endif
