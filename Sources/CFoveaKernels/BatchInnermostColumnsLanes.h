// Minimal filtering of columns for vectors of LANES floats, compiled twice. A vector holds one element of as many images.
//
// A tile of rows of the image lies transformed as [channel][column][point]. The sums of all points of a column of outputs stay in
// registers until they are its rows, so nothing but inputs is transformed in memory, and rows may have any number of taps.

#define VECTOR FOVEA_JOIN(fovea_float, LANES)
#include "WinogradAxes.h"

// Calls a function that is compiled for the taps of a column.
#define FOVEA_BY_HEIGHT(call, shape, ...)        \
    do {                                         \
        if ((shape)->kernelHeight == 3)          \
            FOVEA_NAME(call)(3, __VA_ARGS__);    \
        else                                     \
            FOVEA_NAME(call)(5, __VA_ARGS__);    \
    } while (0)

// The most filters whose sums are in registers.
#define FOVEA_FILTERS(points) ((LANES == 16 ? 24 : 12) / (points))

// The rows of x under a tile of rows of y, those outside of the image as zeros.
FOVEA_INLINE void FOVEA_NAME(filter_input_columns)(const int taps, const column_filtering *p, const float *source, size_t tile,
                                                   float *out) {
    const fovea_bi_convolution *s = p->shape;
    const int points = taps + OUTPUTS - 1;
    const ptrdiff_t first = (ptrdiff_t)(tile * OUTPUTS) - (ptrdiff_t)s->padTop;
    const size_t columns = p->columns;
    for (size_t c = 0; c < s->channels; c++, source += s->height * s->width * s->batch)
        for (size_t j = 0; j < columns; j++, out += (size_t)points * LANES) {
            ptrdiff_t column = (ptrdiff_t)j - (ptrdiff_t)s->padLeft;
            int isInside = column >= 0 && column < (ptrdiff_t)s->width;
            VECTOR d[MAX_POINTS], v[MAX_POINTS];
            FOVEA_UNROLL for (int r = 0; r < points; r++) {
                d[r] = (VECTOR){0};
                if (isInside && first + r >= 0 && first + r < (ptrdiff_t)s->height)
                    d[r] = *(const VECTOR *)(source + ((first + r) * (ptrdiff_t)s->width + column) * (ptrdiff_t)s->batch);
            }
            FOVEA_NAME(transform)(points, points, d, v);
            FOVEA_UNROLL for (int f = 0; f < points; f++) *(VECTOR *)(out + f * LANES) = v[f];
        }
}

// Some rows of some filters, of which `rows` are outputs. A ReLU is applied at once; others gain nothing from being here.
FOVEA_INLINE void FOVEA_NAME(multiply_columns)(const int taps, const int filters, const column_filtering *p,
                                               const float *source, const float *weight, const float *bias, int rows,
                                               float *out) {
    const fovea_bi_convolution *s = p->shape;
    const int points = taps + OUTPUTS - 1;
    const size_t channels = s->channels, width = s->kernelWidth, channelStep = p->columns * (size_t)points * LANES;
    const size_t row = s->outWidth * s->batch, plane = s->outHeight * row;
    const int isRelu = p->activation == FOVEA_RELU;
    for (size_t j = 0; j < s->outWidth; j++, source += points * LANES, out += s->batch) {
        VECTOR sums[4][MAX_POINTS];
        FOVEA_UNROLL for (int k = 0; k < filters; k++)
            FOVEA_UNROLL for (int f = 0; f < points; f++) sums[k][f] = (VECTOR){0};
        const float *w = weight;
        for (size_t c = 0; c < channels; c++) {
            const float *x = source + c * channelStep;
            for (size_t v = 0; v < width; v++, x += points * LANES, w += points * filters)
                FOVEA_UNROLL for (int f = 0; f < points; f++) {
                    FOVEA_IN_ORDER;
                    VECTOR value = *(const VECTOR *)(x + f * LANES);
                    FOVEA_UNROLL for (int k = 0; k < filters; k++)
                        sums[k][f] = sums[k][f] + value * w[f * filters + k];
                }
        }
        FOVEA_UNROLL for (int k = 0; k < filters; k++) {
            VECTOR y[OUTPUTS];
            float start = bias ? bias[k] : 0, *place = out + (size_t)k * plane;
            FOVEA_NAME(collect)(points, OUTPUTS, sums[k], y);
            FOVEA_UNROLL for (int r = 0; r < OUTPUTS; r++) {
                y[r] = y[r] + start;
                if (isRelu) FOVEA_NAME(relu)(&y[r]);
                if (r < rows) *(VECTOR *)(place + (size_t)r * row) = y[r];
            }
        }
    }
}

