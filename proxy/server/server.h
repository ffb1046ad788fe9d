/* The process: starts, runs until drained, ends. */
#ifndef WEIR_PROXY_SERVER_SERVER_H
#define WEIR_PROXY_SERVER_SERVER_H

struct documents_options;

/* weir run: runs until drained; the process' exit status. Control thread. */
int server_run(const struct documents_options *options);

#endif
