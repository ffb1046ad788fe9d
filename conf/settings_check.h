/* What the rows of the settings cannot say by type and range: the grammars of some values. Each
 * check returns NULL, or what is wrong as the end of a sentence that begins with the value.
 * (settings_check itself is in settings.h.) */
#ifndef WEIR_CONF_SETTINGS_CHECK_H
#define WEIR_CONF_SETTINGS_CHECK_H

/* A field name that weir may set on messages without breaking them. */
const char *settings_check_header(const char *text);

/* A token, as names of fields and cookies are (RFC 9110 section 5.6.2). */
const char *settings_check_token(const char *text);

/* A field name that a version may add to requests: any but what concerns the connection, the
 * message's framing, and what weir itself vouches for. */
const char *settings_check_added(const char *text);

/* A field's value. */
const char *settings_check_value(const char *text);

/* A pseudonym or host[:port] for Via. */
const char *settings_check_via(const char *text);

/* A region, and an account, as ARNs have them. */
const char *settings_check_region(const char *text);
const char *settings_check_account(const char *text);

/* A level of the process log. */
const char *settings_check_level(const char *text);

/* A TLS version that is still spoken. */
const char *settings_check_tls_version(const char *text);

/* IP addresses, with or without port, with commas between; or nothing. */
/* Of an etcd: http or https, a host and perhaps a port. */
const char *settings_check_endpoint(const char *text);
const char *settings_check_servers(const char *text);

/* A URL of a server, with a path or without; or nothing. */
const char *settings_check_engine(const char *text);

/* Host names with commas between, or "*". */
const char *settings_check_hosts(const char *text);

#endif
