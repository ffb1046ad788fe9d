/* The file behind the access log.
 *
 * A full disk is not the end: the lines stay in the rings, where they are tried again, until those
 * run over. A pipe whose reader has gone is the end. Streams are only written to when poll says
 * that they have room, because standard output's flags are shared with other processes and must not
 * be set to O_NONBLOCK. */
#include "metrics/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

/* O_NONBLOCK only matters for named pipes: without a reader, opening one fails instead of
 * waiting. */
static int open_path(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

static bool is_stream(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    return S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd);
}

static const char *name_of(const struct logfile *file)
{
    return file->path ? file->path : "standard output";
}

int logfile_open(struct logfile *file, const char *path)
{
    *file = (struct logfile){.fd = -1};
    if (strcmp(path, "-") == 0) {
        file->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    } else {
        file->path = strdup(path);
        if (!file->path)
            return -1;
        file->fd = open_path(path);
    }
    if (file->fd < 0) {
        int error = errno;

        logfile_close(file);
        errno = error;
        return -1;
    }
    file->is_stream = is_stream(file->fd);
    return 0;
}

/* The folder of a path. NULL when out of memory. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

int logfile_look(const char *path, bool *is_folder)
{
    struct stat st;
    char *folder;
    int r;

    *is_folder = false;
    if (strcmp(path, "-") == 0)
        return 0;
    if (stat(path, &st) == 0) {
        if (!S_ISDIR(st.st_mode))
            return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS);
        errno = EISDIR;
        return -1;
    }
    if (errno != ENOENT)
        return -1;
    *is_folder = true;
    folder = folder_of(path);
    r = folder ? faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) : -1;
    free(folder);
    return r;
}

void logfile_close(struct logfile *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    free(file->path);
    file->path = NULL;
}

int logfile_reopen(struct logfile *file)
{
    char text[128];
    int fd;

    if (!file->path)
        return 0;
    fd = open_path(file->path);
    if (fd < 0) {
        log_error("access log %s cannot be opened again: %s; going on with the old file",
                  file->path, strerror_r(errno, text, sizeof(text)));
        return -1;
    }
    close(file->fd);
    file->fd = fd;
    file->is_stream = is_stream(fd);
    file->is_blocked = false;
    return 0;
}

/* Reports an error when it begins and when it is over. */
static void set_error(struct logfile *file, int error)
{
    char text[128];

    if (error == file->error)
        return;
    if (error)
        log_error("access log %s cannot be written: %s; what its buffers cannot hold is lost",
                  name_of(file), strerror_r(error, text, sizeof(text)));
    else
        log_info("access log %s is written again", name_of(file));
    file->error = error;
}

/* The part of a stream's first piece that goes in one write: as many whole lines as fit. */
static struct iovec whole_lines(struct iovec piece)
{
    if (piece.iov_len > PIPE_BUF) {
        const char *end = memrchr(piece.iov_base, '\n', PIPE_BUF);

        piece.iov_len = end ? (size_t)(end - (char *)piece.iov_base) + 1 : PIPE_BUF;
    }
    return piece;
}

static bool has_room(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

    return poll(&poll_fd, 1, 0) > 0;
}

static bool is_gone(int error)
{
    return error == EPIPE || error == ECONNRESET || error == EBADF;
}

ssize_t logfile_write(struct logfile *file, const struct iovec *pieces, int nr_pieces)
{
    struct iovec first = pieces[0];
    ssize_t n;

    if (file->is_stream) {
        file->is_blocked = !has_room(file->fd);
        if (file->is_blocked)
            return 0;
        first = whole_lines(first);
        pieces = &first;
        nr_pieces = 1;
    }
    do
        n = writev(file->fd, pieces, nr_pieces);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) {
        file->is_blocked = true;
        return 0;
    }
    set_error(file, n < 0 ? errno : 0);
    if (n >= 0)
        return n;
    return is_gone(file->error) ? LOGFILE_GONE : 0;
}
