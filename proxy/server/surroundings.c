/* Every address is looked at, whatever the others say: people hear of all that are taken. */
#include "proxy/server/surroundings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/bindspec.h"
#include "metrics/logfile.h"
#include "proxy/io/bind.h"

/* One address to listen on. */
struct spot {
    const char *address, *option, *file;
    char path[48];
    char name[BIND_NAME]; /* as it is resolved; "" where it is not */
};

static struct spot spot_of(const struct settings *settings, const struct documents_options *options,
                           int i)
{
    struct spot spot = {.file = options->settings_file};

    if (i == settings->nr_listeners) {
        spot.address = settings->admin_address;
        spot.option = "--admin";
        snprintf(spot.path, sizeof(spot.path), "$.admin.address");
        return spot;
    }
    spot.address = settings->listeners[i].address;
    spot.option = "--listen";
    snprintf(spot.path, sizeof(spot.path), "$.listeners[%d].address", i);
    return spot;
}

/* What it takes of a port, with a name replaced by its address. */
static bool read_spec(const struct spot *spot, struct bindspec *out)
{
    if (bindspec_parse(str_of(spot->address), out))
        return false;
    return out->kind != BINDSPEC_NAME ||
           (spot->name[0] && !bindspec_parse(str_of(spot->name), out));
}

/* Addresses that overlap as they are written were found before (conf/settings_check.c). */
static void look_at_pair(const struct spot *a, const struct spot *b, struct problems *problems)
{
    struct bindspec x, y;

    if (read_spec(a, &x) && read_spec(b, &y) && bindspec_overlaps(&x, &y))
        problems_add(
            problems, "same_address", a->file, a->path,
            "%s and %s of %s take the same address and port, %s; remove one of them or use "
            "another port",
            a->address, b->address, b->path, a->name);
}

static void look_at(struct spot *spot, const struct settings *settings,
                    enum surroundings_for what_for, struct problems *problems)
{
    bool is_check = what_for == SURROUNDINGS_CHECK;
    char why[BIND_WHY];
    enum bind_verdict verdict =
        bind_look(spot->address, settings_leaves_ipv4(settings, spot->address), !is_check,
                  spot->option, spot->name, why);

    if (verdict == BIND_FREE)
        return;
    if (verdict == BIND_REFUSED)
        problems_add(problems, "address", spot->file, spot->path, "%s", why);
    else if (is_check)
        printf("%s is in use by a weir of this user: right for a reload, not for a second weir\n",
               spot->address);
    else
        problems_add(problems, "address", spot->file, spot->path,
                     "cannot listen on %s: another program, a weir it seems, has the port already; "
                     "stop it, or choose another port (%s)",
                     spot->address, spot->option);
}

static void look_at_addresses(const struct settings *settings,
                              const struct documents_options *options,
                              enum surroundings_for what_for, struct problems *problems)
{
    int nr = settings->nr_listeners + 1;
    struct spot *spots = calloc((size_t)nr, sizeof(*spots));

    if (!spots) {
        problems_add(problems, "no_memory", NULL, "$", "out of memory");
        return;
    }
    for (int i = 0; i < nr; i++) {
        spots[i] = spot_of(settings, options, i);
        look_at(&spots[i], settings, what_for, problems);
        for (int k = 0; k < i; k++)
            look_at_pair(&spots[i], &spots[k], problems);
    }
    free(spots);
}

static void look_at_log(const struct settings *settings, const char *file,
                        struct problems *problems)
{
    const char *path = settings->log.access;
    bool is_folder;

    if (!path || !path[0] || logfile_look(path, &is_folder) == 0)
        return;
    problems_add(problems, "log_file", file, "$.log.access",
                 "the access log %s cannot be opened: %s%s", path, strerror(errno),
                 !is_folder        ? ""
                 : errno == ENOENT ? "; its folder is missing: make it, or name another file"
                                   : "; weir must be able to make files in its folder");
}

void surroundings_look(const struct settings *settings, const struct documents_options *options,
                       enum surroundings_for what_for, struct problems *problems)
{
    look_at_log(settings, options->settings_file, problems);
    look_at_addresses(settings, options, what_for, problems);
}
