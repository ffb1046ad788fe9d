/* The settings document: how this process runs (listeners, limits, time limits, logs), as opposed
 * to the table, which says where invocations go. The rows in settings_rows.c drive parsing,
 * dumping (weir settings, GET /settings) and docs/settings.md; defaults and ranges stand there.
 *
 * A struct settings is plain data: filled on the control thread, frozen when handed to workers,
 * counted. Rows marked reloadable take effect for new connections and exchanges after a reload; a
 * reload that changes another row keeps the old value and says so. */
#ifndef WEIR_CONF_SETTINGS_H
#define WEIR_CONF_SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/problems.h"

struct credentials;
struct pinkeys;

struct certificate_settings {
    char *certificate; /* PEM chain */
    char *key;         /* PEM */
};

/* What a request must show to be served. */
enum settings_authorization { SETTINGS_AUTHORIZATION_NONE, SETTINGS_AUTHORIZATION_AWS_IAM };

struct listener_settings {
    char *address; /* HOST:PORT, [IPv6]:PORT or :PORT */
    bool is_tls;
    int nr_certificates; /* the first is the default for clients without SNI */
    struct certificate_settings *certificates;
    char *client_ca;         /* PEM; with it client certificates are asked for */
    bool client_required;    /* and refused if missing */
    char *min_version;       /* "1.2" (default) or "1.3" */
    uint32_t hsts_max_age_s; /* 0: no Strict-Transport-Security */
    bool redirect_to_https;  /* plain listener: answer 308 to https instead of forwarding */
    uint16_t redirect_port;  /* port named in the redirect; 443: none */
    enum settings_authorization invoke_authorization; /* of its Invoke paths */
};

/* What it means when a client ends its sending side while its exchange runs. */
enum settings_half_close { SETTINGS_HALF_CLOSE_ANSWER, SETTINGS_HALF_CLOSE_ABORT };

enum settings_log_format { SETTINGS_LOG_JSON, SETTINGS_LOG_TEXT };

/* The largest values of limits.header_bytes and executed_version_header. */
enum { SETTINGS_HEADER_BYTES_MAX = 128 * 1024, SETTINGS_HEADER_NAME_MAX = 64 };

struct settings {
    _Atomic uint32_t refs;

    struct listener_settings *listeners;
    int nr_listeners;
    char *admin_address;
    /* names by which the admin listener is called, with commas between; "*": any; "" */
    char *admin_hosts;
    char *admin_token_file;     /* NULL: none */
    uint32_t admin_table_bytes; /* of PUT /table; over it 413 */
    struct {
        char *certificate, *key; /* NULL: the admin listener is plain */
        char *min_version, *client_ca;
        bool client_required;
    } admin_tls;
    uint32_t workers; /* 0: as many as cpus_usable says */
    char *table_file;
    struct {
        char *directory; /* state.directory; NULL or "": none */
    } state;
    struct {
        char *endpoints; /* store.etcd.endpoints, with commas between; "": no etcd */
        char *prefix, *username, *password_file, *ca_file, *certificate, *key; /* NULL: none */
        uint32_t timeout_ms, start_wait_s;
    } etcd;
    struct {
        char *id; /* fleet.id; "": the host's name */
        uint32_t lease_ms;
    } fleet;
    char *executed_version_header;

    struct {
        /* forwarded.trust: of whom to keep the X-Forwarded-*, and append to them; those of
         * others are replaced. "true", "false", or networks with commas between */
        char *trust;
        char *via; /* forwarded.via: the name in Via */
        /* header that carries a verified client certificate's subject; "": none */
        char *client_certificate_header;
    } forwarded;

    struct {
        uint32_t request_line_bytes; /* over it 414 */
        uint32_t header_bytes;       /* over it 431 (request), 502 (response) */
        uint32_t header_count;
        uint64_t body_bytes; /* 0: no limit; over it 413 */
        /* bytes a second a client must send on average once body_min_rate_grace_ms have passed; 0:
         * off */
        uint32_t body_min_rate;
        uint32_t body_min_rate_grace_ms;
        uint32_t keepalive_requests; /* 0: no limit */
        /* client connections in all, 0: no limit but descriptors */
        uint32_t connections;
        uint32_t connections_per_address; /* 0: no limit */
        uint32_t upstream_connections;    /* per endpoint and worker; 0: no limit */
        /* exchanges that wait per endpoint and worker when it is reached */
        uint32_t upstream_queue;
        uint32_t upstream_queue_ms;     /* how long they may wait */
        uint32_t in_flight;             /* per function; 0: no limit */
        uint64_t invoke_body_bytes;     /* of an Invoke; over it 413 */
        uint64_t invoke_response_bytes; /* to an Invoke; over it a function error */
        uint32_t event_body_bytes;      /* over it 413 */
    } limits;

    struct {
        uint32_t retries;    /* after function errors */
        uint32_t retry_ms;   /* before the first of them; doubled for each further one */
        uint32_t backoff_ms; /* after what is nobody's fault; doubled up to five minutes */
        uint32_t max_age_s;
        uint32_t in_flight;              /* attempts at the same time */
        uint32_t in_flight_per_function; /* of them, of one function */
    } events;

