/* The network in double, straight from its definition. Include after the library. */
#ifndef TESTS_REFERENCE_H
#define TESTS_REFERENCE_H

#include <math.h>

static void reference_network(const gmlp_net *net, const double in[GMLP_INPUTS], double out[3]) {
    double f[2 * GMLP_MAX_FREQUENCIES * GMLP_INPUTS], h1[GMLP_MAX_WIDTH], h2[GMLP_MAX_WIDTH];
    const size_t v = (size_t)net->mlp.width;
    const float *w1 = net->weights, *b1, *w2, *b2, *w3, *b3;
    size_t n = 0, i, j;
    int k;
    for (i = 0; i < GMLP_INPUTS; i++)
        for (k = 0; k < net->mlp.frequencies[i]; k++) {
            f[n++] = sin(ldexp(3.14159265358979323846 * in[i], k));
            f[n++] = cos(ldexp(3.14159265358979323846 * in[i], k));
        }
    b1 = w1 + n * v, w2 = b1 + v, b2 = w2 + v * v, w3 = b2 + v, b3 = w3 + 3 * v;
    for (j = 0; j < v; j++) {
        double z = b1[j];
        for (i = 0; i < n; i++) z += f[i] * w1[i * v + j];
        h1[j] = net->mlp.activation == GMLP_SINE ? sin(z) : z > 0 ? z : 0;
    }
    for (j = 0; j < v; j++) {
        double z = b2[j];
        for (i = 0; i < v; i++) z += h1[i] * w2[i * v + j];
        h2[j] = net->mlp.activation == GMLP_SINE ? sin(z) : z > 0 ? z : 0;
    }
    for (j = 0; j < 3; j++)
        for (out[j] = b3[j], i = 0; i < v; i++) out[j] += h2[i] * w3[i * 3 + j];
}
#endif
