/* The list of all settings, with the words that docs/settings.md has about them.
 *
 * A row is reloadable where the running process can take the new value over without closing a
 * listening socket or ending a thread. The rest keeps its value until the next start, and a reload
 * says so. */
#include "conf/settings_rows.h"

#include "conf/hostport.h"
#include "conf/settings_check.h"
#include "router/arn.h"

enum {
    DAY_MS = 86400000,
    WEEK_MS = 604800000,
    DAY_S = 86400,
    MILLION = 1000000,
    FILE_NAME_MAX = 4095
};

#define NR(list) (int)(sizeof(list) / sizeof((list)[0]))

/* clang-format off */

/* A number: path, type, member, range, default, whether a reload takes it over, help. */
#define NUMBER(path_, type_, member, min_, max_, default_, reloadable, help_) \
    {.path = path_, .type = type_, .offset = offsetof(struct settings, member), .min = min_, .max = max_, \
     .default_text = #default_, .is_reloadable = reloadable, .help = help_}

const struct row settings_rows_main[] = {
    {.path = "listeners", .type = ROWS_SPECIAL, .expected = "an array of objects such as [{\"address\": \"0.0.0.0:8080\"}]",
     .default_text = "[{\"address\": \"0.0.0.0:8080\"}]", .is_reloadable = false,
     .help = "Where clients connect. Each element is an object; its keys are listed under Listeners below. The command "
             "line's `--listen ADDRESS`, once or more, replaces the whole list. A reload takes over what is said about TLS "
             "and redirects, but opens and closes no listening socket."},
    {.path = "admin.address", .type = ROWS_STRING, .offset = offsetof(struct settings, admin_address), .min = 1, .max = 300,
     .default_text = "127.0.0.1:9901", .check = hostport_check_listen,
     .expected = "an address such as 127.0.0.1:9901, [::1]:9901 or :9901",
     .help = "The admin listener: metrics, health, the table in force, reload and the control API. On another address than one of "
             "the loopback it needs access keys (aws.credentials_file), a token (admin.token_file) or client certificates "
             "(admin.tls.client_ca). Command line: `--admin ADDRESS`."},
    {.path = "admin.hosts", .type = ROWS_STRING, .offset = offsetof(struct settings, admin_hosts), .min = 0, .max = 4096,
     .default_text = "", .check = settings_check_hosts,
     .expected = "names with commas between, such as \"weir.internal, weir-0.weir\", or \"*\" for any", .is_reloadable = true,
     .help = "The names by which clients call the admin listener. A request whose Host is neither one of them nor an IP address, "
             "localhost or the host of admin.address gets 403: this is what keeps a web page from reaching the listener by a name "
             "of its own that resolves to it (DNS rebinding). `*` admits every name."},
    {.path = "admin.token_file", .type = ROWS_STRING, .offset = offsetof(struct settings, admin_token_file), .min = 1,
     .max = FILE_NAME_MAX, .expected = "the name of a file", .is_reloadable = true,
     .help = "A file with a token, one line: requests to the admin listener that bring it (`Authorization: Bearer TOKEN`) may do everything. "
             "Read again when it changes."},
    {.path = "admin.table_bytes", .type = ROWS_U32, .offset = offsetof(struct settings, admin_table_bytes), .min = 1048576,
     .max = 268435456, .default_text = "67108864", .is_reloadable = true,
     .help = "Largest document that PUT /table (`weir apply`) takes. Over it: 413. Other bodies have limits of their own."},
    {.path = "admin.tls.certificate", .type = ROWS_STRING, .offset = offsetof(struct settings, admin_tls.certificate), .min = 1,
     .max = FILE_NAME_MAX, .expected = "the name of a PEM file", .is_reloadable = true,
     .help = "Required with admin.tls. PEM file with the admin listener's certificate and its chain."},
    {.path = "admin.tls.key", .type = ROWS_STRING, .offset = offsetof(struct settings, admin_tls.key), .min = 1,
     .max = FILE_NAME_MAX, .expected = "the name of a PEM file", .is_reloadable = true,
     .help = "Required with admin.tls. PEM file with the certificate's private key."},
    {.path = "admin.tls.min_version", .type = ROWS_STRING, .offset = offsetof(struct settings, admin_tls.min_version), .min = 1,
     .max = 16, .default_text = "1.2", .check = settings_check_tls_version, .expected = "\"1.2\" or \"1.3\"",
     .is_reloadable = true, .help = "The oldest TLS version that is spoken: 1.2 or 1.3."},
    {.path = "admin.tls.client_ca", .type = ROWS_STRING, .offset = offsetof(struct settings, admin_tls.client_ca), .min = 1,
     .max = FILE_NAME_MAX, .expected = "the name of a PEM file", .is_reloadable = true,
     .help = "PEM file with the authorities of client certificates. A client with a certificate of theirs may do everything; all others need "
             "an access key or the token then, but for /healthz and /readyz."},
    {.path = "admin.tls.client_required", .type = ROWS_BOOL, .offset = offsetof(struct settings, admin_tls.client_required),
     .default_text = "false", .is_reloadable = true, .help = "Whether clients without a certificate are refused before they can ask anything."},
    NUMBER("workers", ROWS_U32, workers, 0, 128, 0, false,
           "Worker threads. 0: one for each CPU that the process may use, by its affinity and the CPU quota of its cgroup (rounded up). "
           "Command line: `--workers N`."),
    {.path = "table.file", .type = ROWS_STRING, .offset = offsetof(struct settings, table_file), .min = 1,
     .max = FILE_NAME_MAX, .expected = "the name of a file", .is_reloadable = false,
     .help = "The table document, which is read at the start, watched, and read again whenever it changes. Command line: "
             "`--table FILE`."},
    {.path = "state.directory", .type = ROWS_STRING, .offset = offsetof(struct settings, state.directory), .min = 0,
     .max = FILE_NAME_MAX, .default_text = "", .expected = "the name of a folder", .is_reloadable = false,
     .help = "The folder in which weir keeps what must survive a restart or a crash: what the API changed, queued events, executions and where the "
             "order of each split is. It must be there, be writable and belong to one weir alone. Empty: what the API changes lasts until the "
             "process ends, and no events are taken and no executions started. Command line: `--state DIR`."},
    {.path = "store.etcd.endpoints", .type = ROWS_LIST, .offset = offsetof(struct settings, etcd.endpoints), .default_text = "",
     .check = settings_check_endpoint, .expected = "an array of URLs such as [\"http://127.0.0.1:2379\"]", .is_reloadable = false,
     .help = "Where etcd answers (3.4 or later, its JSON gateway). With it the table lives in etcd, and all weirs with the same endpoints and "
             "prefix share it ([the fleet](fleet.md)); `state.directory` is then required. The next one is asked when one fails."},
    {.path = "store.etcd.prefix", .type = ROWS_STRING, .offset = offsetof(struct settings, etcd.prefix), .min = 1, .max = 200,
     .default_text = "/weir/", .expected = "a text such as /weir/", .is_reloadable = false,
     .help = "What all of weir's keys in etcd begin with. Fleets with different prefixes may share an etcd."},
    NUMBER("store.etcd.timeout_ms", ROWS_U32, etcd.timeout_ms, 50, 10000, 1000, false,
           "How long one endpoint may take for an answer. The key that says which table holds is read twice in this time, and twice a second "
           "at least."),
    NUMBER("store.etcd.start_wait_s", ROWS_U32, etcd.start_wait_s, 0, DAY_S, 10, false,
           "How long a start waits for etcd. Then weir serves the copy in `state.directory`, or ends where there is none."),
    {.path = "store.etcd.username", .type = ROWS_STRING, .offset = offsetof(struct settings, etcd.username), .min = 1, .max = 256,
     .expected = "the name of a user of etcd", .is_reloadable = false,
     .help = "Who weir is for etcd; with store.etcd.password_file. The user needs a role that reads and writes the prefix."},
    {.path = "store.etcd.password_file", .type = ROWS_STRING, .offset = offsetof(struct settings, etcd.password_file), .min = 1,
     .max = FILE_NAME_MAX, .expected = "the name of a file", .is_reloadable = false,
     .help = "A file with the user's password, one line."},
    {.path = "store.etcd.ca_file", .type = ROWS_STRING, .offset = offsetof(struct settings, etcd.ca_file), .min = 1,
     .max = FILE_NAME_MAX, .expected = "the name of a PEM file", .is_reloadable = false,
     .help = "The authorities of etcd's certificate, for endpoints with https. Without it: the system's."},
    {.path = "store.etcd.certificate", .type = ROWS_STRING, .offset = offsetof(struct settings, etcd.certificate), .min = 1,
     .max = FILE_NAME_MAX, .expected = "the name of a PEM file", .is_reloadable = false,
     .help = "The certificate that weir shows to etcd; with store.etcd.key. Beside a user it must have no common name: etcd's gateway "
             "refuses that."},
    {.path = "store.etcd.key", .type = ROWS_STRING, .offset = offsetof(struct settings, etcd.key), .min = 1,
     .max = FILE_NAME_MAX, .expected = "the name of a PEM file", .is_reloadable = false,
     .help = "The private key of store.etcd.certificate."},
    {.path = "fleet.id", .type = ROWS_STRING, .offset = offsetof(struct settings, fleet.id), .min = 0, .max = 200, .default_text = "",
     .expected = "a name such as weir-0", .is_reloadable = false,
     .help = "The name of this weir among those that share a table. Empty: the host's name."},
    NUMBER("fleet.lease_ms", ROWS_U32, fleet.lease_ms, 1000, 600000, 5000, false,
           "How long a member that says nothing counts as one, and a leader as the leader; renewed three times in this time. etcd counts whole "
           "seconds, and two at least."),
    {.path = "executed_version_header", .type = ROWS_STRING, .offset = offsetof(struct settings, executed_version_header),
     .min = 1, .max = SETTINGS_HEADER_NAME_MAX, .default_text = "x-amz-executed-version", .check = settings_check_header,
     .expected = "a field name such as x-amz-executed-version", .is_reloadable = true,
     .help = "The response header that names the version that ran. An endpoint's own header of this name is replaced, a "
             "client's is not forwarded."},
    {.path = "client_half_close", .type = ROWS_CHOICE, .offset = offsetof(struct settings, client_half_close),
     .choices = "answer|abort", .default_text = "answer", .is_reloadable = true,
     .help = "What it means when a client ends its sending side while its invocation runs. answer: that it has asked all it "
             "wanted, and gets its answer; an invocation runs to its end even if the client has really left, as in Lambda. abort: that "
             "it has left, and the invocation is given up, as nginx does."},
    {.path = "allow_trace", .type = ROWS_BOOL, .offset = offsetof(struct settings, allow_trace), .default_text = "false",
     .is_reloadable = true,
     .help = "Whether TRACE requests are forwarded. Otherwise they are answered with 501, because TRACE shows a client what "
             "proxies added to its request."},

    {.path = "aws.region", .type = ROWS_STRING, .offset = offsetof(struct settings, aws.region), .min = 1, .max = ARN_REGION_MAX,
     .default_text = "us-east-1", .check = settings_check_region, .expected = "a region such as us-east-1 or eu-central-1",
     .is_reloadable = true,
     .help = "The AWS region that weir says it is in: it stands in every ARN, and a function named with another region's ARN is not found."},
    {.path = "aws.account_id", .type = ROWS_STRING, .offset = offsetof(struct settings, aws.account_id), .min = 1,
     .max = 64, .default_text = "000000000000", .check = settings_check_account,
     .expected = "twelve digits such as 000000000000", .is_reloadable = true,
     .help = "The AWS account that weir says it is: it stands in every ARN, and invoking a function of another account is refused."},
    {.path = "aws.credentials_file", .type = ROWS_STRING, .offset = offsetof(struct settings, aws.credentials_file), .min = 1,
     .max = FILE_NAME_MAX, .expected = "the name of a file", .is_reloadable = true,
     .help = "A JSON file with access keys ([security](security.md)). With it requests to the admin listener must be signed (SigV4) by one of "
             "them, but for /healthz and /readyz; see also invoke_authorization of a listener. Read again when it changes."},

    NUMBER("invoke.retry_pin_ms", ROWS_U32, invoke.retry_pin_ms, 0, 86400000, 60000, true,
           "How long the attempts of one call, which AWS SDKs give the same amz-sdk-invocation-id, stay on the version that the first of them drew; "
           "they count as one. 0: each attempt draws. Up to 65536 calls are remembered; where there are more, those whose time ends first are forgotten."),

    {.path = "pins.key_file", .type = ROWS_STRING, .offset = offsetof(struct settings, pins.key_file), .min = 1,
     .max = FILE_NAME_MAX, .expected = "the name of a file", .is_reloadable = true,
     .help = "A file with the keys of pins ([pins](pins.md)), one a line: the first signs, all are accepted. Give it to every weir of a fleet. "
             "Without it pins are signed with a random key of the process, and end with it. Read again when it changes."},

    {.path = "forwarded.trust", .type = ROWS_NETWORKS, .offset = offsetof(struct settings, forwarded.trust),
     .default_text = "false", .is_reloadable = true,
     .help = "Whose X-Forwarded-* fields are believed and continued: those of clients in these networks, where your proxies are; true: of every client, "
             "which is only right where each is a proxy of yours. Those of others are replaced by what weir itself sees. The client in the access log is "
             "the one that X-Forwarded-For tells then. On the command line networks have commas between."},
    {.path = "forwarded.via", .type = ROWS_STRING, .offset = offsetof(struct settings, forwarded.via), .min = 1, .max = 64,
     .default_text = "weir", .check = settings_check_via, .expected = "a name such as weir, or host:port",
     .is_reloadable = true, .help = "The name that weir gives itself in the Via header (RFC 9110 section 7.6.3)."},
    {.path = "forwarded.client_certificate_header", .type = ROWS_STRING,
     .offset = offsetof(struct settings, forwarded.client_certificate_header), .min = 0, .max = 64,
     .default_text = "x-client-certificate-subject", .check = settings_check_header,
     .expected = "a field name such as x-client-certificate-subject, or \"\" for none", .is_reloadable = true,
     .help = "The request header in which the endpoint gets the subject of a verified client certificate. A client's own "
             "header of this name is never forwarded. Empty: the subject is not passed on."},

    NUMBER("limits.request_line_bytes", ROWS_U32, limits.request_line_bytes, 256, 65535, 8192, true,
           "Length of a request line. Over it: 414."),
    NUMBER("limits.header_bytes", ROWS_U32, limits.header_bytes, 1024, SETTINGS_HEADER_BYTES_MAX, 32768, true,
           "Bytes of all header fields of one message. Over it: 431 to the client for a request, 502 for a response."),
    NUMBER("limits.header_count", ROWS_U32, limits.header_count, 10, 256, 100, true,
           "Header fields of one message. Over it: as for header_bytes."),
    NUMBER("limits.body_bytes", ROWS_U64, limits.body_bytes, 0, INT64_MAX, 0, true,
           "Bytes of a request's body. Over it: 413. 0: no limit."),
    NUMBER("limits.body_min_rate", ROWS_U32, limits.body_min_rate, 0, UINT32_MAX, 0, true,
           "Bytes a second that a client must send on average while it sends a body. 0: any rate, as long as "
           "timeouts.stream_idle_ms is kept."),
    NUMBER("limits.body_min_rate_grace_ms", ROWS_U32, limits.body_min_rate_grace_ms, 0, DAY_MS, 5000, true,
           "How long a body may take before limits.body_min_rate is applied."),
    NUMBER("limits.keepalive_requests", ROWS_U32, limits.keepalive_requests, 0, UINT32_MAX, 0, true,
           "Requests on one client connection, after which it is closed. 0: no limit."),
    NUMBER("limits.connections", ROWS_U32, limits.connections, 0, 10 * MILLION, 0, true,
           "Client connections in all. Over it: 503 and a close. 0: no limit but that of file descriptors."),
    NUMBER("limits.connections_per_address", ROWS_U32, limits.connections_per_address, 0, 10 * MILLION, 0, true,
           "Client connections from one address, but not from proxies that forwarded.trust names. Over it: 503 and a close. "
           "0: no limit."),
    NUMBER("limits.upstream_connections", ROWS_U32, limits.upstream_connections, 0, MILLION, 0, true,
           "Connections to one endpoint from one worker. Over it invocations wait in the endpoint's queue. 0: no limit. A version "
           "can say its own."),
    NUMBER("limits.upstream_queue", ROWS_U32, limits.upstream_queue, 0, MILLION, 128, true,
           "Invocations that may wait for a connection to one endpoint in one worker. Over it: 503."),
    NUMBER("limits.upstream_queue_ms", ROWS_U32, limits.upstream_queue_ms, 1, DAY_MS, 1000, true,
           "How long an invocation may wait for a connection. Over it: 503."),
    NUMBER("limits.in_flight", ROWS_U32, limits.in_flight, 0, UINT32_MAX, 0, true,
           "Invocations of one function at the same time. Over it: 429. 0: no limit. A function or version can say its own."),
    NUMBER("limits.event_body_bytes", ROWS_U32, limits.event_body_bytes, 1, 64 * MILLION, 1048576, true,
           "Bytes of an event's payload (invocation type `Event`). Over it: 413."),

    NUMBER("events.retries", ROWS_U32, events.retries, 0, 100, 2, true,
           "Further attempts after a function error. Then the event goes to the function's dead_letter, or is dropped."),
    NUMBER("events.retry_ms", ROWS_U32, events.retry_ms, 1, DAY_MS, 60000, true,
           "From a function error to the next attempt, doubled with each."),
    NUMBER("events.backoff_ms", ROWS_U32, events.backoff_ms, 1, DAY_MS, 1000, true,
           "From an attempt that was throttled (429), got a 5xx or no connection to the next, doubled with each up to five minutes."),
    NUMBER("events.max_age_s", ROWS_U32, events.max_age_s, 1, 7 * DAY_S, 21600, true,
           "Age at which an event is given up. As many seconds has its dead letter from then on."),
    NUMBER("events.in_flight", ROWS_U32, events.in_flight, 1, 65536, 256, true,
           "Events that run at the same time, of all functions. The others wait in the queue."),
    NUMBER("events.in_flight_per_function", ROWS_U32, events.in_flight_per_function, 1, 65536, 64, true,
           "Events of one function that run at the same time; fewer while the function throttles or does not answer."),

    NUMBER("executions.keep_days", ROWS_U32, executions.keep_days, 1, 3650, 90, true,
           "Days for which an execution of a state machine that has ended is remembered: so long it can be described, and its name is taken."),
    NUMBER("executions.max", ROWS_U32, executions.max, 1, 100 * MILLION, 100000, true,
           "Executions that are kept, those that run and those that have ended. Where there are more the oldest of those that have ended go; where "
           "all run no more are started."),
    {.path = "step_functions.engine", .type = ROWS_STRING, .offset = offsetof(struct settings, step_functions.engine), .min = 0,
     .max = 2048, .default_text = "", .check = settings_check_engine,
     .expected = "a URL such as http://127.0.0.1:8083", .is_reloadable = true,
     .help = "A server that speaks Step Functions' wire and runs the state machines whose definitions weir does not run itself. "
             "Empty: such definitions are refused."},
    NUMBER("step_functions.poll_ms", ROWS_U32, step_functions.poll_ms, 10, DAY_MS, 1000, true,
           "How often weir asks engines how the executions stand that run there."),

    NUMBER("limits.invoke_body_bytes", ROWS_U64, limits.invoke_body_bytes, 1, 1073741824, 6291456, true,
           "Bytes of an Invoke's payload. Over it: 413."),
    NUMBER("limits.invoke_response_bytes", ROWS_U64, limits.invoke_response_bytes, 1, 1073741824, 6291556, true,
           "Bytes of the response to an Invoke. Over it: the function error Function.ResponseSizeTooLarge. A response of an http endpoint that "
           "does not announce its length is cut there instead."),

    NUMBER("timeouts.request_head_ms", ROWS_U32, timeouts.request_head_ms, 1, WEEK_MS, 10000, true,
           "From a request's first byte to the end of its header. Over it: 408 and a close."),
    NUMBER("timeouts.client_idle_ms", ROWS_U32, timeouts.client_idle_ms, 1, WEEK_MS, 75000, true,
           "How long a client connection may lie idle between requests. It should be more than the idle time of a load balancer in front (60 "
           "seconds for many), so that no request meets a connection that weir is just closing."),
    NUMBER("timeouts.connect_ms", ROWS_U32, timeouts.connect_ms, 1, WEEK_MS, 2000, true,
           "Time to connect to an endpoint, its TLS handshake included. A version can say its own."),
    NUMBER("timeouts.response_head_ms", ROWS_U32, timeouts.response_head_ms, 1, WEEK_MS, 60000, true,
           "From the end of the request to the end of the response's header. Over it: 504. A version can say its own."),
    NUMBER("timeouts.stream_idle_ms", ROWS_U32, timeouts.stream_idle_ms, 1, WEEK_MS, 60000, true,
           "How long a body, in either direction, or an upgraded connection may stand still. A version can say its own."),
    NUMBER("timeouts.drain_ms", ROWS_U32, timeouts.drain_ms, 0, WEEK_MS, 30000, true,
           "How long running invocations may go on after SIGTERM."),
    NUMBER("timeouts.tls_handshake_ms", ROWS_U32, timeouts.tls_handshake_ms, 1, WEEK_MS, 10000, true,
           "Time for a client's TLS handshake."),

    NUMBER("upstream.idle_connections", ROWS_U32, upstream.idle_connections, 0, MILLION, 256, true,
           "Idle connections kept per endpoint and worker."),
    NUMBER("upstream.idle_ms", ROWS_U32, upstream.idle_ms, 1, WEEK_MS, 4000, true,
           "How long a connection may lie idle before weir closes it. It should be less than the endpoint's own limit, which "
           "for many servers is five seconds, so that no request meets a connection that is just being closed."),
    NUMBER("upstream.lifetime_ms", ROWS_U32, upstream.lifetime_ms, 0, WEEK_MS, 0, true,
           "Age at which a connection is not used again. 0: no limit."),
    NUMBER("upstream.lifetime_requests", ROWS_U32, upstream.lifetime_requests, 0, UINT32_MAX, 0, true,
           "Requests after which a connection is not used again. 0: no limit."),
    NUMBER("upstream.resolve_ms", ROWS_U32, upstream.resolve_ms, 100, DAY_MS, 10000, true,
           "Age at which an endpoint's host name is looked up again, or earlier where its time to live in DNS is less."),
    {.path = "upstream.dns_servers", .type = ROWS_STRING, .offset = offsetof(struct settings, upstream.dns_servers), .min = 0,
     .max = 1024, .default_text = "", .check = settings_check_servers,
     .expected = "addresses of DNS servers with commas between, such as \"10.0.0.53, [fd00::53]:5353\"", .is_reloadable = true,
     .help = "The DNS servers that are asked for endpoints' host names. Without it, those of /etc/resolv.conf."},
    NUMBER("upstream.retries", ROWS_U32, upstream.retries, 0, 10, 1, true,
           "Further attempts after a failed one, always on the same version, and never when a request that is not idempotent may have "
           "reached the endpoint."),
    NUMBER("upstream.retry_budget_percent", ROWS_U32, upstream.retry_budget_percent, 0, 100, 20, true,
           "Retries may be at most this share of all requests, plus three a second, so that they cannot multiply the load on "
           "endpoints that fail."),
    NUMBER("upstream.read_bytes", ROWS_U32, upstream.read_bytes, 4096, 262144, 32768, false,
           "Bytes read from a socket at once while a body is forwarded."),

    {.path = "log.access", .type = ROWS_STRING, .offset = offsetof(struct settings, log.access), .min = 0,
     .max = FILE_NAME_MAX, .default_text = "-", .expected = "the name of a file, \"-\" for standard output, or \"\" for none",
     .is_reloadable = false,
     .help = "Where the access log goes: a file (opened again on SIGUSR1), `-` for standard output, or nothing for no access "
             "log."},
    {.path = "log.format", .type = ROWS_CHOICE, .offset = offsetof(struct settings, log.format), .choices = "json|text",
     .default_text = "json", .is_reloadable = false, .help = "The access log's format: JSON objects or text, one line each."},
    {.path = "log.level", .type = ROWS_STRING, .offset = offsetof(struct settings, log.level), .min = 1, .max = 16,
     .default_text = "info", .check = settings_check_level, .expected = "error, warning, info or debug",
     .is_reloadable = true, .help = "The least serious lines that the process log on standard error has: error, warning, info "
                                    "or debug."},

    NUMBER("shifts.minute_ms", ROWS_U32, shifts.minute_ms, 1, 600000, 60000, true,
           "How long a deployment's minute is: intervals of its plan, holds and the hour of its hooks scale by it. Less than 60000 "
           "rehearses a gradual shift."),

    NUMBER("tls.ticket_rotation_s", ROWS_U32, tls.ticket_rotation_s, 60, DAY_S, 3600, true,
           "How often the keys of TLS session tickets change."),
};
const int settings_rows_nr_main = NR(settings_rows_main);

const struct row settings_rows_listener[] = {
    {.path = "address", .type = ROWS_STRING, .offset = offsetof(struct listener_draft, listener.address), .min = 1, .max = 300,
     .check = hostport_check_listen, .expected = "an address such as 0.0.0.0:8080, [::]:8080 or :8080",
     .help = "Required. HOST:PORT, [IPv6]:PORT, or :PORT for all addresses of IPv4 and IPv6 (of IPv4 where the machine has no IPv6). "
             "[::]:PORT is both, too, but leaves IPv4 to a listener with an IPv4 address at the same port. A host name stands for its "
             "first address. Port 0 lets the system choose."},
    {.path = "redirect_to_https", .type = ROWS_BOOL, .offset = offsetof(struct listener_draft, listener.redirect_to_https),
     .default_text = "false", .is_reloadable = true,
     .help = "Of a listener without TLS: every request is answered with 308 and the same address with https."},
    {.path = "redirect_port", .type = ROWS_U16, .offset = offsetof(struct listener_draft, listener.redirect_port), .min = 1,
     .max = 65535, .default_text = "443", .is_reloadable = true,
     .help = "The port that the redirect names; 443 is not written."},
    {.path = "invoke_authorization", .type = ROWS_CHOICE, .offset = offsetof(struct listener_draft, listener.invoke_authorization),
     .choices = "none|aws_iam", .default_text = "none", .is_reloadable = true,
     .help = "Whether Invoke paths need a signature (SigV4) by a key of aws.credentials_file that allows `invoke` of the function. aws_iam holds a "
             "request until its body is there, since the body is part of what is signed."},
    {.path = "tls.certificate", .type = ROWS_STRING, .offset = offsetof(struct listener_draft, certificate), .min = 1,
     .max = FILE_NAME_MAX, .expected = "the name of a PEM file", .is_reloadable = true,
     .help = "Required with tls. PEM file with the certificate and its chain; the default for clients that name no host."},
    {.path = "tls.key", .type = ROWS_STRING, .offset = offsetof(struct listener_draft, key), .min = 1, .max = FILE_NAME_MAX,
     .expected = "the name of a PEM file", .is_reloadable = true,
     .help = "Required with tls. PEM file with the certificate's private key."},
    {.path = "tls.certificates", .type = ROWS_SPECIAL, .default_text = "[]", .is_reloadable = true,
     .expected = "an array of objects such as [{\"certificate\": \"b.pem\", \"key\": \"b.key\"}]",
     .help = "Further certificates, each an object with certificate and key. The client's SNI chooses by the names in "
             "them; an ECDSA and an RSA certificate for the same name may stand side by side."},
    {.path = "tls.min_version", .type = ROWS_STRING, .offset = offsetof(struct listener_draft, listener.min_version), .min = 1,
     .max = 16, .default_text = "1.2", .check = settings_check_tls_version, .expected = "\"1.2\" or \"1.3\"",
     .is_reloadable = true, .help = "The oldest TLS version that is spoken: 1.2 or 1.3."},
    {.path = "tls.client_ca", .type = ROWS_STRING, .offset = offsetof(struct listener_draft, listener.client_ca), .min = 1,
     .max = FILE_NAME_MAX, .expected = "the name of a PEM file", .is_reloadable = true,
     .help = "PEM file with the authorities of client certificates. With it clients are asked for one."},
    {.path = "tls.client_required", .type = ROWS_BOOL, .offset = offsetof(struct listener_draft, listener.client_required),
     .default_text = "false", .is_reloadable = true, .help = "Whether clients without a certificate are refused."},
    {.path = "tls.hsts_max_age_s", .type = ROWS_U32, .offset = offsetof(struct listener_draft, listener.hsts_max_age_s),
     .min = 0, .max = UINT32_MAX, .default_text = "0", .is_reloadable = true,
     .help = "max-age of the Strict-Transport-Security header that every response gets. 0: no such header."},
};
const int settings_rows_nr_listener = NR(settings_rows_listener);

const struct row settings_rows_certificate[] = {
    {.path = "certificate", .type = ROWS_STRING, .offset = offsetof(struct certificate_settings, certificate), .min = 1,
     .max = FILE_NAME_MAX, .expected = "the name of a PEM file", .is_reloadable = true,
     .help = "Required. PEM file with the certificate and its chain."},
    {.path = "key", .type = ROWS_STRING, .offset = offsetof(struct certificate_settings, key), .min = 1, .max = FILE_NAME_MAX,
     .expected = "the name of a PEM file", .is_reloadable = true, .help = "Required. PEM file with its private key."},
};
const int settings_rows_nr_certificate = NR(settings_rows_certificate);

/* clang-format on */
