/* Writing and reading task tokens. */
#include "control/tasktoken.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

static const struct str prefix = {"weir-", 5};

void tasktoken_write(char out[TASKTOKEN_MAX + 1], uint64_t key, const char id[ID_LENGTH])
{
    snprintf(out, TASKTOKEN_MAX + 1, "weir-%llu-%.*s", (unsigned long long)key, ID_LENGTH, id);
}

bool tasktoken_read(struct str token, uint64_t *key, struct str *id)
{
    uint64_t number = 0;
    size_t i = prefix.n;

    if (token.n < prefix.n + 2 + ID_LENGTH || token.n > TASKTOKEN_MAX ||
        memcmp(token.p, prefix.p, prefix.n) != 0)
        return false;
    for (; i < token.n && token.p[i] >= '0' && token.p[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(token.p[i] - '0');
    if (i == prefix.n || token.n - i != 1 + ID_LENGTH || token.p[i] != '-')
        return false;
    *key = number;
    *id = (struct str){token.p + i + 1, ID_LENGTH};
    return id_is_uuid(*id);
}

bool tasktoken_is(struct str id, const char *other)
{
    return id.n == strlen(other) && CRYPTO_memcmp(id.p, other, id.n) == 0;
}
