// The vector loops that no library has. Every function is deterministic: the order of its sums depends on the sizes
// alone, not on the number of threads.
#ifndef FOVEA_KERNELS_H
#define FOVEA_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "Activations.h"
#include "BFloat16Convolution.h"
#include "BFloat16Panels.h"
#include "BFloat16WeightGradient.h"
#include "BFloat16Winograd.h"
#include "BatchInnermost.h"
#include "BatchNorm.h"
#include "Dense.h"
#include "Gate.h"
#include "GroupNorm.h"
#include "GroupedConvolution.h"
#include "LocalResponseNorm.h"
#include "Unfold.h"
#include "Winograd.h"

/// The lanes that vectors of float32 have on this processor: 8 or 16.
size_t fovea_vector_lanes(void);

/// Whether vectors of float32 are rounded to bfloat16 and those of bfloat16 multiplied by an instruction of this processor.
///
/// Kernels whose images may be bfloat16 read and write such images only then.
int fovea_vectors_have_bfloat16(void);

// Threads

/// Makes oneDNN and the kernels run on `count` threads of the OpenMP runtime that oneDNN brought, and sets these to
/// treat denormal numbers as zero. Without such a runtime the kernels run on the calling thread.
void fovea_set_threads(int count);

/// The number of threads set, 1 without an OpenMP runtime.
int fovea_threads(void);

/// The number of cores that this process may use.
int fovea_core_count(void);

/// Runs `body(context, begin, end)` over disjoint ranges that cover `0 ..< count`, on the threads set; on the calling
/// thread where there are no more than `grain` items.
void fovea_parallel_for(size_t count, size_t grain, void (*body)(void *, size_t, size_t), void *context);

/// Runs `body(context, part, part + 1)` for each of `count` parts on at most `threads` threads, each of which takes the same ones each
/// time and then what others have left; on the calling thread, whose loops run on all, where there is but one.
void fovea_for_parts(size_t count, int threads, void (*body)(void *, size_t, size_t), void *context);

/// Runs `body(context, block, block + 1)` for each of `count` blocks: as many rounds as there are with a block for each of at most
/// `threads` threads on these, as parts are, and the blocks that are left one after the other, whose loops run on
/// all threads.
void fovea_for_blocks(size_t count, int threads, void (*body)(void *, size_t, size_t), void *context);

// Optimizer updates, in place. See FoveaGraph/Operations/Optimizers.swift for the formulas.

void fovea_sgd(size_t count, float *weight, const float *gradient, float *velocity, float rate, float momentum,
               float decay, int nesterov);

void fovea_adam(size_t count, float *weight, const float *gradient, float *first, float *second, float rate,
                float beta1, float beta2, float epsilon, float decay, int64_t step);

// Losses

/// The mean over `rows` of the cross-entropy of logits `[rows, classes]`. A label out of range gives NaN.
float fovea_softmax_cross_entropy(size_t rows, size_t classes, const float *logits, const int32_t *labels);

/// `gradient = scale / rows * (softmax(logits) - onehot(label))`.
void fovea_softmax_cross_entropy_gradient(size_t rows, size_t classes, const float *logits, const int32_t *labels,
                                          float scale, float *gradient);

/// The mean of `count` elements.
float fovea_mean(size_t count, const float *x);

/// `sum (x - t)^2` over `count` elements.
float fovea_squared_error(size_t count, const float *x, const float *t);

/// `gradient = scale * (x - t)`.
void fovea_squared_error_gradient(size_t count, const float *x, const float *t, float scale, float *gradient);

/// `sum x^2` over `count` elements.
float fovea_sum_of_squares(size_t count, const float *x);

// Elementwise

/// `out = x` where kept and scaled by `1 / (1 - rate)`, else 0. Element `i` is kept where the Philox number `i` of the
/// stream (seed, purpose, step) is at least `rate`.
void fovea_dropout(size_t count, const float *x, float *out, float rate, const uint32_t seed[2], uint32_t purpose,
                   uint32_t step);

/// `running = (1 - momentum) * running + momentum * correction * batch`.
void fovea_running_average(size_t count, const float *running, const float *batch, float *out, float momentum,
                           float correction);

/// `out[c] = sum of x[r, c]` over `rows` rows of `columns` elements, with the given bytes of scratch memory, aligned to 8.
size_t fovea_sum_rows_scratch(size_t rows, size_t columns);
void fovea_sum_rows(size_t rows, size_t columns, const float *x, float *out, void *scratch);

/// `out[r] = sum of x[r, c]` over `columns` elements of each of `rows` rows.
void fovea_sum_columns(size_t rows, size_t columns, const float *x, float *out);

/// A sum of values, added in their order, with what may stand behind it.
typedef struct {
    const float *operands[4];
    size_t count;
    /// The output of a ReLU: the sum is zero where this is not positive. May be null.
    const float *rectified;
    /// Where the sum goes, which may be an operand, and where it goes once more, multiplied by `factor`, or null.
    float *sum, *multiple;
    float factor;
} fovea_combination;

/// Computes a combination of `count` elements in one pass.
void fovea_combine(size_t count, const fovea_combination *combination);

void fovea_fill(size_t count, float value, float *out);

/// `out[c, r] = x[r, c]`.
void fovea_transpose(size_t rows, size_t columns, const float *x, float *out);

/// The weights and bias of a convolution with a batch normalization after it folded in:
/// `factor[k] = scale[k] / sqrt(variance[k] + epsilon)`, `outWeight[k,...] = weight[k,...] * factor[k]`,
/// `outBias[k] = shift[k] + (bias[k] - mean[k]) * factor[k]`. `bias` may be null.
void fovea_fold_batch_norm(size_t filters, size_t taps, const float *weight, const float *bias, const float *scale,
                           const float *shift, const float *mean, const float *variance, float epsilon,
                           float *outWeight, float *outBias);

// Strided tensors of at most FOVEA_MAX_RANK axes; strides in elements, 0 for an axis that is repeated.

#define FOVEA_MAX_RANK 6

typedef enum { FOVEA_ADD, FOVEA_MULTIPLY } fovea_binary_operation;

/// `out = a op b` over `rank` axes of the given extents, `out` dense in row-major order.
void fovea_binary(fovea_binary_operation operation, int rank, const int64_t *extents, const float *a,
                  const int64_t *aStrides, const float *b, const int64_t *bStrides, float *out);

/// `out[strided] = x[strided]` over `rank` axes of the given extents.
void fovea_copy(int rank, const int64_t *extents, const float *x, const int64_t *xStrides, float *out,
                const int64_t *outStrides);

/// Sums the dense `x` of the given extents into `out`, whose stride is 0 along the axes summed over.
void fovea_reduce_sum(int rank, const int64_t *extents, const float *x, float *out, const int64_t *outStrides,
                      size_t outCount);

#endif
