// Minimal filtering of rows for vectors of LANES floats, compiled twice. A vector holds one element of as many images.
//
// Transformed rows lie as [point][channel][tile], so that the tiles of a row multiply by the same taps.

#define VECTOR FOVEA_JOIN(fovea_float, LANES)
#include "WinogradAxes.h"

// A function that is not inlined; the loader's clones never are.
#if LANES == 16
#define FOVEA_ALONE FOVEA_TARGET __attribute__((noinline))
#else
#define FOVEA_ALONE FOVEA_TARGET
#endif

// Calls a function that is compiled for the taps and the outputs of a tile.
#define FOVEA_BY_TILE(call, p, ...)                  \
    do {                                             \
        if ((p)->shape->kernelWidth == 3)            \
            FOVEA_NAME(call)(3, 4, p, __VA_ARGS__);  \
        else if ((p)->outputs == 4)                  \
            FOVEA_NAME(call)(5, 4, p, __VA_ARGS__);  \
        else                                         \
            FOVEA_NAME(call)(5, 5, p, __VA_ARGS__);  \
    } while (0)

// `count` elements of a row from `first` on, zero where the row has none.
FOVEA_INLINE void FOVEA_NAME(load_columns)(const int count, const float *row, ptrdiff_t first, size_t width, size_t batch,
                                           VECTOR *out) {
    if (first >= 0 && first + count <= (ptrdiff_t)width) {
        FOVEA_UNROLL for (int j = 0; j < count; j++)
            out[j] = *(const VECTOR *)(row + (first + j) * (ptrdiff_t)batch);
        return;
    }
    FOVEA_UNROLL for (int j = 0; j < count; j++) {
        out[j] = (VECTOR){0};
        if (first + j >= 0 && first + j < (ptrdiff_t)width)
            out[j] = *(const VECTOR *)(row + (first + j) * (ptrdiff_t)batch);
    }
}

// Those of `count` elements from `first` on that the row has.
FOVEA_INLINE void FOVEA_NAME(store_columns)(const int count, const VECTOR *values, float *row, ptrdiff_t first,
                                            size_t width, size_t batch) {
    if (first >= 0 && first + count <= (ptrdiff_t)width) {
        FOVEA_UNROLL for (int j = 0; j < count; j++) *(VECTOR *)(row + (first + j) * (ptrdiff_t)batch) = values[j];
        return;
    }
    FOVEA_UNROLL for (int j = 0; j < count; j++)
        if (first + j >= 0 && first + j < (ptrdiff_t)width)
            *(VECTOR *)(row + (first + j) * (ptrdiff_t)batch) = values[j];
}

// A row of x, or zeros if `row` is null.
FOVEA_INLINE void FOVEA_NAME(filter_inputs)(const int taps, const int outputs, const filtering *p, const float *row,
                                            size_t pointStride, size_t channelStride, float *out) {
    const fovea_bi_convolution *s = p->shape;
    const int points = taps + outputs - 1;
    for (size_t c = 0; c < s->channels; c++, out += channelStride) {
        const float *plane = row ? row + c * s->height * s->width * s->batch : NULL;
        for (size_t t = 0; t < p->tiles; t++) {
            VECTOR d[MAX_POINTS], v[MAX_POINTS];
            ptrdiff_t first = (ptrdiff_t)t * outputs - (ptrdiff_t)s->padLeft;
            FOVEA_NAME(load_columns)(points, plane, first, plane ? s->width : 0, s->batch, d);
            FOVEA_NAME(transform)(points, points, d, v);
            FOVEA_UNROLL for (int f = 0; f < points; f++)
                *(VECTOR *)(out + (size_t)f * pointStride + t * LANES) = v[f];
        }
    }
}

// A row of dy of one filter. Adds it to `sums`, unless that is null.
FOVEA_INLINE void FOVEA_NAME(filter_gradients)(const int taps, const int outputs, const filtering *p, const float *row,
                                               size_t pointStride, float *out, VECTOR *sums) {
    const fovea_bi_convolution *s = p->shape;
    const int points = taps + outputs - 1;
    VECTOR sum = {0};
    for (size_t t = 0; t < p->tiles; t++) {
        VECTOR d[MAX_OUTPUTS], v[MAX_POINTS];
        FOVEA_NAME(load_columns)(outputs, row, (ptrdiff_t)t * outputs, s->outWidth, s->batch, d);
        FOVEA_NAME(evaluate)(outputs, points, d, v);
        FOVEA_UNROLL for (int f = 0; f < points; f++) *(VECTOR *)(out + (size_t)f * pointStride + t * LANES) = v[f];
        VECTOR part = (d[0] + d[1]) + (d[2] + d[3]);
        FOVEA_UNROLL for (int j = 4; j < outputs; j++) part = part + d[j];
        sum = sum + part;
    }
    if (sums) *sums = *sums + sum;
}

