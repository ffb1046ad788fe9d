/* A file in state.directory that is used as memory: what the process stores there is the file's
 * content from that moment on, also when the process is killed in the next. (The kernel writes it
 * to the disk in its own time, within half a minute as a rule.)
 *
 * Every byte of the file has room on the disk before it is used: storing never fails. */
#ifndef WEIR_STORE_MAPFILE_H
#define WEIR_STORE_MAPFILE_H

#include "store/store.h"

struct mapfile {
    int fd;
    void *memory;    /* reserved bytes of address space; where it is never changes */
    size_t reserved; /* whole pages */
    size_t bytes;    /* that can be used */
    char *path;
};

/* What a new file is to begin with; its other bytes are zeros. */
struct mapfile_start {
    size_t bytes; /* of the whole file */
    const void *head;
    size_t head_bytes;
};

/* Opens the file, makes it as start says where there is none. 0, or -1 with a reason that names it.
 * Waits for the disk. */
int mapfile_open(struct mapfile *file, const char *path, size_t reserved,
                 const struct mapfile_start *start, struct store_reason *reason)
    __attribute__((warn_unused_result));

/* A view of the file as it is now, which may be written to and is nobody else's: nothing of it
 * comes into the file. 0, also where there is none (bytes is 0 then), or -1 with a reason.
 * mapfile_close ends it. */
int mapfile_look(struct mapfile *file, const char *path, size_t reserved,
                 struct store_reason *reason) __attribute__((warn_unused_result));

/* Makes the file so long, at most as long as was reserved. 0: file->bytes says so from now on; or
 * -1 with a reason, and it is as long as it was. Waits for the disk; any one thread at a time. */
int mapfile_grow(struct mapfile *file, size_t bytes, struct store_reason *reason)
    __attribute__((warn_unused_result));

/* Writes all to the disk and ends the mapping. */
void mapfile_close(struct mapfile *file);

#endif
