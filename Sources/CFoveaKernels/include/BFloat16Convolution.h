// Convolutions, where `fovea_vectors_have_bfloat16`, of bfloat16 images whose taps of a row meet inputs that lie side by side in
// memory: 1x1 taps, and more on padded images.
#ifndef FOVEA_BFLOAT16_CONVOLUTION_H
#define FOVEA_BFLOAT16_CONVOLUTION_H

#include <stddef.h>
#include <stdint.h>

/// Filters that are computed together, of which the filters are a multiple.
#define FOVEA_BFLOAT16_PANEL 64

/// A convolution to outputs `[count][height][width][filters]`, each the sum of `tapRows` rows of `tapCount` products.
typedef struct {
    size_t count, height, width, filters;
    /// How far apart, in elements, the first inputs of neighbouring images, rows and pixels of the output lie.
    size_t imageStep, rowStep, pixelStep;
    /// The rows of taps, how far apart their inputs lie, and the inputs of each, which are channels times columns of taps.
    ///
    /// Where `tapCount` is odd, the number behind the inputs of a row is read, too, and multiplied by a tap of zero.
    size_t tapRows, tapRowStep, tapCount;
} fovea_bfloat16_convolution;

/// `y = x * taps + bias`, and then `+ y` as it was if `adds`, negative ones replaced by zero if `relu`.
///
/// Taps are `[filters / 64][tapRows][tapCount / 2, rounded up][64][2]`; `bias` may be null. Products are added up in float32,
/// and `y` is rounded once.
void fovea_bfloat16_convolve(const fovea_bfloat16_convolution *p, const uint16_t *x, const uint16_t *taps,
                             const float *bias, int adds, int relu, uint16_t *y);

/// Images `[count][height][width][channels]` of numbers of 16 bits with zeros around them.
typedef struct {
    size_t count, height, width, channels, top, left, bottom, right;
} fovea_padding;

/// The number of elements of padded images, with one zero behind them.
size_t fovea_padded_count(const fovea_padding *p);

void fovea_pad(const fovea_padding *p, const uint16_t *x, uint16_t *padded);

#endif
