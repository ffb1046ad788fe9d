/* The keys of session tickets: which open what, and that a worker never sees half a key while the
 * control thread changes them. */
#include "proxy/tls/tls_tickets.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ROTATION_MS = 1000, TEXT = 64, MAC = 32, IV = 16, READERS = 3, ROTATIONS = 3000 };

/* What a ticket is: the key's name, the vector, and what the key made of some bytes. */
struct ticket {
    unsigned char name[TLS_TICKETS_NAME], iv[EVP_MAX_IV_LENGTH], sealed[TEXT + 16], mac[MAC];
    int length;
};

static const unsigned char plain[TEXT] = "whatever a session consists of";

/* One callback's work, with the contexts that OpenSSL gives it; the callback's result. */
static int run(struct tls_tickets *tickets, struct ticket *ticket, bool is_sealing,
               unsigned char *out, int *length, unsigned char *mac)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac_context = EVP_MAC_CTX_new(hmac);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int r = tls_tickets_set_up(tickets, ticket->name, ticket->iv, cipher, mac_context, is_sealing);
    int n = 0, rest = 0;
    size_t mac_length = 0;

    if (r > 0) {
        const unsigned char *in = is_sealing ? plain : ticket->sealed;
        if (EVP_CipherUpdate(cipher, out, &n, in, is_sealing ? TEXT : ticket->length) != 1 ||
            EVP_CipherFinal_ex(cipher, out + n, &rest) != 1)
            n = rest = 0;
        *length = n + rest;
        if (EVP_MAC_init(mac_context, NULL, 0, NULL) != 1 ||
            EVP_MAC_update(mac_context, plain, TEXT) != 1 ||
            EVP_MAC_final(mac_context, mac, &mac_length, MAC) != 1)
            memset(mac, 0, MAC);
    }
    EVP_CIPHER_CTX_free(cipher);
    EVP_MAC_CTX_free(mac_context);
    EVP_MAC_free(hmac);
    return r;
}

static int seal(struct tls_tickets *tickets, struct ticket *ticket)
{
    return run(tickets, ticket, true, ticket->sealed, &ticket->length, ticket->mac);
}

/* The callback's result, or -2 where the key opened something else. */
static int open_ticket(struct tls_tickets *tickets, struct ticket *ticket)
{
    unsigned char out[TEXT + 32], mac[MAC] = {0};
    int length = 0;
    int r = run(tickets, ticket, false, out, &length, mac);

    if (r > 0 &&
        (length != TEXT || memcmp(out, plain, TEXT) != 0 || memcmp(mac, ticket->mac, MAC) != 0))
        return -2;
    return r;
}

static void test_the_current_key_and_two_before_open(void **state)
{
    struct tls_tickets *tickets = tls_tickets_make(0);
    struct ticket ticket;
    uint64_t now = 0;

    (void)state;
    assert_int_equal(seal(tickets, &ticket), 1);
    assert_int_equal(open_ticket(tickets, &ticket), 1);
    for (int age = 1; age < TLS_TICKETS_ACCEPTED; age++) {
        now += ROTATION_MS;
        assert_true(tls_tickets_rotate(tickets, now, ROTATION_MS));
        assert_int_equal(open_ticket(tickets, &ticket), 2); /* and a new one is to be given */
    }
    assert_true(tls_tickets_rotate(tickets, now + ROTATION_MS, ROTATION_MS));
    assert_int_equal(open_ticket(tickets, &ticket), 0);
    tls_tickets_unref(&tickets);
}

static void test_a_key_stays_for_its_time(void **state)
{
    struct tls_tickets *tickets = tls_tickets_make(5000);
    struct ticket first, second;

    (void)state;
    assert_int_equal(seal(tickets, &first), 1);
    assert_true(tls_tickets_rotate(tickets, 5000 + ROTATION_MS - 1, ROTATION_MS));
    assert_int_equal(seal(tickets, &second), 1);
    assert_memory_equal(first.name, second.name, TLS_TICKETS_NAME);
    assert_memory_not_equal(first.iv, second.iv, IV);
    assert_true(tls_tickets_rotate(tickets, 5000 + ROTATION_MS, ROTATION_MS));
    assert_int_equal(seal(tickets, &second), 1);
    assert_memory_not_equal(first.name, second.name, TLS_TICKETS_NAME);
    tls_tickets_unref(&tickets);
}

