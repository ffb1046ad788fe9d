/* weir apply: sends a table document to a weir that runs, as one change. */
#ifndef WEIR_PROXY_SERVER_APPLY_H
#define WEIR_PROXY_SERVER_APPLY_H

/* NULL: none is given. */
struct apply_options {
    const char *table_file; /* "-": standard input */
    const char *admin;      /* HOST:PORT, perhaps with http:// or https://; NULL: 127.0.0.1:9901 */
    const char *token_file; /* sent as a bearer token */
    const char *credentials_file; /* as of aws.credentials_file: its first key that may do it */
    const char *region;           /* that the signature names */
    const char *ca_file, *certificate, *key;
};

/* Prints what changed to standard output, or every problem to standard error. The exit status: 0,
 * or 1 where nothing changed because something is wrong. Without any file it signs by AWS's
 * variables of the environment, where they are set. Blocks. */
int apply_run(const struct apply_options *options);

#endif
