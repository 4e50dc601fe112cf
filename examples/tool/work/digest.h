/* MD5 (RFC 1321), by which a JPEG's XMP packet names its extension. It proves nothing. */
#ifndef DIGEST_H
#define DIGEST_H

#include <stddef.h>

/* 32 capital hexadecimal digits, and a NUL. */
void md5_hex(const void *bytes, size_t size, char out[33]);

#endif