static void test_a_late_rotation_makes_one_key(void **state)
{
    struct tls_tickets *tickets = tls_tickets_make(0);
    struct ticket ticket;

    (void)state;
    assert_int_equal(seal(tickets, &ticket), 1);
    assert_true(tls_tickets_rotate(tickets, 50 * ROTATION_MS, ROTATION_MS));
    assert_true(tls_tickets_rotate(tickets, 50 * ROTATION_MS + 1, ROTATION_MS));
    assert_int_equal(open_ticket(tickets, &ticket), 2);
    tls_tickets_unref(&tickets);
}

static void test_names_nobody_gave_open_nothing(void **state)
{
    struct tls_tickets *tickets = tls_tickets_make(0);
    struct ticket ticket;

    (void)state;
    assert_int_equal(seal(tickets, &ticket), 1);
    memset(ticket.name, 0, sizeof(ticket.name)); /* as an erased slot has it */
    assert_int_equal(open_ticket(tickets, &ticket), 0);
    memset(ticket.name, 0xff, sizeof(ticket.name));
    assert_int_equal(open_ticket(tickets, &ticket), 0);
    tls_tickets_unref(&tickets);
}

static void test_other_processes_have_other_keys(void **state)
{
    struct tls_tickets *one = tls_tickets_make(0), *other = tls_tickets_make(0);
    struct ticket ticket;

    (void)state;
    assert_int_equal(seal(one, &ticket), 1);
    assert_int_equal(open_ticket(other, &ticket), 0);
    tls_tickets_unref(&one);
    tls_tickets_unref(&other);
}

/* ---- Threads -------------------------------------------------------------------------------- */

struct reader {
    struct tls_tickets *tickets;
    atomic_bool *is_over;
    atomic_ulong *nr_runs;
    int nr_opened, nr_too_old, nr_wrong;
};

/* Seals and opens at once: the key may have changed in between, but each is whole. */
static void *read_keys(void *arg)
{
    struct reader *reader = arg;

    while (!atomic_load(reader->is_over)) {
        struct ticket ticket;
        int r = seal(reader->tickets, &ticket) == 1 ? open_ticket(reader->tickets, &ticket) : -1;
        if (r > 0)
            reader->nr_opened++;
        else if (r == 0)
            reader->nr_too_old++;
        else
            reader->nr_wrong++;
        atomic_fetch_add(reader->nr_runs, 1);
    }
    return NULL;
}

/* The keys change as fast as they are used, so that many a ticket is opened just when its key is
 * erased. */
static void test_no_reader_sees_half_a_key(void **state)
{
    struct tls_tickets *tickets = tls_tickets_make(0);
    atomic_bool is_over = false;
    atomic_ulong nr_runs = 0;
    struct reader readers[READERS];
    pthread_t threads[READERS];

    (void)state;
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){
            .tickets = tls_tickets_ref(tickets), .is_over = &is_over, .nr_runs = &nr_runs};
        assert_int_equal(pthread_create(&threads[i], NULL, read_keys, &readers[i]), 0);
    }
    for (uint64_t i = 1; i <= ROTATIONS; i++) {
        unsigned long before = atomic_load(&nr_runs);
        assert_true(tls_tickets_rotate(tickets, i * ROTATION_MS, ROTATION_MS));
        while (atomic_load(&nr_runs) == before)
            sched_yield();
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(readers[i].nr_wrong, 0);
        tls_tickets_unref(&readers[i].tickets);
    }
    tls_tickets_unref(&tickets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_current_key_and_two_before_open),
        cmocka_unit_test(test_a_key_stays_for_its_time),
        cmocka_unit_test(test_a_late_rotation_makes_one_key),
        cmocka_unit_test(test_names_nobody_gave_open_nothing),
        cmocka_unit_test(test_other_processes_have_other_keys),
        cmocka_unit_test(test_no_reader_sees_half_a_key),
    };

    return cmocka_run_group_tests_name("keys of session tickets", tests, NULL, NULL);
}
