/* Three kinds of trees in one trie.
 *
 * Whole host names are children of the root "hosts"; what belongs to such a node is the root of the
 * paths of that host.
 *
 * Suffixes are filed by their parts from the right, below the root "suffixes". What belongs to all
 * below such a node is the root of the paths of "*." and the name that it stands for.
 *
 *     suffixes - com - example (below: *.example.com) - b (below: *.b.example.com)
 *
 * Paths are filed by their segments. A node stands for a prefix without a slash at its end: the
 * route that belongs to it matches that path and all that goes on with a slash; what belongs to all
 * below it is the route whose prefix ends in a slash, so that "/" is what belongs to all below the
 * root.
 *
 *     root (below: "/") - a (here: "/a", below: "/a/") - b (here: "/a/b")
 */
#include "router/routes.h"

#include <assert.h>
#include <stdlib.h>

#include "router/model.h"

enum { PARTS_MAX = ROUTES_HOST_MAX / 2 + 2 };

/* Cuts the last part off a host name. False where it was the only one. */
static bool cut_part(struct str *host, struct str *part)
{
    const char *dot = host->n > 0 ? memrchr(host->p, '.', host->n) : NULL;

    if (!dot) {
        *part = *host;
        return false;
    }
    part->p = dot + 1;
    part->n = (size_t)(host->p + host->n - part->p);
    host->n = (size_t)(dot - host->p);
    return true;
}

/* Cuts the first segment off a path that begins with a slash; what is left is empty or begins with
 * one again. */
static struct str cut_segment(struct str *path)
{
    struct str segment = str_until((struct str){path->p + 1, path->n - 1}, '/');

    path->p += segment.n + 1;
    path->n -= segment.n + 1;
    return segment;
}

/* ---- Building -------------------------------------------------------------------------------- */

/* The root of paths in *place of node, made if there is none. */
static uint32_t root_of(struct routes *routes, uint32_t node, bool is_below)
{
    struct trie_node *n = &routes->trie.nodes[node];
    uint32_t root = is_below ? n->below : n->here;

    if (root != TRIE_NONE)
        return root;
    root = trie_add_root(&routes->trie);
    if (root == TRIE_NONE)
        return TRIE_NONE;
    n = &routes->trie.nodes[node]; /* it may have moved */
    if (is_below)
        n->below = root;
    else
        n->here = root;
    return root;
}

static uint32_t add_host(struct routes *routes, struct str host)
{
    bool is_suffix = host.n > 2 && host.p[0] == '*' && host.p[1] == '.';
    bool is_more = is_suffix;
    uint32_t node = is_suffix ? routes->suffixes : routes->hosts;
    struct str part = host;

    if (host.n == 0)
        return routes->any;
    assert(host.n <= ROUTES_HOST_MAX);
    if (is_suffix) {
        routes->has_suffixes = true;
        host.p += 2;
        host.n -= 2;
    } else {
        routes->has_hosts = true;
    }
    do {
        if (is_suffix)
            is_more = cut_part(&host, &part);
        node = trie_add(&routes->trie, node, part);
        if (node == TRIE_NONE)
            return TRIE_NONE;
    } while (is_more);
    return root_of(routes, node, is_suffix);
}

static int add_path(struct routes *routes, uint32_t node, struct str path, uint32_t index)
{
    uint32_t *place;

    assert(path.n > 0 && path.p[0] == '/');
    while (path.n > 1) {
        node = trie_add(&routes->trie, node, cut_segment(&path));
        if (node == TRIE_NONE)
            return -1;
    }
    place = path.n == 1 ? &routes->trie.nodes[node].below : &routes->trie.nodes[node].here;
    assert(*place == TRIE_NONE);
    *place = index;
    return 0;
}

/* Makes room for one more, and the roots with the first. */
static int prepare(struct routes *routes)
{
    if (routes->nr == routes->capacity) {
        uint32_t capacity = routes->capacity ? routes->capacity * 2 : 8;
        struct route *list = realloc(routes->list, capacity * sizeof(list[0]));

        if (!list)
            return -1;
        routes->list = list;
        routes->capacity = capacity;
    }
    if (routes->nr > 0)
        return 0;
    routes->hosts = trie_add_root(&routes->trie);
    routes->suffixes = trie_add_root(&routes->trie);
    routes->any = trie_add_root(&routes->trie);
    return routes->any == TRIE_NONE || routes->suffixes == TRIE_NONE || routes->hosts == TRIE_NONE
               ? -1
               : 0;
}

int routes_add(struct routes *routes, const struct route *route)
{
    uint32_t root;

    if (prepare(routes))
        return -1;
    root = add_host(routes, route->host);
    if (root == TRIE_NONE || add_path(routes, root, route->path, routes->nr))
        return -1;
    routes->list[routes->nr++] = *route;
    return 0;
}

void routes_fini(struct routes *routes)
{
    free(routes->list);
    trie_fini(&routes->trie);
    *routes = (struct routes){0};
}

/* ---- Finding --------------------------------------------------------------------------------- */

static uint32_t find_path(const struct trie *trie, uint32_t node, struct str path)
{
    uint32_t best = TRIE_NONE;

    while (path.n > 0) {
        if (trie->nodes[node].below != TRIE_NONE)
            best = trie->nodes[node].below;
        node = trie_child(trie, node, cut_segment(&path));
        if (node == TRIE_NONE)
            break;
        if (trie->nodes[node].here != TRIE_NONE)
            best = trie->nodes[node].here;
    }
    return best;
}

/* By the suffixes of a host name in lower case, the longest first. */
static uint32_t find_by_suffix(const struct routes *routes, struct str host, struct str path)
{
    const struct trie *trie = &routes->trie;
    uint32_t roots[PARTS_MAX], node = routes->suffixes, best = TRIE_NONE;
    struct str part;
    int nr = 0;

    while (cut_part(&host, &part) && host.n > 0) {
        node = trie_child(trie, node, part);
        if (node == TRIE_NONE)
            break;
        if (trie->nodes[node].below != TRIE_NONE)
            roots[nr++] = trie->nodes[node].below;
    }
    while (nr > 0 && best == TRIE_NONE)
        best = find_path(trie, roots[--nr], path);
    return best;
}

static uint32_t find_by_host(const struct routes *routes, struct str host, struct str path)
{
    char text[ROUTES_HOST_MAX];
    struct str lower = {text, host.n};
    uint32_t best = TRIE_NONE, node;

    if (host.n > 0 && host.p[host.n - 1] == '.') /* the name as DNS writes it in full */
        lower.n--;
    if (lower.n == 0 || lower.n > ROUTES_HOST_MAX)
        return TRIE_NONE;
    for (size_t i = 0; i < lower.n; i++)
        text[i] = str_lower(host.p[i]);
    node = trie_child(&routes->trie, routes->hosts, lower);
    if (node != TRIE_NONE)
        best = find_path(&routes->trie, routes->trie.nodes[node].here, path);
    if (best == TRIE_NONE && routes->has_suffixes)
        best = find_by_suffix(routes, lower, path);
    return best;
}

const struct route *routes_find(const struct routes *routes, struct str host, struct str path)
{
    uint32_t best = TRIE_NONE;

    if (routes->nr == 0 || path.n == 0 || path.p[0] != '/')
        return NULL;
    if (routes->has_hosts || routes->has_suffixes)
        best = find_by_host(routes, host, path);
    if (best == TRIE_NONE)
        best = find_path(&routes->trie, routes->any, path);
    return best == TRIE_NONE ? NULL : &routes->list[best];
}
