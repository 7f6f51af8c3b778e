#include "GroupNorm.h"
#include <math.h>
#include <string.h>
#include "Internal.h"

// Arrays of [channels] for each sample.
enum { CENTER, FACTOR, FIRST_SUM, SECOND_SUM, ARRAY_COUNT };

typedef struct {
    const fovea_group_norm *norm;
    const float *x, *scale, *shift, *dy;
    float *mean, *variance, *y, *dx, *dscale, *dshift, *scratch;
    size_t groupChannels;  // the channels of a group
    size_t partGroups;     // the groups of a part of a sample
    size_t parts;          // the parts of a sample
} context;

// A part of a sample: channels `begin ..< end`, whole groups.
typedef struct {
    size_t sample, firstGroup, lastGroup, begin, end;
    float *arrays[ARRAY_COUNT];
} part;

size_t fovea_group_norm_scratch(const fovea_group_norm *norm) { return ARRAY_COUNT * norm->batch * norm->channels; }

static part find_part(const context *c, size_t index) {
    const fovea_group_norm *norm = c->norm;
    part p = {.sample = index / c->parts, .firstGroup = index % c->parts * c->partGroups};
    p.lastGroup = p.firstGroup + c->partGroups < norm->groups ? p.firstGroup + c->partGroups : norm->groups;
    p.begin = p.firstGroup * c->groupChannels;
    p.end = p.lastGroup * c->groupChannels;
    for (size_t k = 0; k < ARRAY_COUNT; k++)
        p.arrays[k] = c->scratch + (p.sample * ARRAY_COUNT + k) * norm->channels;
    return p;
}

// The loops over `count` channels of one or several pixels. Sums are made of four pixels at a time: fewer roundings and
// fewer passes over the sums.

FOVEA_CLONES static void add_pixels(size_t pixels, size_t stride, size_t count, const float *restrict x,
                                    float *restrict sum) {
    size_t p = 0;
    for (; p + 4 <= pixels; p += 4, x += 4 * stride)
        for (size_t c = 0; c < count; c++)
            sum[c] += (x[c] + x[c + stride]) + (x[c + 2 * stride] + x[c + 3 * stride]);
    for (; p < pixels; p++, x += stride)
        for (size_t c = 0; c < count; c++) sum[c] += x[c];
}

FOVEA_CLONES static void add_squares(size_t pixels, size_t stride, size_t count, const float *restrict x,
                                     const float *restrict center, float *restrict sum) {
    size_t p = 0;
    for (; p + 4 <= pixels; p += 4, x += 4 * stride)
        for (size_t c = 0; c < count; c++) {
            float a = x[c] - center[c], b = x[c + stride] - center[c], d = x[c + 2 * stride] - center[c],
                  e = x[c + 3 * stride] - center[c];
            sum[c] += (a * a + b * b) + (d * d + e * e);
        }
    for (; p < pixels; p++, x += stride)
        for (size_t c = 0; c < count; c++) sum[c] += (x[c] - center[c]) * (x[c] - center[c]);
}

FOVEA_CLONES static void normalize(size_t count, const float *x, const float *center, const float *factor, float *y) {
#pragma clang loop vectorize(assume_safety)
    for (size_t c = 0; c < count; c++) y[c] = (x[c] - center[c]) * factor[c];
}

FOVEA_CLONES static void normalize_affine(size_t count, const float *x, const float *center, const float *factor,
                                          const float *scale, const float *shift, float *y) {
#pragma clang loop vectorize(assume_safety)
    for (size_t c = 0; c < count; c++) y[c] = (x[c] - center[c]) * factor[c] * scale[c] + shift[c];
}

