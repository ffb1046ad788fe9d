/* Each edit is a job of its own, which has the memory. */
#include "store/editlist.h"

#include <stdlib.h>

static bool has_room(struct editlist *list)
{
    int room = list->room ? list->room * 2 : 16;
    struct job **jobs;
    struct store_edit *edits;

    if (list->nr < list->room)
        return true;
    jobs = reallocarray(list->jobs, (size_t)room, sizeof(jobs[0]));
    list->jobs = jobs ? jobs : list->jobs;
    edits = reallocarray(list->edits, (size_t)room, sizeof(edits[0]));
    list->edits = edits ? edits : list->edits;
    list->room = jobs && edits ? room : list->room;
    return jobs && edits;
}

void editlist_add(struct editlist *list, const struct store_edit *edit)
{
    struct job *job = has_room(list) ? job_change(edit, 1, NULL, NULL) : NULL;

    list->is_out |= !job;
    if (!job)
        return;
    list->jobs[list->nr] = job;
    list->edits[list->nr++] = job->edits[0];
}

void editlist_fini(struct editlist *list)
{
    for (int i = 0; i < list->nr; i++)
        job_free(&list->jobs[i]);
    free(list->jobs);
    free(list->edits);
    *list = (struct editlist){.nr = 0};
}
