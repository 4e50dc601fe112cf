/* The implementation as C++11. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
