/* Splits over many lives: a process of several threads draws from a split and changes its weights
 * until it is killed, at any moment; the next goes on. All draws of all lives are accounted for,
 * one by one, and no version is ever a whole invocation off.
 *
 * A thread says before a draw that it draws, and counts afterwards. One that is killed in between
 * may have drawn; what the logbook says decides, and has to be one of the things that can be. */
#include "router/split.h"
#include "router/split_account.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "split_world.h"

/* DRAWS_MAX: a life that nobody comes to kill waits for it, as nobody makes its logbook grow. */
enum { THREADS = 4, LIVES = 20, PHASES = 2000, ARMS = 16, DRAWS_MAX = 100000 };

/* What process after process shares. */
struct past_lives {
    _Atomic int nr_phases; /* so many were ever in force */
    uint32_t weights[PHASES][ARMS];
    _Atomic uint32_t counts[THREADS][PHASES][ARMS];
    _Atomic int draws_in[THREADS]; /* the phase, from 1; 0: is not drawing */
    _Atomic uint64_t nr_draws;     /* of this life */
    _Alignas(LOGBOOK_BLOCK) uint8_t logbook[LOGBOOK_BYTES_MIN];
};

static struct past_lives *lives;
static int nr_arms;
static bool changes_within, changes_between, is_spread;
static const uint32_t *first_weights;

/* ---- A life ---------------------------------------------------------------------------------- */

struct era {
    struct split *split;
    int phase;
};

static struct {
    struct qsbr *domain;
    struct era eras[PHASES];
    _Atomic int now; /* the era */
} life;

static void draw(int thread, int slot)
{
    struct prng unused;
    int arm, era;

    prng_seed(&unused, 1);
    qsbr_online(life.domain, slot);
    for (int i = 0; i < 100; i++) {
        do {
            era = atomic_load(&life.now);
            atomic_store(&lives->draws_in[thread], life.eras[era].phase + 1);
            arm = split_pick(life.eras[era].split, &unused);
        } while (arm == SPLIT_CLOSED);
        if (arm < 0)
            _exit(1);
        atomic_fetch_add(&lives->counts[thread][life.eras[era].phase][arm], 1);
        atomic_store(&lives->draws_in[thread], 0);
        atomic_fetch_add(&lives->nr_draws, 1);
    }
    qsbr_offline(life.domain, slot);
}

static void *draw_on(void *context)
{
    int slot = qsbr_register(life.domain);

    for (;;)
        if (atomic_load(&lives->nr_draws) < DRAWS_MAX)
            draw((int)(intptr_t)context, slot);
        else
            usleep(1000);
    return NULL;
}

static void random_weights(struct prng *rng, uint32_t *weights)
{
    uint32_t left = SPLIT_ONE;

    for (int i = 0; i < nr_arms - 1; i++) {
        weights[i] = prng_below(rng, 4) == 0 ? 0 : prng_below(rng, left + 1);
        left -= weights[i];
    }
    weights[nr_arms - 1] = left;
}

static struct split *make_next(struct logbook *logbook, const uint32_t *weights,
                               struct split *previous)
{
    struct split_spec spec = spec_of(nr_arms, weights);

    spec.place = 0x123456789abcdef;
    spec.is_spread = is_spread;
    spec.logbook = logbook;
    spec.key = logbook_key(STR("f"), STR("live"));
    spec.heir_of = previous ? LOGBOOK_NONE : logbook_find(logbook, spec.key);
    for (int i = 0; i < nr_arms; i++)
        spec.versions[i] = (uint64_t)i + 1;
    return split_make(life.domain, &spec, previous);
}

/* The weights of the next phase are there before anybody draws in it. */
static void put_in_force(struct split *split, int era, int phase)
{
    life.eras[era] = (struct era){split, phase};
    atomic_store(&lives->nr_phases, phase + 1);
    atomic_store(&life.now, era);
}

