// Convolutions of 3x3 taps without stride by minimal filtering, 2x2 outputs at a time from 4x4 inputs, in products of bfloat16
// numbers.
#ifndef FOVEA_BFLOAT16_WINOGRAD_H
#define FOVEA_BFLOAT16_WINOGRAD_H

#include <stddef.h>
#include <stdint.h>

/// A convolution from `[count][inputHeight][inputWidth][inputs]` to `[count][height][width][outputs]`: output pixel `(i, j)` is
/// the sum over taps `(r, c)` of that times input pixel `(i + r - top, j + c - left)`, zero beyond the edges.
typedef struct {
    size_t count, inputHeight, inputWidth, inputs, height, width, outputs, top, left;
    /// The parts that the outputs are made in, each with scratch memory of its own: as many as there are threads.
    size_t parts;
} fovea_bfloat16_winograd;

/// The number of 16-bit numbers of transformed taps, and of bytes of scratch memory, aligned to 64.
size_t fovea_bfloat16_winograd_tap_count(size_t inputs, size_t outputs);
size_t fovea_bfloat16_winograd_scratch(const fovea_bfloat16_winograd *p);

/// Transforms taps `[3][3][inputs][outputs]`, turned by half a turn if `turned`. Inputs are a multiple of 16, outputs of 64.
void fovea_bfloat16_winograd_transform(size_t inputs, size_t outputs, int turned, const float *taps,
                                       uint16_t *transformed);

/// `y = x * taps + bias`, and then `+ y` as it was if `adds`, negative ones replaced by zero if `relu`; `bias` may be null.
///
/// Transformed inputs and taps are rounded to bfloat16; all else is float32, and `y` is rounded once.
void fovea_bfloat16_winograd_convolve(const fovea_bfloat16_winograd *p, const uint16_t *x, const uint16_t *transformed,
                                      const float *bias, int adds, int relu, uint16_t *y, void *scratch);

#endif
