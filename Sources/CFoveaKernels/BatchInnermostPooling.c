#include <math.h>
#include <string.h>
#include "BatchInnermostPooling.h"
#include "BatchInnermostReach.h"

typedef struct {
    const fovea_bi_pooling *shape;
    const float *x;
    float *y;
    uint8_t *index;
    int countPadding;
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
    float *y = p->y + begin * s->outWidth * s->batch;
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
    pooling p = {.shape = s, .x = x, .y = y, .countPadding = countPadding};
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

// A row of a plane of the image: where the outputs of the windows over it begin, how many of its pixels they cover, and which of
// their rows it is.
typedef struct {
    size_t out, covered, row;
} tile_row;

FOVEA_INLINE tile_row row_of_tiles(const fovea_bi_pooling *s, size_t unit) {
    size_t h = unit % s->height, i = h / s->windowHeight;
    tile_row row = {.row = h % s->windowHeight};
    row.out = (unit / s->height * s->outHeight + i) * s->outWidth * s->batch;
    row.covered = i < s->outHeight ? s->outWidth * s->windowWidth : 0;
    return row;
}

FOVEA_INLINE void average_tiles(const fovea_bi_pooled_gradient *p, fovea_activation activation, size_t width, size_t begin,
                                size_t end, float *dx) {
    const fovea_bi_pooling *s = &p->pooling;
    size_t batch = s->batch;
    float factor = 1 / (float)(s->windowHeight * width);
    for (size_t unit = begin; unit < end; unit++, dx += s->width * batch) {
        tile_row row = row_of_tiles(s, unit);
        const float *y = p->y ? p->y + unit * s->width * batch : NULL;
        const float *dy = p->dy + row.out;
        for (size_t h = 0; h < row.covered; h += width, dy += batch) {
            for (size_t n = 0; n < batch; n += 8) {
                fovea_float8 part = *(const fovea_float8 *)(dy + n) * factor;
                for (size_t v = 0; v < width; v++) {
                    size_t place = (h + v) * batch + n;
                    fovea_float8 g = part;
                    fovea_pass_activation_8(activation, y + place, &g);
                    *(fovea_float8 *)(dx + place) = g;
                }
            }
        }
        memset(dx + row.covered * batch, 0, (s->width - row.covered) * batch * sizeof(float));
    }
}

FOVEA_INLINE void average_any(const fovea_bi_pooled_gradient *p, size_t begin, size_t end, float *dx) {
    const fovea_bi_pooling *s = &p->pooling;
    ptrdiff_t batch = (ptrdiff_t)s->batch, outWidth = (ptrdiff_t)s->outWidth;
    for (size_t unit = begin; unit < end; unit++) {
        fovea_reach rows = rows_of_input(s, unit % s->height);
        const float *plane = p->dy + (ptrdiff_t)(unit / s->height * s->outHeight) * outWidth * batch;
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
FOVEA_INLINE void pass_rows(const fovea_bi_pooled_gradient *p, size_t begin, size_t end, float *dx) {
    size_t row = p->pooling.width * p->pooling.batch, count = (end - begin) * row;
    if (p->activation == FOVEA_IDENTITY) return;
    for (size_t i = 0; i < count; i += 8)
        fovea_pass_activation_8(p->activation, p->y + begin * row + i, (fovea_float8 *)(dx + i));
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
            float *y = p->y + pixel * s->batch;
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
    pooling p = {.shape = s, .x = x, .y = y, .index = index};
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

FOVEA_INLINE void max_tiles(const fovea_bi_pooled_gradient *p, fovea_activation activation, size_t width, size_t begin,
                            size_t end, float *dx) {
    const fovea_bi_pooling *s = &p->pooling;
    size_t batch = s->batch;
    for (size_t unit = begin; unit < end; unit++, dx += s->width * batch) {
        tile_row row = row_of_tiles(s, unit);
        const float *y = p->y ? p->y + unit * s->width * batch : NULL;
        const float *dy = p->dy + row.out;
        const uint8_t *places = p->index + row.out;
        uint32_t tap = (uint32_t)(row.row * width);
        for (size_t h = 0; h < row.covered; h += width, dy += batch, places += batch) {
            for (size_t n = 0; n < batch; n += 8) {
                fovea_word8 whole = *(const fovea_word8 *)(dy + n);
                fovea_word8 place = __builtin_convertvector(*(const bytes8 *)(places + n), fovea_word8);
                for (size_t v = 0; v < width; v++) {
                    size_t target = (h + v) * batch + n;
                    fovea_word8 chosen = (fovea_word8)(place == (fovea_word8){0} + (tap + (uint32_t)v));
                    fovea_float8 g = (fovea_float8)(chosen & whole);
                    fovea_pass_activation_8(activation, y + target, &g);
                    *(fovea_float8 *)(dx + target) = g;
                }
            }
        }
        memset(dx + row.covered * batch, 0, (s->width - row.covered) * batch * sizeof(float));
    }
}

FOVEA_INLINE void max_any(const fovea_bi_pooled_gradient *p, size_t begin, size_t end, float *dx) {
    const fovea_bi_pooling *s = &p->pooling;
    ptrdiff_t batch = (ptrdiff_t)s->batch, outWidth = (ptrdiff_t)s->outWidth;
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
                        pass_chosen(0, batch, tap, p->index + out, p->dy + out, dx);
                    else
                        pass_chosen(1, batch, tap, p->index + out, p->dy + out, dx);
                }
            }
        }
    }
}

