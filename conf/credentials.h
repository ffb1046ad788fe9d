/* Who may ask for what: the access keys of aws.credentials_file, and the token of admin.token_file.
 *
 *     {"keys": [{"access_key_id": "AKID...", "secret_access_key": "...", "session_token": "...",
 *                "allow": ["invoke", "read", "write"], "functions": ["orders", "shop-*"]}]}
 *
 * Frozen once it is made: any thread may read it while it holds the settings that own it. Secrets
 * stand in no message of this file, and are wiped when they are freed. */
#ifndef WEIR_CONF_CREDENTIALS_H
#define WEIR_CONF_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "conf/problems.h"

enum { CREDENTIALS_ID_MAX = 128, CREDENTIALS_SECRET_MAX = 256, CREDENTIALS_TOKEN_MAX = 4096 };

/* What a key allows; bits. */
enum credentials_right {
    CREDENTIALS_INVOKE = 1, /* run functions */
    CREDENTIALS_READ = 2,   /* look at the admin listener's pages and resources */
    CREDENTIALS_WRITE = 4   /* change them */
};

struct credentials_key {
    char *access_key_id, *secret_access_key;
    char *session_token; /* NULL: a key for long */
    unsigned int rights; /* enum credentials_right */
    char **functions;    /* names, or patterns that end in "*" */
    int nr_functions;
};

struct credentials {
    int nr_keys;
    struct credentials_key *keys; /* by access_key_id */
};

/* Reads the document. NULL with problems added. */
struct credentials *credentials_parse(const char *text, size_t length, const char *file,
                                      struct problems *problems);
/* Wipes, frees and clears; NULL is fine. */
void credentials_free(struct credentials **credentials);

/* The key with that id, or NULL. credentials may be NULL: there are none. */
const struct credentials_key *credentials_find(const struct credentials *credentials,
                                               struct str id);

/* Whether the key allows that of the function; an empty name stands for what concerns no one
 * function, which only a key for all functions ("*") allows. */
bool credentials_allow(const struct credentials_key *key, enum credentials_right right,
                       struct str function);

/* Do both say the same? Either may be NULL. */
bool credentials_equal(const struct credentials *a, const struct credentials *b);

/* The token in the text of a token file: one line, 1 to CREDENTIALS_TOKEN_MAX visible ASCII
 * characters; blanks and line ends around it do not count. To be freed with
 * credentials_free_secret; NULL with a problem added. */
char *credentials_token(const char *text, size_t length, const char *file,
                        struct problems *problems);
void credentials_free_secret(char **secret); /* wipes, frees and clears; NULL is fine */

#endif
