// The normalization of each pixel of float32 images by its neighbours in the channels before and after.
#ifndef FOVEA_LOCAL_RESPONSE_NORM_H
#define FOVEA_LOCAL_RESPONSE_NORM_H

#include <stddef.h>

/// Images as `[image][channels / block][pixels][block]`: `block` channels of a pixel lie side by side, all of them where it is
/// `channels`, which is a multiple of it.
typedef struct {
    size_t images, channels, pixels, block;
    size_t size;  // of the window, odd
    float alpha, beta, k;
} fovea_response_norm;

/// The number of floats of scratch memory for each thread.
size_t fovea_response_norm_scratch(const fovea_response_norm *norm);

/// `y[c] = x[c] s[c]^-beta` with `s[c] = k + alpha / size * sum of x[j]^2` over the window of channels around `c`, 0 where there is
/// none. `y` may be `x`.
void fovea_response_norm_forward(const fovea_response_norm *norm, size_t threads, const float *x, float *y, float *scratch);

/// `dx[c] = dy[c] s[c]^-beta - 2 alpha beta / size * x[c] * sum of dy[j] x[j] s[j]^(-beta - 1)` over the window. `dx` may be `dy`.
void fovea_response_norm_gradient(const fovea_response_norm *norm, size_t threads, const float *x, const float *dy,
                                  float *dx, float *scratch);

#endif
