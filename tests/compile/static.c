/* A program that keeps the library to itself and uses little of it; C99 and C++11. */
#define GMLP_STATIC
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"

int main(void) { return gmlp_version() <= 0; }
