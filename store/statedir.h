/* The folder of state.directory: whether it can be used, and that one weir at a time does. */
#ifndef WEIR_STORE_STATEDIR_H
#define WEIR_STORE_STATEDIR_H

#include "store/store.h"

/* Is it there, a folder, and may this process write to it? 0, or -1 with a reason. Changes nothing.
 */
int statedir_check(const char *directory, struct store_reason *reason)
    __attribute__((warn_unused_result));

/* Takes the folder for this process by a lock on its file weir.lock, which lasts until
 * statedir_unlock or the process' end, however that comes. The descriptor that holds it, or -1 with
 * a reason, which names the process that has the lock if it is another's. */
int statedir_lock(const char *directory, struct store_reason *reason)
    __attribute__((warn_unused_result));

void statedir_unlock(int *lock);

/* The name of a file in it, for the caller to free. NULL when out of memory. */
char *statedir_file(const char *directory, const char *name);

/* Makes names that were given to files in it last. 0, or -1 with errno set. */
int statedir_sync(const char *directory) __attribute__((warn_unused_result));

#endif
