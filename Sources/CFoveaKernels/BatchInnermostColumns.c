#include <string.h>
#include "BatchInnermostReach.h"
#include "WinogradPoints.h"

// Columns of 3 taps are filtered with 6 products for 4 outputs, which are a tile, columns of 5 with 8.
#define MAX_TAPS 5
#define OUTPUTS 4
#define MAX_POINTS (MAX_TAPS + OUTPUTS - 1)

typedef struct {
    const fovea_bi_convolution *shape;
    const float *source, *taps, *bias;
    float *out, *scratch;
    fovea_activation activation;
    int lanes;
    size_t columns, tiles;   // of the transformed rows; of the height
    size_t parts, partSize;  // the parts of the work, and the scratch memory of each
} column_filtering;

#define FOVEA_LANES_HEADER "BatchInnermostColumnsLanes.h"
#include "BothWidths.h"

int fovea_bi_can_filter_columns(const fovea_bi_convolution *s) {
    return s->strideHeight == 1 && s->strideWidth == 1 && (s->kernelHeight == 3 || s->kernelHeight == 5);
}

static size_t points_of_column(const fovea_bi_convolution *s) { return s->kernelHeight + OUTPUTS - 1; }

static column_filtering column_filtering_of(const fovea_bi_convolution *s) {
    column_filtering p = {.shape = s, .lanes = fovea_batch_lanes(s->batch)};
    p.columns = s->outWidth + s->kernelWidth - 1;
    p.tiles = ceiling(s->outHeight, OUTPUTS);
    p.partSize = s->channels * p.columns * points_of_column(s) * (size_t)p.lanes;
    return p;
}

size_t fovea_bi_columns_scratch(const fovea_bi_convolution *s) { return column_filtering_of(s).partSize; }

size_t fovea_bi_columns_taps(const fovea_bi_convolution *s) {
    return points_of_column(s) * s->kernelWidth * s->channels * s->filters;
}

void fovea_bi_columns_filter_taps(const fovea_bi_convolution *s, const float *weight, float *taps) {
    FOVEA_BY_LANES(fovea_batch_lanes(s->batch), filter_column_taps, s, weight, taps);
}

// A unit of work is a tile of rows of a vector of the batch.
static size_t units_of_columns(const column_filtering *p) { return p->shape->batch / (size_t)p->lanes * p->tiles; }

static void filter_column_parts(void *context, size_t begin, size_t end) {
    const column_filtering *p = context;
    size_t units = units_of_columns(p);
    for (size_t part = begin; part < end; part++) {
        float *scratch = p->scratch + part * p->partSize;
        FOVEA_BY_LANES(p->lanes, filter_columns, p, units * part / p->parts, units * (part + 1) / p->parts, scratch);
    }
}

void fovea_bi_columns_forward(const fovea_bi_convolution *s, size_t threads, const float *x, const float *taps,
                              const float *bias, fovea_activation activation, float *y, float *scratch) {
    column_filtering p = column_filtering_of(s);
    p.source = x;
    p.taps = taps;
    p.bias = bias;
    p.activation = activation;
    p.out = y;
    p.parts = fovea_batch_parts(s, threads);
    p.scratch = scratch + scratch_slot() * p.partSize;
    fovea_parallel_for(p.parts, 1, filter_column_parts, &p);
}
