/* The names in certificates and what they choose.
 *
 * Names are those of the subject alternative names, or, where a certificate has none for DNS, its
 * common name. All are in lower case, without a final dot, and sorted; a look-up is one or two
 * binary searches. The list is made at load, and only proposes: whether the certificate that it
 * proposes is good for the host is OpenSSL's decision (X509_check_host, RFC 6125 section 6.4). */
#include "proxy/tls/tls_names.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/str.h"

/* One name of one certificate. */
struct claim {
    char *name;
    int certificate, kind;
};

struct entry {
    char *name; /* a claim's */
    int set;
};

struct tls_names {
    X509 **certificates; /* each counted */
    int nr_certificates;
    struct claim *claims;
    size_t nr_claims, room_claims;
    struct entry *entries; /* sorted by name, each name once */
    size_t nr_entries;
    struct tls_names_set *sets;
    int nr_sets, room_sets;
};

static const struct tls_names_set no_set = {{-1, -1, -1, -1, -1, -1}};

static int kind_of(X509 *certificate)
{
    switch (EVP_PKEY_get_base_id(X509_get0_pubkey(certificate))) {
    case EVP_PKEY_RSA:
        return 0;
    case EVP_PKEY_RSA_PSS:
        return 1;
    case EVP_PKEY_EC:
        return 2;
    case EVP_PKEY_ED25519:
        return 3;
    case EVP_PKEY_ED448:
        return 4;
    default:
        return 5;
    }
}

/* Lower case, no final dot. False where it cannot be a host name or a wildcard for one label. */
static bool normalise(const char *name, size_t n, char out[TLS_NAMES_LENGTH_MAX + 1])
{
    if (n > 0 && name[n - 1] == '.')
        n--;
    if (n == 0 || n > TLS_NAMES_LENGTH_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool is_wildcard = i == 0 && name[0] == '*' && n > 2 && name[1] == '.';
        if (!isalnum((unsigned char)name[i]) && !strchr("-._", name[i]) && !is_wildcard)
            return false;
        if (name[i] == '\0') /* strchr finds it too */
            return false;
        out[i] = str_lower(name[i]);
    }
    out[n] = '\0';
    return true;
}

static int claim(struct tls_names *names, const ASN1_STRING *text, int certificate, int kind)
{
    char name[TLS_NAMES_LENGTH_MAX + 1];
    struct claim *added;

    if (!text || !normalise((const char *)ASN1_STRING_get0_data(text),
                            (size_t)ASN1_STRING_length(text), name))
        return 0;
    if (names->nr_claims == names->room_claims) {
        size_t room = names->room_claims ? names->room_claims * 2 : 16;
        struct claim *grown = realloc(names->claims, room * sizeof(*grown));
        if (!grown)
            return -1;
        names->claims = grown;
        names->room_claims = room;
    }
    added = &names->claims[names->nr_claims];
    *added = (struct claim){strdup(name), certificate, kind};
    if (!added->name)
        return -1;
    names->nr_claims++;
    return 0;
}

static int claim_common_name(struct tls_names *names, X509 *x, int certificate, int kind)
{
    X509_NAME *subject = X509_get_subject_name(x);
    int at = -1, last = -1;

    for (;;) {
        at = X509_NAME_get_index_by_NID(subject, NID_commonName, at);
        if (at < 0)
            break;
        last = at;
    }
    if (last < 0)
        return 0;
    return claim(names, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)), certificate,
                 kind);
}

static int claim_all(struct tls_names *names, X509 *x, int certificate)
{
    GENERAL_NAMES *list = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    int kind = kind_of(x), nr_dns = 0, r = 0;

    for (int i = 0; r == 0 && i < sk_GENERAL_NAME_num(list); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(list, i);
        if (name->type != GEN_DNS)
            continue;
        nr_dns++;
        r = claim(names, name->d.dNSName, certificate, kind);
    }
    GENERAL_NAMES_free(list);
    if (r == 0 && nr_dns == 0)
        r = claim_common_name(names, x, certificate, kind);
    return r;
}

static int compare_claims(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : x->certificate - y->certificate;
}

/* The number of an equal set, which is added if it is new; -1 when out of memory. */
static int intern(struct tls_names *names, const struct tls_names_set *set)
{
    for (int i = names->nr_sets - 1; i >= 0; i--) /* neighbours are often alike */
        if (memcmp(&names->sets[i], set, sizeof(*set)) == 0)
            return i;
    if (names->nr_sets == names->room_sets) {
        int room = names->room_sets ? names->room_sets * 2 : 4;
        struct tls_names_set *grown = realloc(names->sets, (size_t)room * sizeof(*grown));
        if (!grown)
            return -1;
        names->sets = grown;
        names->room_sets = room;
    }
    names->sets[names->nr_sets] = *set;
    return names->nr_sets++;
}

/* The end of the claims that have the same name as the one at i. */
static size_t end_of_group(const struct tls_names *names, size_t i)
{
    size_t end = i + 1;

    while (end < names->nr_claims && strcmp(names->claims[end].name, names->claims[i].name) == 0)
        end++;
    return end;
}

