/* A list under a lock and one uv_async_t. */
#include "store/mailbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <uv.h>

struct mailbox {
    uv_async_t news;
    struct store_host host;
    pthread_mutex_t lock; /* of the list */
    struct job *first, **end;
};

static struct job *take_all(struct mailbox *mailbox)
{
    struct job *first;

    pthread_mutex_lock(&mailbox->lock);
    first = mailbox->first;
    mailbox->first = NULL;
    mailbox->end = &mailbox->first;
    pthread_mutex_unlock(&mailbox->lock);
    return first;
}

/* What is told may ask for more, which comes in another turn. */
static void tell_all(struct mailbox *mailbox)
{
    struct job *job = take_all(mailbox);

    while (job) {
        struct job *next = job->next;

        job_tell(&job);
        job = next;
    }
}

static void on_news(uv_async_t *async)
{
    struct mailbox *mailbox = async->data;

    if (mailbox->host.wake_up)
        mailbox->host.wake_up(mailbox->host.context);
    tell_all(mailbox);
}

struct mailbox *mailbox_open(const struct store_host *host)
{
    struct mailbox *mailbox = calloc(1, sizeof(*mailbox));

    if (!mailbox)
        return NULL;
    mailbox->host = *host;
    mailbox->end = &mailbox->first;
    if (uv_async_init(host->loop, &mailbox->news, on_news) < 0) {
        free(mailbox);
        return NULL;
    }
    mailbox->news.data = mailbox;
    pthread_mutex_init(&mailbox->lock, NULL);
    return mailbox;
}

void mailbox_post(struct mailbox *mailbox, struct job **job)
{
    struct job *j = *job;

    *job = NULL;
    j->next = NULL;
    pthread_mutex_lock(&mailbox->lock);
    *mailbox->end = j;
    mailbox->end = &j->next;
    pthread_mutex_unlock(&mailbox->lock);
    (void)uv_async_send(&mailbox->news);
}

static void on_closed(uv_handle_t *handle)
{
    struct mailbox *mailbox = handle->data;

    pthread_mutex_destroy(&mailbox->lock);
    free(mailbox);
}

void mailbox_close(struct mailbox **mailbox)
{
    struct mailbox *m = *mailbox;

    *mailbox = NULL;
    tell_all(m);
    uv_close((uv_handle_t *)&m->news, on_closed);
}
