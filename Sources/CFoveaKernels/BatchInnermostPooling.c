#include <math.h>
#include <string.h>
#include "BatchInnermostReach.h"

typedef struct {
    const fovea_bi_pooling *shape;
    const float *x;
    float *out;
    uint8_t *index;
    const uint8_t *places;
    int countPadding;
    // What the gradient goes through besides: the activation whose result was pooled.
    fovea_activation activation;
    const float *y;
} pooling;

// A unit of work is a row of a plane.
static size_t grain(const fovea_bi_pooling *s, size_t width) { return FOVEA_GRAIN / (s->batch * width + 1); }

FOVEA_INLINE fovea_reach rows_of_output(const fovea_bi_pooling *s, size_t i) {
    return fovea_reach_of_output((ptrdiff_t)i, (ptrdiff_t)s->strideHeight, (ptrdiff_t)s->padTop,
                                 (ptrdiff_t)s->windowHeight, (ptrdiff_t)s->height);
}

FOVEA_INLINE fovea_reach columns_of_output(const fovea_bi_pooling *s, size_t j) {
    return fovea_reach_of_output((ptrdiff_t)j, (ptrdiff_t)s->strideWidth, (ptrdiff_t)s->padLeft,
                                 (ptrdiff_t)s->windowWidth, (ptrdiff_t)s->width);
}

FOVEA_INLINE fovea_reach rows_of_input(const fovea_bi_pooling *s, size_t i) {
    return fovea_reach_of_input((ptrdiff_t)i, (ptrdiff_t)s->strideHeight, (ptrdiff_t)s->padTop,
                                (ptrdiff_t)s->windowHeight, (ptrdiff_t)s->outHeight);
}

FOVEA_INLINE fovea_reach columns_of_input(const fovea_bi_pooling *s, size_t j) {
    return fovea_reach_of_input((ptrdiff_t)j, (ptrdiff_t)s->strideWidth, (ptrdiff_t)s->padLeft,
                                (ptrdiff_t)s->windowWidth, (ptrdiff_t)s->outWidth);
}

// The first element under a window, or the start where there is none.
FOVEA_INLINE const float *first_under(const pooling *p, size_t plane, fovea_reach rows, fovea_reach columns) {
    if (rows.count <= 0 || columns.count <= 0) return p->x;
    const fovea_bi_pooling *s = p->shape;
    size_t row = plane * s->height + (size_t)rows.source;
    return p->x + (row * s->width + (size_t)columns.source) * s->batch;
}

FOVEA_INLINE void average_pixel(ptrdiff_t rows, ptrdiff_t columns, float factor, ptrdiff_t batch, ptrdiff_t row,
                                const float *x, float *y) {
    for (ptrdiff_t n = 0; n < batch; n += 8) {
        fovea_float8 sum = {0};
        for (ptrdiff_t u = 0; u < rows; u++)
            for (ptrdiff_t v = 0; v < columns; v++)
                sum = sum + *(const fovea_float8 *)(x + u * row + v * batch + n);
        *(fovea_float8 *)(y + n) = sum * factor;
    }
}

// Windows of 2x2 side by side: the most common ones, for which nothing need be found for each pixel.
static int is_of_pairs(const fovea_bi_pooling *s) {
    return fovea_bi_has_tiles(s) && s->windowHeight == 2 && s->windowWidth == 2;
}

