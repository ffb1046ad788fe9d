/* Names, and copies. */
#include "router/machine.h"

#include <string.h>

#include "base/text.h"

bool machine_is(struct str name)
{
    return name.n > MACHINE_PREFIX_BYTES &&
           memcmp(name.p, MACHINE_PREFIX, MACHINE_PREFIX_BYTES) == 0;
}

struct str machine_bare(struct str name)
{
    size_t skip = machine_is(name) ? MACHINE_PREFIX_BYTES : 0;

    return (struct str){name.p + skip, name.n - skip};
}

bool machine_full(struct str bare, char out[MACHINE_BYTES_MAX + 1])
{
    char *p = out;

    if (bare.n > MACHINE_BYTES_MAX - MACHINE_PREFIX_BYTES)
        return false;
    p = text_lit(p, MACHINE_PREFIX);
    p = text_str(p, bare);
    *p = '\0';
    return true;
}

/* White space and control characters beyond ASCII: U+0080 to U+00A0, U+1680, U+2000 to U+200A,
 * U+2028, U+2029, U+202F, U+205F, U+3000; and U+FFFE, U+FFFF. */
static bool is_forbidden_beyond(struct str s, size_t i)
{
    const unsigned char *p = (const unsigned char *)s.p + i;
    size_t left = s.n - i;

    if (p[0] == 0xc2 && left > 1)
        return p[1] <= 0xa0;
    if (left < 3)
        return false;
    if (p[0] == 0xe1)
        return p[1] == 0x9a && p[2] == 0x80;
    if (p[0] == 0xe2 && p[1] == 0x80)
        return p[2] <= 0x8a || p[2] == 0xa8 || p[2] == 0xa9 || p[2] == 0xaf;
    if (p[0] == 0xe2)
        return p[1] == 0x81 && p[2] == 0x9f;
    if (p[0] == 0xe3)
        return p[1] == 0x80 && p[2] == 0x80;
    return p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe;
}

bool machine_is_name(struct str bare)
{
    size_t nr = text_characters(bare);

    if (nr < 1 || nr > MACHINE_NAME_MAX)
        return false;
    for (size_t i = 0; i < bare.n; i++) {
        char c = bare.p[i];

        if ((unsigned char)c >= 0x80
                ? is_forbidden_beyond(bare, i)
                : c <= ' ' || c == 0x7f || strchr("<>{}[]?*\"#%\\^|~`$&,;:/", c) != NULL)
            return false;
    }
    return true;
}

bool machine_is_alias_name(struct str name)
{
    bool is_number = true;

    if (name.n < 1 || name.n > MACHINE_ALIAS_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = str_lower(name.p[i]);

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.')
            return false;
        is_number = is_number && c >= '0' && c <= '9';
    }
    return !is_number;
}

int machine_copy(struct stash *stash, const struct machine *from, const struct machine **out)
{
    struct machine *machine = from ? stash_take(stash, sizeof(*machine)) : NULL;

    if (machine)
        *machine = *from;
    *out = machine;
    return from && !machine ? -1 : 0;
}

/* NULL stays NULL. */
static int copy_text(struct stash *stash, const char *from, char **out)
{
    *out = from ? stash_copy(stash, str_of(from)) : NULL;
    return from && !*out ? -1 : 0;
}

int machine_task_copy(struct stash *stash, const struct machine_task *from,
                      struct machine_task **out)
{
    struct machine_task *task;

    *out = NULL;
    if (!from || (!from->function && !from->state_machine && from->execution_ms == 0))
        return 0;
    task = stash_take(stash, sizeof(*task));
    if (!task || copy_text(stash, from->function, &task->function) < 0 ||
        copy_text(stash, from->qualifier, &task->qualifier) < 0 ||
        copy_text(stash, from->state_machine, &task->state_machine) < 0)
        return -1;
    task->execution_ms = from->execution_ms;
    *out = task;
    return 0;
}
