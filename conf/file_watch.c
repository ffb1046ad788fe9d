/* Notices that documents changed.
 *
 * What is watched is everything that a look-up of a file's name passes, because any of it may be
 * replaced:
 *
 *     /etc/weir/table.json -> ..data/table.json        (Kubernetes; ..data -> ..2026_03_01)
 *
 *     folder with a name that matters   its entries come and go     /etc/weir, ..2026_03_01
 *     folder that is only passed        it is moved or removed      /, /etc
 *     the file                          it is written to            table.json
 *
 * Where a name does not exist (yet), the folder in which it is missing is one whose entries matter.
 * After every event the look-up is walked again and the watches are brought up to it, until a walk
 * adds nothing: what changes after that raises another event.
 *
 * Why not uv_fs_poll: it tells states apart by stat alone, and a second write of the same length
 * within one tick of the clock of the file system looks like the first. Why not uv_fs_event: it
 * watches one name with one set of events, so the walk and its folders would be the same. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/file.h"

enum { LINKS_MAX = 40, WALKS_MAX = 8, READS_MAX = 64, WATCHES_MAX = 2048 };

enum {
    FILE_EVENTS = IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE,
    SELF_EVENTS = IN_MOVE_SELF | IN_DELETE_SELF,
    /* Attributes too: a file that may not be read cannot be watched, and its mode may change
     * back. */
    ENTRY_EVENTS = SELF_EVENTS | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB,
};

/* What tells one state of a file from another without reading it. All zero: it is not there. */
struct identity {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    bool is_readable;
};

struct watched {
    char *path; /* absolute, links not followed */
    struct identity identity;
    int wd;       /* of the file itself; -1: none */
    int known_wd; /* the same when identity was taken */
};

/* Watch descriptors: those in force, or those that the walk under way asks for. */
struct descriptors {
    int nr;
    int wd[WATCHES_MAX];
};

struct file_watch {
    int fd;
    int nr_files;
    int error; /* of the last walk: why something that matters could not be watched; 0: nothing */
    bool is_complaining; /* that was logged already */
    struct descriptors in_force, wanted;
    struct watched files[];
};

/* A look-up under way: where it is and what of the name is still to come. */
struct walk {
    char at[PATH_MAX * 2];
    char rest[PATH_MAX * 2];
    int nr_links;
};

static struct identity identify(const char *path)
{
    struct identity identity = {0};
    struct stat st;

    if (stat(path, &st) < 0)
        return identity;
    identity.device = st.st_dev;
    identity.inode = st.st_ino;
    identity.size = st.st_size;
    identity.modified = st.st_mtim;
    identity.is_readable = faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0;
    return identity;
}

static bool is_same(const struct identity *a, const struct identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec &&
           a->is_readable == b->is_readable;
}

static bool contains(const struct descriptors *list, int wd)
{
    for (int i = 0; i < list->nr; i++)
        if (list->wd[i] == wd)
            return true;
    return false;
}

/* Asks for events of what has this name now. Two names of one thing share a watch, which has the
 * events of both. Returns its number, or -1 with errno. */
static int want(struct file_watch *watch, const char *name, uint32_t events)
{
    int wd = inotify_add_watch(watch->fd, name, events | IN_MASK_ADD);

    if (wd < 0 || contains(&watch->wanted, wd))
        return wd;
    if (watch->wanted.nr == WATCHES_MAX) {
        inotify_rm_watch(watch->fd, wd);
        errno = ENOSPC;
        return -1;
    }
    watch->wanted.wd[watch->wanted.nr++] = wd;
    return wd;
}

/* The same where nothing else would tell of a change. What has just vanished is no error: the next
 * walk ends before it. */
static int need(struct file_watch *watch, const char *name, uint32_t events)
{
    int wd = want(watch, name, events);

    if (wd < 0 && errno != ENOENT && errno != ENOTDIR)
        watch->error = errno;
    return wd;
}

/* Goes to the folder above. */
static void ascend(struct walk *walk)
{
    char *slash = strrchr(walk->at, '/');

    slash[slash == walk->at ? 1 : 0] = '\0';
}

/* Takes the next component off the rest; false at the end, or where the name is longer than any can
 * be. */
