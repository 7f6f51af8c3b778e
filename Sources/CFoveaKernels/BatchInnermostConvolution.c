#include "BatchInnermostReach.h"

// The three nested sums of a correlation, and the steps of each in the source and in the weights.
typedef struct {
    ptrdiff_t outer, rows, columns;
    ptrdiff_t outerSource, rowSource, columnSource;
    ptrdiff_t outerWeight, rowWeight, columnWeight;
    ptrdiff_t blockWeight;  // from one output channel to the next
} taps;

typedef struct {
    const fovea_bi_convolution *shape;
    int isBackward;
    const float *source, *weight, *bias;
    float *out;
    fovea_activation activation;
    int lanes;
    ptrdiff_t batch, outs, blocks, outPlane;
    ptrdiff_t outHeight, outWidth, sourceWidth;  // of the images written and read
    ptrdiff_t firstInner, endInner;              // the columns written under which a row of taps lies in the image
    taps taps;                                   // all but rows and columns
} correlation;

// Fills in the rows and columns that reach a pixel; the offsets are those of the first.
FOVEA_INLINE void reach_of_pixel(const correlation *p, ptrdiff_t i, ptrdiff_t j, taps *t, ptrdiff_t *source,
                                 ptrdiff_t *weight) {
    const fovea_bi_convolution *s = p->shape;
    fovea_reach rows, columns;
    if (p->isBackward) {
        rows = fovea_reach_of_input(i, (ptrdiff_t)s->strideHeight, (ptrdiff_t)s->padTop, (ptrdiff_t)s->kernelHeight,
                                    (ptrdiff_t)s->outHeight);
        columns = fovea_reach_of_input(j, (ptrdiff_t)s->strideWidth, (ptrdiff_t)s->padLeft,
                                       (ptrdiff_t)s->kernelWidth, (ptrdiff_t)s->outWidth);
    } else {
        rows = fovea_reach_of_output(i, (ptrdiff_t)s->strideHeight, (ptrdiff_t)s->padTop,
                                     (ptrdiff_t)s->kernelHeight, (ptrdiff_t)s->height);
        columns = fovea_reach_of_output(j, (ptrdiff_t)s->strideWidth, (ptrdiff_t)s->padLeft,
                                        (ptrdiff_t)s->kernelWidth, (ptrdiff_t)s->width);
    }
    t->rows = rows.count;
    t->columns = columns.count;
    if (rows.count <= 0 || columns.count <= 0) {
        t->outer = 0;
        *source = *weight = 0;
        return;
    }
    *source = (rows.source * p->sourceWidth + columns.source) * p->batch;
    *weight = rows.tap * (ptrdiff_t)s->kernelWidth + columns.tap;
    if (rows.count == 1 && columns.count == 1) {  // the innermost loop should be the long one
        t->columns = t->outer;
        t->columnSource = t->outerSource;
        t->columnWeight = t->outerWeight;
        t->outer = 1;
    }
}

#define FOVEA_LANES_HEADER "BatchInnermostCorrelation.h"
#include "BothWidths.h"

static void correlate_range(void *pointer, size_t begin, size_t end) {
    const correlation *p = pointer;
    FOVEA_BY_LANES(p->lanes, correlate, p, begin, end);
}

static void correlate(correlation *p) {
    const fovea_bi_convolution *s = p->shape;
    p->batch = (ptrdiff_t)s->batch;
    p->lanes = fovea_batch_lanes(s->batch);
    p->blocks = (p->outs + 5) / 6;
    if (s->strideWidth == 1) {
        ptrdiff_t pad = (ptrdiff_t)s->padLeft, reach = (ptrdiff_t)s->kernelWidth - 1;
        p->firstInner = p->isBackward ? reach - pad : pad;
        p->endInner = p->sourceWidth + (p->isBackward ? -pad : pad - reach);
        if (p->firstInner < 0) p->firstInner = 0;
        if (p->endInner > p->outWidth) p->endInner = p->outWidth;
    }
    size_t units = (size_t)(p->outHeight * p->blocks);
    size_t work = s->batch * s->filters * s->channels * s->kernelHeight * s->kernelWidth * (size_t)p->outWidth /
                  (size_t)p->blocks;
    fovea_parallel_for(units, FOVEA_GRAIN_MULTIPLY_ADDS / (work + 1), correlate_range, p);
}

