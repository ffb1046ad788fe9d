/* The record of a run. */
#include "splitcheck/sample.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

bool sample_init(struct sample *sample, const struct asked *asked)
{
    uint64_t n = asked->requests;

    *sample = (struct sample){.nr_arms = asked->nr_expected,
                              .nr_expected = asked->nr_expected,
                              .room = n,
                              .nr_keys = asked->keys};
    for (uint32_t i = 0; i < asked->nr_expected; i++) {
        memcpy(sample->arms[i].name, asked->expected[i].name, ASKED_NAME_BYTES);
        sample->arms[i].weight = asked->expected[i].weight;
    }
    sample->nr_places = asked->keys > 0 ? asked->keys : n;
    sample->order = malloc(sample->nr_places);
    sample->answer_arm = malloc(n);
    sample->answer_ms = malloc(n * sizeof(sample->answer_ms[0]));
    if (asked->keys > 0)
        sample->key_differs = calloc(asked->keys, sizeof(sample->key_differs[0]));
    if (!sample->order || !sample->answer_arm || !sample->answer_ms ||
        (asked->keys > 0 && !sample->key_differs))
        return false;
    memset(sample->order, SAMPLE_NO_ARM, sample->nr_places);
    return true;
}

void sample_fini(struct sample *sample)
{
    free(sample->order);
    free(sample->answer_arm);
    free(sample->answer_ms);
    free(sample->key_differs);
    *sample = (struct sample){0};
}

/* Names end up in documents: what is no text becomes question marks. */
static void clean(char *name)
{
    bool is_text = utf8_is_valid(str_of(name));

    for (; *name; name++)
        if ((unsigned char)*name < ' ' || *name == 127 || (!is_text && (unsigned char)*name > 127))
            *name = '?';
}

uint32_t sample_arm(struct sample *sample, const char *given)
{
    char name[ASKED_NAME_BYTES];

    snprintf(name, sizeof(name), "%s", given);
    clean(name);
    for (uint32_t i = 0; i < sample->nr_arms; i++)
        if (strcmp(sample->arms[i].name, name) == 0)
            return i;
    if (sample->nr_arms == ASKED_VERSIONS_MAX)
        return ASKED_VERSIONS_MAX - 1;
    snprintf(sample->arms[sample->nr_arms].name, ASKED_NAME_BYTES, "%s",
             sample->nr_arms == ASKED_VERSIONS_MAX - 1 ? "(others)" : name);
    return sample->nr_arms++;
}

void sample_add(struct sample *sample, uint32_t arm, double ms, uint64_t number)
{
    uint64_t place = number % sample->nr_places;

    assert(sample->nr_answers < sample->room && arm < sample->nr_arms);
    sample->answer_arm[sample->nr_answers] = (uint8_t)arm;
    sample->answer_ms[sample->nr_answers++] = (float)ms;
    if (sample->order[place] == SAMPLE_NO_ARM) {
        sample->order[place] = (uint8_t)arm;
    } else {
        assert(sample->key_differs);
        if (sample->order[place] != arm && !sample->key_differs[place]) {
            sample->key_differs[place] = true;
            sample->inconsistent++;
        }
    }
}

void sample_seal(struct sample *sample)
{
    sample->nr = 0;
    for (uint64_t i = 0; i < sample->nr_places; i++)
        if (sample->order[i] != SAMPLE_NO_ARM)
            sample->order[sample->nr++] = sample->order[i];
}
