/* Ticket keys in a ring of four:
 *
 *     slot:  serial+1 (being written, or erased)   serial   serial-1   serial-2      all modulo 4
 *
 * The control thread fills the free slot, then publishes it by raising the serial, then erases the
 * slot that fell out. A worker copies a key, then looks at the serial again: only if that moved
 * meanwhile can the copy be torn, and it takes another one. So a worker never waits for the control
 * thread, and repeats at most once per rotation. The words of a slot are atomic, stored with
 * release and loaded with acquire, so that whoever sees a word of a later key, or an erased one,
 * also sees the serial that came before (Boehm, "Can seqlocks get along with programming language
 * memory models?", 2012). */
#include "proxy/tls/tls_tickets.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

enum { SLOTS = TLS_TICKETS_ACCEPTED + 1, KEY_BYTES = 32, IV_BYTES = 16 };

struct key {
    unsigned char name[TLS_TICKETS_NAME];
    unsigned char cipher_key[KEY_BYTES]; /* AES-256-CBC */
    unsigned char mac_key[KEY_BYTES];    /* HMAC-SHA256 */
};

enum { WORDS = sizeof(struct key) / sizeof(uint64_t) };

struct tls_tickets {
    _Atomic uint32_t refs;
    _Atomic uint64_t serial;
    _Atomic uint64_t slots[SLOTS][WORDS];
    uint64_t made_ms; /* control thread */
    EVP_CIPHER *cipher;
};

_Static_assert(WORDS * sizeof(uint64_t) == sizeof(struct key), "a key is a whole number of words");

/* A key of the ring as it was while the serial did not move; returns that serial. age: 0 the
 * current one, 1 the one before. */
static uint64_t copy_key(struct tls_tickets *tickets, unsigned age, struct key *out)
{
    uint64_t words[WORDS];
    uint64_t serial, after;

    do {
        serial = atomic_load_explicit(&tickets->serial, memory_order_acquire);
        for (int i = 0; i < WORDS; i++)
            words[i] = atomic_load_explicit(&tickets->slots[(serial - age) % SLOTS][i],
                                            memory_order_acquire);
        after = atomic_load_explicit(&tickets->serial, memory_order_relaxed);
    } while (after != serial);
    /* cppcheck-suppress uninitvar ; it does not know sizeof(struct key), and so not that WORDS is
     * above 0 */
    memcpy(out, words, sizeof(*out));
    OPENSSL_cleanse(words, sizeof(words));
    return serial;
}

static void store_key(struct tls_tickets *tickets, uint64_t serial, const struct key *key)
{
    uint64_t words[WORDS];

    memcpy(words, key, sizeof(words));
    for (int i = 0; i < WORDS; i++)
        atomic_store_explicit(&tickets->slots[serial % SLOTS][i], words[i], memory_order_release);
    OPENSSL_cleanse(words, sizeof(words));
}

/* Publishes a new key and erases the one that is too old now. */
static bool add_key(struct tls_tickets *tickets)
{
    static const struct key erased;
    uint64_t serial = atomic_load_explicit(&tickets->serial, memory_order_relaxed) + 1;
    struct key key;

    if (RAND_bytes(key.name, sizeof(key.name)) != 1 ||
        RAND_priv_bytes(key.cipher_key, sizeof(key.cipher_key)) != 1 ||
        RAND_priv_bytes(key.mac_key, sizeof(key.mac_key)) != 1)
        return false;
    store_key(tickets, serial, &key);
    OPENSSL_cleanse(&key, sizeof(key));
    atomic_store_explicit(&tickets->serial, serial, memory_order_release);
    store_key(tickets, serial + 1, &erased);
    return true;
}

struct tls_tickets *tls_tickets_make(uint64_t now_ms)
{
    struct tls_tickets *tickets = calloc(1, sizeof(*tickets));

    if (!tickets)
        return NULL;
    atomic_store_explicit(&tickets->refs, 1, memory_order_relaxed);
    /* High enough that a key of age 2 has a serial from the beginning; its slot is erased, and no
     * ticket can name it. */
    atomic_store_explicit(&tickets->serial, SLOTS, memory_order_relaxed);
    tickets->made_ms = now_ms;
    /* Looked up once: OpenSSL's look-up by name is slow and takes locks. */
    tickets->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (!tickets->cipher || !add_key(tickets))
        tls_tickets_unref(&tickets);
    return tickets;
}

struct tls_tickets *tls_tickets_ref(struct tls_tickets *tickets)
{
    atomic_fetch_add_explicit(&tickets->refs, 1, memory_order_relaxed);
    return tickets;
}

void tls_tickets_unref(struct tls_tickets **tickets)
{
    struct tls_tickets *t = *tickets;

    *tickets = NULL;
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_CIPHER_free(t->cipher);
    OPENSSL_cleanse(t->slots, sizeof(t->slots));
    free(t);
}

bool tls_tickets_rotate(struct tls_tickets *tickets, uint64_t now_ms, uint64_t rotation_ms)
{
    if (now_ms < tickets->made_ms + rotation_ms)
        return true;
    if (!add_key(tickets))
        return false;
    tickets->made_ms = now_ms;
    return true;
}

/* Finds the key that sealed a ticket; its age, or -1. */
static int find_key(struct tls_tickets *tickets, const unsigned char name[TLS_TICKETS_NAME],
                    struct key *key)
{
    for (unsigned age = 0; age < TLS_TICKETS_ACCEPTED; age++) {
        static const unsigned char erased[TLS_TICKETS_NAME];
        copy_key(tickets, age, key);
        if (memcmp(key->name, name, TLS_TICKETS_NAME) == 0 &&
            memcmp(name, erased, TLS_TICKETS_NAME) != 0)
            return (int)age;
    }
    return -1;
}

static bool set_mac_key(EVP_MAC_CTX *mac, struct key *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[3] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac_key, sizeof(key->mac_key)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

int tls_tickets_set_up(struct tls_tickets *tickets, unsigned char name[TLS_TICKETS_NAME],
                       unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool is_sealing)
{
    struct key key;
    int age = 0, result = -1;

    if (is_sealing) {
        copy_key(tickets, 0, &key);
        memcpy(name, key.name, sizeof(key.name));
        if (RAND_bytes(iv, IV_BYTES) != 1)
            goto out;
    } else {
        age = find_key(tickets, name, &key);
        if (age < 0) {
            result = 0;
            goto out;
        }
    }
    if (EVP_CipherInit_ex2(cipher, tickets->cipher, key.cipher_key, iv, is_sealing, NULL) == 1 &&
        set_mac_key(mac, &key))
        result = age > 0 ? 2 : 1;
out:
    OPENSSL_cleanse(&key, sizeof(key));
    return result;
}
