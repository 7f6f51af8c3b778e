#include <math.h>
#include "BatchInnermostReach.h"

typedef struct {
    const fovea_bi_pooling *shape;
    const float *x;
    float *out;
    uint8_t *index;
    const uint8_t *indexRead;
    int countPadding;
} pooling;

typedef struct {
    fovea_reach rows, columns;
    ptrdiff_t plane;
} place;

// A unit of work is a pixel of a plane, in their order in memory.
FOVEA_INLINE place place_of_output(const fovea_bi_pooling *s, size_t unit) {
    size_t j = unit % s->outWidth, i = unit / s->outWidth % s->outHeight;
    place w;
    w.plane = (ptrdiff_t)(unit / s->outWidth / s->outHeight);
    w.rows = fovea_reach_of_output((ptrdiff_t)i, (ptrdiff_t)s->strideHeight, (ptrdiff_t)s->padTop,
                                   (ptrdiff_t)s->windowHeight, (ptrdiff_t)s->height);
    w.columns = fovea_reach_of_output((ptrdiff_t)j, (ptrdiff_t)s->strideWidth, (ptrdiff_t)s->padLeft,
                                      (ptrdiff_t)s->windowWidth, (ptrdiff_t)s->width);
    return w;
}

FOVEA_INLINE place place_of_input(const fovea_bi_pooling *s, size_t unit) {
    size_t j = unit % s->width, i = unit / s->width % s->height;
    place w;
    w.plane = (ptrdiff_t)(unit / s->width / s->height);
    w.rows = fovea_reach_of_input((ptrdiff_t)i, (ptrdiff_t)s->strideHeight, (ptrdiff_t)s->padTop,
                                  (ptrdiff_t)s->windowHeight, (ptrdiff_t)s->outHeight);
    w.columns = fovea_reach_of_input((ptrdiff_t)j, (ptrdiff_t)s->strideWidth, (ptrdiff_t)s->padLeft,
                                     (ptrdiff_t)s->windowWidth, (ptrdiff_t)s->outWidth);
    return w;
}

static size_t grain(const fovea_bi_pooling *s) { return FOVEA_GRAIN / s->batch; }

FOVEA_CLONES static void average_range(void *pointer, size_t begin, size_t end) {
    const pooling *p = pointer;
    const fovea_bi_pooling *s = p->shape;
    ptrdiff_t batch = (ptrdiff_t)s->batch, row = (ptrdiff_t)s->width * batch;
    for (size_t unit = begin; unit < end; unit++) {
        place w = place_of_output(s, unit);
        ptrdiff_t count = w.rows.count * w.columns.count;
        const float *x = p->x;
        if (count > 0)
            x += ((w.plane * (ptrdiff_t)s->height + w.rows.source) * (ptrdiff_t)s->width + w.columns.source) * batch;
        float *y = p->out + (ptrdiff_t)unit * batch;
        float divisor = (float)(p->countPadding ? (ptrdiff_t)(s->windowHeight * s->windowWidth) : count);
        float factor = count > 0 ? 1 / divisor : 0;
        for (ptrdiff_t n = 0; n < batch; n += 8) {
            fovea_float8 sum = {0};
            for (ptrdiff_t u = 0; u < w.rows.count; u++)
                for (ptrdiff_t v = 0; v < w.columns.count; v++)
                    sum = sum + *(const fovea_float8 *)(x + u * row + v * batch + n);
            *(fovea_float8 *)(y + n) = sum * factor;
        }
    }
}

void fovea_bi_average_pool(const fovea_bi_pooling *s, int countPadding, const float *x, float *y) {
    pooling p = {.shape = s, .x = x, .out = y, .countPadding = countPadding};
    fovea_parallel_for(s->channels * s->outHeight * s->outWidth, grain(s), average_range, &p);
}

// The factor of the window of an output: the image's share of it is not the same at the borders.
FOVEA_INLINE float average_factor(const fovea_bi_pooling *s, int countPadding, ptrdiff_t i, ptrdiff_t j) {
    if (countPadding) return 1 / (float)(s->windowHeight * s->windowWidth);
    place w = place_of_output(s, (size_t)(i * (ptrdiff_t)s->outWidth + j));
    return 1 / (float)(w.rows.count * w.columns.count);
}

FOVEA_CLONES static void average_gradient_range(void *pointer, size_t begin, size_t end) {
    const pooling *p = pointer;
    const fovea_bi_pooling *s = p->shape;
    ptrdiff_t batch = (ptrdiff_t)s->batch;
    for (size_t unit = begin; unit < end; unit++) {
        place w = place_of_input(s, unit);
        float *dx = p->out + (ptrdiff_t)unit * batch;
        for (ptrdiff_t n = 0; n < batch; n++) dx[n] = 0;
        for (ptrdiff_t u = 0; u < w.rows.count; u++) {
            for (ptrdiff_t v = 0; v < w.columns.count; v++) {
                ptrdiff_t i = w.rows.source - u, j = w.columns.source - v;
                float factor = average_factor(s, p->countPadding, i, j);
                const float *dy =
                    p->x + ((w.plane * (ptrdiff_t)s->outHeight + i) * (ptrdiff_t)s->outWidth + j) * batch;
                for (ptrdiff_t n = 0; n < batch; n += 8)
                    *(fovea_float8 *)(dx + n) =
                        *(fovea_float8 *)(dx + n) + *(const fovea_float8 *)(dy + n) * factor;
            }
        }
    }
}