// Some outs and tiles of one point: sums over the rows of taps and the channels.
FOVEA_INLINE void FOVEA_NAME(multiply_tile)(const int outs, const int tiles, const filtering *p, const reached *rows,
                                            size_t source, size_t weight, float *products) {
    VECTOR sums[MAX_OUTS_OF_FEW][MAX_TILES(LANES)];
    FOVEA_UNROLL for (int k = 0; k < outs; k++) FOVEA_UNROLL for (int t = 0; t < tiles; t++) sums[k][t] = (VECTOR){0};
    const size_t ins = p->ins, inStep = p->tiles * LANES, tapStep = p->outs;
    for (size_t r = 0; r < rows->count; r++) {
        const float *x = rows->source[r] + source, *w = rows->taps[r] + weight;
        for (size_t c = 0; c < ins; c++, x += inStep, w += tapStep) {
            VECTOR values[MAX_TILES(LANES)];
            FOVEA_UNROLL for (int t = 0; t < tiles; t++) values[t] = *(const VECTOR *)(x + t * LANES);
            FOVEA_UNROLL for (int k = 0; k < outs; k++) {
                FOVEA_IN_ORDER;
                float factor = w[k];
                FOVEA_UNROLL for (int t = 0; t < tiles; t++) sums[k][t] = sums[k][t] + values[t] * factor;
            }
        }
    }
    FOVEA_UNROLL for (int k = 0; k < outs; k++)
        FOVEA_UNROLL for (int t = 0; t < tiles; t++)
            *(VECTOR *)(products + (size_t)k * p->tiles * LANES + t * LANES) = sums[k][t];
}

// The products [point][out][tile] of a row, in a function of its own: constants of the transforms would take its registers.
FOVEA_ALONE static void FOVEA_NAME(multiply_row)(const filtering *p, const reached *rows, float *products) {
#define FOVEA_CASE(OUTS, TILES)                                                                                    \
    case OUTS * 8 + TILES: FOVEA_NAME(multiply_tile)(OUTS, TILES, p, rows, source, weight, out); break;
#define FOVEA_CASES(TILES) FOVEA_CASE(1, TILES) FOVEA_CASE(2, TILES) FOVEA_CASE(3, TILES) FOVEA_CASE(4, TILES)
    size_t tileBlocks = ceiling(p->tiles, MAX_TILES(LANES));
    for (size_t f = 0; f < p->points; f++)
        for (size_t b = 0; b < tileBlocks; b++) {
            size_t t = p->tiles * b / tileBlocks, tiles = p->tiles * (b + 1) / tileBlocks - t;
            size_t outBlocks = ceiling(p->outs, tiles <= 2 ? MAX_OUTS_OF_FEW : MAX_OUTS);
            for (size_t o = 0; o < outBlocks; o++) {
                size_t k = p->outs * o / outBlocks, outs = p->outs * (o + 1) / outBlocks - k;
                size_t source = (f * p->ins * p->tiles + t) * LANES;
                size_t weight = f * p->shape->kernelHeight * p->ins * p->outs + k;
                float *out = products + ((f * p->outs + k) * p->tiles + t) * LANES;
                switch (outs * 8 + tiles) {
                    FOVEA_CASES(1) FOVEA_CASE(5, 1) FOVEA_CASE(6, 1)
                    FOVEA_CASES(2) FOVEA_CASE(5, 2) FOVEA_CASE(6, 2)
                    FOVEA_CASES(3)
#if LANES == 16
                    FOVEA_CASES(4)
                    FOVEA_CASES(5)
                    FOVEA_CASES(6)
#endif
                }
            }
        }
#undef FOVEA_CASE
#undef FOVEA_CASES
}

FOVEA_INLINE void FOVEA_NAME(load_products)(const int points, const filtering *p, const float *products, size_t out,
                                            size_t tile, VECTOR *v) {
    FOVEA_UNROLL for (int f = 0; f < points; f++)
        v[f] = *(const VECTOR *)(products + (((size_t)f * p->outs + out) * p->tiles + tile) * LANES);
}

