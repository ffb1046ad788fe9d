/* Which files the process follows, so that a change of one is a reload: the two documents, files of
 * secrets, and all that TLS reads (the listeners', the admin listener's and the endpoints'
 * certificates, keys and authorities). Control thread. */
#ifndef WEIR_PROXY_SERVER_WATCHING_H
#define WEIR_PROXY_SERVER_WATCHING_H

struct server;
struct settings;

/* Opens the watch, before the table is read: what changes from now on is not missed. A folder that
 * cannot be watched is logged, and reloads by SIGHUP and POST /reload go on. changed is called once
 * for each change, some tens of milliseconds after it, while the loop runs. */
void watching_open(struct server *s, const struct settings *settings,
                   void (*changed)(struct server *s));

/* The loop is about to run: changes since watching_open are taken. */
void watching_begin(struct server *s);

/* Settings or a table have been put in force: they may name other files. What is new here may have
 * changed since it was read, so it is read again. */
void watching_follow(struct server *s);

/* The loop must run on for the handle to close. */
void watching_close(struct server *s);

#endif
