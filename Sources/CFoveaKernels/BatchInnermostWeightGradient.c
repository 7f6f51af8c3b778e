#include <string.h>
#include "BatchInnermostReach.h"

// At most MAX_FILTERS filters and MAX_TAPS taps have their sums in memory at a time, on the stack of a thread.
#define MAX_FILTERS 4
#define MAX_TAPS 256
#define MAX_LANES 16

// A sum over `pixels` pixels of `length` floats.
typedef struct {
    ptrdiff_t pixels, length;
    ptrdiff_t dyPixel, dyPlane, xPixel, xTap;
} sweep;

#define FOVEA_LANES_HEADER "BatchInnermostWeightGradient.h"
#include "BothWidths.h"

static float sum_lanes(const float *lane, int lanes) {
    float sums[MAX_LANES];
    memcpy(sums, lane, (size_t)lanes * sizeof(float));
    for (int half = lanes / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) sums[i] += sums[i + half];
    return sums[0];
}

// The taps lie in lines: a line is the columns of one row of one channel's kernel, or, where the kernel is of one
// element, LINE_CHANNELS channels. Either way the taps of a line are a constant step of x apart.
#define LINE_CHANNELS 24

typedef struct {
    const fovea_bi_convolution *shape;
    const float *x, *dy;
    float *dweight, *dbias;
    int lanes, isPointwise;
    ptrdiff_t blocks, lines, tapsOfLine;
    ptrdiff_t xTap;
} weight_gradient;

typedef struct {
    ptrdiff_t channel, row, firstTap, taps;
} line;

static line line_at(const weight_gradient *p, ptrdiff_t index, ptrdiff_t firstTap) {
    const fovea_bi_convolution *s = p->shape;
    line l = {0, 0, firstTap, 0};
    ptrdiff_t available;
    if (p->isPointwise) {
        l.channel = index * LINE_CHANNELS;
        available = (ptrdiff_t)s->channels - l.channel;
        if (available > LINE_CHANNELS) available = LINE_CHANNELS;
    } else {
        l.channel = index / (ptrdiff_t)s->kernelHeight;
        l.row = index % (ptrdiff_t)s->kernelHeight;
        available = (ptrdiff_t)s->kernelWidth - firstTap;
        if (available > MAX_TAPS) available = MAX_TAPS;
    }
    l.taps = available;
    return l;
}

// The first and the end of the output columns whose tap `v` lies in the image.
static void columns_of_tap(const weight_gradient *p, ptrdiff_t v, ptrdiff_t *first, ptrdiff_t *end) {
    const fovea_bi_convolution *s = p->shape;
    ptrdiff_t stride = (ptrdiff_t)s->strideWidth, pad = (ptrdiff_t)s->padLeft;
    if (p->isPointwise) v = 0;
    *first = pad > v ? (pad - v + stride - 1) / stride : 0;
    ptrdiff_t last = (ptrdiff_t)s->width - 1 + pad - v;
    *end = last < 0 ? 0 : last / stride + 1;
    if (*end > (ptrdiff_t)s->outWidth) *end = (ptrdiff_t)s->outWidth;
}

// Adds the columns `first ..< end` of an output row to the sums of `taps` taps from tap `v` on.
static void sweep_columns(const weight_gradient *p, int filters, int taps, ptrdiff_t v, ptrdiff_t first, ptrdiff_t end,
                          const float *dyRow, const float *xRow, float *sums) {
    if (first >= end) return;
    const fovea_bi_convolution *s = p->shape;
    ptrdiff_t batch = (ptrdiff_t)s->batch, stride = (ptrdiff_t)s->strideWidth;
    ptrdiff_t column = first * stride - (ptrdiff_t)s->padLeft + (p->isPointwise ? 0 : v);
    sweep w = {.dyPixel = batch,
               .dyPlane = (ptrdiff_t)(s->outHeight * s->outWidth) * batch,
               .xPixel = stride * batch,
               .xTap = p->xTap};
    w.pixels = stride == 1 ? 1 : end - first;
    w.length = stride == 1 ? (end - first) * batch : batch;
    const float *x = xRow + column * batch + (p->isPointwise ? v * p->xTap : 0);
    FOVEA_BY_LANES(p->lanes, sweep, filters, taps, &w, dyRow + first * batch, x, sums);
}

// Adds an output row to the sums of a line's taps.
static void sweep_line(const weight_gradient *p, int filters, line l, const float *dyRow, const float *xRow,
                       float *sums) {
    for (ptrdiff_t done = 0; done < l.taps;) {
        ptrdiff_t left = l.taps - done, v = l.firstTap + done;
        int taps = left == 1 ? 1 : left == 2 || left == 4 ? 2 : 3;
        float *tapSums = sums + done * MAX_FILTERS * p->lanes;
        done += taps;
        ptrdiff_t first, end, unused;
        columns_of_tap(p, v, &first, &unused);
        columns_of_tap(p, v + taps - 1, &unused, &end);
        if (first < end) sweep_columns(p, filters, taps, v, first, end, dyRow, xRow, tapSums);
        if (p->isPointwise) continue;
        for (int t = 0; t < taps; t++) {  // the columns at the borders that some of the taps miss
            float *oneSums = tapSums + t * MAX_FILTERS * p->lanes;
            ptrdiff_t tapFirst, tapEnd;
            columns_of_tap(p, v + t, &tapFirst, &tapEnd);
            if (first >= end) {
                sweep_columns(p, filters, 1, v + t, tapFirst, tapEnd, dyRow, xRow, oneSums);
            } else {
                sweep_columns(p, filters, 1, v + t, tapFirst, first, dyRow, xRow, oneSums);
                sweep_columns(p, filters, 1, v + t, end, tapEnd, dyRow, xRow, oneSums);
            }
        }
    }
}

