// Gradients of the taps of convolutions, where `fovea_vectors_have_bfloat16`, of bfloat16 images.
#ifndef FOVEA_BFLOAT16_WEIGHT_GRADIENT_H
#define FOVEA_BFLOAT16_WEIGHT_GRADIENT_H

#include <stddef.h>
#include <stdint.h>
#include "BFloat16Convolution.h"

/// The number of bytes of scratch memory, aligned to 64, that the gradient needs on `threads` threads.
size_t fovea_bfloat16_weight_gradient_scratch(const fovea_bfloat16_convolution *p, size_t threads);

/// `taps[f][t][i]`, the sum over the pixels of the output of `dy[pixel][f]` times the `i`th input of its row `t` of taps,
/// added up in float32 in the order of the pixels. Filters are a multiple of 16, `tapCount` of 64.
void fovea_bfloat16_weight_gradient(const fovea_bfloat16_convolution *p, const uint16_t *x, const uint16_t *dy,
                                    float *taps, void *scratch);

#endif