// sum += dy, product += dy * (x - center).
FOVEA_CLONES static void add_gradients(size_t pixels, size_t stride, size_t count, const float *restrict x,
                                       const float *restrict dy, const float *restrict center, float *restrict sum,
                                       float *restrict product) {
    size_t p = 0;
    for (; p + 4 <= pixels; p += 4, x += 4 * stride, dy += 4 * stride)
        for (size_t c = 0; c < count; c++) {
            size_t second = c + stride, third = second + stride, fourth = third + stride;
            sum[c] += (dy[c] + dy[second]) + (dy[third] + dy[fourth]);
            product[c] += (dy[c] * (x[c] - center[c]) + dy[second] * (x[second] - center[c])) +
                          (dy[third] * (x[third] - center[c]) + dy[fourth] * (x[fourth] - center[c]));
        }
    for (; p < pixels; p++, x += stride, dy += stride)
        for (size_t c = 0; c < count; c++) {
            sum[c] += dy[c];
            product[c] += dy[c] * (x[c] - center[c]);
        }
}

// The same for the product of the gradient and a scale of each element.
FOVEA_CLONES static void add_scaled_gradients(size_t pixels, size_t stride, size_t count, const float *restrict x,
                                              const float *restrict dy, const float *restrict scale,
                                              const float *restrict center, float *restrict sum,
                                              float *restrict product) {
    for (size_t p = 0; p < pixels; p++, x += stride, dy += stride, scale += stride)
        for (size_t c = 0; c < count; c++) {
            float d = dy[c] * scale[c];
            sum[c] += d;
            product[c] += d * (x[c] - center[c]);
        }
}

// dx = factor * (dy * scale - mean - (x - center) * slope), of one pixel; `scale` may be null.
FOVEA_CLONES static void input_gradient(size_t count, const float *x, const float *dy, const float *scale,
                                        const float *center, const float *factor, const float *mean,
                                        const float *slope, float *dx) {
    if (scale) {
#pragma clang loop vectorize(assume_safety)
        for (size_t c = 0; c < count; c++)
            dx[c] = factor[c] * (dy[c] * scale[c] - mean[c] - (x[c] - center[c]) * slope[c]);
    } else {
#pragma clang loop vectorize(assume_safety)
        for (size_t c = 0; c < count; c++)
            dx[c] = factor[c] * (dy[c] - mean[c] - (x[c] - center[c]) * slope[c]);
    }
}

FOVEA_CLONES static void add_parameter_gradients(size_t count, const float *restrict x, const float *restrict dy,
                                                 const float *restrict center, const float *restrict factor,
                                                 float *restrict dscale, float *restrict dshift) {
    for (size_t c = 0; c < count; c++) {
        dscale[c] += dy[c] * (x[c] - center[c]) * factor[c];
        dshift[c] += dy[c];
    }
}

// The sum of one array over the channels of a group, each times a factor if there are any.
static double group_sum(const float *sums, const float *factors, size_t begin, size_t end) {
    double total = 0;
    for (size_t c = begin; c < end; c++) total += factors ? (double)sums[c] * factors[c] : sums[c];
    return total;
}

static void fill(float *array, size_t begin, size_t end, float value) {
    for (size_t c = begin; c < end; c++) array[c] = value;
}

