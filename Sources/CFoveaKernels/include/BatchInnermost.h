// Convolution and pooling on images with the batch innermost: element (n, c, h, w) lies at
// `((c * height + h) * width + w) * batch + n`. Every loop is a vector loop over the batch, with nothing wasted
// on few or odd numbers of channels. The batch is a multiple of 8 (of 16 to be fast on AVX-512; 32 and more are best);
// every other size is free. Arrays of floats need no alignment, 64 bytes is fastest. No output may overlap an input.
//
// On one processor the order of every sum depends on the sizes alone, not on the number of threads.
#ifndef FOVEA_BATCH_INNERMOST_H
#define FOVEA_BATCH_INNERMOST_H

#include "Activations.h"

/// The sizes of a convolution with dilation 1 and one group. Padding at the bottom and right follows from the output's
/// size; a window may reach past the image on every side, and may lie outside it altogether.
typedef struct {
    size_t batch;
    size_t channels, height, width;           // of x
    size_t filters, outHeight, outWidth;      // of y
    size_t kernelHeight, kernelWidth;         // weights are [filters, channels, kernelHeight, kernelWidth]
    size_t strideHeight, strideWidth;         // at least 1
    size_t padTop, padLeft;
} fovea_bi_convolution;

/// `y[k,i,j,n] = activation(bias[k] + sum over c,u,v of weight[k,c,u,v] * x[c, i*strideHeight+u-padTop,
/// j*strideWidth+v-padLeft, n])`, x being 0 outside the image. `bias` may be null.
void fovea_bi_convolution_forward(const fovea_bi_convolution *shape, const float *x, const float *weight,
                                  const float *bias, fovea_activation activation, float *y);

/// `dx[c,h,w,n] = sum over k and the (u,v) and (i,j) with i*strideHeight+u-padTop = h, j*strideWidth+v-padLeft = w of
/// weight[k,c,u,v] * dy[k,i,j,n]`.
void fovea_bi_convolution_backward_data(const fovea_bi_convolution *shape, const float *dy, const float *weight,
                                        float *dx);

/// `dweight[k,c,u,v] = sum over i,j,n of dy[k,i,j,n] * x[c, i*strideHeight+u-padTop, j*strideWidth+v-padLeft, n]` and
/// `dbias[k] = sum over i,j,n of dy[k,i,j,n]`. `dbias` may be null.
void fovea_bi_convolution_backward_weights(const fovea_bi_convolution *shape, const float *x, const float *dy,
                                           float *dweight, float *dbias);

/// The sizes of a pooling. Padding at the bottom and right follows from the output's size.
typedef struct {
    size_t batch;
    size_t channels, height, width, outHeight, outWidth;
    size_t windowHeight, windowWidth;  // at most 256 elements for maximum pooling
    size_t strideHeight, strideWidth;  // at least 1
    size_t padTop, padLeft;
} fovea_bi_pooling;

/// The gradient of a pooling and of the activation before it: `dx = activation' * sum of dy` over the windows whose largest element
/// this is, or `dx = activation' * sum of dy / count` over the windows that cover it.
typedef struct {
    fovea_bi_pooling pooling;
    const uint8_t *index;          // from `fovea_bi_max_pool`, null for an average
    int countPadding;              // of an average
    fovea_activation activation;
    const float *y;                // what was pooled, the result of the activation; may be null for the identity
    const float *dy;
} fovea_bi_pooled_gradient;

/// What is computed of a convolution.
typedef enum { FOVEA_BI_FORWARD, FOVEA_BI_BACKWARD_DATA, FOVEA_BI_BACKWARD_WEIGHTS } fovea_bi_pass;

/// Whether the following can compute a convolution: rows of 3 or 5 taps without strides.
int fovea_bi_can_filter(const fovea_bi_convolution *shape);

// The three of above by the minimal filtering of rows: 4 outputs of 3 taps with 6 multiplications, of 5 taps with 8, or 5 with 9; on
// AVX-512 of the columns of square kernels, too, but for the gradient of weights: 4 outputs or 2 with 6 multiplications. Each
// works on as many threads as it is told, with memory for each.

/// The number of floats of scratch memory of a pass for each thread.
size_t fovea_bi_winograd_scratch(const fovea_bi_convolution *shape, fovea_bi_pass pass);

