/* Copies of what was asked: a job and all its strings are one piece of memory. */
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
    if (j->event_told)
        j->event_told(j->context, j->has_event ? &j->event : NULL, reason);
    else if (j->told)
        j->told(j->context, j->outcome, reason);
    job_free(job);
}

void job_free(struct job **job)
{
    struct job *j = *job;

    *job = NULL;
    free(j->memory);
    free(j->reason);
    free(j);
}