void fovea_bi_average_pool_gradient(const fovea_bi_pooling *s, int countPadding, const float *dy, float *dx) {
    pooling p = {.shape = s, .x = dy, .out = dx, .countPadding = countPadding};
    fovea_parallel_for(s->channels * s->height * s->width, grain(s), average_gradient_range, &p);
}

typedef uint8_t bytes8 __attribute__((vector_size(8), aligned(1), may_alias));

FOVEA_CLONES static void max_range(void *pointer, size_t begin, size_t end) {
    const pooling *p = pointer;
    const fovea_bi_pooling *s = p->shape;
    ptrdiff_t batch = (ptrdiff_t)s->batch, row = (ptrdiff_t)s->width * batch;
    for (size_t unit = begin; unit < end; unit++) {
        place w = place_of_output(s, unit);
        int isEmpty = w.rows.count <= 0 || w.columns.count <= 0;
        const float *x = p->x;
        if (!isEmpty)
            x += ((w.plane * (ptrdiff_t)s->height + w.rows.source) * (ptrdiff_t)s->width + w.columns.source) * batch;
        float *y = p->out + (ptrdiff_t)unit * batch;
        uint32_t first = isEmpty ? 0 : (uint32_t)(w.rows.tap * (ptrdiff_t)s->windowWidth + w.columns.tap);
        for (ptrdiff_t n = 0; n < batch; n += 8) {
            fovea_float8 best = (fovea_float8){0} - INFINITY;
            fovea_word8 index = (fovea_word8){0} + first;
            for (ptrdiff_t u = 0; u < w.rows.count; u++) {
                for (ptrdiff_t v = 0; v < w.columns.count; v++) {
                    fovea_float8 value = *(const fovea_float8 *)(x + u * row + v * batch + n);
                    // larger, or the first NaN
                    fovea_word8 better =
                        (fovea_word8)(value > best) | ((fovea_word8)(value != value) & (fovea_word8)(best == best));
                    fovea_word8 tap = (fovea_word8){0} + (first + (uint32_t)(u * (ptrdiff_t)s->windowWidth + v));
                    best = (fovea_float8)((better & (fovea_word8)value) | (~better & (fovea_word8)best));
                    index = (better & tap) | (~better & index);
                }
            }
            *(fovea_float8 *)(y + n) = best;
            if (p->index)
                *(bytes8 *)(p->index + (ptrdiff_t)unit * batch + n) = __builtin_convertvector(index, bytes8);
        }
    }
}

void fovea_bi_max_pool(const fovea_bi_pooling *s, const float *x, float *y, uint8_t *index) {
    pooling p = {.shape = s, .x = x, .out = y, .index = index};
    fovea_parallel_for(s->channels * s->outHeight * s->outWidth, grain(s), max_range, &p);
}

FOVEA_CLONES static void max_gradient_range(void *pointer, size_t begin, size_t end) {
    const pooling *p = pointer;
    const fovea_bi_pooling *s = p->shape;
    ptrdiff_t batch = (ptrdiff_t)s->batch, width = (ptrdiff_t)s->windowWidth;
    for (size_t unit = begin; unit < end; unit++) {
        place w = place_of_input(s, unit);
        float *dx = p->out + (ptrdiff_t)unit * batch;
        for (ptrdiff_t n = 0; n < batch; n++) dx[n] = 0;
        for (ptrdiff_t u = 0; u < w.rows.count; u++) {
            for (ptrdiff_t v = 0; v < w.columns.count; v++) {
                ptrdiff_t i = w.rows.source - u, j = w.columns.source - v;
                ptrdiff_t tap = (w.rows.tap + u * (ptrdiff_t)s->strideHeight) * width + w.columns.tap +
                                v * (ptrdiff_t)s->strideWidth;
                ptrdiff_t out = ((w.plane * (ptrdiff_t)s->outHeight + i) * (ptrdiff_t)s->outWidth + j) * batch;
                const float *dy = p->x + out;
                const uint8_t *index = p->indexRead + out;
                for (ptrdiff_t n = 0; n < batch; n += 8) {
                    fovea_word8 place = __builtin_convertvector(*(const bytes8 *)(index + n), fovea_word8);
                    fovea_word8 chosen = (fovea_word8)(place == (fovea_word8){0} + (uint32_t)tap);
                    fovea_float8 part = (fovea_float8)(chosen & *(const fovea_word8 *)(dy + n));
                    *(fovea_float8 *)(dx + n) = *(fovea_float8 *)(dx + n) + part;
                }
            }
        }
    }
}

void fovea_bi_max_pool_gradient(const fovea_bi_pooling *s, const uint8_t *index, const float *dy, float *dx) {
    pooling p = {.shape = s, .x = dy, .out = dx, .indexRead = index};
    fovea_parallel_for(s->channels * s->height * s->width, grain(s), max_gradient_range, &p);
}
