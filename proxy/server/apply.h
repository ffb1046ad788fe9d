/* weir apply: sends a table document to a weir that runs, as one change. */
#ifndef WEIR_PROXY_SERVER_APPLY_H
#define WEIR_PROXY_SERVER_APPLY_H

struct apply_options {
    const char *table_file; /* "-": standard input */
    const char *admin;      /* HOST:PORT, or NULL: that of the default settings */
    const char *token_file; /* sent as a bearer token; or NULL */
};

/* Prints what changed to standard output, or every problem to standard error. The exit status: 0, or
 * 1 where nothing changed because something is wrong. Blocks. */
int apply_run(const struct apply_options *options);

#endif
