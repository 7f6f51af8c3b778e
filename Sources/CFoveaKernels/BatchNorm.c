#include "BatchNorm.h"
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "VectorMath.h"

// Numbers of each channel: what is taken away, what that is multiplied with, what is added; and of gradients the mean
// and the slope against `x - center`, which are taken away.
enum { CENTER, FACTOR, SHIFT, MEAN, SLOPE, ARRAY_COUNT };

enum {
    // As many terms as are added in float before the sum goes into a double: few enough that the error is that of the
    // terms' own rounding.
    SUMMED = 8,
    // The pixels that a vector of each array is loaded for where nothing is summed.
    MAPPED = 4,
    // The channels of a piece at most: their sums stay in the first-level cache.
    PIECE_CHANNELS = 1024,
    // From this many channels on, a few pixels lie too far apart to be worked on side by side as fast as one after the
    // other, and from as many with four images at once (Documentation/Decisions/0008-batch-norm.md).
    LEAST_IN_ORDER = 128,
    LEAST_IN_ORDER_OF_FOUR = 64,
    // The vector that a row of one channel is cut into.
    ROW_LANES = 16,
    // The pixels from which a first guess of the mean is made.
    SAMPLES = 8,
    MOST_PARTS = 64,
};

typedef struct {
    size_t first, last;
} range;

typedef struct piece piece;
typedef struct context context;
typedef void (*pass_function)(const context *, const piece *);

// What is read and written for each element. `Y` is what the function gives, or the output of a ReLU that a gradient
// needs to know; `RESIDUAL` is what is added to the result, a gradient, too, and `ADDEND` what is to `DY` before anything else.
enum { X, Y, RESIDUAL, DY, ADDEND, PASSED, DX, IMAGE_COUNT };

// Images or vectors, pixels and parts the given distances apart in bytes.
typedef struct {
    char *start;
    size_t pixel, part;
} image;

// Pixels of each of which `count` channels are worked on. The arrays begin at the first of these, the images there at
// the first pixel, with the pixels `apart`.
struct piece {
    size_t pixels, count;
    char *starts[IMAGE_COUNT];
    size_t apart[IMAGE_COUNT];
    const float *arrays[ARRAY_COUNT];
    double *sum, *product;
};

struct context {
    const fovea_batch_norm *norm;
    image images[IMAGE_COUNT];
    const float *scale, *shift;
    float *mean, *variance, *dscale, *dshift;
    int relu, streams;
    int hasRows;  // whether the pixels of a channel lie side by side
    fovea_pass pass;
    size_t width;  // the length of an array, whole vectors
    size_t parts;  // the number of parts of the pixels that have sums of their own
    float *arrays[ARRAY_COUNT];
    double *sums;  // [parts, 2, width]
    void (*job)(const context *, range blocks);
    int isWhole;  // whether the job is done for all blocks at once, the threads sharing the parts
};

// What is added up with its products: `x - center`, or gradients, of those that pass a ReLU (see `fovea_pass`).
typedef enum { VALUES, GRADIENTS, GRADIENTS_NORMALIZED, GRADIENTS_OUTPUT, SUMS_OUTPUT } summed;

#define FOVEA_LANES_HEADER "BatchNormLanes.h"
#include "BothWidths.h"

#if FOVEA_HAS_WIDE
#define LANES 16
#define FOVEA_TARGET FOVEA_WIDE_BFLOAT16
#define STORES_BFLOAT16
#include "BatchNormLanes.h"
#undef LANES
#undef FOVEA_TARGET
#undef STORES_BFLOAT16

#define FOVEA_BY_WIDTH(name)                                     \
    static void name(const context *k, const piece *p) {         \
        if (k->norm->isBFloat16)                                 \
            fovea_##name##_bfloat16(k, p);                       \
        else if (p->count % 16 == 0 && fovea_has_wide_vectors()) \
            fovea_##name##_16(k, p);                             \
        else                                                     \
            fovea_##name##_8(k, p);                              \
    }
