/* What a byte may be part of, by one look at a table. */
#ifndef WEIR_PROXY_HTTP_CHARS_H
#define WEIR_PROXY_HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>

enum chars_class {
    CHARS_TOKEN = 1,     /* tchar (RFC 9110 section 5.6.2) */
    CHARS_TARGET = 2,    /* what weir takes in a request target, see startline.c */
    CHARS_HOST_NAME = 4, /* what weir takes in a reg-name, see startline.c */
    CHARS_SPECIAL = 8,   /* '?' and '%': what a target may have to be looked through for */
    CHARS_HEX = 16       /* hexadecimal digits */
};

extern const uint8_t chars_table[256];

static inline uint8_t chars_classes(char c)
{
    return chars_table[(unsigned char)c];
}

static inline bool chars_is(char c, enum chars_class class)
{
    return chars_classes(c) & class;
}

#endif
