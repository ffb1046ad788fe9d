/* Two kinds of trees in one trie.
 *
 * Host names are filed by their parts from the right, below the root "hosts". A node of theirs
 * stands for a name: what belongs to it (here) is the root of the paths of that host, what belongs
 * to all below it, the root of the paths of "*." and the name.
 *
 *     hosts - com - example (below: *.example.com) - shop (here: shop.example.com)
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

#include "router/table.h"

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
    const char *start = path->p + 1;
    const char *end = path->p + path->n;
    const char *slash = memchr(start, '/', (size_t)(end - start));
    struct str segment = {start, (size_t)((slash ? slash : end) - start)};

    path->p = start + segment.n;
    path->n = (size_t)(end - path->p);
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
    uint32_t node = routes->hosts;
    bool is_suffix = host.n > 2 && host.p[0] == '*' && host.p[1] == '.';
    struct str part;
    bool is_more;

    if (host.n == 0)
        return routes->any;
    assert(host.n <= ROUTES_HOST_MAX);
    routes->has_hosts = true;
    if (is_suffix) {
        host.p += 2;
        host.n -= 2;
    }
    do {
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
    routes->any = trie_add_root(&routes->trie);
    return routes->hosts == TRIE_NONE || routes->any == TRIE_NONE ? -1 : 0;
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

/* The roots of paths that a host name leads to, the most specific last; returns how many. */
static int find_roots(const struct routes *routes, struct str host, uint32_t *roots)
{
    char lower[ROUTES_HOST_MAX];
    struct str name = {lower, host.n}, part;
    uint32_t node = routes->hosts;
    bool is_more = true;
    int nr = 0;

    if (host.n > 0 && host.p[host.n - 1] == '.') /* the name as DNS writes it in full */
        name.n--;
    if (name.n == 0 || name.n > ROUTES_HOST_MAX)
        return 0;
    for (size_t i = 0; i < name.n; i++)
        lower[i] = str_lower(host.p[i]);
    while (is_more) {
        const struct trie_node *n;

        is_more = cut_part(&name, &part);
        node = trie_child(&routes->trie, node, part);
        if (node == TRIE_NONE)
            break;
        n = &routes->trie.nodes[node];
        if (is_more && name.n > 0 && n->below != TRIE_NONE)
            roots[nr++] = n->below;
        if (!is_more && n->here != TRIE_NONE)
            roots[nr++] = n->here;
    }
    return nr;
}

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

const struct route *routes_find(const struct routes *routes, struct str host, struct str path)
{
    uint32_t roots[PARTS_MAX];
    int nr = 1;

    if (routes->nr == 0 || path.n == 0 || path.p[0] != '/')
        return NULL;
    roots[0] = routes->any;
    if (routes->has_hosts)
        nr += find_roots(routes, host, roots + 1);
    while (nr > 0) {
        uint32_t index = find_path(&routes->trie, roots[--nr], path);

        if (index != TRIE_NONE)
            return &routes->list[index];
    }
    return NULL;
}
