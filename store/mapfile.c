/* A file that is used as memory. A new one is made under another name first: one that is there is
 * never half made. */
#include "store/mapfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/reason.h"

/* 0, or an errno. */
static int fill(int fd, const struct mapfile_start *start)
{
    int error = posix_fallocate(fd, 0, (off_t)start->bytes);
    ssize_t n;

    if (error)
        return error;
    n = pwrite(fd, start->head, start->head_bytes, 0);
    if (n < 0 || (size_t)n < start->head_bytes)
        return n < 0 ? errno : ENOSPC;
    return fsync(fd) < 0 ? errno : 0;
}

/* 0, or an errno. */
static int make_as(const char *draft, const char *path, const struct mapfile_start *start)
{
    int fd, error;

    (void)unlink(draft); /* of a start that did not come to its end */
    fd = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    error = fill(fd, start);
    close(fd);
    if (error == 0 && rename(draft, path) < 0)
        error = errno;
    if (error)
        (void)unlink(draft);
    return error;
}

static int make(const char *path, const struct mapfile_start *start, struct store_reason *reason)
{
    char *draft = NULL;
    int error = asprintf(&draft, "%s.new", path) < 0 ? ENOMEM : make_as(draft, path, start);

    free(draft);
    return error ? reason_say(reason, "%s cannot be made: %s", path, strerror(error)) : 0;
}

static int open_there(struct mapfile *file, const struct mapfile_start *start,
                      struct store_reason *reason)
{
    struct stat status;

    file->fd = open(file->path, O_RDWR | O_CLOEXEC);
    if (file->fd < 0 && errno == ENOENT) {
        if (make(file->path, start, reason) < 0)
            return -1;
        file->fd = open(file->path, O_RDWR | O_CLOEXEC);
    }
    if (file->fd < 0 || fstat(file->fd, &status) < 0)
        return reason_say(reason, "%s cannot be opened: %s", file->path, strerror(errno));
    file->bytes = (size_t)status.st_size < file->reserved ? (size_t)status.st_size : file->reserved;
    return 0;
}

int mapfile_open(struct mapfile *file, const char *path, size_t reserved,
                 const struct mapfile_start *start, struct store_reason *reason)
{
    *file = (struct mapfile){.fd = -1, .memory = MAP_FAILED, .reserved = reserved};
    file->path = strdup(path);
    if (!file->path)
        return reason_say(reason, "out of memory");
    if (open_there(file, start, reason) == 0) {
        file->memory = mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
        if (file->memory != MAP_FAILED) {
            (void)madvise(file->memory, reserved, MADV_DONTDUMP);
            return 0;
        }
        reason_say(reason, "%s cannot be mapped: %s", path, strerror(errno));
    }
    mapfile_close(file);
    return -1;
}

int mapfile_look(struct mapfile *file, const char *path, size_t reserved,
                 struct store_reason *reason)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;

    *file = (struct mapfile){.fd = -1, .memory = MAP_FAILED, .reserved = reserved};
    if (fd < 0)
        return errno == ENOENT
                   ? 0
                   : reason_say(reason, "%s cannot be opened: %s", path, strerror(errno));
    if (fstat(fd, &status) == 0)
        file->memory = mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (file->memory == MAP_FAILED)
        r = reason_say(reason, "%s cannot be mapped: %s", path, strerror(errno));
    else
        file->bytes = (size_t)status.st_size < reserved ? (size_t)status.st_size : reserved;
    close(fd);
    return r;
}

int mapfile_grow(struct mapfile *file, size_t bytes, struct store_reason *reason)
{
    int error;

    if (bytes > file->reserved)
        bytes = file->reserved;
    if (bytes <= file->bytes)
        return 0;
    error = posix_fallocate(file->fd, 0, (off_t)bytes);
    if (error)
        return reason_say(reason, "%s cannot grow: %s", file->path, strerror(error));
    file->bytes = bytes;
    return 0;
}

void mapfile_close(struct mapfile *file)
{
    if (file->memory != MAP_FAILED)
        (void)munmap(file->memory, file->reserved);
    if (file->fd >= 0) {
        (void)fdatasync(file->fd);
        close(file->fd);
    }
    free(file->path);
    *file = (struct mapfile){.fd = -1, .memory = MAP_FAILED};
}
