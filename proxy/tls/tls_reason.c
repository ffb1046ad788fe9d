/* OpenSSL's error codes in words that say what happened and, where it helps, what to do. "The peer"
 * is a client or an endpoint: the line of the log names it. What is not listed here keeps OpenSSL's
 * own words. */
#include "proxy/tls/tls_reason.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

enum { ROOM = 512 };

/* Each thread's own, until its next call. */
static _Thread_local char text[ROOM];

static const struct {
    int reason;
    const char *words;
} words_of[] = {
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, "the peer closed the connection without ending TLS"},
    {SSL_R_HTTP_REQUEST, "the peer sent a plain HTTP request; this port speaks TLS"},
    {SSL_R_HTTPS_PROXY_REQUEST, "the peer sent a plain CONNECT request; this port speaks TLS"},
    {SSL_R_WRONG_VERSION_NUMBER, "the peer does not speak TLS"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "the peer does not speak TLS"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the peer speaks no version of TLS that is allowed here"},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, "the peer speaks no version of TLS that is allowed here"},
    {SSL_R_VERSION_TOO_LOW, "the peer speaks no version of TLS that is allowed here"},
    {SSL_R_NO_SHARED_CIPHER, "the peer offers no cipher that fits a certificate here"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
     "the peer offers no signature algorithm that fits a certificate here"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, "the peer offers no key exchange that is allowed here"},
    {SSL_R_NO_APPLICATION_PROTOCOL,
     "the peer offers only application protocols (ALPN) other than http/1.1"},
    {SSL_R_BAD_EXTENSION,
     "the peer answered with an extension that was not asked for, or a malformed one"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the peer sent no certificate, and one is required"},
    {SSL_R_NO_RENEGOTIATION, "the peer wants to renegotiate, which is not allowed"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC,
     "a record was changed on its way, or the peer's keys are not ours"},
};

/* The name or address that the certificate should have had, into name. */
static void expected_name(SSL *ssl, char *name, size_t room)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    const char *host = X509_VERIFY_PARAM_get0_host(param, 0);
    char *address = host ? NULL : X509_VERIFY_PARAM_get1_ip_asc(param);

    snprintf(name, room, "%s", host ? host : address ? address : "this name");
    OPENSSL_free(address);
}

static void say_verification(SSL *ssl)
{
    long result = SSL_get_verify_result(ssl);
    char name[256];

    if (result != X509_V_ERR_HOSTNAME_MISMATCH && result != X509_V_ERR_IP_ADDRESS_MISMATCH) {
        snprintf(text, sizeof(text), "the peer's certificate is not trusted: %s",
                 X509_verify_cert_error_string(result));
        return;
    }
    expected_name(ssl, name, sizeof(name));
    snprintf(text, sizeof(text),
             "the peer's certificate is not for %s, or names it in its subject only", name);
}

static void say_system_error(int error)
{
    char words[128];

    snprintf(text, sizeof(text), "the connection failed: %s",
             strerror_r(error, words, sizeof(words)));
}

/* Alerts that the peer sent have the reason 1000 and their number (RFC 8446 section 6). */
static void say_ssl_error(SSL *ssl, int reason)
{
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        say_verification(ssl);
        return;
    }
    if (reason >= SSL_AD_REASON_OFFSET) {
        snprintf(text, sizeof(text), "the peer refused with the alert \"%s\"",
                 SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
        return;
    }
    for (size_t i = 0; i < sizeof(words_of) / sizeof(words_of[0]); i++)
        if (words_of[i].reason == reason) {
            snprintf(text, sizeof(text), "%s", words_of[i].words);
            return;
        }
    const char *words = ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, reason));
    snprintf(text, sizeof(text), "TLS failed: %s", words ? words : "unknown error");
}

const char *tls_reason(SSL *ssl, int system_error)
{
    unsigned long error = ERR_peek_last_error();
    const char *words = ERR_reason_error_string(error);

    if (error && ERR_GET_LIB(error) == ERR_LIB_SSL)
        say_ssl_error(ssl, ERR_GET_REASON(error));
    else if (system_error)
        say_system_error(system_error);
    else if (error)
        snprintf(text, sizeof(text), "TLS failed: %s", words ? words : "unknown error");
    else
        snprintf(text, sizeof(text), "the peer closed the connection without ending TLS");
    ERR_clear_error();
    return text;
}
