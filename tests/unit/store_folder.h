/* A folder of the test's own, for what is kept in files. */
#ifndef WEIR_TESTS_UNIT_STORE_FOLDER_H
#define WEIR_TESTS_UNIT_STORE_FOLDER_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A new folder; ended by folder_remove. */
static inline char *folder_make(void)
{
    const char *tmp = getenv("TMPDIR");
    char *folder = NULL;

    assert_true(asprintf(&folder, "%s/weir-unit-XXXXXX", tmp ? tmp : "/tmp") > 0);
    assert_non_null(mkdtemp(folder));
    return folder;
}

/* The name of a file in it; good until the next call but three. */
static inline const char *folder_file(const char *folder, const char *name)
{
    static char files[4][300];
    static int next;
    char *file = files[next++ % 4];

    assert_true(snprintf(file, sizeof(files[0]), "%s/%s", folder, name) < (int)sizeof(files[0]));
    return file;
}

/* With the files in it. */
static inline void folder_remove(char **folder)
{
    DIR *dir = opendir(*folder);
    const struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            assert_int_equal(unlink(folder_file(*folder, entry->d_name)), 0);
    closedir(dir);
    assert_int_equal(rmdir(*folder), 0);
    free(*folder);
    *folder = NULL;
}

#endif
