/* The thread that takes the signals. It waits for them by sigwaitinfo, so nothing here runs in a
 * signal handler, and nothing is lost between two phases: what is not taken stays pending. */
#include "proxy/server/signals.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum { LAST_WORDS_MS = 300, HURRY_MS = 500 };

/* Those of which weir decides. Not among them: what the kernel sends for a fault of the program
 * (SIGSEGV and the like), for limits of CPU time and for job control; SIGPIPE and SIGXFSZ, which
 * are error codes of write here. */
static const int numbers[] = {SIGHUP,  SIGINT,  SIGQUIT,   SIGTERM, SIGUSR1, SIGUSR2,
                              SIGALRM, SIGPROF, SIGVTALRM, SIGIO,   SIGPWR,  SIGWINCH};

static void fill_set(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaddset(set, numbers[i]);
#ifdef SIGSTKFLT
    sigaddset(set, SIGSTKFLT);
#endif
    for (int i = SIGRTMIN; i <= SIGRTMAX; i++)
        sigaddset(set, i);
}

void signals_block(void)
{
    sigset_t set;

    fill_set(&set);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
    /* One that the parent has had ignored (SIGHUP by nohup, SIGINT by a shell) counts here, too. */
    for (int i = 1; i <= SIGRTMAX; i++)
        if (sigismember(&set, i) == 1)
            signal(i, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

/* ---- The thread ------------------------------------------------------------------------------ */

static void wake_loop(struct signals *s)
{
    if (s->phase == SIGNALS_RUNNING)
        uv_async_send(&s->wake);
}

static void hurry(struct signals *s)
{
    if (s->cut_off_ms == 0)
        s->cut_off_ms = clock_ms() + HURRY_MS;
}

static void take_end(struct signals *s, int number)
{
    switch (s->phase) {
    case SIGNALS_STARTING:
        log_info("ended by SIG%s before it was ready", sigabbrev_np(number));
        log_flush(LAST_WORDS_MS);
        _exit(EXIT_SUCCESS);
    case SIGNALS_RUNNING:
        /* Asked twice while the loop hangs, in a reload or wherever: it is not waited for. */
        if (++s->nr_ends > 1)
            hurry(s);
        wake_loop(s);
        return;
    case SIGNALS_ENDING:
        hurry(s);
        return;
    case SIGNALS_OVER:
        return;
    }
}

static void ignore(struct signals *s, int number)
{
    const char *name = sigabbrev_np(number);

    if (s->phase >= SIGNALS_ENDING)
        return; /* the log may have ended */
    if (number == SIGWINCH)
        log_debug("SIGWINCH is ignored: a terminal has another size");
    else if (name)
        log_warning("SIG%s is ignored: weir has no use for it", name);
    else
        log_warning("signal %d is ignored: weir has no use for it", number);
}

static void take(struct signals *s, int number)
{
    switch (number) {
    case SIGHUP:
        s->has_hup = true;
        wake_loop(s);
        return;
    case SIGUSR1:
        s->has_usr1 = true;
        wake_loop(s);
        return;
    case SIGTERM:
    case SIGINT:
    case SIGQUIT:
        take_end(s, number);
        return;
    default:
        ignore(s, number);
    }
}

/* The next signal; 0 for one by which the control thread makes this one look at the phase, and when
 * the time has come. */
static int wait_for_one(const sigset_t *set, uint64_t until_ms)
{
    uint64_t now_ms = clock_ms();
    long ms = until_ms > now_ms ? (long)(until_ms - now_ms) : 0;
    struct timespec limit = {.tv_nsec = ms * 1000000L};
    siginfo_t info;
    int number = until_ms > 0 ? sigtimedwait(set, &info, &limit) : sigwaitinfo(set, &info);

    if (number < 0 || (info.si_code == SI_TKILL && info.si_pid == getpid()))
        return 0;
    return number;
}

static void *run(void *arg)
{
    struct signals *s = arg;
    uint64_t cut_off_ms = 0;
    bool is_over = false;
    sigset_t set;

    fill_set(&set);
    while (!is_over) {
        int number = wait_for_one(&set, cut_off_ms);
        pthread_mutex_lock(&s->lock);
        is_over = s->phase == SIGNALS_OVER;
        if (number > 0)
            take(s, number);
        cut_off_ms = s->cut_off_ms;
        if (!is_over && cut_off_ms > 0 && clock_ms() >= cut_off_ms)
            _exit(s->end_status);
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

/* ---- The control thread's side --------------------------------------------------------------- */

static void on_wake(uv_async_t *wake)
{
    struct signals *s = wake->data;
    bool has_hup, has_usr1;
    unsigned nr_ends;

    pthread_mutex_lock(&s->lock);
    has_hup = s->has_hup;
    has_usr1 = s->has_usr1;
    nr_ends = s->nr_ends;
    s->has_hup = s->has_usr1 = false;
    s->nr_ends = 0;
    s->cut_off_ms = 0;
    pthread_mutex_unlock(&s->lock);
    if (has_usr1)
        s->handler(s->context, SIGUSR1);
    if (has_hup)
        s->handler(s->context, SIGHUP);
    while (nr_ends-- > 0)
        s->handler(s->context, SIGTERM);
}

int signals_start(struct signals *s)
{
    int error;

    pthread_mutex_init(&s->lock, NULL);
    error = pthread_create(&s->thread, NULL, run, s);
    if (error == 0)
        pthread_setname_np(s->thread, "weir-signals");
    return -error;
}

int signals_deliver(struct signals *s, uv_loop_t *loop, signals_handler *handler, void *context)
{
    int r = uv_async_init(loop, &s->wake, on_wake);

    if (r < 0)
        return r;
    s->wake.data = s;
    s->handler = handler;
    s->context = context;
    pthread_mutex_lock(&s->lock);
    s->phase = SIGNALS_RUNNING;
    pthread_mutex_unlock(&s->lock);
    uv_async_send(&s->wake); /* what came before */
    return 0;
}

/* Makes the thread look at the phase. */
static void kick(struct signals *s)
{
    pthread_kill(s->thread, SIGUSR2);
}

void signals_end(struct signals *s, int status)
{
    pthread_mutex_lock(&s->lock);
    s->phase = SIGNALS_ENDING;
    s->end_status = status;
    if (s->nr_ends > 0)
        hurry(s);
    pthread_mutex_unlock(&s->lock);
    kick(s);
}

void signals_stop(struct signals *s)
{
    pthread_mutex_lock(&s->lock);
    s->phase = SIGNALS_OVER;
    pthread_mutex_unlock(&s->lock);
    kick(s);
    pthread_join(s->thread, NULL);
    pthread_mutex_destroy(&s->lock);
}
