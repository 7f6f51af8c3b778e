// Images whose maps are weighed by a number each, as squeeze-and-excitation does: in float32.
#ifndef FOVEA_GATE_H
#define FOVEA_GATE_H

#include <stddef.h>

/// Images as `[outer][pixels][lanes]`: the samples of a channels-last image, or the blocks of channels of each sample. A
/// number for each map of each sample lies as `[outer][lanes]`.
typedef struct {
    size_t outer, pixels, lanes;
} fovea_maps;

/// `y = x * gate + factor * shift + residual`, negative ones replaced by zero if `relu`. `shift`, a number for each map, and
/// `residual`, which lies as `x` does, may be null. `y` may be `x` or `residual`.
void fovea_gate(const fovea_maps *maps, const float *x, const float *gate, const float *shift, float factor,
                const float *residual, int relu, float *y);

/// The gradient of the gate: `dgate = sum of x * dy` over the pixels of each map. The bits do not depend on the threads.
void fovea_gate_gradient(const fovea_maps *maps, const float *x, const float *dy, float *dgate);

#endif
