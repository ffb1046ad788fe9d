/* weir-fuzz-replay: runs fuzz targets over files, in any build, without libFuzzer. Usage:
 * weir-fuzz-replay FOLDER... Each FOLDER (corpus, regressions) has one folder per target with its
 * inputs. Every input runs in a process of its own with a time limit, so one that crashes does not
 * hide the others. The last line counts them like those of unit tests. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { TIME_LIMIT_S = 60, INPUT_MAX = 1 << 20 };

struct target {
    const char *name;
    int (*run)(const uint8_t *data, size_t n);
    int nr;
};

static struct target targets[] = {
#define X(name) {#name, fuzz_##name, 0},
    FUZZ_TARGETS(X)
#undef X
};
enum { TARGETS = sizeof(targets) / sizeof(targets[0]) };

static int nr_passed, nr_failed;

/* In the child: the input in memory as long as it is. */
static void run_file(const struct target *target, const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *buffer = malloc(INPUT_MAX);

    FUZZ_CHECK(file && buffer);
    size_t n = fread(buffer, 1, INPUT_MAX, file);
    FUZZ_CHECK(!ferror(file) && n < INPUT_MAX);
    fclose(file);
    uint8_t *exact = malloc(n > 0 ? n : 1);
    FUZZ_CHECK(exact);
    memcpy(exact, buffer, n);
    free(buffer);
    target->run(exact, n);
    free(exact);
}

static void try_file(struct target *target, const char *path)
{
    int status = -1;

    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(TIME_LIMIT_S);
        run_file(target, path);
        exit(0); /* with the leak check, where there is one */
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    target->nr++;
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        nr_passed++;
        return;
    }
    nr_failed++;
    printf("failed: fuzz target %s on %s (wait status %d)\n", target->name, path, status);
}

/* False where the folder is there but cannot be read. */
static bool try_folder(const char *folder, struct target *target)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s", folder, target->name);
    DIR *dir = n > 0 && n < (int)sizeof(path) ? opendir(path) : NULL;

    if (!dir)
        return errno == ENOENT;
    /* cppcheck-suppress readdirCalled ; there is one thread */
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        n = snprintf(path, sizeof(path), "%s/%s/%s", folder, target->name, entry->d_name);
        FUZZ_CHECK(n > 0 && n < (int)sizeof(path));
        try_file(target, path);
    }
    closedir(dir);
    return true;
}

int main(int argc, char **argv)
{
    for (int i = 0; i < TARGETS; i++) {
        for (int k = 1; k < argc; k++)
            if (!try_folder(argv[k], &targets[i])) {
                printf("failed: %s/%s cannot be read\n", argv[k], targets[i].name);
                nr_failed++;
            }
        if (targets[i].nr == 0) {
            printf("failed: fuzz target %s has no input\n", targets[i].name);
            nr_failed++;
        }
    }
    printf("unit: %d passed, %d failed\n", nr_passed, nr_failed);
    return nr_failed > 0;
}
