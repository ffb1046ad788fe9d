/* What is in force, behind one lock that a worker takes only after it has been told of news. */
#include "proxy/worker/shared.h"

#include <string.h>

#include "conf/pinkeys.h"
#include "proxy/tls/tls.h"

void shared_init(struct shared *s)
{
    memset(s, 0, sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    pins_init(&s->pins);
    s->pin_keys = pinkeys_make();
    slots_init(&s->slots);
    recall_init(&s->recalls);
}

void shared_fini(struct shared *s)
{
    if (s->table)
        table_unref(&s->table);
    if (s->tls)
        tls_server_unref(&s->tls);
    if (s->settings)
        settings_unref(&s->settings);
    recall_fini(&s->recalls);
    slots_fini(&s->slots);
    pins_fini(&s->pins);
    pinkeys_free(&s->pin_keys);
    pthread_mutex_destroy(&s->lock);
}

void shared_put_table(struct shared *s, struct table **table)
{
    struct table *previous;

    pthread_mutex_lock(&s->lock);
    previous = s->table;
    s->table = *table;
    s->table->serial = atomic_load_explicit(&s->serial, memory_order_relaxed) + 1;
    atomic_store_explicit(&s->serial, s->table->serial, memory_order_release);
    pthread_mutex_unlock(&s->lock);
    *table = previous;
}

void shared_put_settings(struct shared *s, struct settings **settings, struct tls_server **tls)
{
    struct settings *previous;
    struct tls_server *previous_tls;

    pthread_mutex_lock(&s->lock);
    previous = s->settings;
    previous_tls = s->tls;
    s->settings = *settings;
    s->tls = *tls;
    atomic_fetch_add_explicit(&s->settings_serial, 1, memory_order_release);
    pthread_mutex_unlock(&s->lock);
    *settings = previous;
    *tls = previous_tls;
}

struct table *shared_table(struct shared *s)
{
    pthread_mutex_lock(&s->lock);
    struct table *table = s->table ? table_ref(s->table) : NULL;
    pthread_mutex_unlock(&s->lock);
    return table;
}

struct settings *shared_settings(struct shared *s)
{
    pthread_mutex_lock(&s->lock);
    struct settings *settings = s->settings ? settings_ref(s->settings) : NULL;
    pthread_mutex_unlock(&s->lock);
    return settings;
}

struct tls_server *shared_tls(struct shared *s)
{
    pthread_mutex_lock(&s->lock);
    struct tls_server *tls = s->tls ? tls_server_ref(s->tls) : NULL;
    pthread_mutex_unlock(&s->lock);
    return tls;
}
