/* How many CPUs the process may use: the quotas of cgroups, in folders that stand for a machine's
 * root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ftw.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cpus.h"

static const char v2_mount[] = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";

static char root[] = "/tmp/t_cpus.XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[512];

    snprintf(path, sizeof(path), "%s%s", root, name);
    for (char *slash = strchr(path + sizeof(root), '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int setup(void **state)
{
    (void)state;
    memcpy(root + sizeof(root) - 7, "XXXXXX", 6);
    return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void without_cgroups_there_is_no_quota(void **state)
{
    (void)state;
    assert_int_equal(cpus_quota(root), 0);
}

static void v2_max_is_no_quota(void **state)
{
    (void)state;
    write_file("/proc/self/cgroup", "0::/a.slice/b.service\n");
    write_file("/proc/self/mountinfo", v2_mount);
    write_file("/sys/fs/cgroup/a.slice/b.service/cpu.max", "max 100000\n");
    assert_int_equal(cpus_quota(root), 0);
}

static void v2_quotas_are_rounded_up(void **state)
{
    static const struct {
        const char *text;
        int cpus;
    } cases[] = {
        {"200000 100000\n", 2}, {"150000 100000\n", 2}, {"50000 100000\n", 1}, {"1000 100000\n", 1},
        {"200001 100000\n", 3}, {"10000 5000\n", 2},    {"nonsense\n", 0},     {"\n", 0},
        {"100000 0\n", 0}};

    (void)state;
    write_file("/proc/self/cgroup", "0::/a.slice/b.service\n");
    write_file("/proc/self/mountinfo", v2_mount);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file("/sys/fs/cgroup/a.slice/b.service/cpu.max", cases[i].text);
        assert_int_equal(cpus_quota(root), cases[i].cpus);
    }
}

static void the_smallest_quota_on_the_way_up_counts(void **state)
{
    (void)state;
    write_file("/proc/self/cgroup", "0::/a.slice/b.service\n");
    write_file("/proc/self/mountinfo", v2_mount);
    write_file("/sys/fs/cgroup/a.slice/b.service/cpu.max", "max 100000\n");
    write_file("/sys/fs/cgroup/a.slice/cpu.max", "300000 100000\n");
    assert_int_equal(cpus_quota(root), 3);
    write_file("/sys/fs/cgroup/a.slice/b.service/cpu.max", "800000 100000\n");
    assert_int_equal(cpus_quota(root), 3);
    write_file("/sys/fs/cgroup/a.slice/b.service/cpu.max", "100000 100000\n");
    assert_int_equal(cpus_quota(root), 1);
}

/* As in a container with a cgroup namespace: the mount's root is the container's cgroup. */
static void in_a_namespace_the_mount_itself_has_the_quota(void **state)
{
    (void)state;
    write_file("/proc/self/cgroup", "0::/\n");
    write_file("/proc/self/mountinfo", v2_mount);
    write_file("/sys/fs/cgroup/cpu.max", "250000 100000\n");
    assert_int_equal(cpus_quota(root), 3);
}

/* As in a container without one: the path is the host's, the mount shows its lowest part. */
static void v1_paths_of_the_host_are_found_below_the_mount(void **state)
{
    (void)state;
    write_file("/proc/self/cgroup", "12:cpuset:/docker/0123\n"
                                    "4:cpu,cpuacct:/docker/0123\n1:name=systemd:/\n");
    write_file("/proc/self/mountinfo",
               "36 35 0:30 /docker/0123 /sys/fs/cgroup/cpuset ro shared:9 - "
               "cgroup cgroup rw,cpuset\n"
               "37 35 0:31 /docker/0123 /sys/fs/cgroup/cpu,cpuacct ro - "
               "cgroup cgroup rw,cpu,cpuacct\n");
    write_file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");
    write_file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cpus_quota(root), 2);
    write_file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(cpus_quota(root), 0);
}

static void v1_quotas_of_the_host_count_on_the_way_up(void **state)
{
    (void)state;
    write_file("/proc/self/cgroup", "4:cpuacct,cpu:/a/b\n0::/a/b\n");
    write_file("/proc/self/mountinfo", "37 35 0:31 / /sys/fs/cgroup/cpu rw - "
                                       "cgroup cgroup rw,cpuacct,cpu\n"
                                       "38 35 0:32 / /sys/fs/cgroup/unified rw - "
                                       "cgroup2 cgroup2 rw\n");
    write_file("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "400000\n");
    write_file("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
    write_file("/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "-1\n");
    write_file("/sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cpus_quota(root), 4);
}

static void a_cgroup_outside_the_namespace_is_not_looked_for(void **state)
{
    (void)state;
    write_file("/proc/self/cgroup", "0::/../../other\n");
    write_file("/proc/self/mountinfo", v2_mount);
    write_file("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    write_file("/other/cpu.max", "900000 100000\n");
    assert_int_equal(cpus_quota(root), 1);
}

static void the_least_of_the_three_counts(void **state)
{
    (void)state;
    assert_int_equal(cpus_least(8, 8, 0), 8);
    assert_int_equal(cpus_least(8, 4, 0), 4);
    assert_int_equal(cpus_least(8, 4, 2), 2);
    assert_int_equal(cpus_least(8, 4, 6), 4);
    assert_int_equal(cpus_least(2, 4, 6), 2);
}

static void the_affinity_counts(void **state)
{
    cpu_set_t before, one;
    int first = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    assert_in_range(cpus_usable(), 1, CPU_COUNT(&before));
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    assert_int_equal(cpus_usable(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(without_cgroups_there_is_no_quota),
        IN_A_FOLDER(v2_max_is_no_quota),
        IN_A_FOLDER(v2_quotas_are_rounded_up),
        IN_A_FOLDER(the_smallest_quota_on_the_way_up_counts),
        IN_A_FOLDER(in_a_namespace_the_mount_itself_has_the_quota),
        IN_A_FOLDER(v1_paths_of_the_host_are_found_below_the_mount),
        IN_A_FOLDER(v1_quotas_of_the_host_count_on_the_way_up),
        IN_A_FOLDER(a_cgroup_outside_the_namespace_is_not_looked_for),
        cmocka_unit_test(the_least_of_the_three_counts),
        cmocka_unit_test(the_affinity_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
