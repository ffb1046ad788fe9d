/* Reading documents from disk, and noticing that they changed. */
#ifndef WEIR_CONF_FILE_H
#define WEIR_CONF_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/problems.h"

enum { FILE_BYTES_MAX = 256 * 1024 * 1024 };

/* The whole file, terminated, to be freed by the caller; NULL with a problem added. */
char *file_read(const char *path, size_t *length, struct problems *problems);

/* The same of a descriptor that is open already, such as a pipe; name: for messages. */
char *file_read_stream(int fd, const char *name, size_t *length, struct problems *problems);

/* Watches the folders of some files (inotify), so that editors' rename-over and Kubernetes' symlink
 * swap (..data) count as changes, and the folders their symbolic links lead through. Several events
 * of one change are one. Control thread. */
struct file_watch;

/* Begins to watch. Copies the paths, and keeps their meaning if the working folder changes later.
 * The files need not exist. NULL when out of memory, descriptors or watches, or where a
 * folder may not be watched: errno says. Open first, then read the files: a change in between is
 * then seen. */
struct file_watch *file_watch_open(char *const *paths, int nr_paths);
void file_watch_close(struct file_watch **watch);

/* The descriptor that becomes readable when something may have changed. */
int file_watch_fd(const struct file_watch *watch);

/* Call it when the descriptor is readable. It reads the events and answers true if a watched file
 * was written to since the last call, vanished, or has another identity (device, inode, size,
 * mtime, whether it may be read). It also renews the watches of folders and links that were
 * replaced.
 *
 * A writer that takes several steps (truncate, write, write) makes several changes. Waiting some
 * tens of milliseconds between readability and this call makes most of them one; a document seen
 * half written does not parse, and the next change follows. */
bool file_watch_changed(struct file_watch *watch);

#endif
