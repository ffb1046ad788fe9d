/* A pair of files that is renewed while it is read. This test has its own file_read, which renews
 * the pair between the two readings. */
#include "conf/file.h"
#include "proxy/tls/tls_pem.h"
#include "tls_lab.h"

static struct lab_cert certs[2];
static int nr_readings, nr_turns; /* turns to come */

/* Both files are then those of the other pair. */
static void turn(void)
{
    EVP_PKEY *key = certs[0].key;
    X509 *x = certs[0].x;

    certs[0].key = certs[1].key;
    certs[0].x = certs[1].x;
    certs[1].key = key;
    certs[1].x = x;
    lab_write_pair(&certs[0]);
}

char *file_read(const char *path, size_t *length, struct problems *problems)
{
    char *text = malloc(10000);
    FILE *f = fopen(path, "r");

    (void)problems;
    assert_non_null(text);
    assert_non_null(f);
    *length = fread(text, 1, 9999, f);
    fclose(f);
    text[*length] = '\0';
    if (nr_readings++ % 2 == 0 && nr_turns > 0) {
        nr_turns--;
        turn();
    }
    return text;
}

static int read_with_turns(int nr, struct tls_pem_reasons *reasons)
{
    struct tls_pem pem = {0};
    int r;

    nr_readings = 0;
    nr_turns = nr;
    r = tls_pem_read_pair(&pem, certs[0].file, certs[0].key_file, reasons);
    if (r == 0)
        assert_int_equal(X509_cmp(pem.leaf, certs[0].x), 0);
    tls_pem_fini(&pem);
    return r;
}

static void test_a_pair_that_is_renewed_between_the_readings_is_read_again(void **state)
{
    struct tls_pem_reasons reasons;

    (void)state;
    for (int nr = 0; nr <= 3; nr++) {
        assert_int_equal(read_with_turns(nr, &reasons), 0);
        assert_int_equal(nr_readings, 2 * (nr + 1));
        assert_string_equal(reasons.certificate, "");
        assert_string_equal(reasons.key, "");
    }
}

static void test_a_pair_that_never_fits_is_refused(void **state)
{
    struct tls_pem_reasons reasons;

    (void)state;
    assert_int_equal(read_with_turns(1000, &reasons), -1);
    assert_int_equal(nr_readings, 8);
    assert_string_equal(reasons.certificate, "");
    assert_non_null(strstr(reasons.key, "is not the key of this certificate"));
}

static int begin(void **state)
{
    if (lab_begin(state) < 0)
        return -1;
    certs[0] = lab_make("live", &(struct lab_wish){.names = "DNS:a.example"});
    certs[1] = lab_make("next", &(struct lab_wish){.names = "DNS:b.example"});
    return 0;
}

static int end(void **state)
{
    lab_free(&certs[0]);
    lab_free(&certs[1]);
    return lab_end(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pair_that_is_renewed_between_the_readings_is_read_again),
        cmocka_unit_test(test_a_pair_that_never_fits_is_refused),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