static void forward_range(void *pointer, size_t first, size_t last) {
    const context *c = pointer;
    const fovea_group_norm *norm = c->norm;
    size_t stride = norm->channels, pixels = norm->pixels;
    for (size_t index = first; index < last; index++) {
        part p = find_part(c, index);
        size_t count = p.end - p.begin;
        const float *x = c->x + p.sample * pixels * stride + p.begin;
        float *center = p.arrays[CENTER], *factor = p.arrays[FACTOR], *sums = p.arrays[FIRST_SUM];
        double size = (double)(c->groupChannels * pixels);
        fill(sums, p.begin, p.end, 0);
        add_pixels(pixels, stride, count, x, sums + p.begin);
        for (size_t g = p.firstGroup; g < p.lastGroup; g++) {
            size_t begin = g * c->groupChannels, end = begin + c->groupChannels;
            float mean = (float)(group_sum(sums, NULL, begin, end) / size);
            c->mean[p.sample * norm->groups + g] = mean;
            fill(center, begin, end, mean);
        }
        fill(sums, p.begin, p.end, 0);
        add_squares(pixels, stride, count, x, center + p.begin, sums + p.begin);
        for (size_t g = p.firstGroup; g < p.lastGroup; g++) {
            size_t begin = g * c->groupChannels, end = begin + c->groupChannels;
            float variance = (float)(group_sum(sums, NULL, begin, end) / size);
            c->variance[p.sample * norm->groups + g] = variance;
            fill(factor, begin, end, 1 / sqrtf(variance + norm->epsilon));
        }
        float *y = c->y + p.sample * pixels * stride + p.begin;
        size_t step = norm->affine == FOVEA_AFFINE_ELEMENT ? stride : 0;
        for (size_t i = 0; i < pixels; i++, x += stride, y += stride)
            if (norm->affine == FOVEA_AFFINE_NONE)
                normalize(count, x, center + p.begin, factor + p.begin, y);
            else
                normalize_affine(count, x, center + p.begin, factor + p.begin, c->scale + i * step + p.begin,
                                 c->shift + i * step + p.begin, y);
    }
}

// The sums over the pixels of each channel of the gradient and of its product with `x - center`, times the scale where
// each element has its own.
static void sum_range(void *pointer, size_t first, size_t last) {
    const context *c = pointer;
    const fovea_group_norm *norm = c->norm;
    size_t stride = norm->channels, pixels = norm->pixels;
    for (size_t index = first; index < last; index++) {
        part p = find_part(c, index);
        float *center = p.arrays[CENTER], *sum = p.arrays[FIRST_SUM], *product = p.arrays[SECOND_SUM];
        for (size_t g = p.firstGroup; g < p.lastGroup; g++) {
            size_t begin = g * c->groupChannels, end = begin + c->groupChannels, s = p.sample * norm->groups + g;
            fill(center, begin, end, c->mean[s]);
            fill(p.arrays[FACTOR], begin, end, 1 / sqrtf(c->variance[s] + norm->epsilon));
        }
        fill(sum, p.begin, p.end, 0);
        fill(product, p.begin, p.end, 0);
        size_t offset = p.sample * pixels * stride + p.begin, count = p.end - p.begin;
        center += p.begin;
        sum += p.begin;
        product += p.begin;
        if (norm->affine == FOVEA_AFFINE_ELEMENT)
            add_scaled_gradients(pixels, stride, count, c->x + offset, c->dy + offset, c->scale + p.begin, center, sum,
                                 product);
        else
            add_gradients(pixels, stride, count, c->x + offset, c->dy + offset, center, sum, product);
    }
}

static void input_gradient_range(void *pointer, size_t first, size_t last) {
    const context *c = pointer;
    const fovea_group_norm *norm = c->norm;
    size_t stride = norm->channels, pixels = norm->pixels;
    double size = (double)(c->groupChannels * pixels);
    for (size_t index = first; index < last; index++) {
        part p = find_part(c, index);
        const float *factor = p.arrays[FACTOR];
        float *mean = p.arrays[FIRST_SUM], *slope = p.arrays[SECOND_SUM];
        const float *factors = norm->affine == FOVEA_AFFINE_CHANNEL ? c->scale : NULL;
        for (size_t g = p.firstGroup; g < p.lastGroup; g++) {
            size_t begin = g * c->groupChannels, end = begin + c->groupChannels;
            float square = factor[begin] * factor[begin];
            float m = (float)(group_sum(mean, factors, begin, end) / size);
            float s = (float)(group_sum(slope, factors, begin, end) / size) * square;
            fill(mean, begin, end, m);
            fill(slope, begin, end, s);
        }
        size_t step = norm->affine == FOVEA_AFFINE_ELEMENT ? stride : 0;
        for (size_t i = 0; i < pixels; i++) {
            size_t offset = (p.sample * pixels + i) * stride + p.begin;
            const float *scale = norm->affine == FOVEA_AFFINE_NONE ? NULL : c->scale + i * step + p.begin;
            input_gradient(p.end - p.begin, c->x + offset, c->dy + offset, scale, p.arrays[CENTER] + p.begin,
                           factor + p.begin, mean + p.begin, slope + p.begin, c->dx + offset);
        }
    }
}

