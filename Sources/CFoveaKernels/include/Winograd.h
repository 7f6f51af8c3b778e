// Convolutions of 3x3, 5x5, 1x3 and 1x7 taps without stride by the minimal filtering of Winograd, 4x4, 2x2, 1x4 or 1x2
// outputs at a time from 6x6, 6x6, 1x6 and 1x8 inputs.
#ifndef FOVEA_WINOGRAD_H
#define FOVEA_WINOGRAD_H

#include <stddef.h>

/// Where the elements of images lie: channel `b * lanes + l` of a pixel at
/// `image * imageStride + row * rowStride + column * pixelStride + b * blockStride + l`, in elements: float32 or, where
/// `fovea_vectors_have_bfloat16`, bfloat16.
typedef struct {
    size_t height, width, channels;
    size_t imageStride, rowStride, pixelStride, blockStride;
    int isBFloat16;
} fovea_images;

/// The taps of a convolution: 3x3, 5x5, 1x3 or 1x7. Those of a column are a row's, of images whose rows are the columns.
typedef struct {
    size_t rows, columns;
} fovea_taps;

/// A convolution: output pixel `(i, j)` is the sum over `r` and `c` of input pixel
/// `(i + r - top, j + c - left)` times tap `(r, c)`, input beyond the edges being zero; in groups of channels.
typedef struct {
    fovea_taps taps;
    /// The images, the groups, the padding above and to the left.
    size_t count, groups, top, left;
    fovea_images input, output;
    /// The channels of a vector, 8 or 16, of which the channels on either side are a multiple.
    ///
    /// Those of a group are a multiple, too, or the same on both sides: 4 or 8.
    size_t lanes;
    /// The parts that the outputs are made in, each with scratch memory of its own: as many as there are threads.
    size_t parts;
} fovea_winograd;

/// Taps `[rows][columns][inputs / groups][outputs]` of a convolution of `inputs` to `outputs` channels.
typedef struct {
    fovea_taps taps;
    size_t lanes, groups, inputs, outputs;
} fovea_winograd_taps;

/// The number of tiles that the outputs are made of.
size_t fovea_winograd_tiles(const fovea_winograd *p);

/// The number of floats of transformed taps: 36, or 6 or 8 of a row, and a little more for each pair of channels.
size_t fovea_winograd_tap_count(const fovea_winograd_taps *p);

/// The number of bytes of scratch memory, aligned to 64, of the convolution and of the gradient of its taps.
size_t fovea_winograd_scratch(const fovea_winograd *p);
size_t fovea_winograd_gradient_scratch(const fovea_winograd *p);

/// Transforms taps for their convolution, or, if `isBackward`, for that which gives the gradient of its input from that of
/// its output.
void fovea_winograd_transform(const fovea_winograd_taps *p, int isBackward, const float *taps, float *transformed);

/// `y = x * taps + bias + residual`, negative ones replaced by zero if `relu`. `bias` [output channels] and `residual`,
/// which lies as `y` does and may be `y`, may be null. All is computed in float32; `y` is rounded to nearest, ties to even.
void fovea_winograd_convolve(const fovea_winograd *p, const void *x, const float *transformed, const float *bias,
                             const void *residual, int relu, void *y, void *scratch);

/// The gradients of the taps, which lie as they do, and of the bias, unless that is null, from the input
/// `x` and the output's gradient `dy`.
void fovea_winograd_gradient(const fovea_winograd *p, const void *x, const void *dy, float *dtaps, float *dbias,
                             void *scratch);

#endif
