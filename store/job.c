/* Copies of what was asked: a job and all its strings are one piece of memory; what a read finds is
 * another one each. */
#include "store/job.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Making ---------------------------------------------------------------------------------- */

static size_t size_of(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static size_t size_of_edit(const struct store_edit *e)
{
    const struct store_row *row = &e->row;

    return size_of(row->kind) + size_of(row->function) + size_of(row->name) +
           size_of(row->revision) + size_of(row->document) + size_of(e->expected) +
           size_of(e->name) + size_of(e->text);
}

static void copy_text(char **at, const char **text)
{
    size_t n = size_of(*text);

    if (n == 0)
        return;
    memcpy(*at, *text, n);
    *text = *at;
    *at += n;
}

static void copy_edit(char **at, struct store_edit *e)
{
    const char **const texts[] = {&e->row.kind,     &e->row.function, &e->row.name,
                                  &e->row.revision, &e->row.document, &e->expected,
                                  &e->name,         &e->text};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        copy_text(at, texts[i]);
}

static void check_edit(const struct store_edit *e)
{
    if (e->kind == STORE_SET) {
        assert(e->name);
        return;
    }
    assert(e->row.kind && e->row.function && e->row.name);
    assert(e->kind == STORE_DELETE || (e->row.revision && e->row.document));
}

struct job *job_change(const struct store_edit *edits, int nr, store_told *told, void *context)
{
    size_t bytes = sizeof(struct job) + (size_t)nr * sizeof(edits[0]);
    struct job *job;
    char *at;

    for (int i = 0; i < nr; i++) {
        check_edit(&edits[i]);
        bytes += size_of_edit(&edits[i]);
    }
    job = malloc(bytes);
    if (!job)
        return NULL;
    *job = (struct job){.kind = JOB_CHANGE, .nr_edits = nr, .told = told, .context = context};
    job->edits = (struct store_edit *)(job + 1);
    at = (char *)(job->edits + nr);
    for (int i = 0; i < nr; i++) {
        job->edits[i] = edits[i];
        copy_edit(&at, &job->edits[i]);
    }
    return job;
}

struct job *job_event(enum job_kind kind, const struct store_event *event, store_told *told,
                      void *context)
{
    struct job *job = malloc(sizeof(*job) + size_of(event->error));
    char *at;

    if (!job)
        return NULL;
    *job = (struct job){.kind = kind, .told = told, .context = context};
    job->event = (struct store_event){.key = event->key,
                                      .due_ms = event->due_ms,
                                      .attempts = event->attempts,
                                      .error = event->error};
    at = (char *)(job + 1);
    copy_text(&at, &job->event.error);
    return job;
}

struct job *job_fetch(uint64_t key, store_event_told *told, void *context)
{
    struct job *job = malloc(sizeof(*job));

    if (!job)
        return NULL;
    *job = (struct job){.kind = JOB_EVENT_FETCH, .event_told = told, .context = context};
    job->event.key = key;
    return job;
}

/* ---- Executions ------------------------------------------------------------------------------ */

enum { TEXTS = 10 };

/* All texts of an execution. */
static void texts_of(struct store_execution *e, const char **texts[TEXTS])
{
    const char **const list[TEXTS] = {&e->machine, &e->name,          &e->alias,      &e->version,
                                      &e->id,      &e->definition_id, &e->definition, &e->meta,
                                      &e->error,   &e->cause};

    memcpy(texts, list, sizeof(list));
}

static size_t size_of_execution(struct store_execution *e)
{
    size_t bytes = e->input_bytes + e->output_bytes + 2;
    const char **texts[TEXTS];

    texts_of(e, texts);
    for (int i = 0; i < TEXTS; i++)
        bytes += size_of(*texts[i]);
    return bytes;
}

static void copy_bytes(char **at, const void **bytes, size_t n)
{
    if (!*bytes)
        return;
    memcpy(*at, *bytes, n);
    (*at)[n] = '\0';
    *bytes = *at;
    *at += n + 1;
}

/* The execution's strings move to at, which has room. */
static void copy_execution(char *at, struct store_execution *e)
{
    const char **texts[TEXTS];

    texts_of(e, texts);
    for (int i = 0; i < TEXTS; i++)
        copy_text(&at, texts[i]);
    copy_bytes(&at, &e->input, e->input_bytes);
    copy_bytes(&at, &e->output, e->output_bytes);
}

static struct job *make_execution_job(enum job_kind kind, size_t bytes, void *context)
{
    struct job *job = calloc(1, sizeof(*job) + sizeof(struct job_execution) + bytes);

    if (!job)
        return NULL;
    job->kind = kind;
    job->context = context;
    job->x = (struct job_execution *)(job + 1);
    return job;
}

struct job *job_execution(enum job_kind kind, const struct store_execution *execution,
                          store_told *told, void *context)
{
    struct store_execution copy = *execution;
    struct job *job = make_execution_job(kind, size_of_execution(&copy), context);

    if (!job)
        return NULL;
    copy_execution((char *)(job->x + 1), &copy);
    job->told = told;
    job->x->execution = copy;
    return job;
}

struct job *job_executions_read(const struct store_execution_query *query,
                                store_executions_told *told, void *context)
{
    struct store_execution_query q = *query;
    const char **const texts[] = {&q.machine, &q.name, &q.alias, &q.version, &q.status};
    size_t bytes = 0;
    struct job *job;
    char *at;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        bytes += size_of(*texts[i]);
    job = make_execution_job(JOB_EXECUTIONS_READ, bytes, context);
    if (!job)
        return NULL;
    at = (char *)(job->x + 1);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        copy_text(&at, texts[i]);
    job->x->query = q;
    job->x->told = told;
    return job;
}

static int make_room(struct job_execution *x)
{
    int room = x->room ? x->room * 2 : 4;
    struct store_execution *found;
    void **memory;

    if (x->nr_found < x->room)
        return 0;
    found = reallocarray(x->found, (size_t)room, sizeof(found[0]));
    if (!found)
        return -1;
    x->found = found;
    memory = reallocarray(x->found_memory, (size_t)room, sizeof(memory[0]));
    if (!memory)
        return -1;
    x->found_memory = memory;
    x->room = room;
    return 0;
}

int job_add_found(struct job *job, const struct store_execution *execution)
{
    struct job_execution *x = job->x;
    struct store_execution copy = *execution;
    char *memory;

    if (make_room(x) < 0)
        return -1;
    memory = malloc(size_of_execution(&copy));
    if (!memory)
        return -1;
    copy_execution(memory, &copy);
    x->found[x->nr_found] = copy;
    x->found_memory[x->nr_found++] = memory;
    return 0;
}

static void free_found(struct job_execution *x)
{
    for (int i = 0; i < x->nr_found; i++)
        free(x->found_memory[i]);
    free(x->found_memory);
    free(x->found);
}

/* ---- Results --------------------------------------------------------------------------------- */

void job_fail(struct job *job, enum store_outcome outcome, const char *format, ...)
{
    va_list args;

    free(job->reason);
    job->outcome = outcome;
    va_start(args, format);
    if (vasprintf(&job->reason, format, args) < 0)
        job->reason = NULL;
    va_end(args);
}

void job_tell(struct job **job)
{
    struct job *j = *job;
    const char *reason = "";

    if (j->outcome != STORE_DONE)
        reason = j->reason ? j->reason : "out of memory";
    if (j->x && j->x->told)
        j->x->told(j->context, j->x->found, j->outcome == STORE_DONE ? j->x->nr_found : -1, reason);
    else if (j->event_told)
        j->event_told(j->context, j->has_event ? &j->event : NULL, reason);
    else if (j->told)
        j->told(j->context, j->outcome, reason);
    job_free(job);
}

void job_free(struct job **job)
{
    struct job *j = *job;

    *job = NULL;
    if (j->x)
        free_found(j->x);
    free(j->memory);
    free(j->reason);
    free(j);
}