static bool next_component(struct walk *walk, char name[NAME_MAX + 1])
{
    size_t start = strspn(walk->rest, "/");
    size_t n = strcspn(walk->rest + start, "/");
    size_t end = start + n;

    if (n == 0 || n > NAME_MAX)
        return false;
    memcpy(name, walk->rest + start, n);
    name[n] = '\0';
    memmove(walk->rest, walk->rest + end, strlen(walk->rest + end) + 1);
    return true;
}

/* Goes down into name; false where that becomes too long. */
static bool descend(struct walk *walk, const char *name)
{
    size_t n = strlen(walk->at), more = strlen(name);
    bool needs_slash = walk->at[n - 1] != '/';

    if (n + more + 2 > sizeof(walk->at))
        return false;
    if (needs_slash)
        walk->at[n++] = '/';
    memcpy(walk->at + n, name, more + 1);
    return true;
}

/* Puts a symbolic link's text before the rest, and goes to where it begins; at names the link. */
static bool follow(struct walk *walk)
{
    char text[PATH_MAX];
    ssize_t n = readlink(walk->at, text, sizeof(text) - 1);
    size_t rest = strlen(walk->rest);

    if (n <= 0 || ++walk->nr_links > LINKS_MAX || (size_t)n + rest + 2 > sizeof(walk->rest))
        return false;
    memmove(walk->rest + n + 1, walk->rest, rest + 1);
    memcpy(walk->rest, text, (size_t)n);
    walk->rest[n] = '/';
    ascend(walk);
    if (text[0] == '/')
        memcpy(walk->at, "/", 2);
    return true;
}

/* Passes a folder on the way to a name in it. False: the look-up has come to its end, found or
 * not. */
static bool pass(struct file_watch *watch, struct walk *walk, const char *name,
                 struct watched *file)
{
    char folder[sizeof(walk->at)];
    struct stat st;

