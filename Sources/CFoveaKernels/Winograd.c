#include "Winograd.h"
#include <stdatomic.h>
#include <string.h>
#include "WinogradPoints.h"

// The points that an axis of `taps` is transformed to, and the outputs of a tile along it. An axis of one tap is left
// as it is.
FOVEA_INLINE int axis_points(const int taps) { return taps == 1 ? 1 : taps == 7 ? 8 : 6; }
FOVEA_INLINE int axis_outputs(const int taps) { return axis_points(taps) - taps + 1; }

// The first output of a tile.
typedef struct {
    size_t image;
    ptrdiff_t row, column;
} tile;

// Some channels.
typedef struct {
    size_t first, count;
} span;

// What is added to the outputs, and whether negative ones are replaced by zero.
typedef struct {
    const float *bias;
    const void *residual;
    int relu;
} addends;

// What is the same for all rows and panels of a product.
typedef struct {
    size_t rows, depth, rowStride, depthStride, outStride;
    int adds;
} factors;

// The products that a tile takes for each pair of channels.
static size_t elements(fovea_taps taps) { return (size_t)(axis_points((int)taps.rows) * axis_points((int)taps.columns)); }

static size_t tile_columns(const fovea_winograd *p) {
    size_t width = (size_t)axis_outputs((int)p->taps.columns);
    return (p->output.width + width - 1) / width;
}

static size_t tile_rows(const fovea_winograd *p) {
    size_t height = (size_t)axis_outputs((int)p->taps.rows);
    return (p->output.height + height - 1) / height;
}

static tile tile_at(const fovea_winograd *p, size_t index) {
    size_t columns = tile_columns(p), rows = tile_rows(p);
    tile at = {index / (rows * columns), (ptrdiff_t)(index / columns % rows) * axis_outputs((int)p->taps.rows),
               (ptrdiff_t)(index % columns) * axis_outputs((int)p->taps.columns)};
    return at;
}

// Whether groups share vectors.
static int is_small(size_t columns, size_t groups, size_t lanes) { return columns / groups % lanes != 0; }

// The columns that are cut into panels for themselves: those of a group, or a vector that groups share.
static size_t panelled_width(size_t columns, size_t groups, size_t lanes) {
    return is_small(columns, groups, lanes) ? lanes : columns / groups;
}

#define FOVEA_LANES_HEADER "WinogradLanes.h"
#include "BothWidths.h"

