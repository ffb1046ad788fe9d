/* Files of secrets. */
#include "conf/secrets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "conf/credentials.h"
#include "conf/file.h"
#include "conf/pinkeys.h"

static void warn_if_open(const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && (st.st_mode & S_IROTH))
        log_warning("%s has secrets in it, and every user of this machine can read it; chmod o-r "
                    "it",
                    path);
}

/* The file's text, to be given to drop; NULL with a problem added. */
static char *read_file(const char *path, size_t *length, struct problems *problems)
{
    char *text = file_read(path, length, problems);

    if (text)
        warn_if_open(path);
    return text;
}

static void drop(char *text, size_t length)
{
    if (text)
        explicit_bzero(text, length);
    free(text);
}

static int read_credentials(struct settings *settings, struct problems *problems)
{
    const char *path = settings->aws.credentials_file;
    size_t length = 0;
    char *text = path ? read_file(path, &length, problems) : NULL;

    if (text)
        settings->secrets.credentials = credentials_parse(text, length, path, problems);
    drop(text, length);
    return !path || settings->secrets.credentials ? 0 : -1;
}

static int read_token(struct settings *settings, struct problems *problems)
{
    const char *path = settings->admin_token_file;
    size_t length = 0;
    char *text = path ? read_file(path, &length, problems) : NULL;

    if (text)
        settings->secrets.admin_token = credentials_token(text, length, path, problems);
    drop(text, length);
    return !path || settings->secrets.admin_token ? 0 : -1;
}

static int read_pin_keys(struct settings *settings, struct problems *problems)
{
    const char *path = settings->pins.key_file;
    size_t length = 0;
    char *text = path ? read_file(path, &length, problems) : NULL;

    if (text)
        settings->secrets.pin_keys = pinkeys_parse(text, length, path, problems);
    drop(text, length);
    return !path || settings->secrets.pin_keys ? 0 : -1;
}

static int read_password(struct settings *settings, struct problems *problems)
{
    const char *path = settings->etcd.password_file;
    size_t length = 0;
    char *text = path ? read_file(path, &length, problems) : NULL;

    if (text)
        settings->secrets.etcd_password = credentials_token(text, length, path, problems);
    drop(text, length);
    return !path || settings->secrets.etcd_password ? 0 : -1;
}

int secrets_read(struct settings *settings, struct problems *problems)
{
    int r = read_credentials(settings, problems);

    r |= read_token(settings, problems);
    r |= read_password(settings, problems);
    return r | read_pin_keys(settings, problems);
}

bool secrets_equal(const struct settings *a, const struct settings *b)
{
    const char *x = a->secrets.admin_token, *y = b->secrets.admin_token;

    return (x && y ? strcmp(x, y) == 0 : x == y) &&
           credentials_equal(a->secrets.credentials, b->secrets.credentials) &&
           pinkeys_equal(a->secrets.pin_keys, b->secrets.pin_keys);
}
