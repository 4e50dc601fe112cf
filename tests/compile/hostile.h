/* What other headers leave behind: windows.h's empty and common words, a maths header's, macOS's
   AssertMacros.h's, a neighbour's. */
#define near
#define far
#define small char
#define interface struct
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define ERROR 0
#define IN
#define OUT
#define OPTIONAL
#define I _Complex_I
#define check(assertion) @
#define verify(assertion) @
#define require(assertion, label) @
#define CONST const
#define VOID void
