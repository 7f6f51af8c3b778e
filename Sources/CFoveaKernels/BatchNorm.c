#include "BatchNorm.h"
#include <math.h>
#include <string.h>
#include "VectorMath.h"

typedef double fovea_double8 __attribute__((vector_size(64), aligned(8), may_alias));
typedef double fovea_double16 __attribute__((vector_size(128), aligned(8), may_alias));

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
    PIECE_CHANNELS = 512,
    // The vector that a row of one channel is cut into.
    ROW_LANES = 16,
    // The pixels from which a first guess of the mean is made.
    SAMPLES = 8,
    MOST_PARTS = 64,
};

typedef struct piece piece;
typedef struct context context;
typedef void (*pass_function)(const context *, const piece *);

// Pixels `stride` apart, of each of which `count` channels beginning at `offset` are worked on; the arrays begin at the
// first of these.
struct piece {
    size_t offset, pixels, stride, count;
    const float *arrays[ARRAY_COUNT];
    double *sum, *product;
};

struct context {
    const fovea_batch_norm *norm;
    const float *x, *residual, *output, *dy;
    float *y, *passed, *dx;
    int relu;
    fovea_pass pass;
    size_t width;  // the length of an array, whole vectors
    size_t parts;  // the number of parts of the pixels that have sums of their own
    float *arrays[ARRAY_COUNT];
    double *sums;  // [parts, 2, width]
    pass_function step;
    int isSummed;
};

#define LANES 8
#define FOVEA_TARGET FOVEA_CLONES
#include "BatchNormLanes.h"
#undef LANES
#undef FOVEA_TARGET

