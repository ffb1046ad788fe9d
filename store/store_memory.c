/* A search tree of rows and values. A change first looks at every row that it expects something of,
 * then makes the copies and places that it needs, which may fail, and only then puts in what is
 * new, which cannot. */
#include "store/store_memory.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "store/job.h"
#include "store/mailbox.h"
#include "store/reason.h"

/* A place in the tree: of a row, or of a value, whose kind and function are empty. */
struct place {
    const char *kind, *function, *name; /* within kept, or the change that makes the place */
    struct job *kept;                   /* a change with one edit: what is there; NULL: nothing */
};

struct store_memory {
    struct store store; /* first */
    struct mailbox *mailbox;
    void *places; /* tsearch's */
    bool is_closing;
};

static struct place key_of(const struct store_edit *edit)
{
    if (edit->kind == STORE_SET)
        return (struct place){.kind = "", .function = "", .name = edit->name};
    return (struct place){
        .kind = edit->row.kind, .function = edit->row.function, .name = edit->row.name};
}

static int compare(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    int order = strcmp(a->kind, b->kind);

    if (order == 0)
        order = strcmp(a->function, b->function);
    return order != 0 ? order : strcmp(a->name, b->name);
}

static struct place *find(struct store_memory *memory, struct place key)
{
    struct place *const *found = tfind(&key, &memory->places, compare);

    return found ? *found : NULL;
}

/* Takes the place out of the tree. */
static void drop(struct store_memory *memory, struct place *place)
{
    tdelete(place, &memory->places, compare);
    if (place->kept)
        job_free(&place->kept);
    free(place);
}

/* ---- Changes --------------------------------------------------------------------------------- */

static bool is_as_expected(struct store_memory *memory, const struct store_edit *edit)
{
    const struct place *place;

    if (edit->kind == STORE_SET || edit->expected == STORE_ANY)
        return true;
    place = find(memory, key_of(edit));
    if (!place)
        return strcmp(edit->expected, STORE_ABSENT) == 0;
    return strcmp(place->kept->edits[0].row.revision, edit->expected) == 0;
}

static bool keeps_something(const struct store_edit *edit)
{
    return edit->kind == STORE_PUT || (edit->kind == STORE_SET && edit->text);
}

/* 0, or -1 when out of memory. */
static int make_place(struct store_memory *memory, const struct store_edit *edit)
{
    struct place *place = malloc(sizeof(*place));

    if (!place)
        return -1;
    *place = key_of(edit);
    place->kept = NULL;
    if (tsearch(place, &memory->places, compare))
        return 0;
    free(place);
    return -1;
}

/* Makes copies[i] of what edit i puts in, and a place for it. 0, or -1 when out of memory. */
static int prepare(struct store_memory *memory, const struct job *change, struct job **copies)
{
    for (int i = 0; i < change->nr_edits; i++) {
        const struct store_edit *edit = &change->edits[i];

        if (!keeps_something(edit))
            continue;
        copies[i] = job_change(edit, 1, NULL, NULL);
        if (!copies[i] || (!find(memory, key_of(edit)) && make_place(memory, edit) < 0))
            return -1;
    }
    return 0;
}

static void put_in(struct place *place, struct job *copy)
{
    struct place key = key_of(&copy->edits[0]);

    if (place->kept)
        job_free(&place->kept);
    key.kept = copy;
    *place = key;
}

/* Puts the copies in and takes out what the change deletes; or undoes what prepare made. */
static void finish(struct store_memory *memory, const struct job *change, struct job **copies,
                   bool is_prepared)
{
    for (int i = 0; i < change->nr_edits; i++) {
        struct place *place = find(memory, key_of(&change->edits[i]));

        if (is_prepared && copies[i]) {
            assert(place);
            put_in(place, copies[i]);
            continue;
        }
        if (copies[i])
            job_free(&copies[i]);
        if (place && (is_prepared || !place->kept))
            drop(memory, place);
    }
}

static void apply(struct store_memory *memory, struct job *change)
{
    struct job **copies;
    bool is_prepared;

    for (int i = 0; i < change->nr_edits; i++) {
        const struct store_edit *edit = &change->edits[i];

        if (!is_as_expected(memory, edit)) {
            job_fail(change, STORE_CONFLICT, "the %s %s was changed meanwhile", edit->row.kind,
                     edit->row.name);
            return;
        }
    }
    copies = calloc((size_t)change->nr_edits + 1, sizeof(copies[0]));
    is_prepared = copies && prepare(memory, change, copies) == 0;
    if (copies)
        finish(memory, change, copies, is_prepared);
    if (!is_prepared)
        job_fail(change, STORE_FAILED, "out of memory");
    free(copies);
}

static int change(struct store *store, const struct store_edit *edits, int nr, store_told *told,
                  void *context)
{
    struct store_memory *memory = (struct store_memory *)store;
    struct job *job = memory->is_closing ? NULL : job_change(edits, nr, told, context);

    if (!job)
        return -1;
    apply(memory, job);
    mailbox_post(memory->mailbox, &job);
    return 0;
}

/* ---- Looking --------------------------------------------------------------------------------- */

struct walk {
    store_each_row *each;
    void *context;
};

