// Normalization of each channel over the batch and the pixels, with what stands around it: a sum, a ReLU.
#ifndef FOVEA_BATCH_NORM_H
#define FOVEA_BATCH_NORM_H

#include <stddef.h>

/// How far apart pixels and parts are in an array that has other channels between them; 0 where it has none.
typedef struct {
    size_t pixel, part;
} fovea_distances;

/// Where the elements of a batch lie: channel `b * lanes + l` of pixel `i` of part `o` at
/// `((o * blocks + b) * inner + i) * lanes + l`, or `o * part + b * inner * lanes + i * pixel + l` in an array with
/// distances of its own. Of these, only those between parts may be other than dense where there are several blocks.
///
/// Channels-last images are one part and one block; blocked ones have a part for each sample, row-major ones blocks of
/// one lane besides. Lanes from `channels` on are padding, which is zero and stays so.
///
/// Images and their gradients are float32 or, where `fovea_vectors_have_bfloat16`, bfloat16.
typedef struct {
    size_t outer, blocks, inner, lanes, channels;
    int isBFloat16;
    float epsilon;
    fovea_distances x, y, residual, dy, dx;
} fovea_batch_norm;

/// Which elements of a gradient a ReLU after the normalization lets pass.
typedef enum {
    FOVEA_PASS_ALL,
    /// Those that the normalized value, computed anew, is positive for.
    FOVEA_PASS_NORMALIZED,
    /// Those that the given output of the ReLU is positive for.
    FOVEA_PASS_OUTPUT
} fovea_pass;

/// The number of bytes of scratch memory, aligned to 8, that every function needs.
size_t fovea_batch_norm_scratch(const fovea_batch_norm *norm);

/// `y = scale * (x - mean) / sqrt(variance + epsilon) + shift + residual`, negative ones replaced by zero if `relu`,
/// with the statistics of the batch, which go to `mean` and `variance`. Parameters and statistics are [channels].
/// `residual` may be null. `y` may be `x` or `residual`.
void fovea_batch_norm_forward(const fovea_batch_norm *norm, const void *x, const float *scale, const float *shift,
                              const void *residual, int relu, void *y, float *mean, float *variance, void *scratch);

/// The same with given statistics. If `streams`, `y` is written past the cache where its layout allows it, which is faster for
/// what does not fit.
void fovea_batch_norm_apply(const fovea_batch_norm *norm, const void *x, const float *scale, const float *shift,
                            const float *mean, const float *variance, const void *residual, int relu, int streams,
                            void *y, void *scratch);

/// The gradients with respect to `x`, `scale` and `shift`, from the batch's statistics and the gradient `dy` of what
/// follows the normalization. Only `FOVEA_PASS_NORMALIZED` needs `shift`. With `FOVEA_PASS_OUTPUT`, `output` is the
/// ReLU's, with the distances of `y`, and what it lets pass of `dy`, to which `addend` is added before unless that is null,
/// goes to `passed`, which may be `dy` or `addend` and is dense otherwise, as `addend` is; else the three may be null and `dx`
/// may be `dy`. `residual`, which may be null or `dx`, is added to `dx`.
void fovea_batch_norm_backward(const fovea_batch_norm *norm, fovea_pass pass, const void *x, const float *scale,
                               const float *shift, const float *mean, const float *variance, const void *output,
                               const void *dy, const void *addend, void *passed, const void *residual, void *dx,
                               float *dscale, float *dshift, void *scratch);

#endif
