/* Pixels that nobody sees, as their alpha is 0: whatever colour they have, a network must not learn it. */
#ifndef HIDDEN_H
#define HIDDEN_H

#include "gamutmlp.h"

/* alpha: a code a pixel; NULL: there is none, and nothing is done. Both images are packed, of 3 channels; opts are of
   the conversion from base to original. */

/* Codes of such pixels in base, of 8 bits, that are not the network's. If nearly all are of one colour, which says
   nothing, black: so do programs leave them that multiply by alpha when they resize or save, and the picture is
   recognised after them. Else they may be of use, and codes of 0 and 255 move by one; but black and white stay, as they
   are not the network's either. */
void hidden_codes(const uint8_t *alpha, const gmlp_image *base);
/* Gives them in the original the light that they have in base, so that nothing of them was lost. GMLP_E_MEMORY, or
   GMLP_E_ARGUMENT for opts. */
gmlp_result hidden_settle(const uint8_t *alpha, const gmlp_image *base, const gmlp_image *original,
                          const gmlp_convert_opts *opts);
/* What is to be added to a PSNR of all pixels to which these, without an error, contributed: that of the others. */
double hidden_psnr(const uint8_t *alpha, const gmlp_image *image);

/* base, packed, of 8 bits and 4 channels: is it the net's picture but for the colours of such pixels, which programs
   change that drop what is not seen? A cell of the signature may differ as far as they can make it; eight cells at
   least must have none. signature: out, the base's own. */
int hidden_changed(const gmlp_net *net, const gmlp_image *base, uint8_t signature[GMLP_SIGNATURE_SIZE]);

#endif
