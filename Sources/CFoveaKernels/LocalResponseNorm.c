#include <math.h>
#include <string.h>
#include "VectorMath.h"

typedef struct {
    const fovea_response_norm *norm;
    const float *x, *dy;
    float *out, *scratch;
    size_t parts;
} normalization;

// The channels of a pixel in whole vectors. Those that windows go over lie between zeros, so that a window is vectors from
// neighbouring addresses.
typedef struct {
    float *x, *dy, *powers, *squares, *shares;
} pixel_rows;

static size_t vectors_of(const fovea_response_norm *n) { return (n->channels + 7) / 8; }
static size_t row_size(const fovea_response_norm *n) { return 8 * (vectors_of(n) + (n->size + 7) / 8); }
static pixel_rows rows_at(const fovea_response_norm *n, float *scratch) {
    size_t row = row_size(n);
    return (pixel_rows){scratch, scratch + row, scratch + 2 * row, scratch + 3 * row, scratch + 4 * row};
}

size_t fovea_response_norm_scratch(const fovea_response_norm *n) { return 5 * row_size(n); }

FOVEA_INLINE void load_pixel(const fovea_response_norm *n, const float *from, float *row) {
    for (size_t c = 0; c < n->channels; c += n->block)
        memcpy(row + c, from + c * n->pixels, n->block * sizeof(float));
}

FOVEA_INLINE void store_pixel(const fovea_response_norm *n, const float *row, float *to) {
    for (size_t c = 0; c < n->channels; c += n->block)
        memcpy(to + c * n->pixels, row + c, n->block * sizeof(float));
}

// The sums of the windows around the channels from `c` on.
FOVEA_INLINE void sum_windows(const size_t size, const float *row, size_t c, fovea_float8 *sum) {
    fovea_float8 total = {0};
    for (size_t j = 0; j < size; j++) total = total + *(const fovea_float8 *)(row + c + j);
    *sum = total;
}

// value^-exponent; 0.75 is that of the networks with this normalization.
FOVEA_INLINE void negative_power(float exponent, const fovea_float8 *value, fovea_float8 *result) {
    if (exponent == 0.75f) {
        fovea_float8 root = __builtin_elementwise_sqrt(*value);
        *result = 1 / (root * __builtin_elementwise_sqrt(root));
        return;
    }
    for (int i = 0; i < 8; i++) (*result)[i] = powf((*value)[i], -exponent);
}

// From `rows.x` the squares, then s^-beta and, with a gradient, dy x s^(-beta - 1).
FOVEA_INLINE void find_powers(const fovea_response_norm *n, const size_t size, int hasGradient, pixel_rows rows) {
    size_t count = 8 * vectors_of(n), reach = size / 2;
    float factor = n->alpha / (float)size;
    for (size_t c = 0; c < count; c += 8) {
        fovea_float8 x = *(const fovea_float8 *)(rows.x + c);
        *(fovea_float8 *)(rows.squares + reach + c) = x * x;
    }
    for (size_t c = 0; c < count; c += 8) {
        fovea_float8 base, power;
        sum_windows(size, rows.squares, c, &base);
        base = base * factor + n->k;
        negative_power(n->beta, &base, &power);
        *(fovea_float8 *)(rows.powers + c) = power;
        if (!hasGradient) continue;
        fovea_float8 x = *(const fovea_float8 *)(rows.x + c), dy = *(const fovea_float8 *)(rows.dy + c);
        *(fovea_float8 *)(rows.shares + reach + c) = dy * x * power / base;
    }
}

FOVEA_INLINE void normalize_pixel(const fovea_response_norm *n, const size_t size, pixel_rows rows) {
    find_powers(n, size, 0, rows);
    for (size_t c = 0; c < 8 * vectors_of(n); c += 8) {
        fovea_float8 *x = (fovea_float8 *)(rows.x + c);
        *x = *x * *(const fovea_float8 *)(rows.powers + c);
    }
}

FOVEA_INLINE void differentiate_pixel(const fovea_response_norm *n, const size_t size, pixel_rows rows) {
    find_powers(n, size, 1, rows);
    float factor = 2 * n->alpha * n->beta / (float)size;
    for (size_t c = 0; c < 8 * vectors_of(n); c += 8) {
        fovea_float8 sum, x = *(const fovea_float8 *)(rows.x + c), *dy = (fovea_float8 *)(rows.dy + c);
        sum_windows(size, rows.shares, c, &sum);
        *dy = *dy * *(const fovea_float8 *)(rows.powers + c) - x * sum * factor;
    }
}

FOVEA_CLONES static void normalize_parts(void *context, size_t begin, size_t end) {
    const normalization *p = context;
    const fovea_response_norm *n = p->norm;
    for (size_t part = begin; part < end; part++) {
        size_t all = n->images * n->pixels, last = all * (part + 1) / p->parts;
        float *scratch = p->scratch + part * fovea_response_norm_scratch(n);
        pixel_rows rows = rows_at(n, scratch);
        memset(scratch, 0, fovea_response_norm_scratch(n) * sizeof(float));
        for (size_t pixel = all * part / p->parts; pixel < last; pixel++) {
            size_t place = pixel / n->pixels * n->channels * n->pixels + pixel % n->pixels * n->block;
            load_pixel(n, p->x + place, rows.x);
            if (p->dy) {
                load_pixel(n, p->dy + place, rows.dy);
                if (n->size == 5)
                    differentiate_pixel(n, 5, rows);
                else
                    differentiate_pixel(n, n->size, rows);
            } else if (n->size == 5) {
                normalize_pixel(n, 5, rows);
            } else {
                normalize_pixel(n, n->size, rows);
            }
            store_pixel(n, p->dy ? rows.dy : rows.x, p->out + place);
        }
    }
}

static void normalize(normalization p, size_t threads) {
    const fovea_response_norm *n = p.norm;
    p.parts = n->images * n->channels * n->pixels <= FOVEA_GRAIN ? 1 : threads;
    fovea_parallel_for(p.parts, 1, normalize_parts, &p);
}

void fovea_response_norm_forward(const fovea_response_norm *n, size_t threads, const float *x, float *y, float *scratch) {
    normalize((normalization){.norm = n, .x = x, .out = y, .scratch = scratch}, threads);
}

void fovea_response_norm_gradient(const fovea_response_norm *n, size_t threads, const float *x, const float *dy,
                                  float *dx, float *scratch) {
    normalize((normalization){.norm = n, .x = x, .dy = dy, .out = dx, .scratch = scratch}, threads);
}
