/* The implementation with memory functions of the user's own. */
#include <stddef.h>
#ifdef __cplusplus
extern "C"
#endif
void *my_malloc(size_t size);
#ifdef __cplusplus
extern "C"
#endif
void my_free(void *ptr);
#define GMLP_MALLOC(size) my_malloc(size)
#define GMLP_FREE(ptr) my_free(ptr)
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