// A row of y from its products.
FOVEA_INLINE void FOVEA_NAME(finish_outputs)(const int taps, const int outputs, const filtering *p,
                                             const float *products, float *row) {
    const fovea_bi_convolution *s = p->shape;
    const int points = taps + outputs - 1;
    for (size_t k = 0; k < s->filters; k++, row += s->outHeight * s->outWidth * s->batch) {
        float start = p->bias ? p->bias[k] : 0;
        for (size_t t = 0; t < p->tiles; t++) {
            VECTOR v[MAX_POINTS], y[MAX_OUTPUTS];
            FOVEA_NAME(load_products)(points, p, products, k, t, v);
            FOVEA_NAME(collect)(points, outputs, v, y);
            FOVEA_UNROLL for (int j = 0; j < outputs; j++) y[j] = y[j] + start;
            FOVEA_NAME(activate_vectors)(p->activation, outputs, y);
            FOVEA_NAME(store_columns)(outputs, y, row, (ptrdiff_t)t * outputs, s->outWidth, s->batch);
        }
    }
}

// The transpose of `transform`.
FOVEA_INLINE void FOVEA_NAME(spread_products)(const int points, const VECTOR *v, VECTOR *d) {
    const float *at = points_of(points), p = at[0] * at[0], q = at[1] * at[1];
    VECTOR even[4], odd[4];
    FOVEA_UNROLL for (int k = 0; k < pairs_of(points); k++) {
        even[k] = v[1 + 2 * k] + v[2 + 2 * k];
        odd[k] = (v[1 + 2 * k] - v[2 + 2 * k]) * at[k];
    }
    if (points == 6) {
        d[0] = v[0] * (p * q);
        d[1] = v[5] * (p * q) - odd[0] * q - odd[1] * p;
        d[2] = -(v[0] * (p + q) + even[0] * q + even[1] * p);
        d[3] = odd[0] + odd[1] - v[5] * (p + q);
        d[4] = even[0] + even[1] + v[0];
        d[5] = v[5];
        return;
    }
    if (points == 8) {
        const float r = at[2] * at[2], pairs = p * q + q * r + r * p;
        d[0] = -(v[0] * (p * q * r));
        d[1] = odd[0] * (q * r) + odd[1] * (r * p) + odd[2] * (p * q) - v[7] * (p * q * r);
        d[2] = even[0] * (q * r) + even[1] * (r * p) + even[2] * (p * q) + v[0] * pairs;
        d[3] = v[7] * pairs - odd[0] * (q + r) - odd[1] * (r + p) - odd[2] * (p + q);
        d[4] = -(v[0] * (p + q + r) + even[0] * (q + r) + even[1] * (r + p) + even[2] * (p + q));
        d[5] = odd[0] + odd[1] + odd[2] - v[7] * (p + q + r);
        d[6] = even[0] + even[1] + even[2] + v[0];
        d[7] = v[7];
        return;
    }
    const other_squares others = squares_without(0);
    d[0] = v[0] * (p * others.product);
    d[2] = v[0] * -(p * others.pairs + others.product);
    d[4] = v[0] * (p * others.sum + others.pairs);
    d[6] = v[0] * -(p + others.sum);
    d[8] = v[0];
    d[1] = d[3] = d[5] = d[7] = (VECTOR){0};
    FOVEA_UNROLL for (int k = 0; k < 4; k++) {
        const other_squares o = squares_without(k);
        d[1] = d[1] - odd[k] * o.product;
        d[2] = d[2] - even[k] * o.product;
        d[3] = d[3] + odd[k] * o.pairs;
        d[4] = d[4] + even[k] * o.pairs;
        d[5] = d[5] - odd[k] * o.sum;
        d[6] = d[6] - even[k] * o.sum;
        d[7] = d[7] + odd[k];
        d[8] = d[8] + even[k];
    }
}

