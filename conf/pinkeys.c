/* Lines of a file, each a key. */
#include "conf/pinkeys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* Shorter keys can be guessed with patience; they work, and are told of. */
enum { LENGTH_GOOD = 16, RANDOM_BYTES = 32 };

static int add(struct pinkeys *keys, struct str key)
{
    char *copy = malloc(key.n);

    if (!copy)
        return -1;
    memcpy(copy, key.p, key.n);
    keys->list[keys->nr++] = (struct str){copy, key.n};
    return 0;
}

static struct str trim(struct str line)
{
    while (line.n > 0 && memchr(" \t\r", line.p[0], 3)) {
        line.p++;
        line.n--;
    }
    while (line.n > 0 && memchr(" \t\r", line.p[line.n - 1], 3))
        line.n--;
    return line;
}

static bool is_visible(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return true;
}

static void complain(struct problems *problems, const char *file, int line, const char *what)
{
    char path[32];

    snprintf(path, sizeof(path), "line %d", line);
    problems_add(problems, "bad_pin_key", file, path, "%s", what);
}

static int read_line(struct pinkeys *keys, struct str line, const char *file, int number,
                     struct problems *problems)
{
    line = trim(line);
    if (line.n == 0)
        return 0;
    if (line.n > PINKEYS_LENGTH_MAX || !is_visible(line)) {
        complain(problems, file, number,
                 "must be one key of 1 to 1024 visible ASCII characters without blanks, such as "
                 "`openssl rand -hex 32` prints");
        return -1;
    }
    if (keys->nr == PINKEYS_MAX) {
        complain(problems, file, number, "is the seventeenth key; there may be 16 at most");
        return -1;
    }
    if (line.n < LENGTH_GOOD)
        log_warning("the key in line %d of %s is short enough to be guessed; use one such as "
                    "`openssl rand -hex 32` prints",
                    number, file);
    if (add(keys, line) == 0)
        return 0;
    problems_add(problems, "no_memory", file, "$", "out of memory");
    return -1;
}

struct pinkeys *pinkeys_parse(const char *text, size_t length, const char *file,
                              struct problems *problems)
{
    struct pinkeys *keys = calloc(1, sizeof(*keys));
    struct str rest = {text, length};
    int r = 0;

    if (!keys) {
        problems_add(problems, "no_memory", file, "$", "out of memory");
        return NULL;
    }
    for (int number = 1; rest.n > 0; number++) {
        struct str line = str_until(rest, '\n');

        r |= read_line(keys, line, file, number, problems);
        rest.p += line.n + (line.n < rest.n);
        rest.n -= line.n + (line.n < rest.n);
    }
    if (r == 0 && keys->nr == 0) {
        complain(problems, file, 1,
                 "must be a key, one a line; `openssl rand -hex 32` prints a good one");
        r = -1;
    }
    if (r < 0)
        pinkeys_free(&keys);
    return keys;
}

struct pinkeys *pinkeys_make(void)
{
    struct pinkeys *keys = calloc(1, sizeof(*keys));
    char random[RANDOM_BYTES];

    if (!keys)
        return NULL;
    if (getentropy(random, sizeof(random)) < 0 ||
        add(keys, (struct str){random, sizeof(random)}) < 0)
        pinkeys_free(&keys);
    explicit_bzero(random, sizeof(random));
    return keys;
}

void pinkeys_free(struct pinkeys **keys)
{
    struct pinkeys *k = *keys;

    *keys = NULL;
    if (!k)
        return;
    for (int i = 0; i < k->nr; i++) {
        explicit_bzero((char *)k->list[i].p, k->list[i].n);
        free((char *)k->list[i].p);
    }
    free(k);
}

bool pinkeys_equal(const struct pinkeys *a, const struct pinkeys *b)
{
    if (!a || !b)
        return a == b;
    if (a->nr != b->nr)
        return false;
    for (int i = 0; i < a->nr; i++)
        if (!str_eq(a->list[i], b->list[i]))
            return false;
    return true;
}
