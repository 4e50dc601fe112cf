/* noise.h - pictures of chromatic noise, an HDR one and an SDR rendition of it

   Noise with the spectrum of natural pictures that goes through all colours of Rec.2020 is what the networks of
   Canham, Tedla, Murdoch, Brown, "Gain-MLP", ICCV 2025, start from; the noise is after Daly, Kunkel, Su, Choudhury,
   Electronic Imaging 2025.

   Three fields of uniform white noise have their amplitudes divided by f^2 (f whole periods a picture; the mean stays)
   and are scaled together to [0,1]. They become CIE L*a*b* over D65: L = 105 / (1 + exp(-4 (2 x - 1))), a and b
   150 times what they are above their mean. Clipped to Rec.2020, whose 1.0 is 1000 cd/m2, that is the HDR picture.

   The SDR one is by the global operator of Reinhard, Stark, Shirley, Ferwerda, "Photographic tone reproduction for
   digital images", SIGGRAPH 2002, equations 1, 2 and 4: with luminance Y, L = 0.18 Y / exp(mean(log(1e-6 + Y))),
   Ld = L (1 + L / Lmax^2) / (1 + L), Lmax the largest L. Colours keep the ratios of their channels and are clipped to
   sRGB.

   The same size and seed give the same pixels on every machine with IEEE 754 doubles: of the C library only sqrt takes
   part, which is correctly rounded, and no compiler may fuse a multiplication and an addition. */
#ifndef NOISE_H
#define NOISE_H

#include <stdint.h>

#include "gamutmlp.h"

#define NOISE_MIN_SIZE 8u
#define NOISE_MAX_SIZE 4096u

typedef struct noise {
    gmlp_image hdr; /* GMLP_U16, GMLP_REC2020_PQ */
    gmlp_image sdr; /* GMLP_U8, GMLP_SRGB */
} noise;

/* size pixels each way, a power of two. GMLP_E_ARGUMENT, GMLP_E_MEMORY, or GMLP_OK: then noise_free. */
gmlp_result noise_make(uint32_t size, uint64_t seed, noise *out);
void noise_free(noise *n); /* a zeroed one is fine */

/* One field before it is scaled: size * size numbers. channel: 0 to 2. */
gmlp_result noise_field(uint32_t size, uint64_t seed, int channel, double *field);

#endif
