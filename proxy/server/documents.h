/* From files and command line to settings and tables: what weir run, weir check and a reload
 * have in common. Control thread. */
#ifndef WEIR_PROXY_SERVER_DOCUMENTS_H
#define WEIR_PROXY_SERVER_DOCUMENTS_H

#include "conf/problems.h"
#include "conf/settings.h"
#include "router/table.h"

struct overlay;
struct registry;
struct tabledoc_merge;

/* What the command line said, kept for reloads. */
struct documents_options {
    const char *settings_file; /* --settings, or NULL */
    const char *table_file;    /* --table, or NULL */
    const char *state;         /* --state, or NULL */
    char **listen;             /* --listen, in order */
    int nr_listen;
    const char *admin;   /* --admin, or NULL */
    const char *workers; /* --workers, or NULL */
    bool is_reload;      /* --reload, of weir check alone */
};

/* The settings, with the command line's twins applied; NULL with problems added. One reference
 * for the caller. */
struct settings *documents_settings(const struct documents_options *options,
                                    struct problems *problems);

/* The table that the settings name, with one reference; NULL with problems added. previous: the
 * one in force, or NULL. merge: has the base (conf/tabledoc_merge.h), the rest is filled in;
 * NULL: the file alone counts. Returns previous where the file changes nothing. */
struct table *documents_table(const struct settings *settings, struct registry *registry,
                              struct table *previous, struct tabledoc_merge *merge,
                              struct problems *problems);

/* The same of a text that is no file; name: for messages. */
struct table *documents_text(struct registry *registry, struct table *previous,
                             struct tabledoc_merge *merge, const char *text, size_t length,
                             const char *name, struct problems *problems);

/* The table that the rows of a fleet's store are, with one reference; NULL with problems added.
 * previous as above. Any thread that holds it. */
struct table *documents_rows(struct registry *registry, struct table *previous,
                             const struct overlay *overlay, struct problems *problems);

/* The table that the API makes: functions changed, or a whole document. The file names are those
 * for messages. Any thread that holds build->previous; build->table and problems are the result. */
struct api_build;
/* Of a document of its own, which is never in force; NULL with problems. */
struct table *documents_alone(struct registry *registry, const char *text,
                              struct problems *problems);

void documents_build(struct registry *registry, struct api_build *build);

/* Says of each problem of the settings where it comes from: the command line, or the settings file
 * with line and column. For problems that others than documents_settings have added. */
void documents_point(const struct documents_options *options, struct problems *problems);

/* Each problem as an error line of the process log; of very many, the first and how many more. */
void documents_log(const struct problems *problems, const char *what);

/* What the table file changed, a line each: "table.json changed: hello:live 95/5 -> 80/20". */
void documents_log_changes(const struct problems *changes);

#endif
