/* Listings (control/listing.h) are written on a thread of libuv's pool. Control thread. */
#ifndef WEIR_PROXY_SERVER_WRITING_H
#define WEIR_PROXY_SERVER_WRITING_H

struct listing;
struct server;

/* The hook write of struct api_hooks. While one is written the server's tables stay: nr_writing
 * says how many there are. */
int writing_begin(struct server *s, struct listing *listing) __attribute__((warn_unused_result));

#endif
