/* The header under another name, which nobody told it. */
#define GAMUTMLP_IMPLEMENTATION
#include "wide.h"