// The gradients of a scale and a shift for each element, of the pixels `first ..< last`.
static void element_parameters_range(void *pointer, size_t first, size_t last) {
    const context *c = pointer;
    size_t stride = c->norm->channels, pixels = c->norm->pixels;
    memset(c->dscale + first * stride, 0, (last - first) * stride * sizeof(float));
    memset(c->dshift + first * stride, 0, (last - first) * stride * sizeof(float));
    for (size_t n = 0; n < c->norm->batch; n++) {
        const float *center = c->scratch + (n * ARRAY_COUNT + CENTER) * stride;
        const float *factor = c->scratch + (n * ARRAY_COUNT + FACTOR) * stride;
        for (size_t i = first; i < last; i++) {
            size_t offset = (n * pixels + i) * stride;
            add_parameter_gradients(stride, c->x + offset, c->dy + offset, center, factor, c->dscale + i * stride,
                                    c->dshift + i * stride);
        }
    }
}

static void channel_parameters(const context *c) {
    size_t channels = c->norm->channels;
    memset(c->dscale, 0, channels * sizeof(float));
    memset(c->dshift, 0, channels * sizeof(float));
    for (size_t n = 0; n < c->norm->batch; n++) {
        const float *arrays = c->scratch + n * ARRAY_COUNT * channels;
        for (size_t k = 0; k < channels; k++) {
            c->dscale[k] += arrays[SECOND_SUM * channels + k] * arrays[FACTOR * channels + k];
            c->dshift[k] += arrays[FIRST_SUM * channels + k];
        }
    }
}

static context make_context(const fovea_group_norm *norm) {
    context c = {.norm = norm, .groupChannels = norm->channels / norm->groups};
    // Whole samples where every thread gets one, since memory is read in order then; else parts of at least 32
    // channels, so that vectors are filled. Every sum is of a channel or of a whole group: the parts change no bit.
    c.partGroups = norm->batch >= (size_t)fovea_threads() ? norm->groups : (31 + c.groupChannels) / c.groupChannels;
    c.parts = (norm->groups + c.partGroups - 1) / c.partGroups;
    return c;
}

static void run(context *c, size_t count, void (*body)(void *, size_t, size_t)) {
    size_t elements = c->norm->batch * c->norm->pixels * c->norm->channels;
    fovea_parallel_for(count, elements < FOVEA_GRAIN ? count : 1, body, c);
}

void fovea_group_norm_forward(const fovea_group_norm *norm, const float *x, const float *scale, const float *shift,
                              float *y, float *mean, float *variance, float *scratch) {
    context c = make_context(norm);
    c.x = x;
    c.scale = scale;
    c.shift = shift;
    c.y = y;
    c.mean = mean;
    c.variance = variance;
    c.scratch = scratch;
    run(&c, norm->batch * c.parts, forward_range);
}

void fovea_group_norm_backward(const fovea_group_norm *norm, const float *x, const float *scale, const float *mean,
                               const float *variance, const float *dy, float *dx, float *dscale, float *dshift,
                               float *scratch) {
    context c = make_context(norm);
    c.x = x;
    c.scale = scale;
    c.mean = (float *)mean;
    c.variance = (float *)variance;
    c.dy = dy;
    c.dx = dx;
    c.dscale = dscale;
    c.dshift = dshift;
    c.scratch = scratch;
    run(&c, norm->batch * c.parts, sum_range);
    // Before `dx`, which may take the place of `dy`.
    if (norm->affine == FOVEA_AFFINE_CHANNEL) channel_parameters(&c);
    if (norm->affine == FOVEA_AFFINE_ELEMENT) run(&c, norm->pixels, element_parameters_range);
    run(&c, norm->batch * c.parts, input_gradient_range);
}
