/* Signals, on a thread of their own: one that arrives at any moment does what it should, also while
 * the start or the end of the process takes its time, and also as process 1, where the kernel drops
 * each signal that has no handler and is not blocked.
 *
 *     signals_block: main's first act; from here on the kernel keeps what arrives
 *         signals_start: the thread takes it. SIGTERM ends the process now, other signals wait
 *             signals_deliver: what waited, and all that follows, goes to the control loop
 *         signals_end: the loop has ended; SIGTERM cuts off what still keeps the process
 *     signals_stop
 *
 * SIGINT and SIGQUIT are as SIGTERM here. Signals for which weir has no use, but which would end
 * it, are logged and ignored. Control thread, unless a function says otherwise. */
#ifndef WEIR_PROXY_SERVER_SIGNALS_H
#define WEIR_PROXY_SERVER_SIGNALS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* On the control loop's thread. number is SIGHUP, SIGUSR1, or SIGTERM for each signal that asks for
 * the end. */
typedef void signals_handler(void *context, int number);

enum signals_phase { SIGNALS_STARTING, SIGNALS_RUNNING, SIGNALS_ENDING, SIGNALS_OVER };

struct signals {
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows up to wake */
    enum signals_phase phase;
    int end_status;      /* of a process that is cut off while SIGNALS_ENDING */
    uint64_t cut_off_ms; /* when, if it has not ended or taken its orders by then; 0: not at all */
    bool has_hup, has_usr1; /* what has arrived and the control loop has not seen */
    unsigned nr_ends;
    uv_async_t wake;
    signals_handler *handler;
    void *context;
};

/* Blocks all signals of which this file decides, for this thread and those that it will start,
 * whatever was inherited. */
void signals_block(void);

/* Starts the thread. 0 or a negative errno. */
int signals_start(struct signals *s) __attribute__((warn_unused_result));

/* The handler is called on the loop from now on, first for what came since signals_block. 0 or a
 * negative errno. */
int signals_deliver(struct signals *s, uv_loop_t *loop, signals_handler *handler, void *context)
    __attribute__((warn_unused_result));

/* The loop has ended, and its handles may be closed now. A signal that asks for the end, or did so
 * and was not handled, leaves the process a moment more; then it ends with the status. */
void signals_end(struct signals *s, int status);

/* Ends the thread. */
void signals_stop(struct signals *s);

#endif