/* counts[i] becomes the number of the first certificate's names that certificate i has; returns how
 * many there are. */
static int count_shared(const struct tls_names *names, int *counts)
{
    int nr = 0;

    for (size_t i = 0, end; i < names->nr_claims; i = end) {
        int previous = -1;
        end = end_of_group(names, i);
        if (names->claims[i].certificate != 0)
            continue;
        nr++;
        for (size_t k = i; k < end; k++) {
            if (names->claims[k].certificate != previous)
                counts[names->claims[k].certificate]++;
            previous = names->claims[k].certificate;
        }
    }
    return nr;
}

static int add_default_set(struct tls_names *names, X509 *const *certificates, int nr)
{
    struct tls_names_set set = no_set;
    int *counts = calloc((size_t)nr, sizeof(*counts));
    int nr_names, number;

    if (!counts)
        return -1;
    nr_names = count_shared(names, counts);
    set.certificate[kind_of(certificates[0])] = 0;
    for (int i = 1; i < nr && nr_names > 0; i++) {
        int *place = &set.certificate[kind_of(certificates[i])];
        if (counts[i] == nr_names && *place < 0)
            *place = i;
    }
    number = intern(names, &set);
    free(counts);
    return number;
}

static int add_entries(struct tls_names *names)
{
    names->entries = calloc(names->nr_claims ? names->nr_claims : 1, sizeof(*names->entries));
    if (!names->entries)
        return -1;
    for (size_t i = 0, end; i < names->nr_claims; i = end) {
        struct tls_names_set set = no_set;
        int number;
        end = end_of_group(names, i);
        for (size_t k = i; k < end; k++)
            if (set.certificate[names->claims[k].kind] < 0)
                set.certificate[names->claims[k].kind] = names->claims[k].certificate;
        number = intern(names, &set);
        if (number < 0)
            return -1;
        names->entries[names->nr_entries++] = (struct entry){names->claims[i].name, number};
    }
    return 0;
}

static int keep_certificates(struct tls_names *names, X509 *const *certificates, int nr)
{
    names->certificates = calloc((size_t)nr, sizeof(X509 *));
    if (!names->certificates)
        return -1;
    for (; names->nr_certificates < nr; names->nr_certificates++) {
        if (!X509_up_ref(certificates[names->nr_certificates]))
            return -1;
        names->certificates[names->nr_certificates] = certificates[names->nr_certificates];
    }
    return 0;
}

struct tls_names *tls_names_make(X509 *const *certificates, int nr)
{
    struct tls_names *names = calloc(1, sizeof(*names));

    if (!names)
        return NULL;
    if (keep_certificates(names, certificates, nr) < 0)
        goto fail;
    for (int i = 0; i < nr; i++)
        if (claim_all(names, certificates[i], i) < 0)
            goto fail;
    if (names->nr_claims > 0)
        qsort(names->claims, names->nr_claims, sizeof(*names->claims), compare_claims);
    if (add_default_set(names, certificates, nr) == 0 && add_entries(names) == 0)
        return names;
fail:
    tls_names_free(&names);
    return NULL;
}

void tls_names_free(struct tls_names **names)
{
    struct tls_names *n = *names;

    *names = NULL;
    if (!n)
        return;
    for (int i = 0; i < n->nr_certificates; i++)
        X509_free(n->certificates[i]);
    free(n->certificates);
    for (size_t i = 0; i < n->nr_claims; i++)
        free(n->claims[i].name);
    free(n->claims);
    free(n->entries);
    free(n->sets);
    free(n);
}

int tls_names_nr_sets(const struct tls_names *names)
{
    return names->nr_sets;
}

const struct tls_names_set *tls_names_set(const struct tls_names *names, int i)
{
    return &names->sets[i];
}

static int compare_entry(const void *name, const void *entry)
{
    return strcmp(name, ((const struct entry *)entry)->name);
}

static const struct entry *look_up(const struct tls_names *names, const char *name)
{
    return bsearch(name, names->entries, names->nr_entries, sizeof(*names->entries), compare_entry);
}

/* Does OpenSSL find the entry's certificates good for the host? Those of one entry have the same
 * name, so one of them speaks for all. */
static bool is_good_for(const struct tls_names *names, const struct entry *entry, const char *host)
{
    const struct tls_names_set *set = &names->sets[entry->set];

    for (int kind = 0; kind < TLS_NAMES_KINDS; kind++)
        if (set->certificate[kind] >= 0)
            return X509_check_host(names->certificates[set->certificate[kind]], host, 0,
                                   X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
    return false;
}

int tls_names_find(const struct tls_names *names, const char *host)
{
    char name[TLS_NAMES_LENGTH_MAX + 1], asked[TLS_NAMES_LENGTH_MAX + 1];
    const struct entry *found;
    char *dot;

    if (!normalise(host, strlen(host), name) || name[0] == '*')
        return 0;
    memcpy(asked, name, strlen(name) + 1);
    found = look_up(names, name);
    dot = strchr(name, '.');
    if (!found && dot && dot > name) {
        dot[-1] = '*';
        found = look_up(names, dot - 1);
    }
    return found && is_good_for(names, found, asked) ? found->set : 0;
}
