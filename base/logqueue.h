/* A bounded queue of log lines with a thread that writes them to a descriptor: who has a line to
 * log never waits for whoever reads the log.
 *
 *     any thread: logqueue_put -> | lines | -> writer thread: poll, then at most PIPE_BUF at once
 *
 * A line that finds the queue full, or that the descriptor does not take (its disk is full, its
 * reader has gone), is lost and counted; a note in its place says how many were. */
#ifndef WEIR_BASE_LOGQUEUE_H
#define WEIR_BASE_LOGQUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOGQUEUE_BYTES = 256 * 1024,
    LOGQUEUE_LINE_MAX = 4096 /* no more than PIPE_BUF: one write, which others' lines do not cut */
};

/* Writes a line that says that so many lines were lost, and why if error (an errno) is not 0;
 * returns its length, which is less than size. Called with the queue's lock held. */
typedef size_t logqueue_note(char *out, size_t size, uint64_t nr_lost, int error);

struct logqueue {
    int fd;
    bool is_socket;
    logqueue_note *note;
    pthread_t thread;
    pthread_mutex_t lock;                /* of all below; held for a copy, never while writing */
    pthread_cond_t has_news, is_written; /* is_written: also has_ended */
    bool is_writing; /* the writer holds lines that it has taken and not written */
    bool wants_end, has_ended;
    uint64_t end_ms;    /* with wants_end: until then the writer tries */
    uint64_t nr_lost;   /* all of them */
    uint64_t nr_untold; /* of those, the ones for which there was no room and no note yet */
    size_t head, tail;  /* offsets, head - tail bytes are queued; both 0 when nothing is */
    char bytes[LOGQUEUE_BYTES];
};

/* Starts the writer thread, with all signals blocked. fd is borrowed. 0 or a negative errno. */
int logqueue_start(struct logqueue *q, int fd, logqueue_note *note)
    __attribute__((warn_unused_result));

/* Adds a line of 1 to LOGQUEUE_LINE_MAX bytes that ends in a line break. Any thread. */
void logqueue_put(struct logqueue *q, const char *line, size_t n);

/* Waits until all lines of before are written or lost, at most so long. Any thread. False when the
 * time was up first. */
bool logqueue_flush(struct logqueue *q, uint64_t limit_ms);

/* Writes what can be written within the time, then ends the thread. Nobody uses the queue any more.
 * False when the thread hangs in a write: then the queue's memory is still in use. */
bool logqueue_stop(struct logqueue *q, uint64_t limit_ms) __attribute__((warn_unused_result));

/* How many lines were lost since the start. Any thread. */
uint64_t logqueue_lost(struct logqueue *q);

#endif
