/* Memory of libraries that go wrong when they get none. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* For a program, once: where Little-CMS or a library in C++ finds no memory, end is called, which must not return. */
void memory_guard(void (*end)(const char *text));
/* malloc, for what must not go on without; NULL only where there is no guard. */
void *memory_or_end(size_t size);

#ifdef __cplusplus
}
#endif

#endif
