#include "Winograd.h"
#include <stdatomic.h>
#include <string.h>
#include "VectorMath.h"

// The transforms evaluate polynomials at 0, A, -A, B, -B and infinity. With these two points, dyadic so that the numbers
// below are exact and about as far apart below as above 1, the rounding error is half of that with the usual 1 and 2
// (Documentation/Decisions/0013-winograd.md).
static const float A = 0.625f, AA = 0.390625f, B = 1.5f, BB = 2.25f;
static const float G0 = (float)(1 / (0.390625 * 2.25));
static const float GA = (float)(1 / (2 * 0.390625 * (0.390625 - 2.25)));
static const float GB = (float)(1 / (2 * 2.25 * (2.25 - 0.390625)));

typedef float aligned_float8 __attribute__((vector_size(32)));
typedef float aligned_float16 __attribute__((vector_size(64)));

// The first output of a tile.
typedef struct {
    size_t image;
    ptrdiff_t row, column;
} tile;

// What is the same for all rows and panels of a product.
typedef struct {
    size_t rows, depth, rowStride, depthStride, outStride;
    int adds;
} factors;

static size_t tile_extent(const fovea_winograd *p) { return 7 - p->taps; }

static size_t tile_columns(const fovea_winograd *p) {
    return (p->output.width + tile_extent(p) - 1) / tile_extent(p);
}

static size_t tile_rows(const fovea_winograd *p) { return (p->output.height + tile_extent(p) - 1) / tile_extent(p); }

static tile tile_at(const fovea_winograd *p, size_t index) {
    size_t columns = tile_columns(p), rows = tile_rows(p), extent = tile_extent(p);
    tile at = {index / (rows * columns), (ptrdiff_t)(index / columns % rows * extent),
               (ptrdiff_t)(index % columns * extent)};
    return at;
}

#define FOVEA_LANES_HEADER "WinogradLanes.h"
#include "BothWidths.h"

#if FOVEA_HAS_WIDE
#define FOVEA_BY_LANES(lanes, call, ...) (lanes == 16 ? fovea_##call##_16(__VA_ARGS__) : fovea_##call##_8(__VA_ARGS__))
#else
#define FOVEA_BY_LANES(lanes, call, ...) fovea_##call##_8(__VA_ARGS__)
#endif

size_t fovea_winograd_lanes(void) {
#if FOVEA_HAS_WIDE
    if (fovea_has_wide_vectors()) return 16;
#endif
    return 8;
}

static size_t panel_width(size_t lanes) { return lanes == 16 ? 64 : 16; }

size_t fovea_winograd_tiles(const fovea_winograd *p) { return p->count * tile_rows(p) * tile_columns(p); }

// The distance between the 36 elements of a tile: an odd number of cache lines, so that they do not fall into one set.
static size_t spread(size_t count) { return (count + 15) / 16 * 16 + ((count + 15) / 16 % 2 ? 0 : 16); }

size_t fovea_winograd_tap_count(size_t inputs, size_t outputs) { return 36 * spread(inputs * outputs); }

// As many tiles at a time as keep the transforms in the second-level cache, but so many that each transformed tap is
// used often enough while it is in a register.
static size_t tiles_at_once(const fovea_winograd *p) {
    size_t bytes = 36 * sizeof(float) * (p->input.channels + p->output.channels);
    size_t count = 256 * 1024 / bytes / 6 * 6;
    if (count < 24) count = 24;
    if (count > 96) count = 96;
    return count;
}

static size_t part_scratch(const fovea_winograd *p) {
    size_t count = tiles_at_once(p);
    return 36 * (spread(count * p->input.channels) + spread(count * p->output.channels));
}

size_t fovea_winograd_scratch(const fovea_winograd *p) { return p->parts * part_scratch(p) * sizeof(float); }

// The arguments of a convolution or of its gradient; of the latter `count` tiles from `first` on are worked on, and there
// is room for `tiles`.
typedef struct {
    const fovea_winograd *p;
    const float *x, *transformed, *bias, *residual, *dy;
    float *y, *scratch, *products, *dtaps;
    double *sums;
    int relu;
    size_t first, count, tiles;
} convolution;

static void convolve_parts(void *context, size_t begin, size_t end) {
    const convolution *k = context;
    const fovea_winograd *p = k->p;
    size_t inputs = p->input.channels, outputs = p->output.channels, total = fovea_winograd_tiles(p);
    size_t most = tiles_at_once(p), width = panel_width(p->lanes);
    size_t inputStride = spread(most * inputs), outputStride = spread(most * outputs);
    for (size_t part = begin; part < end; part++) {
        float *input = k->scratch + part * part_scratch(p), *output = input + 36 * inputStride;
        size_t last = total * (part + 1) / p->parts;
        for (size_t first = total * part / p->parts; first < last; first += most) {
            size_t count = last - first < most ? last - first : most;
            FOVEA_BY_LANES(p->lanes, transform_input, p, k->x, first, first + count, input, inputStride);
            factors f = {.rows = count, .depth = inputs, .rowStride = inputs, .depthStride = 1, .outStride = outputs};
            for (size_t e = 0; e < 36; e++)
                for (size_t column = 0; column < outputs; column += width) {
                    const float *taps = k->transformed + e * spread(inputs * outputs) + column * inputs;
                    size_t columns = outputs - column < width ? outputs - column : width;
                    FOVEA_BY_LANES(p->lanes, multiply, &f, input + e * inputStride, taps,
                                   output + e * outputStride + column, columns);
                }
            FOVEA_BY_LANES(p->lanes, transform_output, p, output, outputStride, first, first + count, k->bias,
                           k->residual, k->relu, k->y);
        }
    }
}