// Applies an activation that needs many registers to a row.
FOVEA_INLINE void FOVEA_NAME(activate_row)(const column_filtering *p, float *row) {
    const fovea_bi_convolution *s = p->shape;
    for (size_t j = 0; j < s->outWidth; j++, row += s->batch)
        FOVEA_NAME(activate_vectors)(p->activation, 1, (VECTOR *)row);
}

FOVEA_INLINE void FOVEA_NAME(filter_columns_of)(const int taps, const column_filtering *p, size_t begin, size_t end, float *scratch) {
    const fovea_bi_convolution *s = p->shape;
    const int points = taps + OUTPUTS - 1;
    const size_t row = s->outWidth * s->batch, plane = s->outHeight * row;
    const size_t area = s->channels * s->kernelWidth * (size_t)points;
    const size_t blocks = ceiling(s->filters, FOVEA_FILTERS(points));
    for (size_t unit = begin; unit < end; unit++) {
        size_t group = unit / p->tiles, tile = unit % p->tiles, first = tile * OUTPUTS;
        int rows = s->outHeight - first < OUTPUTS ? (int)(s->outHeight - first) : OUTPUTS;
        FOVEA_NAME(filter_input_columns)(taps, p, p->source + group * LANES, tile, scratch);
        for (size_t block = 0; block < blocks; block++) {
            size_t k = s->filters * block / blocks, filters = s->filters * (block + 1) / blocks - k;
            const float *weight = p->taps + k * area, *bias = p->bias ? p->bias + k : NULL;
            float *out = p->out + k * plane + first * row + group * LANES;
#define FOVEA_CASE(FILTERS)                                                                                          \
    case FILTERS:                                                                                                  \
        if (FILTERS <= FOVEA_FILTERS(points))                                                                      \
            FOVEA_NAME(multiply_columns)(taps, FILTERS, p, scratch, weight, bias, rows, out);                      \
        break;
            switch (filters) { FOVEA_CASE(1) FOVEA_CASE(2) FOVEA_CASE(3) FOVEA_CASE(4) }
#undef FOVEA_CASE
            if (p->activation == FOVEA_IDENTITY || p->activation == FOVEA_RELU) continue;
            for (size_t i = 0; i < filters * (size_t)rows; i++)
                FOVEA_NAME(activate_row)(p, out + i / (size_t)rows * plane + i % (size_t)rows * row);
        }
    }
}

FOVEA_TARGET static void FOVEA_NAME(filter_columns)(const column_filtering *p, size_t begin, size_t end, float *scratch) {
    FOVEA_BY_HEIGHT(filter_columns_of, p->shape, p, begin, end, scratch);
}

// The taps as [block of filters][channel][tap of a row][point][filter].
FOVEA_INLINE void FOVEA_NAME(filter_column_taps_of)(const int taps, const fovea_bi_convolution *s, const float *weight,
                                                    float *out) {
    const int points = taps + OUTPUTS - 1;
    const size_t blocks = ceiling(s->filters, FOVEA_FILTERS(points)), perFilter = s->channels * s->kernelWidth;
    for (size_t block = 0; block < blocks; block++) {
        size_t first = s->filters * block / blocks, filters = s->filters * (block + 1) / blocks - first;
        for (size_t i = 0; i < perFilter; i++, out += (size_t)points * filters) {
            VECTOR column[MAX_TAPS], v[MAX_POINTS];
            const float *w = weight + (first * s->channels + i / s->kernelWidth) * (size_t)taps * s->kernelWidth + i % s->kernelWidth;
            FOVEA_UNROLL for (int u = 0; u < taps; u++)
                FOVEA_NAME(gather)(filters, w + (size_t)u * s->kernelWidth, s->channels * (size_t)taps * s->kernelWidth, &column[u]);
            FOVEA_NAME(evaluate)(taps, points, column, v);
            FOVEA_UNROLL for (int f = 0; f < points; f++) {
                v[f] = v[f] * scales_of(points)[f];
                memcpy(out + (size_t)f * filters, &v[f], filters * sizeof(float));
            }
        }
    }
}

FOVEA_TARGET static void FOVEA_NAME(filter_column_taps)(const fovea_bi_convolution *s, const float *weight, float *taps) {
    FOVEA_BY_HEIGHT(filter_column_taps_of, s, s, weight, taps);
}

#undef FOVEA_BY_HEIGHT
#undef FOVEA_FILTERS
#undef FOVEA_BY_TAPS
#undef FOVEA_BOTH_AXES
#undef VECTOR