static void live(uint64_t seed)
{
    char reason[100];
    struct logbook *logbook =
        logbook_open(lives->logbook, sizeof(lives->logbook), reason, sizeof(reason));
    int phase = atomic_load(&lives->nr_phases), era = 0;
    struct prng rng;
    pthread_t thread;

    prng_seed(&rng, seed);
    life.domain = qsbr_make();
    if (!logbook || !life.domain)
        _exit(2);
    memcpy(lives->weights[phase], first_weights, (size_t)nr_arms * sizeof(uint32_t));
    if (changes_between)
        random_weights(&rng, lives->weights[phase]);
    put_in_force(make_next(logbook, lives->weights[phase], NULL), era, phase);
    logbook_settle(logbook);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread, NULL, draw_on, (void *)(intptr_t)i))
            _exit(3);
    for (;;) {
        struct split *before = life.eras[era].split;

        usleep(50 + prng_below(&rng, 300));
        qsbr_reclaim(life.domain);
        if (!changes_within || era > 60)
            continue;
        random_weights(&rng, lives->weights[++phase]);
        put_in_force(make_next(logbook, lives->weights[phase], before), ++era, phase);
        if (prng_below(&rng, 2) && split_open(life.eras[era].split))
            _exit(4);
        split_unref(&before);
    }
}

/* ---- What came of it ------------------------------------------------------------------------- */

/* What each version is owed by what was counted. */
static void count(int64_t *errors)
{
    memset(errors, 0, ARMS * sizeof(errors[0]));
    for (int p = 0; p < atomic_load(&lives->nr_phases); p++) {
        uint32_t n = 0;

        for (int i = 0; i < nr_arms; i++)
            for (int t = 0; t < THREADS; t++) {
                errors[i] -= ONE * lives->counts[t][p][i];
                n += lives->counts[t][p][i];
            }
        for (int i = 0; i < nr_arms; i++)
            errors[i] += (int64_t)n * lives->weights[p][i];
    }
}

static bool is_all_zero(const int64_t *numbers)
{
    for (int i = 0; i < nr_arms; i++)
        if (numbers[i] != 0)
            return false;
    return true;
}

/* Can threads that were drawing have drawn so that errors become what is told? Counts those draws.
 * difference: told minus counted. */
static bool explain(int64_t *difference, int thread)
{
    int phase;

    while (thread < THREADS && lives->draws_in[thread] == 0)
        thread++;
    if (is_all_zero(difference))
        return true;
    if (thread == THREADS)
        return false;
    phase = lives->draws_in[thread] - 1;
    for (int arm = 0; arm < nr_arms; arm++) {
        if (lives->weights[phase][arm] == 0)
            continue;
        for (int i = 0; i < nr_arms; i++)
            difference[i] -= lives->weights[phase][i];
        difference[arm] += ONE;
        if (explain(difference, thread + 1)) {
            lives->counts[thread][phase][arm]++;
            return true;
        }
        for (int i = 0; i < nr_arms; i++)
            difference[i] += lives->weights[phase][i];
        difference[arm] -= ONE;
    }
    return explain(difference, thread + 1);
}

/* What the logbook says, as the next process would read it. */
static void read_logbook(int64_t *errors, uint64_t *picks)
{
    struct split_account account;
    char reason[100];
    struct logbook *logbook =
        logbook_open(lives->logbook, sizeof(lives->logbook), reason, sizeof(reason));
    int last = atomic_load(&lives->nr_phases) - 1;
    struct split *split;

    if (!logbook)
        fail_msg("%s", reason);
    life.domain = qsbr_make();
    split = make_next(logbook, lives->weights[last], NULL);
    split_account_errors(split, errors);
    (void)split_account(split, &account);
    memcpy(picks, account.counts, (size_t)nr_arms * sizeof(picks[0]));
    split_unref(&split);
    qsbr_free(&life.domain);
    logbook_close(&logbook);
}

/* By what was counted. Where one version has all the weight nothing is split. */
static uint64_t nr_picks(int arm)
{
    uint64_t nr = 0;

    for (int p = 0; p < atomic_load(&lives->nr_phases); p++)
        for (int t = 0; t < THREADS && lives->weights[p][arm] < SPLIT_ONE; t++)
            nr += lives->counts[t][p][arm];
    return nr;
}

