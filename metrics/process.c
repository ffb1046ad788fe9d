/* What the system says about this process: getrusage, getrlimit and /proc/self. */
#include "metrics/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static int64_t cpu_us(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) < 0)
        return -1;
    return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* /proc/self/statm: pages of virtual memory, pages resident, and more. */
static void read_memory(struct process_facts *facts)
{
    int64_t page_bytes = sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128], *rest;
    int64_t pages;

    if (!file)
        return;
    if (fgets(line, sizeof(line), file)) {
        pages = strtoll(line, &rest, 10);
        facts->virtual_bytes = pages * page_bytes;
        pages = strtoll(rest, NULL, 10);
        facts->resident_bytes = pages * page_bytes;
    }
    fclose(file);
}

/* Entries of a folder but for "." and ".."; -1 where there is none. */
static int64_t count_entries(const char *path)
{
    DIR *folder = opendir(path);
    int64_t nr = 0;

    if (!folder)
        return -1;
    /* cppcheck-suppress readdirCalled ; no other thread has this stream */
    while (readdir(folder))
        nr++;
    closedir(folder);
    return nr - 2;
}

static int64_t max_fds(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT64_MAX)
        return -1;
    return (int64_t)limit.rlim_cur;
}

void process_read(struct process_facts *facts)
{
    int64_t fds = count_entries("/proc/self/fd");

    *facts = (struct process_facts){
        .cpu_us = cpu_us(),
        .virtual_bytes = -1,
        .resident_bytes = -1,
        .open_fds = fds < 0 ? -1 : fds - 1, /* without the one that was open for counting */
        .max_fds = max_fds(),
        .threads = count_entries("/proc/self/task"),
    };
    read_memory(facts);
}