FOVEA_CLONES static void average_range(void *pointer, size_t begin, size_t end) {
    const pooling *p = pointer;
    const fovea_bi_pooling *s = p->shape;
    ptrdiff_t batch = (ptrdiff_t)s->batch, row = (ptrdiff_t)s->width * batch;
    int hasPairs = is_of_pairs(s);
    float *y = p->out + begin * s->outWidth * s->batch;
    for (size_t unit = begin; unit < end; unit++) {
        fovea_reach rows = rows_of_output(s, unit % s->outHeight);
        if (hasPairs) {
            const float *x = first_under(p, unit / s->outHeight, rows, columns_of_output(s, 0));
            for (size_t j = 0; j < s->outWidth; j++, x += 2 * batch, y += batch)
                average_pixel(2, 2, 0.25f, batch, row, x, y);
            continue;
        }
        for (size_t j = 0; j < s->outWidth; j++, y += batch) {
            fovea_reach columns = columns_of_output(s, j);
            ptrdiff_t count = rows.count * columns.count;
            const float *x = first_under(p, unit / s->outHeight, rows, columns);
            float area = (float)(p->countPadding ? (ptrdiff_t)(s->windowHeight * s->windowWidth) : count);
            average_pixel(rows.count, columns.count, count > 0 ? 1 / area : 0, batch, row, x, y);
        }
    }
}

void fovea_bi_average_pool(const fovea_bi_pooling *s, int countPadding, const float *x, float *y) {
    pooling p = {.shape = s, .x = x, .out = y, .countPadding = countPadding};
    fovea_parallel_for(s->channels * s->outHeight, grain(s, s->outWidth), average_range, &p);
}

// The factor of the window of output `i, j`: at the borders it has less of the image under it.
FOVEA_INLINE float average_factor(const fovea_bi_pooling *s, int countPadding, ptrdiff_t i, ptrdiff_t j) {
    if (countPadding) return 1 / (float)(s->windowHeight * s->windowWidth);
    return 1 / (float)(rows_of_output(s, (size_t)i).count * columns_of_output(s, (size_t)j).count);
}

int fovea_bi_has_tiles(const fovea_bi_pooling *s) {
    return s->windowHeight == s->strideHeight && s->windowWidth == s->strideWidth && s->padTop == 0 &&
           s->padLeft == 0 && s->outHeight * s->strideHeight <= s->height &&
           s->outWidth * s->strideWidth <= s->width;
}

// The part of the gradient that passes the activation with the result `y`.
FOVEA_INLINE void pass_activation(fovea_activation activation, const float *y, fovea_float8 *gradient) {
    fovea_float8 value, g = *gradient;
    switch (activation) {
    case FOVEA_IDENTITY: break;
    case FOVEA_RELU:
        value = *(const fovea_float8 *)y;
        *gradient = (fovea_float8)((fovea_word8)(value > 0) & (fovea_word8)g);
        break;
    case FOVEA_TANH:
        value = *(const fovea_float8 *)y;
        *gradient = g * (1 - value * value);
        break;
    case FOVEA_SIGMOID:
        value = *(const fovea_float8 *)y;
        *gradient = g * (value * (1 - value));
        break;
    }
}

// A row of a plane of the image: `dx` and `y` there, where the outputs of the windows over it begin, how
// many of its pixels they cover, and which of their rows it is.
typedef struct {
    float *dx;
    const float *y;
    size_t out, covered, row;
} tile_row;

FOVEA_INLINE tile_row row_of_tiles(const pooling *p, size_t unit) {
    const fovea_bi_pooling *s = p->shape;
    size_t h = unit % s->height, i = h / s->windowHeight, start = unit * s->width * s->batch;
    tile_row row = {.dx = p->out + start, .y = p->y ? p->y + start : NULL, .row = h % s->windowHeight};
    row.out = (unit / s->height * s->outHeight + i) * s->outWidth * s->batch;
    row.covered = i < s->outHeight ? s->outWidth * s->windowWidth : 0;
    return row;
}