// The gradients of the lines `begin ..< end` of one block of filters, which hold no more than MAX_TAPS taps.
static void sweep_block(const weight_gradient *p, ptrdiff_t block, ptrdiff_t begin, ptrdiff_t end,
                        ptrdiff_t firstTap) {
    const fovea_bi_convolution *s = p->shape;
    float sums[MAX_TAPS * MAX_FILTERS * MAX_LANES], biasSums[MAX_FILTERS * MAX_LANES];
    ptrdiff_t firstFilter = (ptrdiff_t)s->filters * block / p->blocks;
    int filters = (int)((ptrdiff_t)s->filters * (block + 1) / p->blocks - firstFilter);
    ptrdiff_t batch = (ptrdiff_t)s->batch;
    ptrdiff_t outRow = (ptrdiff_t)s->outWidth * batch, outPlane = (ptrdiff_t)s->outHeight * outRow;
    ptrdiff_t xRow = (ptrdiff_t)s->width * batch, xPlane = (ptrdiff_t)s->height * xRow;
    const float *dy = p->dy + firstFilter * outPlane;
    int sumsBias = p->dbias && begin == 0 && firstTap == 0;

    ptrdiff_t taps = 0, sumsPerTap = MAX_FILTERS * p->lanes;
    for (ptrdiff_t i = begin; i < end; i++) taps += line_at(p, i, firstTap).taps;
    memset(sums, 0, (size_t)(taps * sumsPerTap) * sizeof(float));
    memset(biasSums, 0, sizeof biasSums);
    for (ptrdiff_t o = 0; o < (ptrdiff_t)s->outHeight; o++, dy += outRow) {
        float *lineSums = sums;
        for (ptrdiff_t i = begin; i < end; i++) {
            line l = line_at(p, i, firstTap);
            ptrdiff_t row = o * (ptrdiff_t)s->strideHeight + l.row - (ptrdiff_t)s->padTop;
            if (row >= 0 && row < (ptrdiff_t)s->height)
                sweep_line(p, filters, l, dy, p->x + l.channel * xPlane + row * xRow, lineSums);
            lineSums += l.taps * sumsPerTap;
        }
        if (sumsBias) FOVEA_BY_LANES(p->lanes, sum_rows, filters, dy, outPlane, outRow, biasSums);
    }

    ptrdiff_t area = (ptrdiff_t)(s->kernelHeight * s->kernelWidth), filterSize = (ptrdiff_t)s->channels * area;
    const float *tapSums = sums;
    for (ptrdiff_t i = begin; i < end; i++) {
        line l = line_at(p, i, firstTap);
        float *out = p->dweight + firstFilter * filterSize + l.channel * area +
                     l.row * (ptrdiff_t)s->kernelWidth + firstTap;
        for (ptrdiff_t t = 0; t < l.taps; t++, tapSums += sumsPerTap)
            for (int k = 0; k < filters; k++) out[k * filterSize + t] = sum_lanes(tapSums + k * p->lanes, p->lanes);
    }
    if (sumsBias)
        for (int k = 0; k < filters; k++) p->dbias[firstFilter + k] = sum_lanes(biasSums + k * p->lanes, p->lanes);
}

static void weight_gradient_range(void *pointer, size_t begin, size_t end) {
    const weight_gradient *p = pointer;
    ptrdiff_t unit = (ptrdiff_t)begin, unitEnd = (ptrdiff_t)end;
    ptrdiff_t most = p->tapsOfLine < MAX_TAPS ? MAX_TAPS / p->tapsOfLine : 1;
    while (unit < unitEnd) {
        ptrdiff_t block = unit / p->lines, first = unit % p->lines, last = first + (unitEnd - unit);
        if (last > p->lines) last = p->lines;
        if (last > first + most) last = first + most;
        for (ptrdiff_t tap = 0; tap < p->tapsOfLine; tap += MAX_TAPS) sweep_block(p, block, first, last, tap);
        unit += last - first;
    }
}

void fovea_bi_convolution_backward_weights(const fovea_bi_convolution *s, const float *x, const float *dy,
                                           float *dweight, float *dbias) {
    weight_gradient p = {.shape = s, .x = x, .dy = dy, .dweight = dweight, .dbias = dbias};
    p.lanes = fovea_batch_lanes(s->batch);
    p.isPointwise = s->kernelHeight * s->kernelWidth == 1;
    p.blocks = ((ptrdiff_t)s->filters + MAX_FILTERS - 1) / MAX_FILTERS;
    if (p.isPointwise) {
        p.lines = ((ptrdiff_t)s->channels + LINE_CHANNELS - 1) / LINE_CHANNELS;
        p.tapsOfLine = LINE_CHANNELS;
        p.xTap = (ptrdiff_t)(s->height * s->width * s->batch);
    } else {
        p.lines = (ptrdiff_t)(s->channels * s->kernelHeight);
        p.tapsOfLine = (ptrdiff_t)s->kernelWidth;
        p.xTap = (ptrdiff_t)s->batch;
    }
    size_t units = (size_t)(p.blocks * p.lines);
    size_t work = s->batch * s->outHeight * s->outWidth * (size_t)p.tapsOfLine * MAX_FILTERS;
    fovea_parallel_for(units, FOVEA_GRAIN_MULTIPLY_ADDS / (work + 1), weight_gradient_range, &p);
}
