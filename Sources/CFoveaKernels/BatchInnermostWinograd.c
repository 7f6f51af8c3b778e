#include <string.h>
#include "BatchInnermostPooling.h"
#include "BatchInnermostReach.h"
#include "WinogradPoints.h"

// Rows of 3 taps are filtered with 6 products for 4 outputs, which are a tile, rows of 5 with 8 for 4 or 9 for 5; the rows of a
// kernel are summed up as they are.
#define MAX_OUTPUTS 5
#define MAX_TAPS 5
#define MAX_POINTS (MAX_TAPS + MAX_OUTPUTS - 1)

// The most rows of a kernel.
#define MAX_KERNEL_HEIGHT 8

// The most filters or channels whose sums are in registers at a time, also of one or two tiles, and with these the most tiles.
#define MAX_OUTS 4
#define MAX_OUTS_OF_FEW 6
#define MAX_TILES(lanes) (lanes == 16 ? 6 : 3)

// The most rows of taps whose sums are in registers at a time; those of 4 and 5 for half as many filters with 16 registers.
#define MAX_ROWS 5
static int most_filters(int lanes, size_t kernelHeight) { return lanes == 16 || kernelHeight <= 3 ? MAX_OUTS : MAX_OUTS / 2; }

// The points of columns where these are filtered, too, and the most channels whose sums on them are in registers beside a gradient.
#define PLANE_POINTS 6
#define PLANE_OUTS 3
// The rows of outputs of a tile of these.
FOVEA_INLINE int plane_outputs(const int taps) { return PLANE_POINTS - taps + 1; }

// The most vectors of the batch that sums go over: a line of the cache.
#define MAX_UNIT_GROUPS(lanes) (16 / (size_t)(lanes))

// The tiles of MAX_OUTS filters of a vector of dy that stay in the first cache.
#define CACHED_BYTES 16384

typedef struct {
    const fovea_bi_convolution *shape;
    const float *source, *dy, *bias;
    const fovea_bi_pooled_gradient *pooled;  // what dy is made of, unless null
    float *out, *taps, *sums, *scratch;
    fovea_activation activation;
    int lanes, isBackward, filtersPlanes, sumsBias;
    size_t ins, outs, outHeight;   // of the images read and written
    size_t outputs, points;        // of a tile
    size_t tiles, groups;          // of a row; vectors of the batch
    size_t bands, outSize;         // the parts of the rows that gradients are summed over, and the sums of each
    size_t unitGroups, shares;     // the vectors of the batch that they are summed over; the shares of the filters of each such sum
    size_t bandFilters;            // the most filters of a band at a time
    size_t parts, partSize;        // the parts of the work, and the scratch memory of each
} filtering;

// The transformed rows that meet the taps of one output row.
typedef struct {
    size_t count;
    const float *source[MAX_KERNEL_HEIGHT], *taps[MAX_KERNEL_HEIGHT];
} reached;

// The transformed rows of a band: the vectors of the batch, and the numbers of each.
typedef struct {
    size_t groups, xGroup, dyGroup;
} banded;

// A multiple of a line of the cache.
static size_t rounded(size_t count) { return ceiling(count, 16) * 16; }

#define FOVEA_LANES_HEADER "BatchInnermostWinogradLanes.h"
#include "BothWidths.h"

int fovea_bi_can_filter(const fovea_bi_convolution *s) {
    return s->strideHeight == 1 && s->strideWidth == 1 && (s->kernelWidth == 3 || s->kernelWidth == 5) &&
           s->kernelHeight <= MAX_KERNEL_HEIGHT && s->filters <= 256;
}

// The outputs of a tile: 5, with more rounding and wider transforms, where the rows then take a tenth fewer products.
static size_t tile_outputs(const fovea_bi_convolution *s) {
    if (s->kernelWidth == 3) return 4;
    return 10 * 9 * ceiling(s->outWidth, 5) <= 9 * 8 * ceiling(s->outWidth, 4) ? 5 : 4;
}

