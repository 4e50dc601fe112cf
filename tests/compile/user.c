/* A user's other file: the declarations alone, twice; linked with the implementation in either
   language. */
#include "gamutmlp.h"
#include "gamutmlp.h"

int main(void) {
    static gmlp_train_opts train; /* all zero: the defaults */
    static gmlp_net net;
    gmlp_net_free(&net);
    return gmlp_version() <= 0 || train.preset != GMLP_PRESET_DEFAULT;
}
