/* The folder of state.directory. The lock is flock's: the kernel takes it from a process that was
 * killed. The file's text is the number of the process that holds it, for people. */
#include "store/statedir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/reason.h"

char *statedir_file(const char *directory, const char *name)
{
    char *file = NULL;

    return asprintf(&file, "%s/%s", directory, name) < 0 ? NULL : file;
}

int statedir_check(const char *directory, struct store_reason *reason)
{
    struct stat status;

    if (stat(directory, &status) < 0)
        return reason_say(reason, "the folder %s cannot be used: %s; make it, or name another one",
                          directory, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return reason_say(reason, "%s is no folder; name one that weir may write to", directory);
    if (access(directory, R_OK | W_OK | X_OK) < 0)
        return reason_say(reason, "weir may not write to the folder %s: %s", directory,
                          strerror(errno));
    return 0;
}

/* The number in the file, 0 where there is none. */
static long holder_of(int fd)
{
    char text[24] = "";
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    return n > 0 ? strtol(text, NULL, 10) : 0;
}

static int refuse_second(int fd, const char *directory, struct store_reason *reason)
{
    long pid = holder_of(fd);

    if (pid > 0)
        return reason_say(
            reason,
            "another weir (process %ld) uses the folder %s; end it, or give this one a "
            "folder of its own",
            pid, directory);
    return reason_say(
        reason, "another weir uses the folder %s; end it, or give this one a folder of its own",
        directory);
}

/* A lock without a number in it is good too: a full disk has no room even for that. */
static void write_number(int fd)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) < n)
        (void)!ftruncate(fd, 0);
}

int statedir_lock(const char *directory, struct store_reason *reason)
{
    char *file;
    int fd;

    if (statedir_check(directory, reason) < 0)
        return -1;
    file = statedir_file(directory, "weir.lock");
    if (!file)
        return reason_say(reason, "out of memory");
    fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        reason_say(reason, "%s cannot be opened: %s", file, strerror(errno));
    } else if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            refuse_second(fd, directory, reason);
        else
            reason_say(reason, "%s cannot be locked: %s", file, strerror(errno));
        close(fd);
        fd = -1;
    } else {
        write_number(fd);
    }
    free(file);
    return fd;
}

void statedir_unlock(int *lock)
{
    if (*lock >= 0)
        close(*lock);
    *lock = -1;
}

int statedir_sync(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r, error;

    if (fd < 0)
        return -1;
    r = fsync(fd);
    error = errno;
    close(fd);
    errno = error;
    return r;
}