static void look_back(int64_t bound)
{
    int64_t told[ARMS] = {0}, counted[ARMS], difference[ARMS];
    uint64_t picks[ARMS];

    read_logbook(told, picks);
    count(counted);
    for (int i = 0; i < nr_arms; i++)
        difference[i] = told[i] - counted[i];
    if (!explain(difference, 0))
        fail_msg("the logbook says %lld where %lld was counted of the first version",
                 (long long)told[0], (long long)counted[0]);
    count(counted);
    for (int i = 0; i < nr_arms; i++) {
        assert_int_equal(counted[i], told[i]);
        assert_true(llabs(told[i]) < bound);
        assert_int_equal(picks[i], is_spread ? nr_picks(i) : 0);
        for (int t = 0; t < THREADS; t++)
            lives->draws_in[t] = 0;
    }
}

/* Kills it when it has drawn for a while. */
static void end_life(struct prng *rng, pid_t pid)
{
    uint64_t nr = 1 + prng_below(rng, 20000);
    int status = 0;
    pid_t ended = 0;

    while (atomic_load(&lives->nr_draws) < nr && ended == 0) {
        ended = waitpid(pid, &status, WNOHANG);
        usleep(20);
    }
    if (ended == 0) {
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
    }
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("a life ended by itself: %x", (unsigned)status);
}

static void many_lives(int nr, const uint32_t *weights, bool within, bool between, int64_t bound)
{
    struct prng rng;

    prng_seed(&rng, (uint64_t)nr);
    nr_arms = nr;
    first_weights = weights;
    changes_within = within;
    changes_between = between;
    lives = mmap(NULL, sizeof(*lives), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(lives != MAP_FAILED);
    logbook_format(lives->logbook);
    for (int i = 0; i < LIVES; i++) {
        uint64_t seed = prng_next(&rng);
        pid_t pid;

        atomic_store(&lives->nr_draws, 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            live(seed);
        end_life(&rng, pid);
        look_back(bound);
    }
    munmap(lives, sizeof(*lives));
}

static const uint32_t canary[] = {950000000, 50000000};
static const uint32_t three[] = {700000000, 200000001, 99999999};

static void sixteen_of(uint32_t *weights)
{
    for (int i = 0; i < 16; i++)
        weights[i] = i < 8 ? 40000000 : 85000000;
}

static void test_two_versions(void **state)
{
    (void)state;
    many_lives(2, canary, false, false, ONE);
}

static void test_three_versions(void **state)
{
    (void)state;
    many_lives(3, three, false, false, ONE);
}

static void test_sixteen_versions(void **state)
{
    uint32_t weights[16];

    (void)state;
    sixteen_of(weights);
    many_lives(16, weights, false, false, ONE);
}

static void test_two_versions_through_changes(void **state)
{
    (void)state;
    many_lives(2, canary, true, true, ONE);
}

static void test_three_versions_through_changes(void **state)
{
    (void)state;
    many_lives(3, three, true, true, ONE);
}

/* For so many (k - 1)/2 is the bound while weights change. */
static void test_sixteen_versions_through_changes(void **state)
{
    uint32_t weights[16];

    (void)state;
    sixteen_of(weights);
    many_lives(16, weights, true, true, 15 * ONE / 2);
}

/* Of a member of a fleet picks are kept, too. */
static void test_a_member_of_a_fleet(void **state)
{
    (void)state;
    is_spread = true;
    many_lives(2, canary, true, true, ONE);
    many_lives(3, three, false, false, ONE);
    many_lives(3, three, true, true, 2 * ONE);
    is_spread = false;
}

static void test_changes_while_it_was_down(void **state)
{
    (void)state;
    many_lives(3, three, false, true, ONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_versions),
        cmocka_unit_test(test_three_versions),
        cmocka_unit_test(test_sixteen_versions),
        cmocka_unit_test(test_two_versions_through_changes),
        cmocka_unit_test(test_three_versions_through_changes),
        cmocka_unit_test(test_sixteen_versions_through_changes),
        cmocka_unit_test(test_changes_while_it_was_down),
        cmocka_unit_test(test_a_member_of_a_fleet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
