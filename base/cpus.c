/* The CPUs that the process may use.
 *
 * Rounded up, a quota of half a CPU is one worker and one of 1.5 CPUs is two: a worker too many
 * waits now and then, one too few leaves paid time unused.
 *
 * Where a cgroup's folder is takes two files: /proc/self/cgroup has the cgroup's path as the
 * process' cgroup namespace shows it, /proc/self/mountinfo where the file system of cgroups is
 * mounted and which cgroup is its root. In a container without a namespace of its own the path is
 * the host's, and the mount shows only the lowest part of it. */
#include "base/cpus.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIELD_MAX = PATH_MAX };

/* One hierarchy that may limit CPUs: its cgroup, and where its file system is mounted. */
struct hierarchy {
    bool is_v2;
    char path[FIELD_MAX];  /* of the cgroup, from the hierarchy's root */
    char root[FIELD_MAX];  /* of the cgroup that the mount shows as its root */
    char mount[FIELD_MAX]; /* where; empty: nowhere */
};

/* Whether a comma-separated list has the word. */
static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0'))
            return true;
    return false;
}

static FILE *open_file(const char *root, const char *name)
{
    char path[FIELD_MAX];
    int n = snprintf(path, sizeof(path), "%s%s", root, name);

    return n > 0 && (size_t)n < sizeof(path) ? fopen(path, "re") : NULL;
}

/* "4:cpu,cpuacct:/path" (v1) or "0::/path" (v2): the path, where it is that of the hierarchy; cuts
 * the line. */
static const char *path_in(char *line, bool is_v2)
{
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;

    if (!path)
        return NULL;
    *path++ = '\0';
    controllers++;
    if (is_v2 ? controllers[0] != '\0' : !has_word(controllers, "cpu"))
        return NULL;
    path[strcspn(path, "\n")] = '\0';
    return path;
}

static bool find_path(const char *root, struct hierarchy *h)
{
    FILE *file = open_file(root, "/proc/self/cgroup");
    bool is_found = false;
    char *line = NULL;
    size_t room = 0;

    while (file && !is_found && getline(&line, &room, file) > 0) {
        const char *path = path_in(line, h->is_v2);
        is_found = path && strlen(path) < sizeof(h->path);
        if (is_found)
            memcpy(h->path, path, strlen(path) + 1);
    }
    free(line);
    if (file)
        fclose(file);
    return is_found;
}

/* "36 35 0:31 /root /mount rw,nosuid shared:1 - cgroup cgroup rw,cpu,cpuacct"
 * (proc_pid_mountinfo(5)). */
static bool take_mount(const char *line, struct hierarchy *h)
{
    const char *rest = strstr(line, " - ");
    char type[32], options[FIELD_MAX];

    if (!rest || sscanf(rest, " - %31s %*s %4095s", type, options) != 2)
        return false;
    if (h->is_v2 ? strcmp(type, "cgroup2") != 0
                 : strcmp(type, "cgroup") != 0 || !has_word(options, "cpu"))
        return false;
    return sscanf(line, "%*s %*s %*s %4095s %4095s", h->root, h->mount) == 2;
}

_Static_assert(FIELD_MAX == 4096, "the formats above");

static bool find_mount(const char *root, struct hierarchy *h)
{
    FILE *file = open_file(root, "/proc/self/mountinfo");
    bool is_found = false;
    char *line = NULL;
    size_t room = 0;

    while (file && !is_found && getline(&line, &room, file) > 0)
        is_found = take_mount(line, h);
    free(line);
    if (file)
        fclose(file);
    return is_found;
}

/* Reads one or two numbers from a file of a cgroup's folder ("max" is none). False where it has
 * fewer. */
static bool read_numbers(const char *folder, const char *name, long long *a, long long *b)
{
    char path[4 * FIELD_MAX];
    int nr;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "re");
    if (!file)
        return false;
    nr = b ? fscanf(file, "%lld %lld", a, b) : fscanf(file, "%lld", a);
    fclose(file);
    return nr == (b ? 2 : 1);
}

/* The quota of one cgroup, rounded up; 0: none. */
static int quota_of(const struct hierarchy *h, const char *folder)
{
    long long quota, period, cpus;
    bool is_read = h->is_v2 ? read_numbers(folder, "cpu.max", &quota, &period)
                            : read_numbers(folder, "cpu.cfs_quota_us", &quota, NULL) &&
                                  read_numbers(folder, "cpu.cfs_period_us", &period, NULL);

    if (!is_read || quota <= 0 || period <= 0)
        return 0;
    cpus = quota / period + (quota % period != 0);
    return cpus < INT_MAX ? (int)cpus : INT_MAX;
}

/* The part of the cgroup's path that lies below the mount; "" where it is the mount's root, or out
 * of its sight. */
static const char *path_below_mount(const struct hierarchy *h)
{
    size_t n = strcmp(h->root, "/") == 0 ? 0 : strlen(h->root);

    if (strncmp(h->path, h->root, n) != 0 || h->path[n] != '/' || h->path[n + 1] == '\0')
        return "";
    return strstr(h->path, "/..") ? "" : h->path + n;
}

/* The smallest quota from the process' own cgroup up to the mount. */
static int quota_in(const char *root, struct hierarchy *h)
{
    char folder[3 * FIELD_MAX];
    size_t mount_len;
    int least = 0;

    if (!find_path(root, h) || !find_mount(root, h))
        return 0;
    mount_len = (size_t)snprintf(folder, sizeof(folder), "%s%s", root, h->mount);
    snprintf(folder + mount_len, sizeof(folder) - mount_len, "%s", path_below_mount(h));
    for (;;) {
        int quota = quota_of(h, folder);
        if (quota > 0 && (least == 0 || quota < least))
            least = quota;
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < mount_len)
            return least;
        *slash = '\0';
    }
}

int cpus_quota(const char *root)
{
    struct hierarchy v1 = {.is_v2 = false}, v2 = {.is_v2 = true};
    int a = quota_in(root, &v1), b = quota_in(root, &v2);

    return a > 0 && (b == 0 || a < b) ? a : b;
}

static int count_affinity(void)
{
    /* A machine may have more CPUs than a cpu_set_t has bits; the kernel then wants a larger one.
     * */
    for (int bits = CPU_SETSIZE; bits <= 64 * CPU_SETSIZE; bits *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)bits);
        size_t bytes = CPU_ALLOC_SIZE((size_t)bits);
        int nr = 0;

        if (set && sched_getaffinity(0, bytes, set) == 0)
            nr = CPU_COUNT_S(bytes, set);
        CPU_FREE(set);
        if (nr > 0)
            return nr;
    }
    return INT_MAX;
}

int cpus_least(int online, int affinity, int quota)
{
    int nr = affinity < online ? affinity : online;

    return quota > 0 && quota < nr ? quota : nr;
}

int cpus_usable(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    int nr = online > 0 && online < INT_MAX ? (int)online : 1;

    return cpus_least(nr, count_affinity(), cpus_quota(""));
}