// A row of some channels of dx from its products: the tiles overlap, and what one has for the next is carried on.
FOVEA_INLINE void FOVEA_NAME(finish_gradients)(const int taps, const int outputs, const filtering *p, size_t first,
                                               size_t end, const float *products, float *row) {
    const fovea_bi_convolution *s = p->shape;
    const int points = taps + outputs - 1;
    row += first * s->height * s->width * s->batch;
    for (size_t c = first; c < end; c++, row += s->height * s->width * s->batch) {
        VECTOR carried[MAX_TAPS - 1];
        FOVEA_UNROLL for (int j = 0; j < taps - 1; j++) carried[j] = (VECTOR){0};
        ptrdiff_t column = -(ptrdiff_t)s->padLeft;
        for (size_t t = 0; t < p->tiles; t++, column += outputs) {
            VECTOR v[MAX_POINTS], d[MAX_POINTS];
            FOVEA_NAME(load_products)(points, p, products, c, t, v);
            FOVEA_NAME(spread_products)(points, v, d);
            FOVEA_UNROLL for (int j = 0; j < taps - 1; j++) d[j] = d[j] + carried[j];
            FOVEA_NAME(store_columns)(outputs, d, row, column, s->width, s->batch);
            FOVEA_UNROLL for (int j = 0; j < taps - 1; j++) carried[j] = d[outputs + j];
        }
        FOVEA_NAME(store_columns)(taps - 1, carried, row, column, s->width, s->batch);
        column += taps - 1;
        for (; column < (ptrdiff_t)s->width; column++)  // those that no window reaches
            *(VECTOR *)(row + (column > 0 ? column : 0) * (ptrdiff_t)s->batch) = (VECTOR){0};
    }
}

// Rows of y or of dx. The transformed rows that the next one reads again stay in a ring of as many as a kernel has.
FOVEA_INLINE void FOVEA_NAME(filter_rows)(const int taps, const int outputs, const filtering *p, size_t begin,
                                          size_t end, float *scratch) {
    const fovea_bi_convolution *s = p->shape;
    const ptrdiff_t sourceHeight = (ptrdiff_t)(p->isBackward ? s->outHeight : s->height);
    const size_t sourceWidth = p->isBackward ? s->outWidth : s->width;
    const size_t outWidth = p->isBackward ? s->width : s->outWidth;
    const size_t pointStride = p->ins * p->tiles * LANES, slot = p->points * pointStride;
    float *products = scratch + s->kernelHeight * slot;
    ptrdiff_t next = 0;  // the first row that is not transformed yet
    for (size_t unit = begin; unit < end; unit++) {
        size_t group = unit / p->outHeight;
        ptrdiff_t i = (ptrdiff_t)(unit % p->outHeight);
        if (unit == begin || i == 0) next = PTRDIFF_MIN;
        reached rows = {0};
        for (size_t r = 0; r < s->kernelHeight; r++) {
            // Backward the first row of taps meets the last row of the source; these are gone through upwards, too.
            size_t u = p->isBackward ? s->kernelHeight - 1 - r : r;
            ptrdiff_t row = p->isBackward ? i + (ptrdiff_t)s->padTop - (ptrdiff_t)u : i + (ptrdiff_t)u - (ptrdiff_t)s->padTop;
            if (row < 0 || row >= sourceHeight) continue;
            float *ring = scratch + (size_t)row % s->kernelHeight * slot;
            if (row >= next) {
                const float *source = p->source + (size_t)row * sourceWidth * s->batch + group * LANES;
                if (!p->isBackward) FOVEA_NAME(filter_inputs)(taps, outputs, p, source, pointStride, p->tiles * LANES, ring);
                for (size_t k = 0; p->isBackward && k < s->filters; k++)
                    FOVEA_NAME(filter_gradients)(taps, outputs, p, source + k * s->outHeight * sourceWidth * s->batch,
                                                 pointStride, ring + k * p->tiles * LANES, NULL);
                next = row + 1;
            }
            rows.source[rows.count] = ring;
            rows.taps[rows.count++] = p->taps + u * p->ins * p->outs;
        }
        FOVEA_NAME(multiply_row)(p, &rows, products);
        float *out = p->out + (size_t)i * outWidth * s->batch + group * LANES;
        if (p->isBackward)
            FOVEA_NAME(finish_gradients)(taps, outputs, p, 0, s->channels, products, out);
        else
            FOVEA_NAME(finish_outputs)(taps, outputs, p, products, out);
    }
}

#include "BatchInnermostPlanes.h"

FOVEA_TARGET static void FOVEA_NAME(filter)(const filtering *p, size_t begin, size_t end, float *scratch) {
    if (!p->filtersPlanes)
        FOVEA_BY_TILE(filter_rows, p, begin, end, scratch);
    else if (p->isBackward)
        FOVEA_BY_TILE(filter_gradient_planes, p, begin, end, scratch);
    else
        FOVEA_BY_TILE(filter_planes, p, begin, end, scratch);
}