void fovea_winograd_convolve(const fovea_winograd *p, const float *x, const float *transformed, const float *bias,
                             const float *residual, int relu, float *y, void *scratch) {
    convolution k = {.p = p, .x = x, .transformed = transformed, .bias = bias, .residual = residual, .relu = relu,
                     .y = y, .scratch = scratch};
    fovea_parallel_for(p->parts, 0, convolve_parts, &k);
}

typedef struct {
    size_t lanes, count, inputs, outputs;
    int isBackward;
    const float *taps;
    float *transformed;
} transformation;

static void transform_rows(void *context, size_t begin, size_t end) {
    const transformation *k = context;
    FOVEA_BY_LANES(k->lanes, transform_taps, k->count, k->inputs, k->outputs, k->isBackward, k->taps, k->transformed,
                   spread(k->inputs * k->outputs), begin, end);
}

void fovea_winograd_transform(size_t lanes, size_t count, size_t inputs, size_t outputs, int isBackward, const float *taps,
                              float *transformed) {
    transformation k = {lanes, count, inputs, outputs, isBackward, taps, transformed};
    fovea_parallel_for(isBackward ? outputs : inputs, 0, transform_rows, &k);
    atomic_thread_fence(memory_order_seq_cst);  // stores past the cache are in no order with others
}

// As many tiles at a time as keep the transforms of both sides in the last cache.
static size_t gradient_tiles_at_once(const fovea_winograd *p) {
    size_t bytes = 36 * sizeof(float) * (p->input.channels + p->output.channels), total = fovea_winograd_tiles(p);
    size_t count = 3 * 1024 * 1024 / bytes;
    if (count < 64) count = 64;
    return count < total ? count : total;
}

// The transforms of both sides, with the sums of tiles, the transform of the gradient, and the sums of the shift's.
size_t fovea_winograd_gradient_scratch(const fovea_winograd *p) {
    size_t inputs = p->input.channels, outputs = p->output.channels, count = gradient_tiles_at_once(p);
    size_t transforms = 36 * spread(count * inputs) + 37 * spread(count * outputs);
    return (transforms + fovea_winograd_tap_count(inputs, outputs)) * sizeof(float) + outputs * sizeof(double);
}

static void transform_tiles(void *context, size_t begin, size_t end) {
    const convolution *k = context;
    const fovea_winograd *p = k->p;
    size_t inputs = p->input.channels, outputs = p->output.channels;
    size_t inputStride = spread(k->tiles * inputs), outputStride = spread(k->tiles * outputs);
    FOVEA_BY_LANES(p->lanes, transform_input, p, k->x, k->first + begin, k->first + end,
                   k->scratch + begin * inputs, inputStride);
    FOVEA_BY_LANES(p->lanes, transform_gradient, p, k->dy, k->first, k->first + begin, k->first + end, k->count,
                   k->scratch + 36 * inputStride, outputStride);
}

static void multiply_panels(void *context, size_t begin, size_t end) {
    const convolution *k = context;
    const fovea_winograd *p = k->p;
    size_t inputs = p->input.channels, outputs = p->output.channels, width = panel_width(p->lanes);
    size_t inputStride = spread(k->tiles * inputs), outputStride = spread(k->tiles * outputs);
    size_t panels = (outputs + width - 1) / width;
    factors f = {.rows = inputs, .depth = k->count, .rowStride = 1, .depthStride = inputs, .outStride = outputs,
                 .adds = k->first > 0};
    for (size_t unit = begin; unit < end; unit++) {
        size_t e = unit / panels, column = unit % panels * width;
        size_t columns = outputs - column < width ? outputs - column : width;
        const float *gradient = k->scratch + 36 * inputStride + e * outputStride + column * k->count;
        if (e == 36) {
            FOVEA_BY_LANES(p->lanes, add_rows, gradient, k->count, columns, k->sums + column);
            continue;
        }
        FOVEA_BY_LANES(p->lanes, multiply, &f, k->scratch + e * inputStride, gradient,
                       k->products + e * spread(inputs * outputs) + column, columns);
    }
}

static void reduce_rows(void *context, size_t begin, size_t end) {
    const convolution *k = context;
    const fovea_winograd *p = k->p;
    FOVEA_BY_LANES(p->lanes, transform_taps_gradient, p->taps, p->input.channels, p->output.channels, k->products,
                   spread(p->input.channels * p->output.channels), k->dtaps, begin, end);
}

void fovea_winograd_gradient(const fovea_winograd *p, const float *x, const float *dy, float *dtaps, float *dbias,
                             void *scratch) {
    size_t total = fovea_winograd_tiles(p), most = gradient_tiles_at_once(p), width = panel_width(p->lanes);
    size_t inputs = p->input.channels, outputs = p->output.channels, panels = (outputs + width - 1) / width;
    convolution k = {.p = p, .x = x, .dy = dy, .dtaps = dtaps, .scratch = scratch, .tiles = most};
    k.products = k.scratch + 36 * spread(most * inputs) + 37 * spread(most * outputs);
    k.sums = (double *)(k.products + fovea_winograd_tap_count(inputs, outputs));
    memset(k.sums, 0, outputs * sizeof *k.sums);
    for (; k.first < total; k.first += most) {
        k.count = total - k.first < most ? total - k.first : most;
        fovea_parallel_for(k.count, 0, transform_tiles, &k);
        fovea_parallel_for((dbias ? 37 : 36) * panels, 0, multiply_panels, &k);
    }
    fovea_parallel_for(inputs, 0, reduce_rows, &k);
    if (dbias)
        for (size_t o = 0; o < outputs; o++) dbias[o] = (float)k.sums[o];
}
