/* Reads whole documents: regular files up to a size, nothing that could block or never end. */
#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void report(struct problems *problems, const char *code, const char *path,
                   const char *message)
{
    problems_add(problems, code, path, "$", "%s", message);
}

static void report_errno(struct problems *problems, const char *path, int error)
{
    char text[128];

    if (error == ENOENT || error == ENOTDIR)
        report(problems, "file_missing", path,
               "there is no such file; check the name, and the folder weir was started in");
    else if (error == EACCES || error == EPERM)
        report(
            problems, "file_denied", path,
            "weir may not read it; its user needs read permission, and search permission for the "
            "folders above");
    else
        problems_add(problems, "file_error", path, "$", "cannot be read: %s",
                     strerror_r(error, text, sizeof(text)));
}

/* Opens a regular file, and nothing that could block or never end. */
static int open_regular(const char *path, struct problems *problems, size_t *expected)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        report_errno(problems, path, errno);
        goto fail;
    }
    if (S_ISDIR(st.st_mode)) {
        report(problems, "file_kind", path, "is a folder; name the file in it");
        goto fail;
    }
    if (!S_ISREG(st.st_mode)) {
        report(problems, "file_kind", path, "is a device, pipe or socket, not a file");
        goto fail;
    }
    *expected = (size_t)st.st_size;
    return fd;
fail:
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Reads to the end, which may be elsewhere than expected when somebody writes. A byte is left for
 * the terminator. 0, or an errno. */
static int read_all(int fd, char **text, size_t *length, size_t room)
{
    for (*length = 0;;) {
        ssize_t n;
        if (*length + 1 >= room) {
            char *larger = realloc(*text, room * 2);
            if (!larger)
                return ENOMEM;
            *text = larger;
            room *= 2;
        }
        n = read(fd, *text + *length, room - 1 - *length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            return 0;
        *length += (size_t)n;
        if (*length > FILE_BYTES_MAX)
            return EFBIG;
    }
}

static void report_failure(struct problems *problems, const char *path, int error)
{
    if (error == EFBIG)
        report(problems, "file_size", path, "is larger than 256 MiB, which no document is");
    else if (error == ENOMEM)
        report(problems, "out_of_memory", path, "out of memory while reading the file");
    else
        report_errno(problems, path, error);
}

/* What was read, terminated, or NULL with a problem added; frees the text then. */
static char *finish(char *text, size_t length, int error, const char *path,
                    struct problems *problems)
{
    if (!error) {
        text[length] = '\0';
        return text;
    }
    free(text);
    report_failure(problems, path, error);
    return NULL;
}

char *file_read(const char *path, size_t *length, struct problems *problems)
{
    size_t expected = 0;
    int fd = open_regular(path, problems, &expected);
    char *text = NULL;
    int error = 0;

    *length = 0;
    if (fd < 0)
        return NULL;
    if (expected > FILE_BYTES_MAX) {
        error = EFBIG;
    } else {
        text =
            malloc(expected + 2); /* one byte more than the end, so that it is seen to be the end */
        error = text ? read_all(fd, &text, length, expected + 2) : ENOMEM;
    }
    close(fd);
    return finish(text, *length, error, path, problems);
}

char *file_read_stream(int fd, const char *name, size_t *length, struct problems *problems)
{
    enum { FIRST = 65536 };
    char *text = malloc(FIRST);
    int error;

    *length = 0;
    error = text ? read_all(fd, &text, length, FIRST) : ENOMEM;
    return finish(text, *length, error, name, problems);
}
