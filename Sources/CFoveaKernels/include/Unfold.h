// The pixels under the taps of a convolution, side by side, so that its gradients are products of matrices: float32,
// channels-last.
#ifndef FOVEA_UNFOLD_H
#define FOVEA_UNFOLD_H

#include <stddef.h>

/// Output pixel `(i, j)` of a convolution reads input pixels `(rowStep * i + r - top, columnStep * j + c - left)`, those
/// beyond the edges being zero.
typedef struct {
    size_t channels, height, width;
    size_t outputHeight, outputWidth;
    size_t tapRows, tapColumns, rowStep, columnStep, top, left;
} fovea_unfolding;

/// Rows `first ..< last` of output pixels, counted through all images: `[pixels][tapRows][tapColumns][channels]`.
void fovea_unfold(const fovea_unfolding *p, const float *x, size_t first, size_t last, float *unfolded);

/// Adds gradients of what a convolution of one tap without padding reads to those of `count` images: the transpose. Both are
/// bfloat16 if `isBFloat16`, with sums in float32 that are rounded to nearest, ties to even.
void fovea_add_strided(const fovea_unfolding *p, size_t count, int isBFloat16, const void *few, void *dx);

#endif