// The taps as [point][row][in][out].
FOVEA_INLINE void FOVEA_NAME(filter_taps_of)(const int taps, const int outputs, const filtering *p, const float *weight) {
    const fovea_bi_convolution *s = p->shape;
    const int points = taps + outputs - 1;
    const size_t rows = s->kernelHeight, area = rows * (size_t)taps;
    const size_t outStep = p->isBackward ? area : s->channels * area, inStep = p->isBackward ? s->channels * area : area;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < p->ins; c++)
            for (size_t k = 0; k < p->outs; k += LANES) {
                size_t count = p->outs - k < LANES ? p->outs - k : LANES;
                const float *w = weight + r * (size_t)taps + c * inStep + k * outStep;
                VECTOR row[MAX_TAPS], v[MAX_POINTS];
                FOVEA_UNROLL for (int j = 0; j < taps; j++) FOVEA_NAME(gather)(count, w + j, outStep, &row[j]);
                FOVEA_NAME(evaluate)(taps, points, row, v);
                FOVEA_UNROLL for (int f = 0; f < points; f++) {
                    v[f] = v[f] * scales_of(points)[f];
                    memcpy(p->taps + (((size_t)f * rows + r) * p->ins + c) * p->outs + k, &v[f],
                           count * sizeof(float));
                }
            }
}

FOVEA_TARGET static void FOVEA_NAME(filter_taps)(const filtering *p, const float *weight) {
    if (p->filtersPlanes)
        FOVEA_BY_TILE(filter_plane_taps, p, weight);
    else
        FOVEA_BY_TILE(filter_taps_of, p, weight);
}

// Lanes whose number has the bit `half` hold sums of b, the others of a: of two lanes that differ in that bit.
FOVEA_INLINE void FOVEA_NAME(fold)(const int half, VECTOR *a, const VECTOR *b) {
    VECTOR low, high;
    FOVEA_UNROLL for (int j = 0; j < LANES; j++) {
        low[j] = j & half ? (*b)[j & ~half] : (*a)[j];
        high[j] = j & half ? (*b)[j] : (*a)[j | half];
    }
    *a = low + high;
}

// The sums of the lanes of each of at most four vectors.
FOVEA_INLINE void FOVEA_NAME(sum_lanes)(const int count, const VECTOR *v, float *out) {
    VECTOR sums[4];
    FOVEA_UNROLL for (int i = 0; i < 4; i++) sums[i] = i < count ? v[i] : (VECTOR){0};
    FOVEA_NAME(fold)(LANES / 2, &sums[0], &sums[1]);
    FOVEA_NAME(fold)(LANES / 2, &sums[2], &sums[3]);
    FOVEA_NAME(fold)(LANES / 4, &sums[0], &sums[2]);
    FOVEA_UNROLL for (int half = LANES / 8; half > 0; half /= 2) {
        VECTOR same = sums[0];
        FOVEA_NAME(fold)(half, &sums[0], &same);
    }
    FOVEA_UNROLL for (int i = 0; i < count; i++) out[i] = sums[0][(i & 1) * (LANES / 2) + (i >> 1) * (LANES / 4)];
}

// Some filters and rows of taps of one point and channel: sums over all tiles of some rows.
FOVEA_INLINE void FOVEA_NAME(accumulate_tile)(const int filters, const int rows, const filtering *p, const float *dy,
                                              const float *x, const banded *b, size_t rowStride, float *out) {
    VECTOR sums[MAX_ROWS][MAX_OUTS];
    FOVEA_UNROLL for (int r = 0; r < rows; r++)
        FOVEA_UNROLL for (int k = 0; k < filters; k++) sums[r][k] = (VECTOR){0};
    const size_t xStride = p->tiles * LANES, dyStride = b->groups * b->dyGroup;
    const int heldAreFilters = filters < rows;
    for (size_t g = 0; g < b->groups; g++, x += b->xGroup, dy += b->dyGroup)
        for (size_t i = 0; i < b->dyGroup; i += LANES) {
            // The fewer of both stay in registers.
            VECTOR held[MAX_OUTS];
            FOVEA_UNROLL for (int j = 0; j < (heldAreFilters ? filters : rows); j++)
                held[j] = *(const VECTOR *)(heldAreFilters ? dy + (size_t)j * dyStride + i : x + (size_t)j * xStride + i);
            FOVEA_UNROLL for (int j = 0; j < (heldAreFilters ? rows : filters); j++) {
                FOVEA_IN_ORDER;
                VECTOR d =
                    *(const VECTOR *)(heldAreFilters ? x + (size_t)j * xStride + i : dy + (size_t)j * dyStride + i);
                FOVEA_UNROLL for (int h = 0; h < (heldAreFilters ? filters : rows); h++) {
                    VECTOR *sum = heldAreFilters ? &sums[j][h] : &sums[h][j];
                    *sum = *sum + d * held[h];
                }
            }
        }
    FOVEA_UNROLL for (int r = 0; r < rows; r++)
        FOVEA_NAME(sum_lanes)(filters, sums[r], out + (size_t)r * rowStride);
}

