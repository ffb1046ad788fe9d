/* A list of what is wrong with documents.
 *
 * What people read here may quote what strangers wrote, so control characters are shown as escapes:
 * a document cannot move the cursor of a terminal or forge a line of a log. The list is bounded,
 * because a machine-made document may be wrong a hundred thousand times over in the same way; what
 * is beyond is counted. Running out of memory loses the problem, never the fact that there was
 * one. */
#include "conf/problems.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many bytes of s, if any, are one control character: C0, DEL, or C1 in UTF-8. */
static size_t control_length(const unsigned char *s)
{
    if (s[0] < 0x20 || s[0] == 0x7f)
        return 1;
    if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f)
        return 2;
    return 0;
}

/* A copy in which control characters are written as \u00xx; NULL when out of memory. */
static char *copy_printable(const char *text)
{
    const unsigned char *in = (const unsigned char *)text;
    size_t room = strlen(text) * 6 + 1; /* each byte becomes six at most */
    char *out = malloc(room);
    size_t n = 0;

    if (!out)
        return NULL;
    while (*in) {
        size_t length = control_length(in);
        if (length) {
            n += (size_t)snprintf(out + n, room - n, "\\u%04x", in[length - 1]);
            in += length;
        } else {
            out[n++] = (char)*in++;
        }
    }
    out[n] = '\0';
    return out;
}

static void free_strings(struct problem *problem)
{
    free(problem->code);
    free(problem->file);
    free(problem->path);
    free(problem->message);
}

/* Makes room for one more; false when out of memory or full. */
static bool reserve(struct problems *problems)
{
    size_t capacity = problems->capacity ? problems->capacity * 2 : 8;
    struct problem *list;

    if (problems->nr >= PROBLEMS_MAX)
        return false;
    if (problems->nr < problems->capacity)
        return true;
    list = realloc(problems->list, capacity * sizeof(*list));
    if (!list)
        return false;
    problems->list = list;
    problems->capacity = capacity;
    return true;
}

void problems_addv(struct problems *problems, const char *code, const char *file, const char *path,
                   const char *format, va_list arguments)
{
    struct problem problem = {0};
    char text[PROBLEMS_MESSAGE_MAX];

    if (!reserve(problems)) {
        problems->nr_lost++;
        return;
    }
    vsnprintf(text, sizeof(text), format, arguments);
    problem.code = strdup(code);
    problem.file = file ? copy_printable(file) : NULL;
    problem.path = copy_printable(path);
    problem.message = copy_printable(text);
    if (!problem.code || (file && !problem.file) || !problem.path || !problem.message) {
        free_strings(&problem);
        problems->nr_lost++;
        return;
    }
    problems->list[problems->nr++] = problem;
}

void problems_add(struct problems *problems, const char *code, const char *file, const char *path,
                  const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    problems_addv(problems, code, file, path, format, arguments);
    va_end(arguments);
}

void problems_append(struct problem *problem, const char *format, ...)
{
    char text[PROBLEMS_MESSAGE_MAX], *message;
    va_list arguments;
    int n = snprintf(text, sizeof(text), "%s", problem->message);

    va_start(arguments, format);
    if (n >= 0 && (size_t)n < sizeof(text))
        vsnprintf(text + n, sizeof(text) - (size_t)n, format, arguments);
    va_end(arguments);
    message = copy_printable(text);
    if (!message)
        return;
    free(problem->message);
    problem->message = message;
}

void problems_cut(struct problems *problems, size_t nr, size_t nr_lost)
{
    assert(nr <= problems->nr && nr_lost <= problems->nr_lost);
    while (problems->nr > nr)
        free_strings(&problems->list[--problems->nr]);
    problems->nr_lost = nr_lost;
}

size_t problems_count(const struct problems *problems)
{
    return problems->nr + problems->nr_lost;
}

void problems_fini(struct problems *problems)
{
    for (size_t i = 0; i < problems->nr; i++)
        free_strings(&problems->list[i]);
    free(problems->list);
    *problems = (struct problems){0};
}

void problems_point(struct problems *problems, size_t nr, int line, int column)
{
    for (size_t i = nr; i < problems->nr; i++) {
        problems->list[i].line = line;
        problems->list[i].column = column;
    }
}

char *problems_line(const struct problem *problem)
{
    const char *message = problem->message;
    char where[32] = "", said[64];
    char *line;

    if (problem->line > 0) {
        snprintf(where, sizeof(where), "%d:%d:", problem->line, problem->column);
        snprintf(said, sizeof(said), "line %d, column %d: ", problem->line, problem->column);
        /* Not twice. */
        if (problem->file && strncmp(message, said, strlen(said)) == 0)
            message += strlen(said);
    }
    if (problem->file && asprintf(&line, "%s:%s %s: %s [%s]", problem->file, where, problem->path,
                                  message, problem->code) < 0)
        return NULL;
    if (!problem->file && asprintf(&line, "%s: %s [%s]", problem->path, message, problem->code) < 0)
        return NULL;
    return line;
}
