/* Reading the two documents. */
#include "proxy/server/documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/file.h"
#include "conf/position.h"
#include "conf/secrets.h"
#include "conf/tabledoc.h"
#include "conf/tabledoc_merge.h"
#include "control/api.h"
#include "proxy/tls/tls.h"
#include "router/registry.h"

/* So many lines of usual length find room in the queue of the log, whatever its reader does. */
enum { LOGGED_MAX = 500 };

static int override_if(struct settings *s, const char *path, const char *value,
                       struct problems *problems)
{
    return value ? settings_override(s, path, value, problems) : 0;
}

/* All twins are applied, whatever the others say: people hear of every problem at once. */
static int apply_options(struct settings *s, const struct documents_options *options,
                         struct problems *problems)
{
    int r = 0;

    if (options->nr_listen > 0)
        r |= settings_override_listeners(s, options->listen, options->nr_listen, problems);
    r |= override_if(s, "admin.address", options->admin, problems);
    r |= override_if(s, "workers", options->workers, problems);
    r |= override_if(s, "table.file", options->table_file, problems);
    r |= override_if(s, "state.directory", options->state, problems);
    if (r == 0)
        r |= settings_check(s, options->settings_file, problems);
    return r == 0 ? secrets_read(s, problems) : -1;
}

struct settings *documents_settings(const struct documents_options *options,
                                    struct problems *problems)
{
    struct settings *settings;
    size_t length = 0;
    char *text = NULL;

    if (options->settings_file) {
        text = file_read(options->settings_file, &length, problems);
        if (!text)
            return NULL;
    }
    settings = settings_parse(text, length, options->settings_file, problems);
    if (settings && apply_options(settings, options, problems) < 0)
        settings_unref(&settings);
    if (text && !settings)
        position_find(problems, options->settings_file, (struct str){text, length});
    free(text);
    return settings;
}

/* ---- Where a setting was said ---------------------------------------------------------------- */

static bool begins(const char *path, const char *with)
{
    return strncmp(path, with, strlen(with)) == 0;
}

/* Did the command line say it? */
static bool is_overridden(const struct documents_options *options, const char *path)
{
    return (options->nr_listen > 0 && begins(path, "$.listeners")) ||
           (options->admin && begins(path, "$.admin.address")) ||
           (options->workers && begins(path, "$.workers")) ||
           (options->table_file && begins(path, "$.table.file")) ||
           (options->state && begins(path, "$.state.directory"));
}

static void name_file(struct problem *problem, const char *file)
{
    char *copy = file ? strdup(file) : NULL;

    if (!copy)
        return;
    free(problem->file);
    problem->file = copy;
    problem->line = 0;
}

void documents_point(const struct documents_options *options, struct problems *problems)
{
    const char *file = options->settings_file;
    struct problems none = {0};
    size_t length = 0;
    char *text = NULL;
    bool is_sought = false;

    for (size_t i = 0; i < problems->nr; i++) {
        struct problem *p = &problems->list[i];
        bool is_settings = !p->file || (file && strcmp(p->file, file) == 0);
        if (is_settings && is_overridden(options, p->path))
            name_file(p, "command line");
        else if (!p->file)
            name_file(p, file);
        is_sought |= file && p->file && p->line == 0 && strcmp(p->file, file) == 0;
    }
    if (is_sought && strcmp(file, "-") != 0)
        text = file_read(file, &length, &none);
    if (text)
        position_find(problems, file, (struct str){text, length});
    free(text);
    problems_fini(&none);
}

/* ---- The table ------------------------------------------------------------------------------- */

/* The files that a version's https endpoints need: read here, so that no worker has to. */
static void prepare_version(const struct version *version, const char *file,
                            struct problems *problems)
{
    const char *reason = NULL;
    char path[256];

    for (int i = 0; i < version->nr_endpoints; i++) {
        const struct origin *origin = version->endpoints[i].origin;
        if (!origin->is_tls || tls_origin_prepare(origin, &reason) == 0)
            continue;
        snprintf(path, sizeof(path), "$.%s.%.*s.versions.%.*s.tls",
                 version->function->machine ? "state_machines" : "functions",
                 STR_ARG(machine_bare(version->function->name)), STR_ARG(version->name));
        problems_add(problems, "tls_file", file, path, "%s", reason);
        return; /* the others have the same files */
    }
}

