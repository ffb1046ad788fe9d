/* All paths are followed at the same time: those that go on through a member of an object or array
 * descend into it together, and what no path leads to is skipped. So the text is read about as
 * often as the document is deep, with one problem or with a thousand.
 *
 * Keys are compared in the spelling that paths have (conf/jsondoc.h, conf/problems.h): long ones
 * are cut there. */
#include "conf/position.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/jsondoc.h"
#include "conf/jsonscan.h"

/* A problem whose place is looked for. */
struct seeker {
    struct problem *problem;
    const char *rest;  /* of its path: what was not found yet */
    const char *found; /* in the text */
};

/* The key as a terminated string, to be freed; NULL when it is none, or out of memory. */
static char *read_key(struct str raw)
{
    bool is_out;
    json_t *json;
    char *key;

    if (raw.n >= 2 && !memchr(raw.p, '\\', raw.n))
        return strndup(raw.p + 1, raw.n - 2);
    json = jsondoc_piece(raw, NULL, &is_out);
    key = json_is_string(json) ? strdup(json_string_value(json)) : NULL;
    json_decref(json);
    return key;
}

/* What is left of a path that goes through the key; NULL where it does not. */
static const char *step_into_key(const char *rest, const char *key)
{
    size_t n = (size_t)jsondoc_quote_length(key);

    if (rest[0] == '.' && strncmp(rest + 1, key, n) == 0 && strchr(".[", rest[1 + n]))
        return rest + 1 + n;
    if (strncmp(rest, "[\"", 2) == 0 && strncmp(rest + 2, key, n) == 0 &&
        strncmp(rest + 2 + n, "\"]", 2) == 0)
        return rest + 4 + n;
    return NULL;
}

static const char *step_into_item(const char *rest, size_t index)
{
    char *end;

    if (rest[0] != '[' || rest[1] < '0' || rest[1] > '9')
        return NULL;
    return strtoull(rest + 1, &end, 10) == index && *end == ']' ? end + 1 : NULL;
}

/* Brings those that go through the member to the front, and answers how many they are. */
static size_t choose(struct seeker *list, size_t nr, const struct jsonscan_member *member,
                     size_t index)
{
    char *key = member->key.n > 0 ? read_key(member->key) : NULL;
    size_t nr_chosen = 0;

    for (size_t i = 0; i < nr; i++) {
        struct seeker seeker = list[i];
        const char *rest = key                  ? step_into_key(seeker.rest, key)
                           : member->key.n == 0 ? step_into_item(seeker.rest, index)
                                                : NULL;
        if (!rest)
            continue;
        seeker.rest = rest;
        seeker.found = member->key.n > 0 ? member->key.p : member->value.p;
        list[i] = list[nr_chosen];
        list[nr_chosen++] = seeker;
    }
    free(key);
    return nr_chosen;
}

/* Follows the paths of all that go on below the value, which no path does deeper than its steps
 * are. NOLINTNEXTLINE(misc-no-recursion) */
static void follow(struct str value, struct seeker *list, size_t nr)
{
    struct jsonscan_member member;
    struct jsonscan scan;

    if (!jsonscan_open(&scan, value))
        return;
    for (size_t i = 0; nr > 0 && jsonscan_next(&scan, &member) == JSONSCAN_MEMBER; i++) {
        size_t nr_chosen = choose(list, nr, &member, i);
        if (nr_chosen == 0)
            continue;
        follow(member.value, list, nr_chosen);
        list += nr_chosen;
        nr -= nr_chosen;
    }
}

static int compare_found(const void *a, const void *b)
{
    const struct seeker *x = a, *y = b;

    return x->found < y->found ? -1 : x->found > y->found;
}

/* Counts lines, and characters in them, from the beginning to each place. */
static void count(struct str text, struct seeker *list, size_t nr)
{
    const char *p = text.p;
    int line = 1, column = 1;

    qsort(list, nr, sizeof(*list), compare_found);
    for (size_t i = 0; i < nr; i++) {
        for (; p < list[i].found; p++) {
            line += *p == '\n';
            column = *p == '\n' ? 1 : column + (((unsigned char)*p & 0xc0) != 0x80);
        }
        list[i].problem->line = line;
        list[i].problem->column = column;
    }
}

static bool is_sought(const struct problem *problem, const char *file)
{
    return problem->line == 0 && problem->file && strcmp(problem->file, file) == 0 &&
           problem->path[0] == '$';
}

void position_find(struct problems *problems, const char *file, struct str text)
{
    struct seeker *list = NULL;
    size_t nr = 0;

    if (file && problems->nr > 0)
        list = calloc(problems->nr, sizeof(*list));
    if (!list)
        return;
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        text.p += 3;
        text.n -= 3;
    }
    for (size_t i = 0; i < problems->nr; i++)
        if (is_sought(&problems->list[i], file))
            list[nr++] = (struct seeker){&problems->list[i], problems->list[i].path + 1, text.p};
    follow(text, list, nr);
    count(text, list, nr);
    free(list);
}
