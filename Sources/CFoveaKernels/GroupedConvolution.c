#include "GroupedConvolution.h"
#include <stdatomic.h>
#include <string.h>
#include "VectorMath.h"

#define FOVEA_COLUMNS 3

// The outputs of a row that are computed at once: as many chains of sums as the processor needs to be busy, and a
// divisor of the widths of images in most networks.
#define FOVEA_RUN 7

// The arguments of a convolution or one of its gradients.
typedef struct {
    const fovea_grouped_convolution *p;
    const float *x, *dy, *taps, *bias, *residual;
    int relu;
    float *y, *dx, *dtaps, *exchanged;
    double *sums;
} grouped;

static size_t vector_taps(const fovea_grouped_convolution *p) {
    return p->tapRows * FOVEA_COLUMNS * p->groupSize * p->lanes;
}

// The row of the input that tap row `r` of output row `i` meets, beyond the edges if it is not below the height.
static size_t input_row(const fovea_grouped_convolution *p, size_t i, size_t r) { return i * p->rowStep + r - p->top; }

// Output rows whose gradients are worked on together, so that the sums of taps are seldom stored: as many as leave the
// rows of both sides in the second-level cache while all vectors of channels go through them.
static size_t rows_at_once(const fovea_grouped_convolution *p) {
    size_t floats = p->channels * (p->rowStep * p->inputWidth + p->outputWidth);
    size_t rows = 128 * 1024 / floats;
    return rows < 1 ? 1 : rows;
}

#define FOVEA_LANES_HEADER "GroupedConvolutionLanes.h"
#include "BothWidths.h"

static void convolve_rows(void *context, size_t begin, size_t end) {
    const grouped *k = context;
    FOVEA_BY_LANES(k->p->lanes, grouped_rows, k, begin, end);
}

void fovea_grouped_convolve(const fovea_grouped_convolution *p, const float *x, const float *taps, const float *bias,
                            const float *residual, int relu, float *y) {
    grouped k = {.p = p, .x = x, .taps = taps, .bias = bias, .residual = residual, .relu = relu, .y = y};
    fovea_parallel_for(p->count * p->outputHeight, 0, convolve_rows, &k);
}

static void exchange_taps(void *context, size_t begin, size_t end) {
    const grouped *k = context;
    FOVEA_BY_LANES(k->p->lanes, exchange, k, begin, end);
}

void fovea_grouped_exchange(const fovea_grouped_convolution *p, const float *taps, float *exchanged) {
    grouped k = {.p = p, .taps = taps, .exchanged = exchanged};
    fovea_parallel_for(p->channels / p->lanes, 0, exchange_taps, &k);
}

static void differentiate_rows(void *context, size_t begin, size_t end) {
    const grouped *k = context;
    FOVEA_BY_LANES(k->p->lanes, grouped_input_rows, k, begin, end);
    atomic_thread_fence(memory_order_seq_cst);  // stores past the cache are in no order with others
}

void fovea_grouped_input_gradient(const fovea_grouped_convolution *p, const float *dy, const float *exchanged,
                                  float *dx) {
    grouped k = {.p = p, .dy = dy, .taps = exchanged, .dx = dx};
    fovea_parallel_for(p->count * p->inputHeight, 0, differentiate_rows, &k);
}

static void differentiate_taps(void *context, size_t begin, size_t end) {
    const grouped *k = context;
    FOVEA_BY_LANES(k->p->lanes, grouped_taps, k, begin, end);
}

void fovea_grouped_taps_gradient(const fovea_grouped_convolution *p, const float *x, const float *dy, float *dtaps,
                                 float *dbias, void *scratch) {
    grouped k = {.p = p, .x = x, .dy = dy, .dtaps = dtaps, .sums = dbias ? scratch : NULL};
    if (dbias) memset(scratch, 0, p->channels * sizeof(double));
    fovea_parallel_for(p->channels / p->lanes, 0, differentiate_taps, &k);
    if (dbias)
        for (size_t c = 0; c < p->channels; c++) dbias[c] = (float)k.sums[c];
}
