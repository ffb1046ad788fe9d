/* The start's steps, each without what it changes: the state is looked at, the table is built for
 * real, with what the API changed laid over it, and thrown away; certificates are read. */
#include "proxy/server/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/file.h"
#include "conf/tabledoc_merge.h"
#include "control/rowstore.h"
#include "proxy/server/storage.h"
#include "proxy/server/surroundings.h"
#include "proxy/tls/tls.h"
#include "router/registry.h"
#include "store/statedir.h"
#include "store/store_sqlite.h"

static uint32_t no_series(void *context, struct str function, struct str alias, struct str version)
{
    (void)context;
    (void)function;
    (void)alias;
    (void)version;
    return 0; /* nothing will be counted */
}

static void no_release(void *context, uint32_t series)
{
    (void)context;
    (void)series;
}

/* ---- The state ------------------------------------------------------------------------------- */

static void add_problem(struct problems *problems, const char *text)
{
    problems_add(problems, "state_directory", NULL, "$.state.directory", "%s", text);
}

/* The rows of the folder, where it can be used. */
static void look_at_state(const struct settings *settings, struct rowstore *rows,
                          struct problems *problems)
{
    const char *directory = settings->state.directory;
    struct store_reason reason;

    if (!directory || !directory[0])
        return;
    if (statedir_check(directory, &reason) < 0) {
        add_problem(problems, reason.text);
        return;
    }
    if (store_sqlite_look(directory, rowstore_add, rows, &reason) < 0)
        add_problem(problems, reason.text);
    if (storage_look(directory, &reason) < 0)
        add_problem(problems, reason.text);
}

/* The name of standard input, for messages. */
static const char piped[] = "<stdin>";

/* ---- The documents --------------------------------------------------------------------------- */

/* What a start would log: the file's word counts over what the API had set. */
static void print_lost(const struct tabledoc_merge *merge)
{
    for (size_t i = 0; i < merge->changes.nr; i++)
        printf("%s: %s\n", merge->changes.list[i].file, merge->changes.list[i].message);
}

static void check_table(const struct settings *settings, const struct rowstore *rows,
                        struct registry *registry, struct problems *problems)
{
    struct tabledoc_merge merge = {.overlay = rows->overlay, .maps = rows->maps};
    struct table *table;
    size_t length;
    char *text;

    if (settings->table_file && strcmp(settings->table_file, "-") == 0) {
        text = file_read_stream(STDIN_FILENO, piped, &length, problems);
        table = text ? documents_text(registry, NULL, &merge, text, length, piped, problems) : NULL;
        free(text);
    } else {
        table = documents_table(settings, registry, NULL, &merge, problems);
    }
    if (table) {
        print_lost(&merge);
        table_unref(&table);
    }
    tabledoc_merge_fini(&merge);
}

static void check_rest(const struct settings *settings, struct problems *problems)
{
    struct qsbr *qsbr = qsbr_make();
    struct series_hooks hooks = {.get = no_series, .release = no_release};
    struct registry *registry = qsbr ? registry_make(qsbr, hooks, 0) : NULL;
    struct rowstore rows;
    int r = rowstore_begin(&rows);

    if (r == 0)
        look_at_state(settings, &rows, problems);
    if (!registry || r < 0 || rows.is_short) {
        problems_add(problems, "no_memory", NULL, "$", "out of memory");
    } else {
        struct tls_server *tls = tls_server_make(settings, NULL, problems);

        check_table(settings, &rows, registry, problems);
        if (tls)
            tls_server_unref(&tls);
    }
    rowstore_fini(&rows);
    if (registry)
        registry_free(&registry);
    if (qsbr)
        qsbr_free(&qsbr);
}

/* Settings that can't be used do not hide what is wrong with the table. */
static void check_alone(const struct documents_options *options, struct problems *problems)
{
    struct settings *defaults = settings_parse(NULL, 0, NULL, problems);

    if (defaults && settings_override(defaults, "table.file", options->table_file, problems) == 0)
        check_rest(defaults, problems);
    if (defaults)
        settings_unref(&defaults);
}

/* A table alone says nothing of where weir will listen. */
static bool names_a_start(const struct documents_options *options)
{
    return !options->is_reload &&
           (options->settings_file || options->nr_listen > 0 || options->admin);
}

int check_run(const struct documents_options *options)
{
    struct problems problems = {0};
    struct settings *settings = documents_settings(options, &problems);
    size_t nr;

    if (settings && names_a_start(options))
        surroundings_look(settings, options, SURROUNDINGS_CHECK, &problems);
    if (settings)
        check_rest(settings, &problems);
    else if (options->table_file)
        check_alone(options, &problems);
    documents_point(options, &problems);
    for (size_t i = 0; i < problems.nr; i++) {
        char *line = problems_line(&problems.list[i]);
        fprintf(stderr, "%s\n", line ? line : problems.list[i].message);
        free(line);
    }
    nr = problems.nr + problems.nr_lost;
    if (nr == 0)
        printf("the documents are fine\n");
    else
        fprintf(stderr, "%zu problem%s\n", nr, nr == 1 ? "" : "s");
    problems_fini(&problems);
    if (settings)
        settings_unref(&settings);
    return nr == 0 ? 0 : 1;
}