void fovea_bi_convolution_forward(const fovea_bi_convolution *s, const float *x, const float *weight,
                                  const float *bias, fovea_activation activation, float *y) {
    ptrdiff_t batch = (ptrdiff_t)s->batch, width = (ptrdiff_t)s->width;
    ptrdiff_t area = (ptrdiff_t)(s->kernelHeight * s->kernelWidth);
    correlation p = {.shape = s, .source = x, .weight = weight, .bias = bias, .out = y, .activation = activation};
    p.outs = (ptrdiff_t)s->filters;
    p.outHeight = (ptrdiff_t)s->outHeight;
    p.outWidth = (ptrdiff_t)s->outWidth;
    p.outPlane = p.outHeight * p.outWidth * batch;
    p.sourceWidth = width;
    p.taps = (taps){.outer = (ptrdiff_t)s->channels,
                    .outerSource = (ptrdiff_t)s->height * width * batch,
                    .rowSource = width * batch,
                    .columnSource = batch,
                    .outerWeight = area,
                    .rowWeight = (ptrdiff_t)s->kernelWidth,
                    .columnWeight = 1,
                    .blockWeight = (ptrdiff_t)s->channels * area};
    correlate(&p);
}

void fovea_bi_convolution_backward_data(const fovea_bi_convolution *s, const float *dy, const float *weight,
                                        float *dx) {
    ptrdiff_t batch = (ptrdiff_t)s->batch, outWidth = (ptrdiff_t)s->outWidth;
    ptrdiff_t area = (ptrdiff_t)(s->kernelHeight * s->kernelWidth);
    correlation p = {.shape = s, .isBackward = 1, .source = dy, .weight = weight, .out = dx};
    p.outs = (ptrdiff_t)s->channels;
    p.outHeight = (ptrdiff_t)s->height;
    p.outWidth = (ptrdiff_t)s->width;
    p.outPlane = p.outHeight * p.outWidth * batch;
    p.sourceWidth = outWidth;
    p.taps = (taps){.outer = (ptrdiff_t)s->filters,
                    .outerSource = (ptrdiff_t)s->outHeight * outWidth * batch,
                    .rowSource = -outWidth * batch,
                    .columnSource = -batch,
                    .outerWeight = (ptrdiff_t)s->channels * area,
                    .rowWeight = (ptrdiff_t)(s->strideHeight * s->kernelWidth),
                    .columnWeight = (ptrdiff_t)s->strideWidth,
                    .blockWeight = area};
    correlate(&p);
}

// Those of `count` of the features, a multiple of 8, which `x` and `dweight` begin with.
static void dense_weights(size_t blocks, size_t batch, size_t features, size_t count, size_t units, size_t first,
                          size_t end, const float *x, const float *dy, float *dweight) {
    // The samples of a block are the columns of a kernel, the blocks its channels.
    fovea_bi_convolution shape = {count, blocks, 1, batch, end - first, 1, 1, 1, batch, 1, 1, 0, 0};
    ptrdiff_t length = (ptrdiff_t)batch, width = (ptrdiff_t)features;
    correlation p = {.shape = &shape, .source = x, .weight = dy + first * batch, .out = dweight + first * features};
    p.outs = (ptrdiff_t)(end - first);
    p.outHeight = p.outWidth = 1;
    p.outPlane = width;
    p.sourceWidth = length;
    p.taps = (taps){.outer = (ptrdiff_t)blocks,
                    .outerSource = length * width,
                    .columnSource = width,
                    .outerWeight = (ptrdiff_t)units * length,
                    .columnWeight = 1,
                    .blockWeight = length};
    correlate(&p);
}

void fovea_bi_dense_backward_weights(size_t blocks, size_t batch, size_t features, size_t units, size_t first, size_t end,
                                     const float *x, const float *dy, float *dweight) {
    dense_weights(blocks, batch, features, features / 8 * 8, units, first, end, x, dy, dweight);
    if (features % 8 == 0) return;
    // The last vector, some of whose features are among those of above.
    dense_weights(blocks, batch, features, 8, units, first, end, x + features - 8, dy, dweight + features - 8);
}