#if FOVEA_HAS_WIDE
#define FOVEA_BY_IMAGES(images, lanes, call, ...) \
    (images.isBFloat16 ? fovea_##call##_bfloat16_16(__VA_ARGS__) : FOVEA_BY_LANES(lanes, call, __VA_ARGS__))
#else
#define FOVEA_BY_IMAGES(images, lanes, call, ...) FOVEA_BY_LANES(lanes, call, __VA_ARGS__)
#endif

static size_t panel_width(size_t lanes) { return lanes == 16 ? 64 : 16; }

size_t fovea_winograd_tiles(const fovea_winograd *p) { return p->count * tile_rows(p) * tile_columns(p); }

// The distance between the elements of a tile: an odd number of cache lines, so that they do not fall into one set.
static size_t spread(size_t count) { return (count + 15) / 16 * 16 + ((count + 15) / 16 % 2 ? 0 : 16); }

// The floats of one element of the transforms of all taps.
static size_t tap_plane(const fovea_winograd *p) { return spread(p->input.channels / p->groups * p->output.channels); }

size_t fovea_winograd_tap_count(const fovea_winograd_taps *p) {
    return elements(p->taps) * spread(p->inputs / p->groups * p->outputs);
}

// Outputs that depend on no other inputs than these: a group, or a vector of groups.
typedef struct {
    span inputs, outputs;
} chunk;

static size_t chunk_count(const fovea_winograd *p) {
    return p->output.channels / panelled_width(p->output.channels, p->groups, p->lanes);
}

static chunk chunk_at(const fovea_winograd *p, size_t index) {
    size_t inputs = p->input.channels / chunk_count(p), outputs = p->output.channels / chunk_count(p);
    chunk at = {{index * inputs, inputs}, {index * outputs, outputs}};
    return at;
}

// The products of a panel of columns: of a chunk's input with taps, or, to get the gradient of these, with gradients of outputs.
static void multiply(const fovea_winograd *p, const factors *f, int isGradient, const float *a, const float *b, float *out,
                     size_t columns) {
    if (!is_small(p->output.channels, p->groups, p->lanes))
        FOVEA_BY_LANES(p->lanes, multiply, f, a, b, out, columns);
    else if (isGradient)
        FOVEA_BY_LANES(p->lanes, multiply_small_gradient, f, a, b, out, columns);
    else
        FOVEA_BY_LANES(p->lanes, multiply_small, f, a, b, out, columns);
}

// As many tiles at a time as keep the transforms of a chunk in the second-level cache, but so many that each transformed
// tap is used often enough while it is in a register, and more if it comes from memory each time; of groups that share
// vectors in the first, for there are few taps.
static size_t tiles_at_once(const fovea_winograd *p) {
    if (is_small(p->output.channels, p->groups, p->lanes)) return 6;
    size_t floats = elements(p->taps) * (p->input.channels + p->output.channels) / chunk_count(p);
    size_t count = 64 * 1024 / floats / 6 * 6;
    size_t least = elements(p->taps) * tap_plane(p) < 4 * 1024 * 1024 ? 24 : 48;
    if (count < least) count = least;
    if (count > 96) count = 96;
    return count;
}

static size_t part_scratch(const fovea_winograd *p) {
    chunk any = chunk_at(p, 0);
    size_t count = tiles_at_once(p);
    return elements(p->taps) * spread(count * any.inputs.count) +
           (elements(p->taps) + 1) * spread(count * any.outputs.count);
}

size_t fovea_winograd_scratch(const fovea_winograd *p) { return p->parts * part_scratch(p) * sizeof(float); }

// The arguments of a convolution or of its gradient; of the latter `count` tiles from `first` on are worked on, and there
// is room for `tiles`.
typedef struct {
    const fovea_winograd *p;
    const void *x, *dy;
    const float *transformed;
    addends added;
    void *y;
    float *scratch, *products, *dtaps;
    double *sums;
    size_t first, count, tiles;
} convolution;

static void convolve_tiles(const convolution *k, chunk at, size_t first, size_t last, float *scratch) {
    const fovea_winograd *p = k->p;
    size_t most = tiles_at_once(p), width = panel_width(p->lanes), depth = p->input.channels / p->groups;
    size_t inputStride = spread(most * at.inputs.count), outputStride = spread(most * at.outputs.count);
    float *input = scratch, *output = scratch + elements(p->taps) * inputStride;
    FOVEA_BY_IMAGES(p->input, p->lanes, transform_input, p, k->x, at.inputs, first, last, input, inputStride);
    factors f = {.rows = last - first, .depth = depth, .rowStride = at.inputs.count, .depthStride = 1,
                 .outStride = at.outputs.count};
    for (size_t e = 0; e < elements(p->taps); e++)
        for (size_t column = 0; column < at.outputs.count; column += width) {
            size_t columns = at.outputs.count - column < width ? at.outputs.count - column : width;
            multiply(p, &f, 0, input + e * inputStride,
                     k->transformed + e * tap_plane(p) + (at.outputs.first + column) * depth,
                     output + e * outputStride + column, columns);
        }
    FOVEA_BY_IMAGES(p->output, p->lanes, transform_output, p, output, outputStride, at.outputs, first, last, &k->added,
                    k->y);
}

static void convolve_parts(void *context, size_t begin, size_t end) {
    const convolution *k = context;
    const fovea_winograd *p = k->p;
    size_t total = fovea_winograd_tiles(p), most = tiles_at_once(p);
    for (size_t part = begin; part < end; part++) {
        size_t last = total * (part + 1) / p->parts;
        for (size_t first = total * part / p->parts; first < last; first += most)
            for (size_t index = 0; index < chunk_count(p); index++)
                convolve_tiles(k, chunk_at(p, index), first, last - first < most ? last : first + most,
                               k->scratch + part * part_scratch(p));
    }
}

void fovea_winograd_convolve(const fovea_winograd *p, const void *x, const float *transformed, const float *bias,
                             const void *residual, int relu, void *y, void *scratch) {
    convolution k = {.p = p, .x = x, .transformed = transformed, .added = {bias, residual, relu}, .y = y,
                     .scratch = scratch};
    fovea_parallel_for(p->parts, 0, convolve_parts, &k);
}

typedef struct {
    const fovea_winograd_taps *p;
    int isBackward;
    const float *taps;
    float *transformed;
} transformation;

static void transform_rows(void *context, size_t begin, size_t end) {
    const transformation *k = context;
    FOVEA_BY_LANES(k->p->lanes, transform_taps, k->p, k->isBackward, k->taps, k->transformed,
                   fovea_winograd_tap_count(k->p) / elements(k->p->taps), begin, end);
}

void fovea_winograd_transform(const fovea_winograd_taps *p, int isBackward, const float *taps, float *transformed) {
    transformation k = {p, isBackward, taps, transformed};
    size_t depth = (isBackward ? p->outputs : p->inputs) / p->groups;
    fovea_parallel_for(depth, 0, transform_rows, &k);
    atomic_thread_fence(memory_order_seq_cst);  // stores past the cache are in no order with others
}

// As many tiles at a time as keep the transforms of both sides in the last cache.
static size_t gradient_tiles_at_once(const fovea_winograd *p) {
    size_t floats = elements(p->taps) * (p->input.channels + p->output.channels), total = fovea_winograd_tiles(p);
    size_t count = 768 * 1024 / floats;
    if (count < 64) count = 64;
    return count < total ? count : total;
}

// The transforms of both sides, with the sums of tiles.
static size_t gradient_transforms(const fovea_winograd *p) {
    if (p->groups > 1) return p->parts * part_scratch(p);
    size_t count = gradient_tiles_at_once(p);
    return elements(p->taps) * spread(count * p->input.channels) +
           (elements(p->taps) + 1) * spread(count * p->output.channels);
}

// The transforms, the transform of the gradient, and the sums of the bias's.
size_t fovea_winograd_gradient_scratch(const fovea_winograd *p) {
    return (gradient_transforms(p) + elements(p->taps) * tap_plane(p)) * sizeof(float) +
           p->output.channels * sizeof(double);
}

// The panel of a chunk that begins at `column`: its part of element `e` of the products of the transforms of `count`
// tiles, or, after the last element, of the sums.
static void multiply_panel(const convolution *k, chunk at, size_t column, size_t e, const float *input,
                           const float *gradient, size_t count, int adds) {
    const fovea_winograd *p = k->p;
    size_t width = panel_width(p->lanes), first = at.outputs.first + column;
    size_t columns = at.outputs.count - column < width ? at.outputs.count - column : width;
    factors f = {.rows = p->input.channels / p->groups, .depth = count, .rowStride = 1,
                 .depthStride = at.inputs.count, .outStride = p->output.channels, .adds = adds};
    if (e == elements(p->taps))
        FOVEA_BY_LANES(p->lanes, add_rows, gradient + column * count, count, columns, k->sums + first);
    else
        multiply(p, &f, 1, input, gradient + column * count, k->products + e * tap_plane(p) + first, columns);
}

// All channels: the threads share the tiles, and then the panels of each element.

static void transform_tiles(void *context, size_t begin, size_t end) {
    const convolution *k = context;
    const fovea_winograd *p = k->p;
    chunk at = chunk_at(p, 0);
    size_t inputStride = spread(k->tiles * at.inputs.count), outputStride = spread(k->tiles * at.outputs.count);
    FOVEA_BY_IMAGES(p->input, p->lanes, transform_input, p, k->x, at.inputs, k->first + begin, k->first + end,
                    k->scratch + begin * at.inputs.count, inputStride);
    FOVEA_BY_IMAGES(p->output, p->lanes, transform_gradient, p, k->dy, at.outputs, k->first, k->first + begin,
                    k->first + end, k->count, k->scratch + elements(p->taps) * inputStride, outputStride);
}

static void multiply_panels(void *context, size_t begin, size_t end) {
    const convolution *k = context;
    const fovea_winograd *p = k->p;
    chunk at = chunk_at(p, 0);
    size_t inputStride = spread(k->tiles * at.inputs.count), outputStride = spread(k->tiles * at.outputs.count);
    size_t width = panel_width(p->lanes), panels = (at.outputs.count + width - 1) / width;
    for (size_t unit = begin; unit < end; unit++) {
        size_t e = unit / panels;
        multiply_panel(k, at, unit % panels * width, e, k->scratch + e * inputStride,
                       k->scratch + elements(p->taps) * inputStride + e * outputStride, k->count, k->first > 0);
    }
}

// Groups: the threads share the chunks, and each goes through all tiles.
static void differentiate_parts(void *context, size_t begin, size_t end) {
    const convolution *k = context;
    const fovea_winograd *p = k->p;
    size_t total = fovea_winograd_tiles(p), most = tiles_at_once(p), width = panel_width(p->lanes);
    for (size_t part = begin; part < end; part++) {
        size_t firstChunk = chunk_count(p) * part / p->parts, lastChunk = chunk_count(p) * (part + 1) / p->parts;
        for (size_t first = 0; first < total; first += most)
            for (size_t index = firstChunk; index < lastChunk; index++) {
                chunk at = chunk_at(p, index);
                size_t count = total - first < most ? total - first : most;
                size_t inputStride = spread(most * at.inputs.count), outputStride = spread(most * at.outputs.count);
                float *input = k->scratch + part * part_scratch(p), *gradient = input + elements(p->taps) * inputStride;
                FOVEA_BY_IMAGES(p->input, p->lanes, transform_input, p, k->x, at.inputs, first, first + count, input,
                                inputStride);
                FOVEA_BY_IMAGES(p->output, p->lanes, transform_gradient, p, k->dy, at.outputs, first, first,
                                first + count, count, gradient, outputStride);
                for (size_t e = 0; e < elements(p->taps) + (k->sums != NULL); e++)
                    for (size_t column = 0; column < at.outputs.count; column += width)
                        multiply_panel(k, at, column, e, input + e * inputStride, gradient + e * outputStride, count,
                                       first > 0);
            }
    }
}

static void reduce_rows(void *context, size_t begin, size_t end) {
    const convolution *k = context;
    const fovea_winograd *p = k->p;
    size_t outputs = p->output.channels;
    FOVEA_BY_LANES(p->lanes, transform_taps_gradient, p->taps, p->input.channels / p->groups * outputs, k->products,
                   tap_plane(p), k->dtaps, begin * outputs, end * outputs);
}

void fovea_winograd_gradient(const fovea_winograd *p, const void *x, const void *dy, float *dtaps, float *dbias,
                             void *scratch) {
    size_t total = fovea_winograd_tiles(p), width = panel_width(p->lanes), outputs = p->output.channels;
    convolution k = {.p = p, .x = x, .dy = dy, .dtaps = dtaps, .scratch = scratch};
    k.products = k.scratch + gradient_transforms(p);
    if (dbias) k.sums = (double *)(k.products + elements(p->taps) * tap_plane(p));
    if (dbias) memset(k.sums, 0, outputs * sizeof *k.sums);
    if (p->groups > 1) {
        fovea_parallel_for(p->parts, 0, differentiate_parts, &k);
    } else {
        k.tiles = gradient_tiles_at_once(p);
        for (; k.first < total; k.first += k.tiles) {
            k.count = total - k.first < k.tiles ? total - k.first : k.tiles;
            fovea_parallel_for(k.count, 0, transform_tiles, &k);
            fovea_parallel_for((elements(p->taps) + (dbias != NULL)) * ((outputs + width - 1) / width), 0,
                               multiply_panels, &k);
        }
    }
    fovea_parallel_for(p->input.channels / p->groups, 0, reduce_rows, &k);
    if (dbias)
        for (size_t o = 0; o < outputs; o++) dbias[o] = (float)k.sums[o];
}
