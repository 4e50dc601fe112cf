/* The header under another name, in another folder, included from a third. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP_HEADER_FILENAME "wide.h"
#include "renamed/wide.h"