FOVEA_INLINE void average_tiles(const pooling *p, fovea_activation activation, size_t begin, size_t end) {
    const fovea_bi_pooling *s = p->shape;
    size_t batch = s->batch, width = s->windowWidth;
    float factor = 1 / (float)(s->windowHeight * width);
    for (size_t unit = begin; unit < end; unit++) {
        tile_row row = row_of_tiles(p, unit);
        const float *dy = p->x + row.out;
        for (size_t h = 0; h < row.covered; h += width, dy += batch) {
            for (size_t n = 0; n < batch; n += 8) {
                fovea_float8 part = *(const fovea_float8 *)(dy + n) * factor;
                for (size_t v = 0; v < width; v++) {
                    size_t place = (h + v) * batch + n;
                    fovea_float8 g = part;
                    pass_activation(activation, row.y + place, &g);
                    *(fovea_float8 *)(row.dx + place) = g;
                }
            }
        }
        memset(row.dx + row.covered * batch, 0, (s->width - row.covered) * batch * sizeof(float));
    }
}

FOVEA_INLINE void average_any(const pooling *p, size_t begin, size_t end) {
    const fovea_bi_pooling *s = p->shape;
    ptrdiff_t batch = (ptrdiff_t)s->batch, outWidth = (ptrdiff_t)s->outWidth;
    float *dx = p->out + begin * s->width * s->batch;
    for (size_t unit = begin; unit < end; unit++) {
        fovea_reach rows = rows_of_input(s, unit % s->height);
        const float *plane = p->x + (ptrdiff_t)(unit / s->height * s->outHeight) * outWidth * batch;
        for (size_t h = 0; h < s->width; h++, dx += batch) {
            fovea_reach columns = columns_of_input(s, h);
            if (rows.count <= 0 || columns.count <= 0) memset(dx, 0, s->batch * sizeof(float));
            for (ptrdiff_t u = 0; u < rows.count; u++) {
                for (ptrdiff_t v = 0; v < columns.count; v++) {
                    ptrdiff_t i = rows.source - u, j = columns.source - v;
                    float factor = average_factor(s, p->countPadding, i, j);
                    const float *dy = plane + (i * outWidth + j) * batch;
                    if (u == 0 && v == 0)
                        for (ptrdiff_t n = 0; n < batch; n += 8)
                            *(fovea_float8 *)(dx + n) = *(const fovea_float8 *)(dy + n) * factor;
                    else
                        for (ptrdiff_t n = 0; n < batch; n += 8)
                            *(fovea_float8 *)(dx + n) =
                                *(fovea_float8 *)(dx + n) + *(const fovea_float8 *)(dy + n) * factor;
                }
            }
        }
    }
}

// Rows of the gradient that have been made, through the activation.
FOVEA_INLINE void pass_rows(const pooling *p, size_t begin, size_t end) {
    size_t row = p->shape->width * p->shape->batch, count = (end - begin) * row;
    if (p->activation == FOVEA_IDENTITY) return;
    float *dx = p->out + begin * row;
    for (size_t i = 0; i < count; i += 8)
        pass_activation(p->activation, p->y + begin * row + i, (fovea_float8 *)(dx + i));
}

FOVEA_CLONES static void average_gradient_range(void *pointer, size_t begin, size_t end) {
    const pooling *p = pointer;
    if (!fovea_bi_has_tiles(p->shape)) {
        average_any(p, begin, end);
        pass_rows(p, begin, end);
        return;
    }
    switch (p->activation) {
    case FOVEA_IDENTITY: average_tiles(p, FOVEA_IDENTITY, begin, end); break;
    case FOVEA_RELU: average_tiles(p, FOVEA_RELU, begin, end); break;
    case FOVEA_TANH: average_tiles(p, FOVEA_TANH, begin, end); break;
    case FOVEA_SIGMOID: average_tiles(p, FOVEA_SIGMOID, begin, end); break;
    }
}

void fovea_bi_average_pool_gradient(const fovea_bi_pooling *s, int countPadding, const float *dy,
                                    fovea_activation activation, const float *y, float *dx) {
    pooling p = {.shape = s, .x = dy, .out = dx, .countPadding = countPadding, .activation = activation, .y = y};
    fovea_parallel_for(s->channels * s->height, grain(s, s->width), average_gradient_range, &p);
}

typedef uint8_t bytes8 __attribute__((vector_size(8), aligned(1), may_alias));

