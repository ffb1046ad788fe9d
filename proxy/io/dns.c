/* Queries: from a name, or a service, to places.
 *
 * The hosts file is asked through a channel of c-ares' that reads it at each question and knows
 * no server: so a name in full is found there, too, though it stands there without its dot, and
 * answers from there are known to have no time to live. */
#include "proxy/io/dns.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "proxy/io/dns_channel.h"

#define CONFIGURATION "/etc/resolv.conf"

enum {
    NAME_BYTES = 256,  /* 253, a dot and the end */
    RECHECK_MS = 1000, /* how often the configuration's file is looked at, at most */
};

/* One name to find addresses for: the query's own, or the target of an SRV record. */
struct target {
    struct dns_query *query;
    char host[NAME_BYTES];
    uint16_t port, priority, weight;
};

struct dns_query {
    struct dns *dns;
    struct dns_channel *channel; /* counted in its nr_queries */
    dns_answered *on_answer;     /* NULL: nobody waits any more */
    void *context;
    char name[NAME_BYTES];
    int nr_pending; /* answers of c-ares to come */
    struct target *targets;
    TAILQ_ENTRY(dns_query) link; /* in dns->done */
    struct dns_answer answer;
};

struct dns {
    struct loop *loop;
    ares_channel files;
    struct dns_channel *current;
    LIST_HEAD(, dns_channel) channels;
    TAILQ_HEAD(, dns_query) done;
    uv_timer_t soon; /* tells what is done, in a turn of its own */
    char *servers;   /* or NULL */
    struct stat configuration;
    uint64_t checked_ms;
};

/* ---- Configuration --------------------------------------------------------------------------- */

/* Puts a channel with what the configuration says now in the place of the one before. */
static int renew(struct dns *dns, const char *servers)
{
    struct dns_channel *fresh = dns_channel_open(dns->loop, servers), *old = dns->current;

    if (!fresh)
        return -1;
    LIST_INSERT_HEAD(&dns->channels, fresh, link);
    dns->current = fresh;
    if (old)
        dns_channel_retire(old);
    return 0;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void look_at_configuration(struct dns *dns)
{
    struct stat now = {0};

    if (dns->loop->now_ms < dns->checked_ms + RECHECK_MS)
        return;
    dns->checked_ms = dns->loop->now_ms;
    if (stat(CONFIGURATION, &now) < 0)
        return; /* it is being replaced, or there is none */
    if (is_same_file(&now, &dns->configuration))
        return;
    dns->configuration = now;
    if (renew(dns, dns->servers) < 0)
        log_warning("%s has changed, but there is no memory to read it", CONFIGURATION);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void on_soon(uv_timer_t *timer);

/* The lowest priority first; those of one priority stay in the order in which they came. */
static void sort(struct dns_answer *answer)
{
    for (int i = 1; i < answer->nr; i++) {
        struct dns_place place = answer->places[i];
        int k = i;

        for (; k > 0 && answer->places[k - 1].priority > place.priority; k--)
            answer->places[k] = answer->places[k - 1];
        answer->places[k] = place;
    }
}

static void conclude(struct dns_query *query)
{
    struct dns *dns = query->dns;

    if (--query->nr_pending > 0)
        return;
    sort(&query->answer);
    if (query->answer.nr > 0)
        query->answer.failure[0] = '\0';
    query->channel->nr_queries--;
    TAILQ_INSERT_TAIL(&dns->done, query, link);
    uv_timer_start(&dns->soon, on_soon, 0, 0);
}

static void free_query(struct dns_query *query)
{
    free(query->targets);
    free(query);
}

static void on_soon(uv_timer_t *timer)
{
    struct dns *dns = timer->data;
    struct dns_query *query;

    while ((query = TAILQ_FIRST(&dns->done))) {
        TAILQ_REMOVE(&dns->done, query, link);
        if (query->on_answer)
            query->on_answer(query->context, &query->answer);
        free_query(query);
    }
}

static void set_failure(struct dns_query *query, const char *why)
{
    snprintf(query->answer.failure, sizeof(query->answer.failure), "%s", why);
}

static void add_place(const struct target *t, const char *address)
{
    struct dns_answer *answer = &t->query->answer;
    struct dns_place *place = &answer->places[answer->nr];

    for (int i = 0; i < answer->nr; i++)
        if (answer->places[i].port == t->port && strcmp(answer->places[i].address, address) == 0)
            return;
    if (answer->nr == DNS_PLACES_MAX)
        return;
    snprintf(place->address, sizeof(place->address), "%s", address);
    place->port = t->port;
    place->priority = t->priority;
    place->weight = t->weight;
    answer->nr++;
}

static void limit_ttl(struct dns_query *query, int seconds)
{
    uint32_t ms = seconds <= 0 ? 0 : seconds < 86400 ? (uint32_t)seconds * 1000 : 86400000;

    if (ms < query->answer.ttl_ms)
        query->answer.ttl_ms = ms;
}

/* Whether a packet could be sent there from here (RFC 6724 section 5, rule 1): where a machine
 * has no IPv6, the IPv6 addresses of names are left out, and the other way round. Nothing is
 * sent. */
static bool is_reachable(const struct sockaddr *address, socklen_t len)
{
    struct sockaddr_storage copy = {0};
    int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is = true;

    if (fd < 0)
        return errno != EAFNOSUPPORT;
    memcpy(&copy, address, len);
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)&copy)->sin6_port = htons(53);
    else
        ((struct sockaddr_in *)&copy)->sin_port = htons(53);
    if (connect(fd, (struct sockaddr *)&copy, len) < 0)
        is = errno != ENETUNREACH && errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT;
    close(fd);
    return is;
}

