/* A list under a lock: there are few in a day. */
#include "proxy/worker/recall.h"

void recall_init(struct recalls *recalls)
{
    pthread_mutex_init(&recalls->lock, NULL);
    STAILQ_INIT(&recalls->list);
    atomic_init(&recalls->nr_pending, 0);
}

void recall_fini(struct recalls *recalls)
{
    struct ward *ward;

    while ((ward = recall_get(recalls)))
        ward_unref(&ward);
    pthread_mutex_destroy(&recalls->lock);
}

void recall_post(struct recalls *recalls, struct ward *ward)
{
    ward_ref(ward); /* the list's: not within the macro, which names its argument several times */
    atomic_fetch_add(&recalls->nr_pending, 1);
    pthread_mutex_lock(&recalls->lock);
    STAILQ_INSERT_TAIL(&recalls->list, ward, link);
    pthread_mutex_unlock(&recalls->lock);
    if (recalls->posted)
        recalls->posted(recalls->context);
}

struct ward *recall_get(struct recalls *recalls)
{
    struct ward *ward;

    pthread_mutex_lock(&recalls->lock);
    ward = STAILQ_FIRST(&recalls->list);
    if (ward)
        STAILQ_REMOVE_HEAD(&recalls->list, link);
    pthread_mutex_unlock(&recalls->lock);
    return ward;
}

bool recall_end(struct recalls *recalls)
{
    return atomic_fetch_sub(&recalls->nr_pending, 1) == 1;
}