    memcpy(folder, walk->at, strlen(walk->at) + 1);
    /* A folder that may be searched but not read cannot be watched; that it is itself moved is
     * rare. */
    (void)want(watch, folder, SELF_EVENTS);
    if (!descend(walk, name))
        return false;
    if (lstat(walk->at, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    (void)need(watch, folder, ENTRY_EVENTS);
    /* Asked again: before the watch was there, the entry may have changed unnoticed. */
    if (lstat(walk->at, &st) < 0)
        return false;
    if (S_ISLNK(st.st_mode))
        return follow(walk);
    if (S_ISDIR(st.st_mode))
        return true;
    /* A file that weir may not read cannot be watched; its folder tells when that changes. */
    file->wd = want(watch, walk->at, FILE_EVENTS);
    return false;
}

static bool step(struct file_watch *watch, struct walk *walk, struct watched *file)
{
    char name[NAME_MAX + 1];

    if (!next_component(walk, name)) {
        (void)want(watch, walk->at, SELF_EVENTS);
        return false;
    }
    if (strcmp(name, ".") == 0)
        return true;
    if (strcmp(name, "..") != 0)
        return pass(watch, walk, name, file);
    (void)want(watch, walk->at, SELF_EVENTS);
    ascend(walk);
    return true;
}

static void walk_file(struct file_watch *watch, struct watched *file)
{
    struct walk walk = {.at = "/"};

    file->wd = -1;
    memcpy(walk.rest, file->path, strlen(file->path) + 1);
    for (bool is_going = true; is_going;)
        is_going = step(watch, &walk, file);
}

/* Puts in force what the walk wanted; true if that is not what was. */
static bool adopt(struct file_watch *watch)
{
    bool is_new = false;

    for (int i = 0; i < watch->wanted.nr; i++)
        if (!contains(&watch->in_force, watch->wanted.wd[i]))
            is_new = true;
    for (int i = 0; i < watch->in_force.nr; i++) {
        if (contains(&watch->wanted, watch->in_force.wd[i]))
            continue;
        is_new = true;
        inotify_rm_watch(watch->fd, watch->in_force.wd[i]); /* fails where its object is gone */
    }
    watch->in_force = watch->wanted;
    return is_new;
}

/* Brings the watches up to the names' present look-ups. */
static void renew(struct file_watch *watch)
{
    bool is_new = true;

    for (int i = 0; is_new && i < WALKS_MAX; i++) {
        watch->error = 0;
        watch->wanted.nr = 0;
        for (int k = 0; k < watch->nr_files; k++)
            walk_file(watch, &watch->files[k]);
        is_new = adopt(watch);
    }
}

/* Without watches that matter the file is only looked at when something else wakes us. */
static void complain(struct file_watch *watch)
{
    char text[128];

    if (watch->error && !watch->is_complaining)
        log_warning("a change of %s may go unnoticed, because its folder cannot be watched: %s",
                    watch->files[0].path, strerror_r(watch->error, text, sizeof(text)));
    watch->is_complaining = watch->error != 0;
}

/* An absolute name, to be freed; NULL with errno. */
static char *make_absolute(const char *path)
{
    char folder[PATH_MAX] = "";
    size_t n = strlen(path), before;
    char *absolute;

    if (path[0] != '/' && !getcwd(folder, sizeof(folder)))
        return NULL;
    before = strlen(folder);
    if (n == 0 || before + n + 2 > PATH_MAX) {
        errno = n == 0 ? ENOENT : ENAMETOOLONG;
        return NULL;
    }
    absolute = malloc(before + n + 2);
    if (!absolute)
        return NULL;
    memcpy(absolute, folder, before);
    absolute[before] = '/'; /* one more is as good as one */
    memcpy(absolute + before + 1, path, n + 1);
    return absolute;
}

/* Notes what the file is now; true if that is not what it was. A file that was removed and made
 * again may have the inode number and even the time of the old one, but never its watch. */
static bool take_identity(struct watched *file)
{
    struct identity now = identify(file->path);
    bool is_other = !is_same(&now, &file->identity) || file->wd != file->known_wd;

    file->identity = now;
    file->known_wd = file->wd;
    return is_other;
}

struct file_watch *file_watch_open(char *const *paths, int nr_paths)
{
    struct file_watch *watch =
        calloc(1, sizeof(*watch) + (size_t)nr_paths * sizeof(watch->files[0]));
    int error;

    if (!watch)
        return NULL;
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd < 0)
        goto fail;
    for (; watch->nr_files < nr_paths; watch->nr_files++) {
        struct watched *file = &watch->files[watch->nr_files];
        file->path = make_absolute(paths[watch->nr_files]);
        if (!file->path)
            goto fail;
    }
    renew(watch);
    errno = watch->error;
    if (watch->error)
        goto fail;
    for (int i = 0; i < nr_paths; i++)
        (void)take_identity(&watch->files[i]);
    return watch;
fail:
    error = errno;
    file_watch_close(&watch);
    errno = error;
    return NULL;
}

void file_watch_close(struct file_watch **watch)
{
    struct file_watch *w = *watch;

    *watch = NULL;
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    for (int i = 0; i < w->nr_files; i++)
        free(w->files[i].path);
    free(w);
}

int file_watch_fd(const struct file_watch *watch)
{
    return watch->fd;
}

/* Does the event say that a file's content was written? The identity would miss a second write of
 * the same length within one tick of the file system's clock. */
static bool is_write(const struct file_watch *watch, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        return true;
    for (int i = 0; i < watch->nr_files; i++)
        if (event->wd == watch->files[i].wd && (event->mask & IN_MODIFY))
            return true;
    return false;
}

/* Reads the events away. *is_written: one of them was a write. True if there were any. */
static bool drain(struct file_watch *watch, bool *is_written)
{
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool has_any = false;

    for (int i = 0; i < READS_MAX; i++) {
        ssize_t n = read(watch->fd, buffer, sizeof(buffer));
        if (n <= 0)
            break;
        has_any = true;
        for (char *p = buffer; p < buffer + n;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)p;
            if (is_write(watch, event))
                *is_written = true;
            p += sizeof(*event) + event->len;
        }
    }
    return has_any;
}

bool file_watch_changed(struct file_watch *watch)
{
    bool is_changed = false;

    if (drain(watch, &is_changed)) {
        renew(watch);
        complain(watch);
    }
    for (int i = 0; i < watch->nr_files; i++)
        if (take_identity(&watch->files[i]))
            is_changed = true;
    return is_changed;
}