#if FOVEA_HAS_WIDE
#define LANES 16
#define FOVEA_TARGET FOVEA_WIDE
#include "BatchNormLanes.h"
#undef LANES
#undef FOVEA_TARGET
#define FOVEA_BY_WIDTH(name)                                    \
    static void name(const context *k, const piece *p) {        \
        if (p->count % 16 == 0 && fovea_has_wide_vectors())     \
            fovea_##name##_16(k, p);                            \
        else                                                    \
            fovea_##name##_8(k, p);                             \
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

// From the sizes alone, so that sums do not depend on the number of threads. A part has enough pixels that the sums are
// little beside them.
static size_t part_count(const fovea_batch_norm *norm) {
    size_t pixels = pixel_count(norm), elements = pixels * norm->blocks * norm->lanes;
    size_t parts = elements / FOVEA_GRAIN < pixels / 64 ? elements / FOVEA_GRAIN : pixels / 64;
    if (parts > MOST_PARTS) parts = MOST_PARTS;
    return parts < 4 ? 1 : parts / 4 * 4;
}

size_t fovea_batch_norm_scratch(const fovea_batch_norm *norm) {
    return array_width(norm) * (ARRAY_COUNT * sizeof(float) + part_count(norm) * 2 * sizeof(double));
}

static context make_context(const fovea_batch_norm *norm, const float *x, void *scratch) {
    context k = {.norm = norm, .x = x, .width = array_width(norm), .parts = part_count(norm), .sums = scratch};
    float *arrays = (float *)(k.sums + k.parts * 2 * k.width);
    memset(arrays, 0, ARRAY_COUNT * k.width * sizeof(float));
    for (size_t a = 0; a < ARRAY_COUNT; a++) k.arrays[a] = arrays + a * k.width;
    return k;
}

static double *sum_of(const context *k, size_t part) { return k->sums + part * 2 * k->width; }

// A row of `count` pixels of one channel, as pixels of ROW_LANES channels that are all this one.
static void visit_row(const context *k, size_t offset, size_t count, size_t channel, double *sums) {
    float numbers[ARRAY_COUNT][ROW_LANES];
    double sum[ROW_LANES] = {0}, product[ROW_LANES] = {0};
    piece p = {.offset = offset, .pixels = count / ROW_LANES, .stride = ROW_LANES, .count = ROW_LANES};
    p.sum = sum;
    p.product = product;
    for (size_t a = 0; a < ARRAY_COUNT; a++) {
        for (size_t i = 0; i < ROW_LANES; i++) numbers[a][i] = k->arrays[a][channel];
        p.arrays[a] = numbers[a];
    }
    k->step(k, &p);
    p.offset += p.pixels * ROW_LANES;
    p.pixels = 1;
    p.count = count % ROW_LANES;
    if (p.count) k->step(k, &p);
    if (!sums) return;
    for (size_t i = 0; i < ROW_LANES; i++) {
        sums[channel] += sum[i];
        sums[k->width + channel] += product[i];
    }
}

// Calls the pass for the pixels `begin ..< end`.
static void visit(const context *k, size_t begin, size_t end, double *sums) {
    const fovea_batch_norm *n = k->norm;
    while (begin < end) {
        size_t outer = begin / n->inner, inner = begin % n->inner;
        size_t pixels = n->inner - inner < end - begin ? n->inner - inner : end - begin;
        for (size_t b = 0; b < n->blocks; b++) {
            size_t offset = ((outer * n->blocks + b) * n->inner + inner) * n->lanes;
            if (n->lanes == 1) {
                visit_row(k, offset, pixels, b, sums);
                continue;
            }
            for (size_t lane = 0; lane < n->lanes; lane += PIECE_CHANNELS) {
                size_t channel = b * n->lanes + lane, rest = n->lanes - lane;
                piece p = {.offset = offset + lane, .pixels = pixels, .stride = n->lanes};
                p.count = rest < PIECE_CHANNELS ? rest : PIECE_CHANNELS;
                for (size_t a = 0; a < ARRAY_COUNT; a++) p.arrays[a] = k->arrays[a] + channel;
                if (sums) {
                    p.sum = sums + channel;
                    p.product = sums + k->width + channel;
                }
                k->step(k, &p);
            }
        }
        begin += pixels;
    }
}

// Passes that add up go over memory from the front, the others after them from the back, where it is in the cache.
static void visit_parts(void *pointer, size_t first, size_t last) {
    const context *k = pointer;
    size_t pixels = pixel_count(k->norm);
    for (size_t i = first; i < last; i++) {
        size_t part = k->isSummed ? i : last - 1 - (i - first);
        double *sums = k->isSummed ? sum_of(k, part) : NULL;
        if (sums) memset(sums, 0, 2 * k->width * sizeof(double));
        visit(k, pixels * part / k->parts, pixels * (part + 1) / k->parts, sums);
    }
}

static void run(context *k, pass_function step, int isSummed) {
    k->step = step;
    k->isSummed = isSummed;
    fovea_parallel_for(k->parts, 1, visit_parts, k);
    if (!isSummed) return;
    for (size_t part = 1; part < k->parts; part++)
        for (size_t i = 0; i < 2 * k->width; i++) k->sums[i] += sum_of(k, part)[i];
}

// A first guess of the means, from pixels all over the batch. Some of the values are part of it, so that the sum of
// squares around it is at most `count / SAMPLES + 1` times that around the mean, and mostly near that: taking away the
// difference then costs no digits.
static void guess_means(context *k) {
    const fovea_batch_norm *n = k->norm;
    size_t pixels = pixel_count(n), samples = pixels < SAMPLES ? pixels : SAMPLES;
    for (size_t s = 0; s < samples; s++) {
        size_t pixel = pixels * s / samples, outer = pixel / n->inner, inner = pixel % n->inner;
        for (size_t b = 0; b < n->blocks; b++) {
            const float *x = k->x + ((outer * n->blocks + b) * n->inner + inner) * n->lanes;
            float *guess = k->arrays[CENTER] + b * n->lanes;
            for (size_t lane = 0; lane < n->lanes; lane++) guess[lane] += x[lane] / (float)samples;
        }
    }
}

static double inverse_deviation(const context *k, const float *variance, size_t c) {
    return 1 / sqrt((double)variance[c] + (double)k->norm->epsilon);
}

// From the statistics as they are stored, so that every function finds the same numbers.
static void prepare(context *k, const float *scale, const float *shift, const float *mean, const float *variance) {
    for (size_t c = 0; c < k->norm->channels; c++) {
        k->arrays[CENTER][c] = mean[c];
        k->arrays[FACTOR][c] = (float)(scale[c] * inverse_deviation(k, variance, c));
        if (shift) k->arrays[SHIFT][c] = shift[c];
    }
}

void fovea_batch_norm_forward(const fovea_batch_norm *norm, const float *x, const float *scale, const float *shift,
                              const float *residual, int relu, float *y, float *mean, float *variance,
                              void *scratch) {
    context k = make_context(norm, x, scratch);
    k.residual = residual;
    k.relu = relu;
    k.y = y;
    guess_means(&k);
    run(&k, sum, 1);
    double count = (double)pixel_count(norm);
    for (size_t c = 0; c < norm->channels; c++) {
        double difference = k.sums[c] / count, square = k.sums[k.width + c] / count - difference * difference;
        mean[c] = (float)(k.arrays[CENTER][c] + difference);
        variance[c] = square < 0 ? 0 : (float)square;
    }
    prepare(&k, scale, shift, mean, variance);
    run(&k, normalize, 0);
}

void fovea_batch_norm_apply(const fovea_batch_norm *norm, const float *x, const float *scale, const float *shift,
                            const float *mean, const float *variance, const float *residual, int relu, float *y,
                            void *scratch) {
    context k = make_context(norm, x, scratch);
    k.residual = residual;
    k.relu = relu;
    k.y = y;
    prepare(&k, scale, shift, mean, variance);
    run(&k, normalize, 0);
}

void fovea_batch_norm_backward(const fovea_batch_norm *norm, fovea_pass pass, const float *x, const float *scale,
                               const float *shift, const float *mean, const float *variance, const float *output,
                               const float *dy, float *passed, float *dx, float *dscale, float *dshift,
                               void *scratch) {
    context k = make_context(norm, x, scratch);
    k.pass = pass;
    k.output = output;
    k.dy = dy;
    k.passed = passed;
    k.dx = dx;
    prepare(&k, scale, shift, mean, variance);
    run(&k, gradient_sum, 1);
    double count = (double)pixel_count(norm);
    for (size_t c = 0; c < norm->channels; c++) {
        double inverse = inverse_deviation(&k, variance, c), product = k.sums[k.width + c];
        dshift[c] = (float)k.sums[c];
        dscale[c] = (float)(product * inverse);
        k.arrays[MEAN][c] = (float)(k.sums[c] / count);
        k.arrays[SLOPE][c] = (float)(product * inverse * inverse / count);
    }
    run(&k, gradient, 0);
}
