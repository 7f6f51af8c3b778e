// Convolutions of few channels to as many, in many groups, at every other column: of channels-last images in float32.
#ifndef FOVEA_GROUPED_CONVOLUTION_H
#define FOVEA_GROUPED_CONVOLUTION_H

#include <stddef.h>

/// A convolution of groups of channels: output pixel `(i, j)` is the sum over `r` and `c` of input pixel
/// `(rowStep * i + r - top, 2 * j + c - left)` times tap `(r, c)` of three columns, input beyond the edges being zero.
///
/// Taps lie as `[channels / lanes][tapRows][3][groupSize][lanes]`: inputs of a group, then outputs.
typedef struct {
    /// The images, the channels on either side, and those of a group: 4, 8 or 16, but no more than there are lanes.
    size_t count, channels, groupSize;
    size_t inputHeight, inputWidth, outputHeight, outputWidth;
    size_t tapRows, rowStep, top, left;
    /// The channels of a vector, as `fovea_vector_lanes`, of which all channels are a multiple.
    size_t lanes;
} fovea_grouped_convolution;

/// `y = x * taps + bias + residual`, negative ones replaced by zero if `relu`. `bias` [channels] and `residual`, which
/// lies as `y` does and may be `y`, may be null.
void fovea_grouped_convolve(const fovea_grouped_convolution *p, const float *x, const float *taps, const float *bias,
                            const float *residual, int relu, float *y);

/// Taps with inputs and outputs of each group exchanged, as the gradient of the input takes them.
void fovea_grouped_exchange(const fovea_grouped_convolution *p, const float *taps, float *exchanged);

/// The gradient of the input from that of the output.
void fovea_grouped_input_gradient(const fovea_grouped_convolution *p, const float *dy, const float *exchanged,
                                  float *dx);

/// The gradients of the taps, which lie as they do, and of the bias, unless that is null, from the input and the
/// output's gradient. `scratch` has room for [channels] of double.
void fovea_grouped_taps_gradient(const fovea_grouped_convolution *p, const float *x, const float *dy, float *dtaps,
                                 float *dbias, void *scratch);

#endif
