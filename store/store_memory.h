/* The store of a weir without state.directory: rows and values last as long as the process, and it
 * keeps no events. */
#ifndef WEIR_STORE_STORE_MEMORY_H
#define WEIR_STORE_STORE_MEMORY_H

#include "store/store.h"

/* NULL when out of memory or descriptors. Ended by store_close. Control thread. */
struct store *store_memory_open(const struct store_host *host);

#endif