FOVEA_INLINE void max_pixel(ptrdiff_t rows, ptrdiff_t columns, uint32_t first, uint32_t windowWidth, ptrdiff_t batch,
                            ptrdiff_t row, const float *x, float *y, uint8_t *places) {
    for (ptrdiff_t n = 0; n < batch; n += 8) {
        fovea_float8 best = (fovea_float8){0} - INFINITY;
        fovea_word8 place = (fovea_word8){0} + first;
        for (ptrdiff_t u = 0; u < rows; u++) {
            for (ptrdiff_t v = 0; v < columns; v++) {
                fovea_float8 value = *(const fovea_float8 *)(x + u * row + v * batch + n);
                // larger, or the first NaN
                fovea_word8 better =
                    (fovea_word8)(value > best) | ((fovea_word8)(value != value) & (fovea_word8)(best == best));
                fovea_word8 tap = (fovea_word8){0} + (first + (uint32_t)u * windowWidth + (uint32_t)v);
                best = (fovea_float8)((better & (fovea_word8)value) | (~better & (fovea_word8)best));
                place = (better & tap) | (~better & place);
            }
        }
        *(fovea_float8 *)(y + n) = best;
        if (places) *(bytes8 *)(places + n) = __builtin_convertvector(place, bytes8);
    }
}

FOVEA_CLONES static void max_range(void *pointer, size_t begin, size_t end) {
    const pooling *p = pointer;
    const fovea_bi_pooling *s = p->shape;
    ptrdiff_t batch = (ptrdiff_t)s->batch, row = (ptrdiff_t)s->width * batch;
    int hasPairs = is_of_pairs(s);
    size_t pixel = begin * s->outWidth;
    for (size_t unit = begin; unit < end; unit++) {
        fovea_reach rows = rows_of_output(s, unit % s->outHeight);
        const float *x = first_under(p, unit / s->outHeight, rows, columns_of_output(s, 0));
        for (size_t j = 0; j < s->outWidth; j++, pixel++) {
            float *y = p->out + pixel * s->batch;
            uint8_t *places = p->index ? p->index + pixel * s->batch : NULL;
            if (hasPairs) {
                max_pixel(2, 2, 0, 2, batch, row, x, y, places);
                x += 2 * batch;
                continue;
            }
            fovea_reach columns = columns_of_output(s, j);
            x = first_under(p, unit / s->outHeight, rows, columns);
            uint32_t windowWidth = (uint32_t)s->windowWidth;
            uint32_t first = (uint32_t)rows.tap * windowWidth + (uint32_t)columns.tap;
            max_pixel(rows.count, columns.count, first, windowWidth, batch, row, x, y, places);
        }
    }
}

void fovea_bi_max_pool(const fovea_bi_pooling *s, const float *x, float *y, uint8_t *index) {
    pooling p = {.shape = s, .x = x, .out = y, .index = index};
    fovea_parallel_for(s->channels * s->outHeight, grain(s, s->outWidth), max_range, &p);
}

// dx = dy where the place of the largest is `tap`, else 0; added to dx if `adds`.
FOVEA_INLINE void pass_chosen(int adds, ptrdiff_t batch, uint32_t tap, const uint8_t *places, const float *dy,
                              float *dx) {
    for (ptrdiff_t n = 0; n < batch; n += 8) {
        fovea_word8 place = __builtin_convertvector(*(const bytes8 *)(places + n), fovea_word8);
        fovea_word8 chosen = (fovea_word8)(place == (fovea_word8){0} + tap);
        fovea_float8 part = (fovea_float8)(chosen & *(const fovea_word8 *)(dy + n));
        *(fovea_float8 *)(dx + n) = adds ? *(fovea_float8 *)(dx + n) + part : part;
    }
}