static int prepare_origins(const struct table *table, const char *file, struct problems *problems)
{
    struct function *const *functions;
    size_t before = problems_count(problems);
    int nr = table_functions(table, &functions);

    for (int i = 0; i < nr; i++) {
        const struct function_more *more = functions[i]->more;

        for (int k = 0; k < functions[i]->nr_versions; k++)
            prepare_version(&functions[i]->versions[k], file, problems);
        if (more && more->letter_box)
            prepare_version(more->letter_box->arms[0].version, file, problems);
    }
    return problems_count(problems) == before ? 0 : -1;
}

struct table *documents_text(struct registry *registry, struct table *previous,
                             struct tabledoc_merge *merge, const char *text, size_t length,
                             const char *name, struct problems *problems)
{
    struct table *table;

    if (merge) {
        merge->ours = previous;
        merge->file = name;
    }
    table = tabledoc_take(registry, previous, merge, text, length, name, problems);
    if (table && prepare_origins(table, name, problems) < 0)
        table_unref(&table);
    if (!table)
        position_find(problems, name, (struct str){text, length});
    return table;
}

struct table *documents_table(const struct settings *settings, struct registry *registry,
                              struct table *previous, struct tabledoc_merge *merge,
                              struct problems *problems)
{
    struct table *table;
    size_t length;
    char *text;

    if (!settings->table_file || !settings->table_file[0]) {
        problems_add(problems, "no_table", NULL, "$.table.file",
                     "no table is named; give --table FILE, or table.file in the settings");
        return NULL;
    }
    text = file_read(settings->table_file, &length, problems);
    if (!text)
        return NULL;
    table = documents_text(registry, previous, merge, text, length, settings->table_file, problems);
    free(text);
    return table;
}

struct table *documents_alone(struct registry *registry, const char *text,
                              struct problems *problems)
{
    struct table *table = tabledoc_build(registry, NULL, text, strlen(text), NULL, problems);

    if (table && prepare_origins(table, NULL, problems) < 0)
        table_unref(&table);
    return table;
}

struct table *documents_rows(struct registry *registry, struct table *previous,
                             const struct overlay *overlay, struct problems *problems)
{
    static const char nothing[] = "{\"functions\": {}}";
    struct tabledoc_merge merge = {.overlay = overlay, .is_different = true};
    struct table *table = tabledoc_take(registry, previous, &merge, nothing, sizeof(nothing) - 1,
                                        "the store", problems);

    tabledoc_merge_fini(&merge);
    if (table && prepare_origins(table, "the store", problems) < 0)
        table_unref(&table);
    return table;
}

void documents_build(struct registry *registry, struct api_build *build)
{
    if (build->overlay)
        build->table = documents_rows(registry, build->previous, build->overlay, build->problems);
    else if (build->text)
        build->table = tabledoc_build(registry, build->previous, build->text, build->length, NULL,
                                      build->problems);
    else
        build->table = tabledoc_edit(registry, build->previous, build->edits, build->nr_edits,
                                     build->problems);
    if (build->table && prepare_origins(build->table, NULL, build->problems) < 0)
        table_unref(&build->table);
    if (build->table && build->compare(build) < 0) {
        problems_add(build->problems, "no_memory", NULL, "$", "out of memory");
        table_unref(&build->table);
    }
}

void documents_log(const struct problems *problems, const char *what)
{
    size_t nr = problems->nr < LOGGED_MAX ? problems->nr : LOGGED_MAX;

    for (size_t i = 0; i < nr; i++) {
        char *line = problems_line(&problems->list[i]);
        log_error("%s: %s", what, line ? line : problems->list[i].message);
        free(line);
    }
    if (problems->nr > nr)
        log_error("%s: %zu more problems; `weir check` prints them all", what, problems->nr - nr);
    if (problems->nr_lost > 0)
        log_error("%s: %zu more problems, which found no memory", what, problems->nr_lost);
}

/* A generated file may change thousands of things at once; the log has room for people. */
enum { CHANGES_LOGGED_MAX = 50 };

void documents_log_changes(const struct problems *changes)
{
    size_t nr = problems_count(changes);

    for (size_t i = 0; i < changes->nr && i < CHANGES_LOGGED_MAX; i++)
        log_info("%s changed: %s", changes->list[i].file, changes->list[i].message);
    if (nr > CHANGES_LOGGED_MAX && changes->nr > 0)
        log_info("%s changed: %zu more things", changes->list[0].file, nr - CHANGES_LOGGED_MAX);
}