    struct {
        uint32_t keep_days; /* executions.keep_days: so long one that has ended is remembered */
        uint32_t max;       /* executions.max: as many are kept */
    } executions;

    struct {
        char *engine; /* step_functions.engine: a URL; "": none */
        uint32_t
            poll_ms; /* step_functions.poll_ms: how often what runs in an engine is asked for */
    } step_functions;

    struct {
        uint32_t request_head_ms;
        uint32_t client_idle_ms;
        uint32_t connect_ms;
        uint32_t response_head_ms;
        /* per direction of a body, and for upgraded connections */
        uint32_t stream_idle_ms;
        uint32_t drain_ms;
        uint32_t tls_handshake_ms;
    } timeouts;

    struct {
        uint32_t idle_connections;  /* kept per endpoint and worker */
        uint32_t idle_ms;           /* below the idle time of common servers */
        uint32_t lifetime_ms;       /* 0: no limit */
        uint32_t lifetime_requests; /* 0: no limit */
        uint32_t resolve_ms;        /* age at which a host name is looked up again */
        char *dns_servers;          /* with commas between; "": those of /etc/resolv.conf */
        uint32_t retries;           /* further attempts on the same version */
        /* retries may be at most this share of requests (plus 3 a second) */
        uint32_t retry_budget_percent;
        uint32_t read_bytes; /* read size for bodies */
    } upstream;

    struct {
        char *access; /* file, "-" standard output, "" off */
        enum settings_log_format format;
        /* error, warning, info or debug: the process log on standard error */
        char *level;
    } log;

    struct {
        uint32_t minute_ms; /* of a deployment; its seconds are a sixtieth of it */
    } shifts;

    struct {
        /* invoke.retry_pin_ms: how long attempts of one call stay on its version; 0: no time */
        uint32_t retry_pin_ms;
    } invoke;

    struct {
        char *region;           /* aws.region: weir's own, in ARNs */
        char *account_id;       /* aws.account_id */
        char *credentials_file; /* NULL: none */
    } aws;

    struct {
        char *key_file; /* pins.key_file; NULL: none, pins are signed with a key of the process */
    } pins;

    enum settings_half_close client_half_close;
    bool allow_trace; /* pass TRACE on; else 501 */

    struct {
        uint32_t ticket_rotation_s; /* session ticket keys change this often */
    } tls;

    /* What the files that the settings name say: conf/secrets.h reads them beside the document; in
     * no dump and no message. */
    struct {
        struct credentials *credentials; /* of aws.credentials_file; NULL: no such file */
        char *admin_token;               /* of admin.token_file; NULL: no such file */
        struct pinkeys *pin_keys;        /* of pins.key_file; NULL: no such file */
        char *etcd_password;             /* of store.etcd.password_file; NULL: no such file */
    } secrets;
};

/* Reads a settings document. text is JSON with its length; file is for messages. Every problem is
 * added to problems. Returns a frozen settings object with one reference for the caller, or NULL if
 * there was any problem. text NULL: all defaults. */
struct settings *settings_parse(const char *text, size_t length, const char *file,
                                struct problems *problems);

/* Command-line twins, applied before freezing: each returns 0 or adds a problem and returns -1.
 * Several addresses replace the document's listeners. */
int settings_override_listeners(struct settings *settings, char *const *addresses, int nr,
                                struct problems *problems) __attribute__((warn_unused_result));
/* path as in the reference, such as "admin.address"; a number is given by its digits, a bool as
 * true or false. */
int settings_override(struct settings *settings, const char *path, const char *value,
                      struct problems *problems) __attribute__((warn_unused_result));

struct settings *settings_ref(struct settings *settings);
void settings_unref(struct settings **settings); /* any thread; clears the pointer */

/* Checks rules between settings: no address is used twice. Call it after all overrides, which may
 * still change them. 0, or -1 with problems added. */
int settings_check(const struct settings *settings, const char *file, struct problems *problems)
    __attribute__((warn_unused_result));

/* The admin listener's TLS in the form of a listener's, borrowed from the settings. */
struct listener_settings settings_admin_listener(const struct settings *settings,
                                                 struct certificate_settings *certificate);

/* Whether the address, one of the settings', is "[::]" and leaves IPv4 to another of them. */
bool settings_leaves_ipv4(const struct settings *settings, const char *address);

/* Copies into next the values of rows that are not reloadable from current and adds a problem (code
 * "not_reloadable") for each that differed: a warning, not a reason to refuse. Listeners keep
 * current's addresses in current's order; what next says about the TLS and redirects of an address
 * that current has too is taken. 0, or -1 when out of memory: next must not be put in force. */
int settings_keep(struct settings *next, const struct settings *current, struct problems *notes)
    __attribute__((warn_unused_result));

/* The settings as a JSON document that settings_parse reads back to the same; caller frees; NULL
 * when out of memory. */
char *settings_dump(const struct settings *settings);

/* docs/settings.md, from the rows. */
void settings_reference(FILE *out);

#endif