FOVEA_INLINE void max_tiles(const pooling *p, fovea_activation activation, size_t begin, size_t end) {
    const fovea_bi_pooling *s = p->shape;
    size_t batch = s->batch, width = s->windowWidth;
    for (size_t unit = begin; unit < end; unit++) {
        tile_row row = row_of_tiles(p, unit);
        const float *dy = p->x + row.out;
        const uint8_t *places = p->places + row.out;
        uint32_t tap = (uint32_t)(row.row * width);
        for (size_t h = 0; h < row.covered; h += width, dy += batch, places += batch) {
            for (size_t n = 0; n < batch; n += 8) {
                fovea_word8 whole = *(const fovea_word8 *)(dy + n);
                fovea_word8 place = __builtin_convertvector(*(const bytes8 *)(places + n), fovea_word8);
                for (size_t v = 0; v < width; v++) {
                    size_t target = (h + v) * batch + n;
                    fovea_word8 chosen = (fovea_word8)(place == (fovea_word8){0} + (tap + (uint32_t)v));
                    fovea_float8 g = (fovea_float8)(chosen & whole);
                    pass_activation(activation, row.y + target, &g);
                    *(fovea_float8 *)(row.dx + target) = g;
                }
            }
        }
        memset(row.dx + row.covered * batch, 0, (s->width - row.covered) * batch * sizeof(float));
    }
}

FOVEA_INLINE void max_any(const pooling *p, size_t begin, size_t end) {
    const fovea_bi_pooling *s = p->shape;
    ptrdiff_t batch = (ptrdiff_t)s->batch, outWidth = (ptrdiff_t)s->outWidth;
    float *dx = p->out + begin * s->width * s->batch;
    for (size_t unit = begin; unit < end; unit++) {
        fovea_reach rows = rows_of_input(s, unit % s->height);
        ptrdiff_t plane = (ptrdiff_t)(unit / s->height * s->outHeight) * outWidth * batch;
        for (size_t h = 0; h < s->width; h++, dx += batch) {
            fovea_reach columns = columns_of_input(s, h);
            if (rows.count <= 0 || columns.count <= 0) memset(dx, 0, s->batch * sizeof(float));
            for (ptrdiff_t u = 0; u < rows.count; u++) {
                for (ptrdiff_t v = 0; v < columns.count; v++) {
                    ptrdiff_t out = plane + ((rows.source - u) * outWidth + columns.source - v) * batch;
                    uint32_t tap = (uint32_t)((rows.tap + u * (ptrdiff_t)s->strideHeight) *
                                                  (ptrdiff_t)s->windowWidth +
                                              columns.tap + v * (ptrdiff_t)s->strideWidth);
                    if (u == 0 && v == 0)
                        pass_chosen(0, batch, tap, p->places + out, p->x + out, dx);
                    else
                        pass_chosen(1, batch, tap, p->places + out, p->x + out, dx);
                }
            }
        }
    }
}

FOVEA_CLONES static void max_gradient_range(void *pointer, size_t begin, size_t end) {
    const pooling *p = pointer;
    if (!fovea_bi_has_tiles(p->shape)) {
        max_any(p, begin, end);
        pass_rows(p, begin, end);
        return;
    }
    switch (p->activation) {
    case FOVEA_IDENTITY: max_tiles(p, FOVEA_IDENTITY, begin, end); break;
    case FOVEA_RELU: max_tiles(p, FOVEA_RELU, begin, end); break;
    case FOVEA_TANH: max_tiles(p, FOVEA_TANH, begin, end); break;
    case FOVEA_SIGMOID: max_tiles(p, FOVEA_SIGMOID, begin, end); break;
    }
}

void fovea_bi_max_pool_gradient(const fovea_bi_pooling *s, const uint8_t *index, const float *dy,
                                fovea_activation activation, const float *y, float *dx) {
    pooling p = {.shape = s, .x = dy, .out = dx, .places = index, .activation = activation, .y = y};
    fovea_parallel_for(s->channels * s->height, grain(s, s->width), max_gradient_range, &p);
}