// Whether columns are filtered, too, forward and to the data, which takes the registers of AVX-512.
static int filters_planes(const fovea_bi_convolution *s) {
    return fovea_batch_lanes(s->batch) == 16 && s->kernelHeight == s->kernelWidth;
}

static filtering filtering_of(const fovea_bi_convolution *s, fovea_bi_pass pass) {
    filtering p = {.shape = s, .isBackward = pass == FOVEA_BI_BACKWARD_DATA};
    p.lanes = fovea_batch_lanes(s->batch);
    p.groups = s->batch / (size_t)p.lanes;
    p.ins = p.isBackward ? s->filters : s->channels;
    p.outs = p.isBackward ? s->channels : s->filters;
    p.outHeight = p.isBackward ? s->height : s->outHeight;
    p.outputs = tile_outputs(s);
    p.filtersPlanes = pass != FOVEA_BI_BACKWARD_WEIGHTS && filters_planes(s);
    p.points = s->kernelWidth + p.outputs - 1;
    p.tiles = ceiling(s->outWidth, p.outputs);
    size_t row = p.points * p.tiles * (size_t)p.lanes;
    p.unitGroups = p.shares = 1;
    if (pass == FOVEA_BI_BACKWARD_WEIGHTS) {
        p.unitGroups = p.groups < MAX_UNIT_GROUPS(p.lanes) ? p.groups : MAX_UNIT_GROUPS(p.lanes);
        size_t most = CACHED_BYTES / sizeof(float) / (MAX_OUTS * p.tiles * (size_t)p.lanes);
        p.bands = ceiling(s->outHeight, most > 0 ? most : 1);
        p.bandFilters = (size_t)most_filters(p.lanes, s->kernelHeight);
        size_t height = ceiling(s->outHeight, p.bands);
        p.outSize = rounded(p.points * s->kernelHeight * s->channels * s->filters + s->filters) + 16;
        p.partSize = row * p.unitGroups * (s->channels * (height + s->kernelHeight - 1) + p.bandFilters * height) +
                     s->filters * (size_t)p.lanes + s->outWidth * s->batch;
    } else if (p.filtersPlanes) {
        size_t columnOutputs = (size_t)plane_outputs((int)s->kernelHeight);
        p.partSize = p.isBackward ? row * (columnOutputs * p.ins + PLANE_POINTS * p.outs)
                                  : row * (PLANE_POINTS * p.ins + columnOutputs * p.outs) + p.ins * PLANE_POINTS * (size_t)p.lanes;
    } else {
        p.partSize = row * (p.ins * s->kernelHeight + p.outs);
    }
    p.partSize = rounded(p.partSize);
    return p;
}

size_t fovea_bi_winograd_scratch(const fovea_bi_convolution *s, fovea_bi_pass pass) {
    return filtering_of(s, pass).partSize;
}

// The rows of outputs or the tiles of such, the images whose gradients are made, or the bands whose sums are.
static size_t units_of(const filtering *p) {
    if (p->bands) return ceiling(p->groups, p->unitGroups) * p->bands;
    if (!p->filtersPlanes) return p->groups * p->outHeight;
    return p->isBackward ? p->groups : p->groups * ceiling(p->outHeight, (size_t)plane_outputs((int)p->shape->kernelHeight));
}

static void filter_parts(void *context, size_t begin, size_t end) {
    const filtering *p = context;
    size_t units = units_of(p) * p->shares;
    for (size_t part = begin; part < end; part++) {
        size_t first = units * part / p->parts, last = units * (part + 1) / p->parts;
        float *scratch = p->scratch + part * p->partSize;
        if (p->bands)
            FOVEA_BY_LANES(p->lanes, sum_bands, p, first, last, scratch);
        else
            FOVEA_BY_LANES(p->lanes, filter, p, first, last, scratch);
    }
}

