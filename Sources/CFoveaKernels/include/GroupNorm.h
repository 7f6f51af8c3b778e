// Normalization of groups of channels on channels-last arrays: element (n, c) of pixel p lies at
// `(n * pixels + p) * channels + c`.
#ifndef FOVEA_GROUP_NORM_H
#define FOVEA_GROUP_NORM_H

#include <stddef.h>

/// What has a scale and a shift of its own.
typedef enum { FOVEA_AFFINE_NONE, FOVEA_AFFINE_CHANNEL, FOVEA_AFFINE_ELEMENT } fovea_affine;

typedef struct {
    size_t batch, channels, pixels, groups;  // the groups divide the channels
    fovea_affine affine;                     // scale and shift are [channels], or [pixels, channels], or null
    float epsilon;
} fovea_group_norm;

/// The number of floats of scratch memory that both functions need.
size_t fovea_group_norm_scratch(const fovea_group_norm *norm);

/// `y = scale * (x - mean) / sqrt(variance + epsilon) + shift` with the statistics of each group of each sample, which go to
/// `mean` and `variance`, both [batch, groups]. `y` may be `x`.
void fovea_group_norm_forward(const fovea_group_norm *norm, const float *x, const float *scale, const float *shift,
                              float *y, float *mean, float *variance, float *scratch);

/// The gradients with respect to `x`, `scale` and `shift`, from the statistics that the forward function gave. `dscale`
/// and `dshift` may be null where there is no scale. `dx` may be `dy`.
void fovea_group_norm_backward(const fovea_group_norm *norm, const float *x, const float *scale, const float *mean,
                               const float *variance, const float *dy, float *dx, float *dscale, float *dshift,
                               float *scratch);

#endif