// Calls a function that is compiled for the activation and for windows of two columns.
#define FOVEA_BY_WIDTH(call, p, activation, ...)                 \
    if ((p)->pooling.windowWidth == 2)                           \
        call(p, activation, 2, __VA_ARGS__);                     \
    else                                                         \
        call(p, activation, (p)->pooling.windowWidth, __VA_ARGS__)
#define FOVEA_BY_ACTIVATION(call, p, ...)                                        \
    switch ((p)->activation) {                                                   \
    case FOVEA_IDENTITY: FOVEA_BY_WIDTH(call, p, FOVEA_IDENTITY, __VA_ARGS__); break; \
    case FOVEA_RELU: FOVEA_BY_WIDTH(call, p, FOVEA_RELU, __VA_ARGS__); break;    \
    case FOVEA_TANH: FOVEA_BY_WIDTH(call, p, FOVEA_TANH, __VA_ARGS__); break;    \
    case FOVEA_SIGMOID: FOVEA_BY_WIDTH(call, p, FOVEA_SIGMOID, __VA_ARGS__); break; \
    }

FOVEA_CLONES void fovea_bi_pool_gradient_rows(const fovea_bi_pooled_gradient *p, size_t begin, size_t end, float *dx) {
    if (!fovea_bi_has_tiles(&p->pooling)) {
        if (p->index)
            max_any(p, begin, end, dx);
        else
            average_any(p, begin, end, dx);
        pass_rows(p, begin, end, dx);
    } else if (p->index) {
        FOVEA_BY_ACTIVATION(max_tiles, p, begin, end, dx)
    } else {
        FOVEA_BY_ACTIVATION(average_tiles, p, begin, end, dx)
    }
}

typedef struct {
    const fovea_bi_pooled_gradient *gradient;
    float *dx;
} gradient_context;

static void gradient_range(void *pointer, size_t begin, size_t end) {
    const gradient_context *c = pointer;
    const fovea_bi_pooling *s = &c->gradient->pooling;
    fovea_bi_pool_gradient_rows(c->gradient, begin, end, c->dx + begin * s->width * s->batch);
}

void fovea_bi_pool_gradient(const fovea_bi_pooled_gradient *p, float *dx) {
    const fovea_bi_pooling *s = &p->pooling;
    gradient_context c = {p, dx};
    fovea_parallel_for(s->channels * s->height, grain(s, s->width), gradient_range, &c);
}