// Calls that, in a function of its own: constants of the transforms would take its registers.
FOVEA_ALONE static void FOVEA_NAME(accumulate)(size_t filters, size_t rows, const filtering *p, const float *dy,
                                               const float *x, const banded *b, size_t rowStride, float *out) {
#define FOVEA_CASE(FILTERS, ROWS)                                                                                  \
    case FILTERS * 8 + ROWS:                                                                                       \
        FOVEA_NAME(accumulate_tile)(FILTERS, ROWS, p, dy, x, b, rowStride, out);                                   \
        break;
#define FOVEA_CASES(FILTERS)                                                                                       \
    FOVEA_CASE(FILTERS, 1) FOVEA_CASE(FILTERS, 2) FOVEA_CASE(FILTERS, 3) FOVEA_CASE(FILTERS, 4) FOVEA_CASE(FILTERS, 5)
    switch (filters * 8 + rows) {
        FOVEA_CASES(1)
        FOVEA_CASES(2)
#if LANES == 16
        FOVEA_CASES(3)
        FOVEA_CASES(4)
#else
        FOVEA_CASE(3, 1) FOVEA_CASE(3, 2) FOVEA_CASE(3, 3)
        FOVEA_CASE(4, 1) FOVEA_CASE(4, 2) FOVEA_CASE(4, 3)
#endif
    }
#undef FOVEA_CASE
#undef FOVEA_CASES
}

// The sums [point][row][channel][filter], and those of dy [filter] behind them, of some filters, over some rows of some images.
FOVEA_INLINE void FOVEA_NAME(sum_band)(const int taps, const int outputs, const filtering *p, size_t item, float *scratch) {
    const fovea_bi_convolution *s = p->shape;
    const size_t unit = item / p->shares, share = item % p->shares;
    const size_t firstGroup = unit / p->bands * p->unitGroups, band = unit % p->bands;
    const size_t first = s->outHeight * band / p->bands, height = s->outHeight * (band + 1) / p->bands - first;
    const size_t inputHeight = height + s->kernelHeight - 1, rowSize = p->tiles * LANES;
    banded b = {.xGroup = inputHeight * rowSize, .dyGroup = height * rowSize};
    b.groups = p->groups - firstGroup < p->unitGroups ? p->groups - firstGroup : p->unitGroups;
    // Lie as [point][channel or filter][group][row][tile].
    const size_t xStride = b.groups * b.xGroup, xPoint = s->channels * xStride;
    const size_t dyStride = b.groups * b.dyGroup, dyPoint = p->bandFilters * dyStride;
    float *biasSums = scratch, *x = scratch + s->filters * LANES, *dy = x + p->points * xPoint;
    float *made = dy + p->points * dyPoint, *sums = p->sums + unit * p->outSize;

    for (size_t r = 0; r < inputHeight; r++) {
        ptrdiff_t row = (ptrdiff_t)(first + r) - (ptrdiff_t)s->padTop;
        int isInside = row >= 0 && row < (ptrdiff_t)s->height;
        for (size_t g = 0; g < b.groups; g++) {
            const float *source =
                isInside ? p->source + (size_t)row * s->width * s->batch + (firstGroup + g) * LANES : NULL;
            FOVEA_NAME(filter_inputs)(taps, outputs, p, source, xPoint, xStride, x + g * b.xGroup + r * rowSize);
        }
    }
    memset(biasSums, 0, s->filters * sizeof(VECTOR));
    const size_t blocks = ceiling(s->filters, p->bandFilters);
    const size_t rowBlocks = ceiling(s->kernelHeight, MAX_ROWS), rowStride = s->channels * s->filters;
    const size_t firstBlock = blocks * share / p->shares, endBlock = blocks * (share + 1) / p->shares;
    for (size_t block = firstBlock; block < endBlock; block++) {
        size_t k = s->filters * block / blocks, filters = s->filters * (block + 1) / blocks - k;
        for (size_t j = 0; j < filters; j++)
            for (size_t r = 0; r < height; r++) {
                size_t line = (k + j) * s->outHeight + first + r;
                const float *row = p->pooled ? made : p->dy + line * s->outWidth * s->batch;
                if (p->pooled) fovea_bi_pool_gradient_rows(p->pooled, line, line + 1, made);
                for (size_t g = 0; g < b.groups; g++)
                    FOVEA_NAME(filter_gradients)(taps, outputs, p, row + (firstGroup + g) * LANES, dyPoint,
                                                 dy + j * dyStride + g * b.dyGroup + r * rowSize,
                                                 p->sumsBias ? (VECTOR *)biasSums + k + j : NULL);
            }
        for (size_t f = 0; f < p->points; f++)
            for (size_t c = 0; c < s->channels; c++)
                for (size_t e = 0; e < rowBlocks; e++) {
                    size_t u = s->kernelHeight * e / rowBlocks, tapRows = s->kernelHeight * (e + 1) / rowBlocks - u;
                    const float *v = x + f * xPoint + c * xStride + u * rowSize;
                    float *out = sums + ((f * s->kernelHeight + u) * s->channels + c) * s->filters + k;
                    FOVEA_NAME(accumulate)(filters, tapRows, p, dy + f * dyPoint, v, &b, rowStride, out);
                }
        for (size_t j = k; j < k + filters; j++)
            FOVEA_NAME(sum_lanes)(1, (const VECTOR *)biasSums + j, sums + p->points * s->kernelHeight * rowStride + j);
    }
}