static void filter_all(filtering *p, size_t threads, float *scratch) {
    p->parts = fovea_batch_parts(p->shape, threads);
    // Who has a share of the filters, or channels, makes the transformed rows of the other factor anew.
    size_t blocks = p->bands ? ceiling(p->shape->filters, p->bandFilters) : ceiling(p->outs, PLANE_OUTS);
    if ((p->bands || (p->filtersPlanes && p->isBackward)) && units_of(p) < p->parts)
        p->shares = p->parts < blocks ? p->parts : blocks;
    p->scratch = scratch + scratch_slot() * p->partSize;
    fovea_parallel_for(p->parts, 1, filter_parts, p);
}

size_t fovea_bi_winograd_taps(const fovea_bi_convolution *s) {
    size_t rows = filters_planes(s) ? PLANE_POINTS : s->kernelHeight;
    return (s->kernelWidth + tile_outputs(s) - 1) * rows * s->channels * s->filters;
}

int fovea_bi_winograd_shares_taps(const fovea_bi_convolution *s) { return filters_planes(s); }

void fovea_bi_winograd_filter_taps(const fovea_bi_convolution *s, fovea_bi_pass pass, const float *weight, float *taps) {
    filtering p = filtering_of(s, pass);
    p.taps = taps;
    FOVEA_BY_LANES(p.lanes, filter_taps, &p, weight);
}

void fovea_bi_winograd_forward(const fovea_bi_convolution *s, size_t threads, const float *x, const float *taps,
                               const float *bias, fovea_activation activation, float *y, float *scratch) {
    filtering p = filtering_of(s, FOVEA_BI_FORWARD);
    p.source = x;
    p.taps = (float *)taps;
    p.bias = bias;
    p.activation = activation;
    p.out = y;
    filter_all(&p, threads, scratch);
}

void fovea_bi_winograd_backward_data(const fovea_bi_convolution *s, size_t threads, const float *dy, const float *taps,
                                     float *dx, float *scratch) {
    filtering p = filtering_of(s, FOVEA_BI_BACKWARD_DATA);
    p.source = dy;
    p.taps = (float *)taps;
    p.out = dx;
    filter_all(&p, threads, scratch);
}

size_t fovea_bi_winograd_sums(const fovea_bi_convolution *s) {
    filtering p = filtering_of(s, FOVEA_BI_BACKWARD_WEIGHTS);
    return units_of(&p) * p.outSize;
}

void fovea_bi_winograd_sum_weights(const fovea_bi_convolution *s, size_t threads, const float *x, const float *dy,
                                   const fovea_bi_pooled_gradient *pooled, int sumsBias, float *sums, float *scratch) {
    filtering p = filtering_of(s, FOVEA_BI_BACKWARD_WEIGHTS);
    p.source = x;
    p.dy = dy;
    p.pooled = pooled;
    p.sumsBias = sumsBias;
    p.sums = sums;
    filter_all(&p, threads, scratch);
}

typedef struct {
    const filtering *filtering;
    size_t units;  // of sums
    float *dweight;
} collection;

static void collect_range(void *context, size_t begin, size_t end) {
    const collection *c = context;
    FOVEA_BY_LANES(c->filtering->lanes, collect_gradients, c->filtering, c->units, c->dweight, begin, end);
}

void fovea_bi_winograd_collect_weights(const fovea_bi_convolution *s, size_t blocks, const float *sums, float *dweight,
                                       float *dbias) {
    filtering p = filtering_of(s, FOVEA_BI_BACKWARD_WEIGHTS);
    p.sums = (float *)sums;
    collection c = {&p, blocks * units_of(&p), dweight};
    size_t total = s->kernelHeight * s->channels * s->filters, vectors = ceiling(total, (size_t)p.lanes);
    size_t work = c.units * p.points * (size_t)p.lanes;
    fovea_parallel_for(vectors, FOVEA_GRAIN / (work + 1), collect_range, &c);
    if (!dbias) return;
    for (size_t k = 0; k < s->filters; k++) {
        dbias[k] = 0;
        for (size_t unit = 0; unit < c.units; unit++) dbias[k] += sums[unit * p.outSize + p.points * total + k];
    }
}
