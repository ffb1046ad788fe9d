/* The file behind the access log: opening, opening again by name, and writing pieces of lines with
 * patience. One thread. */
#ifndef WEIR_METRICS_LOGFILE_H
#define WEIR_METRICS_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct logfile {
    int fd;
    char *path;      /* NULL: standard output */
    bool is_stream;  /* a pipe, socket or terminal: its reader may be slow, or gone */
    bool is_blocked; /* the reader is slow: poll for writing */
    int error;       /* of the last write, 0 if it went well; reported when it changes */
};

/* path "-": a duplicate of standard output. 0, or -1 with errno. */
int logfile_open(struct logfile *file, const char *path) __attribute__((warn_unused_result));
/* Could path be opened so? 0, or -1 with errno, and *is_folder where its folder is the reason.
 * Nothing is made or opened. */
int logfile_look(const char *path, bool *is_folder) __attribute__((warn_unused_result));
void logfile_close(struct logfile *file);

/* Opens the path again, then closes the file that was open. -1 if it cannot be opened: then the old
 * file stays open, and the process log says so. Standard output stays as it is. */
int logfile_reopen(struct logfile *file);

enum { LOGFILE_GONE = -1 };

/* Writes as much of the pieces as the file takes and returns how many bytes it took. 0: try again
 * later (is_blocked says whether to poll). LOGFILE_GONE: the reader is gone for good. An error goes
 * to the process log once. A stream gets whole lines, at most PIPE_BUF bytes in one write, because
 * the kernel does not mix such writes with those of other processes. */
ssize_t logfile_write(struct logfile *file, const struct iovec *pieces, int nr_pieces);

#endif
