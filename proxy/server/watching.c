/* Following files. */
#include "proxy/server/watching.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/log.h"
#include "conf/file.h"
#include "proxy/server/state.h"
#include "proxy/tls/tls.h"

enum { SETTLE_MS = 40 };

struct watching {
    uv_poll_t poll;
    struct file_watch *watch;
    void (*changed)(struct server *s);
    struct buffer names; /* of all that is followed, each with its terminator */
    size_t nr_own;       /* of their bytes: the settings'; behind them the table's */
    bool is_overdue;     /* a file of the settings may have changed before it was followed */
};

/* ---- Names ----------------------------------------------------------------------------------- */

static void add(void *names, const char *path)
{
    if (path && path[0])
        buffer_add(names, (struct str){path, strlen(path) + 1});
}

/* How many bytes of them the settings name. */
static size_t collect(const struct server *s, const struct settings *settings, struct buffer *names)
{
    size_t nr_own;

    add(names, settings->table_file);
    add(names, s->options->settings_file);
    add(names, settings->aws.credentials_file);
    add(names, settings->admin_token_file);
    add(names, settings->pins.key_file);
    add(names, settings->admin_tls.certificate);
    add(names, settings->admin_tls.key);
    add(names, settings->admin_tls.client_ca);
    for (int i = 0; i < settings->nr_listeners; i++) {
        const struct listener_settings *listener = &settings->listeners[i];

        for (int k = 0; k < listener->nr_certificates; k++) {
            add(names, listener->certificates[k].certificate);
            add(names, listener->certificates[k].key);
        }
        add(names, listener->client_ca);
    }
    nr_own = names->n;
    tls_origin_files(add, names);
    return nr_own;
}

/* ---- The handle ------------------------------------------------------------------------------ */

static void on_settled(uv_timer_t *timer);

static void settle(struct server *s)
{
    uv_update_time(&s->loop.uv);
    uv_timer_start(&s->settle, on_settled, SETTLE_MS, 0);
}

static void on_watch(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    loop_wake_up(&((struct server *)poll->data)->loop);
    /* Several steps of one change become one reload. */
    uv_poll_stop(poll);
    settle(poll->data);
}

static void on_settled(uv_timer_t *timer)
{
    struct server *s = timer->data;
    struct watching *w = s->watching;

    if (s->is_draining || !w)
        return;
    if (file_watch_changed(w->watch) || w->is_overdue) {
        w->is_overdue = false;
        w->changed(s);
    }
    uv_poll_start(&w->poll, UV_READABLE, on_watch);
}

static void free_watching(struct watching *w)
{
    if (w->watch)
        file_watch_close(&w->watch);
    buffer_fini(&w->names);
    free(w);
}

static void on_closed(uv_handle_t *handle)
{
    free_watching((struct watching *)((char *)handle - offsetof(struct watching, poll)));
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* NULL with errno. */
static struct file_watch *open_all(const struct buffer *names)
{
    struct file_watch *watch;
    char **paths, *p = names->p;
    int nr = 0, error;

    for (size_t i = 0; i < names->n; i++)
        nr += names->p[i] == '\0';
    paths = malloc((size_t)nr * sizeof(*paths) + 1);
    if (!paths)
        return NULL;
    for (int i = 0; i < nr; i++, p += strlen(p) + 1)
        paths[i] = p;
    watch = file_watch_open(paths, nr);
    error = errno;
    free(paths);
    errno = error;
    return watch;
}

/* The documents alone are followed where something else is in a folder that cannot be. */
static struct file_watch *open_some(const struct server *s, const struct settings *settings)
{
    struct buffer names = {0};
    struct file_watch *watch = NULL;

    add(&names, settings->table_file);
    add(&names, s->options->settings_file);
    if (!names.is_out)
        watch = open_all(&names);
    buffer_fini(&names);
    return watch;
}

/* Takes the names. */
static void open_watch(struct server *s, const struct settings *settings, struct buffer *names,
                       size_t nr_own, void (*changed)(struct server *s))
{
    struct watching *w = names->is_out ? NULL : calloc(1, sizeof(*w));
    char text[128];

    watching_close(s);
    if (!w) {
        log_warning("out of memory: no file is watched; reload with SIGHUP or POST /reload");
        buffer_fini(names);
        return;
    }
    w->names = *names;
    w->nr_own = nr_own;
    w->changed = changed;
    w->watch = open_all(names);
    if (!w->watch) {
        log_warning("not every file can be watched (%s); reload with SIGHUP or POST /reload after "
                    "a change of certificates or keys",
                    strerror_r(errno, text, sizeof(text)));
        w->watch = open_some(s, settings);
    }
    if (!w->watch || uv_poll_init(&s->loop.uv, &w->poll, file_watch_fd(w->watch)) < 0) {
        log_warning("the documents cannot be watched (%s); reload with SIGHUP or POST /reload",
                    strerror_r(errno, text, sizeof(text)));
        free_watching(w);
        return;
    }
    w->poll.data = s;
    s->watching = w;
}

void watching_open(struct server *s, const struct settings *settings,
                   void (*changed)(struct server *s))
{
    struct buffer names = {0};
    size_t nr_own = collect(s, settings, &names);

    open_watch(s, settings, &names, nr_own, changed);
}

void watching_begin(struct server *s)
{
    if (s->watching)
        uv_poll_start(&s->watching->poll, UV_READABLE, on_watch);
    watching_follow(s); /* the table's files */
}

static bool starts_as(const struct buffer *a, const struct buffer *b, size_t n)
{
    return n == 0 || (a->n >= n && b->n >= n && memcmp(a->p, b->p, n) == 0);
}

void watching_follow(struct server *s)
{
    const struct settings *settings = s->shared.settings;
    struct watching *w = s->watching;
    struct buffer names = {0};
    bool is_own_same;
    size_t nr_own;

    if (!w)
        return;
    nr_own = collect(s, settings, &names);
    is_own_same = nr_own == w->nr_own && starts_as(&names, &w->names, nr_own);
    if (is_own_same && names.n == w->names.n && starts_as(&names, &w->names, names.n)) {
        buffer_fini(&names);
        return;
    }
    open_watch(s, settings, &names, nr_own, w->changed);
    if (!s->watching)
        return;
    s->watching->is_overdue = !is_own_same;
    tls_origin_refresh();
    settle(s); /* begins to listen, too */
}

void watching_close(struct server *s)
{
    if (s->watching)
        uv_close((uv_handle_t *)&s->watching->poll, on_closed);
    s->watching = NULL;
}
