/* Rows of the kind "map", which conf/tabledoc_alias.c reads at a start. */
#include "control/mapstore.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/jsondoc.h"
#include "conf/mapdoc.h"
#include "conf/tabledoc_digest.h"

enum { DIGITS = 17 };

/* What a round has the store do. */
struct round {
    struct rowstore *rows;
    struct tabledoc_diff diff; /* puts and removes */
    bool is_out;               /* of memory */
};

static bool is_kept(const struct target *target)
{
    return target->alias.n > 0 && target->map && !target->said_map;
}

void mapstore_find(struct mapstore_list *out, const struct table *table)
{
    for (uint32_t i = 0; i < table->nr_targets; i++) {
        uint32_t more = out->capacity ? 2 * out->capacity : 16, *grown;

        if (!is_kept(table_target(table, i)))
            continue;
        if (out->nr == out->capacity) {
            grown = reallocarray(out->indexes, more, sizeof(grown[0]));
            if (!grown) {
                out->is_short = true;
                return;
            }
            out->indexes = grown;
            out->capacity = more;
        }
        out->indexes[out->nr++] = i;
    }
}

void mapstore_fini(struct mapstore_list *list)
{
    free(list->indexes);
    *list = (struct mapstore_list){.nr = 0};
}

/* ---- The log --------------------------------------------------------------------------------- */

/* Is the alias in force as the file says it, and has nobody else changed it? */
static bool is_files(const struct rowstore *rows, const struct target *target,
                     const struct merge_said *said)
{
    struct str function = target->function->name;
    struct arm_spec arms[SPLIT_ARMS_MAX];
    struct alias_spec spec = table_alias_spec(target, arms);

    return merge_said_says(said, merge_key(MERGE_ALIAS, function, target->alias),
                           tabledoc_digest_alias(&spec)) &&
           !overlay_find(rows->overlay, OVERLAY_ALIAS, function, target->alias);
}

static void say(const struct target *target, const char *file)
{
    log_warning(
        "%s: $.functions.%.*s.aliases.%.*s: this sticky split has a map of its history; "
        "another machine with this file alone gives some callers other versions. GET /table "
        "shows the map: put it into the file where machines are to agree",
        file, STR_ARG(target->function->name), STR_ARG(target->alias));
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static int add_row(struct overlay_row ***list, uint32_t *nr, struct overlay_row *row)
{
    struct overlay_row **grown =
        row ? reallocarray(*list, (size_t)*nr + 1, sizeof(grown[0])) : NULL;

    if (!grown) {
        overlay_row_unref(&row);
        return -1;
    }
    *list = grown;
    grown[(*nr)++] = row;
    return 0;
}

static char *write_map(const struct stickymap *map)
{
    json_t *json = mapdoc_write(map);
    char *text = json ? jsondoc_dump_line(json, DIGITS) : NULL;

    if (text)
        text[strlen(text) - 1] = '\0'; /* the line's end */
    json_decref(json);
    return text;
}

static void put(struct round *round, const struct target *target, const char *text, bool is_said)
{
    struct overlay_row *row =
        overlay_row_make(OVERLAY_MAP, target->function->name, target->alias, text);

    if (row)
        row->is_said = is_said;
    round->is_out |= add_row(&round->diff.puts, &round->diff.nr_puts, row) < 0;
}

static void follow_one(struct round *round, const struct target *target,
                       const struct merge_said *said, const char *file)
{
    const struct overlay_row *row =
        overlay_find(round->rows->maps, OVERLAY_MAP, target->function->name, target->alias);
    bool is_plain = stickymap_is_row(target->map), was_said = row && row->is_said;
    bool is_said = !is_plain && (was_said || is_files(round->rows, target, said));
    char *text = write_map(target->map);

    if (is_said && !was_said)
        say(target, file);
    if (!text) {
        round->is_out = true;
        return;
    }
    if (!row || strcmp(row->document, text) != 0 || was_said != is_said)
        put(round, target, text, is_said);
    free(text);
}

/* Rows of what is no sticky split any more, or has a map in its document. */
static void drop_others(struct round *round, const struct table *table)
{
    const struct overlay_group *groups;
    uint32_t nr = overlay_groups(round->rows->maps, &groups);

    for (uint32_t i = 0; i < nr; i++)
        for (uint32_t k = 0; k < groups[i].nr; k++) {
            struct overlay_row *row = groups[i].rows[k];
            const struct target *target =
                table_find(table, str_of(row->function), str_of(row->name), NULL);

            if (!target || !is_kept(target))
                round->is_out |= add_row(&round->diff.removes, &round->diff.nr_removes,
                                         overlay_row_ref(row)) < 0;
        }
}

void mapstore_follow(struct rowstore *rows, const struct mapstore_list *list,
                     const struct table *table, const struct merge_said *said, const char *file)
{
    struct round round = {.rows = rows, .is_out = list->is_short};

    for (uint32_t i = 0; i < list->nr; i++) {
        const struct target *target = table_target(table, list->indexes[i]);

        if (is_kept(target))
            follow_one(&round, target, said, file);
    }
    drop_others(&round, table);
    if (rowstore_keep_maps(rows, &round.diff) < 0 || round.is_out)
        log_warning("out of memory: some maps of sticky splits are not kept for the next start");
    tabledoc_diff_fini(&round.diff);
}
