#ifndef FOVEA_DENSE_H
#define FOVEA_DENSE_H

#include <stddef.h>

// A dense layer on a small batch, whose time is that of reading its weights.
typedef struct {
    size_t batch, inputs, units;
} fovea_dense;

#define FOVEA_DENSE_MAX_BATCH 128

// The bytes of memory that `fovea_dense_forward` takes on so many threads.
size_t fovea_dense_scratch(int threads);

// y [batch][units] = x [batch][inputs] by the transpose of weight [units][inputs], and bias [units] unless that is null.
void fovea_dense_forward(const fovea_dense *shape, int threads, const float *x, const float *weight, const float *bias,
                         float *y, void *scratch);

#endif
