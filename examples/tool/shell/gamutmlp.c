/* The one file of the tool that holds the library. */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
