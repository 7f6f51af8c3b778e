#ifndef FOVEA_BATCH_INNERMOST_REACH_H
#define FOVEA_BATCH_INNERMOST_REACH_H

#include "VectorMath.h"

// The lanes of the vectors that a batch, a multiple of 8, is cut into.
FOVEA_INLINE int fovea_batch_lanes(size_t batch) { return batch % 16 == 0 ? (int)fovea_vector_lanes() : 8; }

// The parts of the work of a convolution: one for each thread, or, where it is little or other threads work on other blocks, one.
FOVEA_INLINE size_t fovea_batch_parts(const fovea_bi_convolution *s, size_t threads) {
    size_t work = s->batch * s->filters * s->channels * s->kernelHeight * s->kernelWidth * s->outHeight * s->outWidth;
    return fovea_slot() >= 0 || work <= FOVEA_GRAIN_MULTIPLY_ADDS ? 1 : threads;
}

// Along one axis, the taps of a kernel that matter for one element, and the elements that they meet: tap
// `tap + i * tapStep` meets element `source + i * sourceStep`, for `0 <= i < count`.
typedef struct {
    ptrdiff_t count, source, tap;
} fovea_reach;

// The taps under which output `o` finds elements of the input. The steps are 1 and 1.
FOVEA_INLINE fovea_reach fovea_reach_of_output(ptrdiff_t o, ptrdiff_t stride, ptrdiff_t pad, ptrdiff_t kernel,
                                               ptrdiff_t size) {
    ptrdiff_t start = o * stride - pad;
    ptrdiff_t first = start < 0 ? -start : 0;
    ptrdiff_t end = size - start < kernel ? size - start : kernel;
    fovea_reach reach = {end > first ? end - first : 0, start + first, first};
    return reach;
}

// The taps through which input `i` reaches outputs. The source steps by -1, the tap by `stride`.
FOVEA_INLINE fovea_reach fovea_reach_of_input(ptrdiff_t i, ptrdiff_t stride, ptrdiff_t pad, ptrdiff_t kernel,
                                              ptrdiff_t outSize) {
    ptrdiff_t first = (i + pad) % stride;
    ptrdiff_t source = (i + pad) / stride;
    if (source >= outSize) {
        first += (source - (outSize - 1)) * stride;
        source = outSize - 1;
    }
    ptrdiff_t count = first < kernel;
    if (kernel - first > stride) count = (kernel - first + stride - 1) / stride;
    if (count > source + 1) count = source + 1;
    fovea_reach reach = {count, source, first};
    return reach;
}

#endif