#else
#define FOVEA_BY_WIDTH(name) \
    static void name(const context *k, const piece *p) { fovea_##name##_8(k, p); }
#endif

FOVEA_BY_WIDTH(sum)
FOVEA_BY_WIDTH(normalize)
FOVEA_BY_WIDTH(gradient_sum)
FOVEA_BY_WIDTH(gradient)

static size_t pixel_count(const fovea_batch_norm *norm) { return norm->outer * norm->inner; }

static size_t array_width(const fovea_batch_norm *norm) {
    return (norm->blocks * norm->lanes + ROW_LANES - 1) / ROW_LANES * ROW_LANES;
}

// From the sizes alone, so that sums do not depend on the number of threads. A part has enough pixels of a block that
// its sums are little beside them.
static size_t part_count(const fovea_batch_norm *norm) {
    size_t pixels = pixel_count(norm), elements = pixels * norm->blocks * norm->lanes;
    size_t least = norm->lanes < 128 ? 8192 / norm->lanes : 64, parts = pixels / least;
    if (parts > elements / FOVEA_GRAIN) parts = elements / FOVEA_GRAIN;
    if (parts > MOST_PARTS) parts = MOST_PARTS;
    return parts < 4 ? 1 : parts / 4 * 4;
}

size_t fovea_batch_norm_scratch(const fovea_batch_norm *norm) {
    return array_width(norm) * (ARRAY_COUNT * sizeof(float) + part_count(norm) * 2 * sizeof(double));
}

static context make_context(const fovea_batch_norm *norm, void *scratch) {
    context k = {.norm = norm, .width = array_width(norm), .parts = part_count(norm), .sums = scratch};
    k.hasRows = norm->lanes == 1;
    float *arrays = (float *)(k.sums + k.parts * 2 * k.width);
    memset(arrays, 0, ARRAY_COUNT * k.width * sizeof(float));
    for (size_t a = 0; a < ARRAY_COUNT; a++) k.arrays[a] = arrays + a * k.width;
    return k;
}

static size_t element_size(const context *k) { return k->norm->isBFloat16 ? sizeof(uint16_t) : sizeof(float); }

static void set_image(context *k, int number, const void *start, fovea_distances distances) {
    const fovea_batch_norm *n = k->norm;
    size_t pixel = distances.pixel ? distances.pixel : n->lanes;
    size_t part = distances.part ? distances.part : n->blocks * n->inner * n->lanes;
    k->images[number] = (image){(char *)start, pixel * element_size(k), part * element_size(k)};
    if (start && pixel != 1) k->hasRows = 0;
}

static const fovea_distances dense = {0, 0};

static double *sum_of(const context *k, size_t part) { return k->sums + part * 2 * k->width; }

// Lets the images of a piece begin at a pixel and at a channel's place among those of the pixel.
static void begin(const context *k, piece *p, size_t part, size_t pixel, size_t place) {
    for (int i = 0; i < IMAGE_COUNT; i++) {
        const image *all = &k->images[i];
        if (all->start)
            p->starts[i] = all->start + part * all->part + pixel * all->pixel + place * element_size(k);
    }
}

// A row of `count` pixels of one channel, as pixels of ROW_LANES channels that are all this one.
static void visit_row(const context *k, pass_function step, piece *p, size_t count, size_t channel, double *sums) {
    float numbers[ARRAY_COUNT][ROW_LANES];
    double sum[ROW_LANES] = {0}, product[ROW_LANES] = {0};
    for (size_t a = 0; a < ARRAY_COUNT; a++) {
        for (size_t i = 0; i < ROW_LANES; i++) numbers[a][i] = k->arrays[a][channel];
        p->arrays[a] = numbers[a];
    }
    p->sum = sum;
    p->product = product;
    p->pixels = count / ROW_LANES;
    p->count = ROW_LANES;
    step(k, p);
    for (int i = 0; i < IMAGE_COUNT; i++)
        if (p->starts[i]) p->starts[i] += p->pixels * p->apart[i];
    p->pixels = 1;
    p->count = count % ROW_LANES;
    if (p->count) step(k, p);
    if (!sums) return;
    for (size_t i = 0; i < ROW_LANES; i++) {
        sums[channel] += sum[i];
        sums[k->width + channel] += product[i];
    }
}

// Calls the pass for some pixels of some blocks.
static void visit(const context *k, pass_function step, range pixels, range blocks, double *sums) {
    const fovea_batch_norm *n = k->norm;
    piece p = {.pixels = 0};
    for (int i = 0; i < IMAGE_COUNT; i++) p.apart[i] = k->images[i].pixel * (k->hasRows ? ROW_LANES : 1);
    while (pixels.first < pixels.last) {
        size_t outer = pixels.first / n->inner, inner = pixels.first % n->inner;
        size_t count = n->inner - inner, rest = pixels.last - pixels.first;
        if (count > rest) count = rest;
        for (size_t b = blocks.first; b < blocks.last; b++) {
            if (k->hasRows) {
                begin(k, &p, outer, inner, b * n->inner);
                visit_row(k, step, &p, count, b, sums);
                continue;
            }
            p.pixels = count;
            for (size_t lane = 0; lane < n->lanes; lane += PIECE_CHANNELS) {
                size_t channel = b * n->lanes + lane, lanes = n->lanes - lane;
                begin(k, &p, outer, inner, b * n->inner * n->lanes + lane);
                p.count = lanes < PIECE_CHANNELS ? lanes : PIECE_CHANNELS;
                for (size_t a = 0; a < ARRAY_COUNT; a++) p.arrays[a] = k->arrays[a] + channel;
                if (sums) {
                    p.sum = sums + channel;
                    p.product = sums + k->width + channel;
                }
                step(k, &p);
            }
        }
        pixels.first += count;
    }
}

// How a pass goes over memory: adding up from the front, and then back from the end, which is in the cache.
typedef enum { ADDING, ONWARD, BACK } direction;

// A pass over all pixels of some blocks.
typedef struct {
    const context *k;
    pass_function step;
    range blocks;
    direction direction;
} whole_pass;

static void visit_parts(void *pointer, size_t first, size_t last) {
    const whole_pass *w = pointer;
    const context *k = w->k;
    size_t pixels = pixel_count(k->norm), lanes = k->norm->lanes, start = w->blocks.first * lanes;
    for (size_t i = first; i < last; i++) {
        size_t part = w->direction == BACK ? last - 1 - (i - first) : i;
        double *sums = w->direction == ADDING ? sum_of(k, part) : NULL;
        for (size_t array = 0; sums && array < 2; array++)
            memset(sums + array * k->width + start, 0, (w->blocks.last * lanes - start) * sizeof(double));
        range some = {pixels * part / k->parts, pixels * (part + 1) / k->parts};
        visit(k, w->step, some, w->blocks, sums);
    }
    // What went past the cache is there for other threads only after this.
    if (k->streams) __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void run(const context *k, pass_function step, range blocks, direction direction) {
    whole_pass w = {k, step, blocks, direction};
    if (k->isWhole)
        fovea_parallel_for(k->parts, 1, visit_parts, &w);
    else
        visit_parts(&w, 0, k->parts);
    for (size_t part = 1; direction == ADDING && part < k->parts; part++)
        for (size_t i = blocks.first * k->norm->lanes; i < blocks.last * k->norm->lanes; i++) {
            k->sums[i] += sum_of(k, part)[i];
            k->sums[k->width + i] += sum_of(k, part)[k->width + i];
        }
}

static void do_blocks(void *pointer, size_t first, size_t last) {
    const context *k = pointer;
    for (size_t b = first; b < last; b++) k->job(k, (range){b, b + 1});
}

// Block by block, each still in the cache when it is visited again, where there are enough of them for all threads;
// else all at once. The sums are the same to the bit.
static void run_job(context *k, void (*job)(const context *, range)) {
    size_t blocks = k->norm->blocks, threads = (size_t)fovea_threads();
    size_t elements = pixel_count(k->norm) * blocks * k->norm->lanes;
    k->job = job;
    k->isWhole = blocks < 2 * threads;
    if (k->isWhole)
        job(k, (range){0, blocks});
    else
        fovea_parallel_for(blocks, elements < FOVEA_GRAIN ? blocks : 1, do_blocks, k);
}

// The channels of some blocks, without padding.
static range channels_of(const context *k, range blocks) {
    range r = {blocks.first * k->norm->lanes, blocks.last * k->norm->lanes};
    if (r.last > k->norm->channels) r.last = k->norm->channels;
    return r;
}

static float element(const fovea_batch_norm *norm, const void *image, size_t index) {
    if (!norm->isBFloat16) return ((const float *)image)[index];
    uint32_t word = (uint32_t)((const uint16_t *)image)[index] << 16;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

// A first guess of the means, from pixels all over the batch. Some of the values are part of it, so that the sum of
// squares around it is at most `count / SAMPLES + 1` times that around the mean, and mostly near that: taking away the
// difference then costs no digits.
static void guess_means(const context *k, range blocks) {
    const fovea_batch_norm *n = k->norm;
    size_t pixels = pixel_count(n), samples = pixels < SAMPLES ? pixels : SAMPLES;
    for (size_t s = 0; s < samples; s++) {
        size_t pixel = pixels * s / samples, outer = pixel / n->inner, inner = pixel % n->inner;
        for (size_t b = blocks.first; b < blocks.last; b++) {
            image all = k->images[X];
            const char *x =
                all.start + outer * all.part + inner * all.pixel + b * n->inner * n->lanes * element_size(k);
            float *guess = k->arrays[CENTER] + b * n->lanes;
            for (size_t lane = 0; lane < n->lanes; lane++) guess[lane] += element(n, x, lane) / (float)samples;
        }
    }
}

static double inverse_deviation(const context *k, size_t c) {
    return 1 / sqrt((double)k->variance[c] + (double)k->norm->epsilon);
}

// From the statistics as they are stored, so that every function finds the same numbers.
static void prepare(const context *k, range channels) {
    for (size_t c = channels.first; c < channels.last; c++) {
        k->arrays[CENTER][c] = k->mean[c];
        k->arrays[FACTOR][c] = (float)(k->scale[c] * inverse_deviation(k, c));
        if (k->shift) k->arrays[SHIFT][c] = k->shift[c];
    }
}

static void apply_job(const context *k, range blocks) {
    prepare(k, channels_of(k, blocks));
    run(k, normalize, blocks, ONWARD);
}

static void forward_job(const context *k, range blocks) {
    range channels = channels_of(k, blocks);
    double count = (double)pixel_count(k->norm);
    guess_means(k, blocks);
    run(k, sum, blocks, ADDING);
    for (size_t c = channels.first; c < channels.last; c++) {
        double difference = k->sums[c] / count;
        double variance = k->sums[k->width + c] / count - difference * difference;
        k->mean[c] = (float)(k->arrays[CENTER][c] + difference);
        k->variance[c] = variance < 0 ? 0 : (float)variance;
    }
    prepare(k, channels);
    run(k, normalize, blocks, BACK);
}

static void backward_job(const context *k, range blocks) {
    range channels = channels_of(k, blocks);
    double count = (double)pixel_count(k->norm);
    prepare(k, channels);
    run(k, gradient_sum, blocks, ADDING);
    for (size_t c = channels.first; c < channels.last; c++) {
        double inverse = inverse_deviation(k, c), product = k->sums[k->width + c];
        k->dshift[c] = (float)k->sums[c];
        k->dscale[c] = (float)(product * inverse);
        k->arrays[MEAN][c] = (float)(k->sums[c] / count);
        k->arrays[SLOPE][c] = (float)(product * inverse * inverse / count);
    }
    run(k, gradient, blocks, BACK);
}

void fovea_batch_norm_forward(const fovea_batch_norm *norm, const void *x, const float *scale, const float *shift,
                              const void *residual, int relu, void *y, float *mean, float *variance, void *scratch) {
    context k = make_context(norm, scratch);
    set_image(&k, X, x, norm->x);
    set_image(&k, RESIDUAL, residual, norm->residual);
    set_image(&k, Y, y, norm->y);
    k.scale = scale;
    k.shift = shift;
    k.relu = relu;
    k.mean = mean;
    k.variance = variance;
    run_job(&k, forward_job);
}

void fovea_batch_norm_apply(const fovea_batch_norm *norm, const void *x, const float *scale, const float *shift,
                            const float *mean, const float *variance, const void *residual, int relu, int streams,
                            void *y, void *scratch) {
    context k = make_context(norm, scratch);
    set_image(&k, X, x, norm->x);
    set_image(&k, RESIDUAL, residual, norm->residual);
    set_image(&k, Y, y, norm->y);
    k.scale = scale;
    k.shift = shift;
    k.relu = relu;
    k.mean = (float *)mean;
    k.variance = (float *)variance;
    // Only where every vector is aligned, whatever its width.
    const image *to = &k.images[Y];
    k.streams = streams && !norm->isBFloat16 && (to->pixel % 64 == 0 || (norm->lanes == 8 && to->pixel == 32)) &&
                to->part % 64 == 0 && (uintptr_t)y % 64 == 0;
    run_job(&k, apply_job);
}

void fovea_batch_norm_backward(const fovea_batch_norm *norm, fovea_pass pass, const void *x, const float *scale,
                               const float *shift, const float *mean, const float *variance, const void *output,
                               const void *dy, const void *addend, void *passed, const void *residual, void *dx,
                               float *dscale, float *dshift, void *scratch) {
    context k = make_context(norm, scratch);
    set_image(&k, X, x, norm->x);
    set_image(&k, Y, output, norm->y);
    set_image(&k, DY, dy, norm->dy);
    set_image(&k, ADDEND, addend, dense);
    set_image(&k, PASSED, passed, passed == dy ? norm->dy : dense);
    set_image(&k, RESIDUAL, residual, norm->residual);
    set_image(&k, DX, dx, norm->dx);
    k.pass = pass;
    k.scale = scale;
    k.shift = shift;
    k.mean = (float *)mean;
    k.variance = (float *)variance;
    k.dscale = dscale;
    k.dshift = dshift;
    run_job(&k, backward_job);
}
