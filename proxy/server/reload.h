/* Reading the documents again, putting what they say in force, and watching the files. Control thread. */
#ifndef WEIR_PROXY_SERVER_RELOAD_H
#define WEIR_PROXY_SERVER_RELOAD_H

#include "proxy/server/state.h"

/* Reads the documents again and puts in force what they changed, or leaves everything as it is, with problems. notes
 * gets what a reload cannot take over, changes what the table file changed; you release all three. 0 or -1. */
int reload_run(struct server *s, struct problems *problems, struct problems *notes,
               struct problems *changes) __attribute__((warn_unused_result));

/* The same, for a signal or a changed file: problems go to the log alone. */
void reload_quietly(struct server *s);

/* Puts a table in force: publishes it, tells the workers, opens its splits. Takes the reference. */
void reload_publish_table(struct server *s, struct table *table);

/* Remembers what the table file says, once it is in force. Takes *said, which may be NULL (nothing new), and clears
 * it. */
void reload_take_base(struct server *s, struct merge_said **said);

/* What the settings say of the process log's level. */
void reload_take_log_level(const struct settings *settings);

/* Reloads when a watched file changes. */
void reload_watch(struct server *s);

#endif
