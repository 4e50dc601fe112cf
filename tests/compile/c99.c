/* The implementation as C99. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
