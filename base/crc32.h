/* CRC-32 as zlib, gzip and PNG have it (ISO 3309): reflected, polynomial 0xEDB88320. Pure. */
#ifndef WEIR_BASE_CRC32_H
#define WEIR_BASE_CRC32_H

#include <stdint.h>

#include "base/str.h"

/* The checksum of what crc is of, followed by s; 0 is that of nothing. */
uint32_t crc32_add(uint32_t crc, struct str s);

#endif