FOVEA_TARGET static void FOVEA_NAME(sum_bands)(const filtering *p, size_t begin, size_t end, float *scratch) {
    for (size_t item = begin; item < end; item++) {
        FOVEA_BY_TILE(sum_band, p, item, scratch);
    }
}

// The gradients of taps from `units` sums, LANES of them at a time.
FOVEA_INLINE void FOVEA_NAME(collect_gradients_of)(const int taps, const int outputs, const filtering *p, size_t units,
                                                   float *dweight, size_t begin, size_t end) {
    const fovea_bi_convolution *s = p->shape;
    const int points = taps + outputs - 1;
    const size_t total = s->kernelHeight * s->channels * s->filters;
    for (size_t place = begin * LANES; place < end * LANES; place += LANES) {
        VECTOR sums[MAX_POINTS], values[MAX_TAPS];
        size_t count = total - place < LANES ? total - place : LANES;
        FOVEA_UNROLL for (int f = 0; f < points; f++) {
            sums[f] = (VECTOR){0};
            for (size_t unit = 0; unit < units; unit++)
                sums[f] = sums[f] + *(const VECTOR *)(p->sums + unit * p->outSize + (size_t)f * total + place);
            sums[f] = sums[f] * scales_of(points)[f];
        }
        FOVEA_NAME(collect)(points, taps, sums, values);
        float lanes[MAX_TAPS][LANES];
        FOVEA_UNROLL for (int j = 0; j < taps; j++) *(VECTOR *)lanes[j] = values[j];
        for (size_t l = 0; l < count; l++) {
            size_t k = (place + l) % s->filters, c = (place + l) / s->filters % s->channels;
            size_t row = (place + l) / s->filters / s->channels;
            float *out = dweight + ((k * s->channels + c) * s->kernelHeight + row) * (size_t)taps;
            FOVEA_UNROLL for (int j = 0; j < taps; j++) out[j] = lanes[j][l];
        }
    }
}

FOVEA_TARGET static void FOVEA_NAME(collect_gradients)(const filtering *p, size_t units, float *dweight, size_t begin,
                                                       size_t end) {
    FOVEA_BY_TILE(collect_gradients_of, p, units, dweight, begin, end);
}

#undef FOVEA_ALONE
#undef FOVEA_BY_TILE
#undef FOVEA_BY_TAPS
#undef FOVEA_BOTH_AXES
#undef VECTOR
