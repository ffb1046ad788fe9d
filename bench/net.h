/* What the bench programs share: sockets on loopback, the clock, numbers from a command line.
 * Functions that "insist" end the program with a message: a bench that cannot set itself up has no
 * figures to give. */
#ifndef WEIR_BENCH_NET_H
#define WEIR_BENCH_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t net_now_ns(void); /* monotonic, the clock Python calls time.monotonic_ns */

/* Insists. A non-blocking listener on 127.0.0.1. */
int net_listen(int port);

/* The next waiting connection, non-blocking and without Nagle's delay; -1 when there is none. */
int net_accept(int listener);

/* A connection to 127.0.0.1, begun (finished, if is_blocking). -1 with errno. */
int net_connect(int port, bool is_blocking);

void net_nodelay(int fd);

/* Insists. Adds fd to the epoll set, or changes what is waited for. */
void net_watch(int epoll, int fd, uint32_t events, void *data);
void net_rewatch(int epoll, int fd, uint32_t events, void *data);

/* Insists. A decimal number; name is for the message. */
uint64_t net_number(const char *text, const char *name);

/* As many descriptors as the system lets us have. */
void net_raise_descriptors(void);

/* calloc that insists. */
void *net_alloc(size_t count, size_t size);

void net_die(const char *what) __attribute__((noreturn));

#endif