static void show_row(const void *node, VISIT visit, void *closure)
{
    const struct place *place = *(struct place *const *)node;
    const struct walk *walk = closure;

    if ((visit == postorder || visit == leaf) && place->kind[0])
        walk->each(walk->context, &place->kept->edits[0].row);
}

static int load_now(struct store *store, store_each_row *each, void *context,
                    struct store_reason *reason)
{
    struct walk walk = {each, context};

    (void)reason;
    twalk_r(((struct store_memory *)store)->places, show_row, &walk);
    return 0;
}

static int value_now(struct store *store, const char *name, char **text,
                     struct store_reason *reason)
{
    const struct place *place = find((struct store_memory *)store,
                                     (struct place){.kind = "", .function = "", .name = name});

    *text = place ? strdup(place->kept->edits[0].text) : NULL;
    if (!place || *text)
        return 0;
    return reason_say(reason, "out of memory");
}

/* ---- Events: none ---------------------------------------------------------------------------- */

static const char no_events[] = "without state.directory weir keeps no events";

static int events_now(struct store *store, store_each_event *each, void *context,
                      struct store_reason *reason)
{
    (void)store;
    (void)each;
    (void)context;
    (void)reason;
    return 0;
}

static const char *event_put(struct store *store, struct store_event_put *put)
{
    (void)store;
    (void)put;
    return no_events;
}

/* 0, or -1 when out of memory. */
static int refuse(struct store *store, struct job *job)
{
    struct store_memory *memory = (struct store_memory *)store;

    if (!job)
        return -1;
    if (memory->is_closing) {
        job_free(&job);
        return -1;
    }
    job_fail(job, STORE_FAILED, no_events);
    mailbox_post(memory->mailbox, &job);
    return 0;
}

static int event_update(struct store *store, const struct store_event *event, store_told *told,
                        void *context)
{
    return refuse(store, job_event(JOB_EVENT_UPDATE, event, told, context));
}

static int event_delete(struct store *store, uint64_t key, store_told *told, void *context)
{
    const struct store_event event = {.key = key};

    return refuse(store, job_event(JOB_EVENT_DELETE, &event, told, context));
}

static int event_fetch(struct store *store, uint64_t key, store_event_told *told, void *context)
{
    return refuse(store, job_fetch(key, told, context));
}

static uint64_t none(struct store *store)
{
    (void)store;
    return 0;
}

/* ---- Executions: none ------------------------------------------------------------------------ */

static int executions_now(struct store *store, store_each_execution *each, void *context,
                          struct store_reason *reason)
{
    (void)store;
    (void)each;
    (void)context;
    (void)reason;
    return 0;
}

static int execution_put(struct store *store, const struct store_execution *execution, uint64_t max,
                         store_told *told, void *context)
{
    (void)store;
    (void)execution;
    (void)max;
    (void)told;
    (void)context;
    return -1;
}

static int post(struct store *store, struct job *job)
{
    struct store_memory *memory = (struct store_memory *)store;

    if (!job)
        return -1;
    if (memory->is_closing) {
        job_free(&job);
        return -1;
    }
    mailbox_post(memory->mailbox, &job);
    return 0;
}

static int execution_update(struct store *store, const struct store_execution *execution,
                            store_told *told, void *context)
{
    return post(store, job_execution(JOB_EXECUTION_UPDATE, execution, told, context));
}

static int execution_delete(struct store *store, uint64_t key, store_told *told, void *context)
{
    const struct store_execution execution = {.key = key};

    return post(store, job_execution(JOB_EXECUTION_DELETE, &execution, told, context));
}

static int executions_prune(struct store *store, uint64_t ended_before_ms, store_told *told,
                            void *context)
{
    const struct store_execution execution = {.stopped_ms = ended_before_ms};

    return post(store, job_execution(JOB_EXECUTIONS_PRUNE, &execution, told, context));
}

static int executions_read(struct store *store, const struct store_execution_query *query,
                           store_executions_told *told, void *context)
{
    return post(store, job_executions_read(query, told, context));
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void free_place(void *node)
{
    struct place *place = node;

    job_free(&place->kept);
    free(place);
}

static void close_memory(struct store **store)
{
    struct store_memory *memory = (struct store_memory *)*store;

    *store = NULL;
    memory->is_closing = true;
    mailbox_close(&memory->mailbox);
    tdestroy(memory->places, free_place);
    free(memory);
}

static const struct store_ops ops = {
    .load_now = load_now,
    .value_now = value_now,
    .change = change,
    .events_now = events_now,
    .event_put = event_put,
    .event_update = event_update,
    .event_delete = event_delete,
    .event_fetch = event_fetch,
    .nr_events = none,
    .oldest_event_ms = none,
    .executions_now = executions_now,
    .execution_key = none,
    .execution_put = execution_put,
    .execution_update = execution_update,
    .execution_delete = execution_delete,
    .executions_prune = executions_prune,
    .executions_read = executions_read,
    .close = close_memory,
};

struct store *store_memory_open(const struct store_host *host)
{
    struct store_memory *memory = calloc(1, sizeof(*memory));

    if (!memory)
        return NULL;
    memory->store.ops = &ops;
    memory->mailbox = mailbox_open(host);
    if (memory->mailbox)
        return &memory->store;
    free(memory);
    return NULL;
}
