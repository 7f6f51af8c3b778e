#ifndef FOVEA_BATCH_INNERMOST_POOLING_H
#define FOVEA_BATCH_INNERMOST_POOLING_H

#include "Internal.h"

// The rows from `begin` to before `end` of all planes of `fovea_bi_pool_gradient`, the first at `dx`.
void fovea_bi_pool_gradient_rows(const fovea_bi_pooled_gradient *gradient, size_t begin, size_t end, float *dx);

#endif