/// The number of transformed taps, whether they are the same for both passes, forward and to the data, and the taps for a pass of
/// whatever batch that has as many lanes.
size_t fovea_bi_winograd_taps(const fovea_bi_convolution *shape);
int fovea_bi_winograd_shares_taps(const fovea_bi_convolution *shape);
void fovea_bi_winograd_filter_taps(const fovea_bi_convolution *shape, fovea_bi_pass pass, const float *weight,
                                   float *taps);

void fovea_bi_winograd_forward(const fovea_bi_convolution *shape, size_t threads, const float *x, const float *taps,
                               const float *bias, fovea_activation activation, float *y, float *scratch);

void fovea_bi_winograd_backward_data(const fovea_bi_convolution *shape, size_t threads, const float *dy,
                                     const float *taps, float *dx, float *scratch);

/// The number of sums that the gradient of weights is made from, and these sums, with those for the bias if `sumsBias`. Where
/// `pooled` is not null, dy is its gradient, which is made row by row.
size_t fovea_bi_winograd_sums(const fovea_bi_convolution *shape);
void fovea_bi_winograd_sum_weights(const fovea_bi_convolution *shape, size_t threads, const float *x, const float *dy,
                                   const fovea_bi_pooled_gradient *pooled, int sumsBias, float *sums, float *scratch);

/// `dweight` and `dbias`, which may be null, from the sums of `blocks` batches of the same size, one behind the other.
void fovea_bi_winograd_collect_weights(const fovea_bi_convolution *shape, size_t blocks, const float *sums,
                                       float *dweight, float *dbias);

/// Whether the following can compute a convolution: columns of 3 or 5 taps without strides.
int fovea_bi_can_filter_columns(const fovea_bi_convolution *shape);

// The same forward by the minimal filtering of columns, 4 outputs of 3 taps with 6 multiplications, of 5 with 8, for rows of any
// number of taps. Transformed taps are those of whatever batch with as many lanes.
size_t fovea_bi_columns_scratch(const fovea_bi_convolution *shape);
size_t fovea_bi_columns_taps(const fovea_bi_convolution *shape);
void fovea_bi_columns_filter_taps(const fovea_bi_convolution *shape, const float *weight, float *taps);
void fovea_bi_columns_forward(const fovea_bi_convolution *shape, size_t threads, const float *x, const float *taps,
                              const float *bias, fovea_activation activation, float *y, float *scratch);

/// The gradient of a dense product's weights for the units from `first` to before `end`, from `blocks` blocks of `batch` samples:
/// `dweight[u,f] = sum over n of dy[u,n] * x[n,f]`, where x is `[blocks, batch, features]` and dy `[blocks, units, batch]`. There are
/// at least 8 features and one such unit.
void fovea_bi_dense_backward_weights(size_t blocks, size_t batch, size_t features, size_t units, size_t first, size_t end,
                                     const float *x, const float *dy, float *dweight);

/// `y = sum of x under the window / count`, where `count` is the window's whole area if `countPadding`, else the number
/// of elements of the image under it. A window that lies outside the image gives 0.
void fovea_bi_average_pool(const fovea_bi_pooling *shape, int countPadding, const float *x, float *y);

/// Whether the windows neither overlap nor leave gaps between them, and none reaches past the image.
int fovea_bi_has_tiles(const fovea_bi_pooling *shape);

/// `y = the largest of x under the window`; NaN counts as larger than any number. `index`, of as many bytes as `y` has
/// elements, receives the place `u * windowWidth + v` of the first of the largest, for the gradient; it may be null.
/// A window that lies outside the image gives -infinity.
void fovea_bi_max_pool(const fovea_bi_pooling *shape, const float *x, float *y, uint8_t *index);

/// Writes `dx`, which may be `y` where `fovea_bi_has_tiles`.
void fovea_bi_pool_gradient(const fovea_bi_pooled_gradient *gradient, float *dx);

/// The softmax cross-entropy of each sample for logits `[classes, batch]`: `losses[n] = log(sum over k of exp x[k,n]) -
/// x[label n, n]`. A label out of range gives NaN.
void fovea_bi_softmax_cross_entropy(size_t batch, size_t classes, const float *logits, const int32_t *labels,
                                    float *losses);

/// `gradient[k,n] = weight * (softmax(logits)[k,n] - (k = label n))`.
void fovea_bi_softmax_cross_entropy_gradient(size_t batch, size_t classes, const float *logits, const int32_t *labels,
                                             float weight, float *gradient);

#endif