static const void *bytes_of(const struct ares_addrinfo_node *node)
{
    return node->ai_family == AF_INET6
               ? (const void *)&((const struct sockaddr_in6 *)(void *)node->ai_addr)->sin6_addr
               : (const void *)&((const struct sockaddr_in *)(void *)node->ai_addr)->sin_addr;
}

static int add_nodes(struct target *t, const struct ares_addrinfo *found, bool only_reachable)
{
    int before = t->query->answer.nr;
    char text[INET6_ADDRSTRLEN];

    for (const struct ares_addrinfo_node *n = found->nodes; n; n = n->ai_next)
        if ((n->ai_family == AF_INET || n->ai_family == AF_INET6) &&
            (!only_reachable || is_reachable(n->ai_addr, n->ai_addrlen)) &&
            inet_ntop(n->ai_family, bytes_of(n), text, sizeof(text)))
            add_place(t, text);
    return t->query->answer.nr - before;
}

static void take_addresses(struct target *t, const struct ares_addrinfo *found)
{
    if (add_nodes(t, found, true) == 0)
        add_nodes(t, found, false); /* then let the attempt say what is wrong */
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static struct str undotted(const char *name)
{
    size_t n = strlen(name);

    return (struct str){name, n > 1 && name[n - 1] == '.' ? n - 1 : n};
}

static bool is_localhost(struct str name)
{
    struct str local = STR("localhost");
    struct str end = name.n < local.n ? name : (struct str){name.p + name.n - local.n, local.n};

    return str_ieq(end, local) && (name.n == local.n || end.p[-1] == '.');
}

static void on_net(void *context, int status, int timeouts, struct ares_addrinfo *found)
{
    struct target *t = context;

    (void)timeouts;
    if (status != ARES_SUCCESS) {
        set_failure(t->query, ares_strerror(status));
    } else {
        for (const struct ares_addrinfo_node *n = found->nodes; n; n = n->ai_next)
            limit_ttl(t->query, n->ai_ttl);
        for (const struct ares_addrinfo_cname *c = found->cnames; c; c = c->next)
            limit_ttl(t->query, c->ttl);
        take_addresses(t, found);
    }
    if (found)
        ares_freeaddrinfo(found);
    conclude(t->query);
}

static const struct ares_addrinfo_hints hints = {
    .ai_flags = ARES_AI_NOSORT, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

static void on_file(void *context, int status, int timeouts, struct ares_addrinfo *found)
{
    struct target *t = context;

    (void)timeouts;
    if (status == ARES_SUCCESS) {
        take_addresses(t, found);
    } else if (is_localhost(undotted(t->host))) {
        add_place(t, "127.0.0.1");
    } else if (status == ARES_ENOMEM) {
        set_failure(t->query, ares_strerror(status));
    } else {
        ares_getaddrinfo(t->query->channel->net, t->host, NULL, &hints, on_net, t);
        return; /* it may have answered already */
    }
    if (found)
        ares_freeaddrinfo(found);
    conclude(t->query);
}

static void ask_target(struct target *t)
{
    char name[NAME_BYTES];

    t->query->nr_pending++;
    snprintf(name, sizeof(name), "%.*s", STR_ARG(undotted(t->host)));
    ares_getaddrinfo(t->query->dns->files, name, NULL, &hints, on_file, t);
}

/* ---- Services -------------------------------------------------------------------------------- */

/* Where a name in a message ends, or NULL. text, if not NULL, receives it. */
static const unsigned char *read_name(const unsigned char *at, const unsigned char *message, int n,
                                      char *text, size_t room)
{
    char *name;
    long used;

    if (at >= message + n || ares_expand_name(at, message, n, &name, &used) != ARES_SUCCESS)
        return NULL;
    if (text)
        snprintf(text, room, "%s", name);
    ares_free_string(name);
    return at + used;
}

static uint16_t read_16(const unsigned char *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* The next record of an answer (RFC 1035 section 4.1.3), past which *at moves: its type, time to
 * live and data. False at the end of what can be read. */
static bool next_record(const unsigned char **at, const unsigned char *message, int n, int *type,
                        uint32_t *ttl, struct str *data)
{
    const unsigned char *p = read_name(*at, message, n, NULL, 0);

    if (!p || message + n - p < 10)
        return false;
    *type = read_16(p);
    *ttl = (uint32_t)read_16(p + 4) << 16 | read_16(p + 6);
    *data = (struct str){(const char *)p + 10, read_16(p + 8)};
    *at = p + 10 + data->n;
    return *at <= message + n;
}

/* RFC 2782: priority, weight, port, target; a target "." says that the service is not there. */
static void read_services(struct dns_query *query, const unsigned char *message, int n, int nr)
{
    const unsigned char *at = read_name(message + 12, message, n, NULL, 0);
    int type, nr_targets = 0;
    uint32_t ttl;
    struct str data;

    if (!at || message + n - at < 4)
        return;
    at += 4; /* the question's type and class */
    while (nr-- > 0 && nr_targets < DNS_PLACES_MAX &&
           next_record(&at, message, n, &type, &ttl, &data)) {
        const unsigned char *p = (const unsigned char *)data.p;
        struct target *t = &query->targets[nr_targets];

        limit_ttl(query, ttl > 86400 ? 86400 : (int)ttl);
        if (type != ns_t_srv || data.n < 7 ||
            !read_name(p + 6, message, n, t->host, NAME_BYTES - 1))
            continue;
        if (t->host[0] == '\0')
            continue;
        t->host[strlen(t->host) + 1] = '\0';
        t->host[strlen(t->host)] = '.'; /* in full: no search domain */
        t->query = query;
        t->priority = read_16(p);
        t->weight = read_16(p + 2);
        t->port = read_16(p + 4);
        nr_targets++;
    }
    /* One more is pending than are asked, so that none concludes before all are. */
    for (int i = 0; i < nr_targets; i++)
        ask_target(&query->targets[i]);
    if (nr_targets == 0)
        set_failure(query, "there is no such service");
}

static void on_services(void *context, int status, int timeouts, unsigned char *message, int n)
{
    struct dns_query *query = context;

    (void)timeouts;
    if (status != ARES_SUCCESS)
        set_failure(query, ares_strerror(status));
    else if (n >= 12)
        read_services(query, message, n, read_16(message + 6));
    conclude(query);
}

static void ask_services(struct dns_query *query)
{
    size_t n = strlen(query->name);
    ares_channel net = query->channel->net;

    query->nr_pending++;
    if (query->name[n - 1] == '.')
        ares_query(net, query->name, ns_c_in, ns_t_srv, on_services, query);
    else
        ares_search(net, query->name, ns_c_in, ns_t_srv, on_services, query);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void begin(struct dns_query *query, bool is_srv, uint16_t port)
{
    struct dns_channel *c = query->channel;

    c->nr_queries++;
    if (is_srv) {
        ask_services(query);
    } else {
        struct target *t = &query->targets[0];
        t->query = query;
        t->port = port;
        snprintf(t->host, sizeof(t->host), "%s", query->name);
        ask_target(t);
    }
    dns_channel_asked(c);
}

struct dns_query *dns_ask(struct dns *dns, const char *name, bool is_srv, uint16_t port,
                          dns_answered *on_answer, void *context)
{
    struct dns_query *query = calloc(1, sizeof(*query));

    assert(name[0] && strlen(name) < NAME_BYTES - 1);
    if (query)
        query->targets = calloc(is_srv ? DNS_PLACES_MAX : 1, sizeof(*query->targets));
    if (!query || !query->targets) {
        free(query);
        return NULL;
    }
    look_at_configuration(dns);
    query->dns = dns;
    query->channel = dns->current;
    query->on_answer = on_answer;
    query->context = context;
    query->answer.ttl_ms = DNS_NO_TTL;
    set_failure(query, "it has no address");
    snprintf(query->name, sizeof(query->name), "%s", name);
    begin(query, is_srv, port);
    return query;
}

void dns_forget(struct dns_query **query)
{
    if (*query)
        (*query)->on_answer = NULL;
    *query = NULL;
}

/* A copy without spaces, which c-ares does not expect; NULL when out of memory. */
static char *copy_servers(const char *servers)
{
    char *copy = strdup(servers ? servers : ""), *to = copy;

    for (const char *p = copy; p && *p; p++)
        if (*p != ' ')
            *to++ = *p;
    if (to)
        *to = '\0';
    return copy;
}

int dns_set_servers(struct dns *dns, const char *servers)
{
    char *copy = copy_servers(servers);
    int r = 0;

    if (copy && strcmp(copy, dns->servers) == 0) {
        free(copy);
        return 0;
    }
    if (!copy || renew(dns, copy) < 0)
        r = -1;
    free(r < 0 ? copy : dns->servers);
    if (r == 0)
        dns->servers = copy;
    return r;
}

static ares_channel make_files(void)
{
    struct ares_options options = {.lookups = (char[]){"f"}};
    ares_channel files;

    return ares_init_options(&files, &options, ARES_OPT_LOOKUPS) == ARES_SUCCESS ? files : NULL;
}

struct dns *dns_make(struct loop *loop)
{
    struct dns *dns;

    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return NULL;
    dns = calloc(1, sizeof(*dns));
    if (!dns)
        goto no_dns;
    dns->loop = loop;
    LIST_INIT(&dns->channels);
    TAILQ_INIT(&dns->done);
    dns->checked_ms = loop->now_ms;
    (void)!stat(CONFIGURATION, &dns->configuration);
    dns->servers = strdup("");
    dns->files = make_files();
    if (!dns->servers || !dns->files || renew(dns, "") < 0)
        goto no_channel;
    uv_timer_init(&loop->uv, &dns->soon);
    dns->soon.data = dns;
    return dns;
no_channel:
    if (dns->files)
        ares_destroy(dns->files);
    free(dns->servers);
    free(dns);
no_dns:
    ares_library_cleanup();
    return NULL;
}

static void on_soon_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void dns_free(struct dns **dns)
{
    struct dns *d = *dns;
    struct dns_channel *c;
    struct dns_query *query;

    *dns = NULL;
    if (!d)
        return;
    for (c = LIST_FIRST(&d->channels); c; c = LIST_NEXT(c, link))
        ares_cancel(c->net); /* concludes all queries */
    while ((c = LIST_FIRST(&d->channels)))
        dns_channel_retire(c);
    ares_destroy(d->files);
    while ((query = TAILQ_FIRST(&d->done))) {
        assert(!query->on_answer);
        TAILQ_REMOVE(&d->done, query, link);
        free_query(query);
    }
    free(d->servers);
    uv_close((uv_handle_t *)&d->soon, on_soon_closed);
    ares_library_cleanup();
}
