#include "BFloat16Winograd.h"
#include "BFloat16Tile.h"

// The points of an axis, 0, 1, -1 and infinity, and the elements of a transformed tile.
#define POINTS 4
#define ELEMENTS (POINTS * POINTS)
#define OUTPUTS 2

#define PANEL FOVEA_TILE_COLUMNS

typedef struct {
    size_t inputs, outputs;
    int turned;
    const float *taps;
    uint16_t *transformed;
} transformation;

typedef struct {
    const fovea_bfloat16_winograd *p;
    const uint16_t *x, *transformed;
    const float *bias;
    int adds, relu;
    uint16_t *y;
    char *scratch;
} convolution;

// As many tiles at a time as leave their transforms in the second-level cache.
static size_t tiles_at_once(const fovea_bfloat16_winograd *p) {
    size_t count = 256 * 1024 / (ELEMENTS * p->inputs) / FOVEA_TILE_ROWS * FOVEA_TILE_ROWS;
    return count < 24 ? 24 : count > 96 ? 96 : count;
}

// The distance between elements of transforms: an odd number of cache lines, so that they do not fall into one set.
static size_t input_stride(const fovea_bfloat16_winograd *p) { return tiles_at_once(p) * p->inputs + 32; }
static size_t output_stride(const fovea_bfloat16_winograd *p) { return tiles_at_once(p) * PANEL + 16; }

static size_t part_scratch(const fovea_bfloat16_winograd *p) {
    return ELEMENTS * (input_stride(p) * sizeof(uint16_t) + output_stride(p) * sizeof(float));
}

size_t fovea_bfloat16_winograd_scratch(const fovea_bfloat16_winograd *p) { return p->parts * part_scratch(p); }
size_t fovea_bfloat16_winograd_tap_count(size_t inputs, size_t outputs) { return ELEMENTS * inputs * outputs; }

#if FOVEA_HAS_WIDE

static size_t tile_rows(const fovea_bfloat16_winograd *p) { return (p->height + OUTPUTS - 1) / OUTPUTS; }
static size_t tile_columns(const fovea_bfloat16_winograd *p) { return (p->width + OUTPUTS - 1) / OUTPUTS; }

FOVEA_WIDE_BFLOAT16 FOVEA_INLINE void transform_axis(const fovea_float16 *d, fovea_float16 *v) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[3] - d[1];
}

FOVEA_WIDE_BFLOAT16 FOVEA_INLINE void evaluate_axis(const fovea_float16 *g, fovea_float16 *v) {
    fovea_float16 even = (g[0] + g[2]) * 0.5f, odd = g[1] * 0.5f;
    v[0] = g[0];
    v[1] = even + odd;
    v[2] = even - odd;
    v[3] = g[2];
}

FOVEA_WIDE_BFLOAT16 FOVEA_INLINE void collect_axis(const fovea_float16 *v, fovea_float16 *y) {
    y[0] = v[0] + v[1] + v[2];
    y[1] = v[1] - v[2] + v[3];
}

#define FOVEA_BOTH(axis, from, to, in, out)                                                     \
    {                                                                                           \
        fovea_float16 between[POINTS][POINTS];                                                  \
        FOVEA_UNROLL for (int j = 0; j < from; j++) {                                           \
            fovea_float16 column[POINTS], result[POINTS];                                       \
            FOVEA_UNROLL for (int i = 0; i < from; i++) column[i] = in[i][j];                   \
            axis(column, result);                                                               \
            FOVEA_UNROLL for (int i = 0; i < to; i++) between[i][j] = result[i];                \
        }                                                                                       \
        FOVEA_UNROLL for (int i = 0; i < to; i++) axis(between[i], out[i]);                     \
    }

// Transforms the inputs of tiles `first ..< last` to `[element][tile][channel]`.
FOVEA_WIDE_BFLOAT16 static void transform_inputs(const convolution *k, size_t first, size_t last, uint16_t *to) {
    const fovea_bfloat16_winograd *p = k->p;
    const size_t stride = input_stride(p), pixel = p->inputs, line = p->inputWidth * pixel;
    for (size_t t = first; t < last; t++, to += p->inputs) {
        ptrdiff_t row = (ptrdiff_t)(t / tile_columns(p) % tile_rows(p) * OUTPUTS) - (ptrdiff_t)p->top;
        ptrdiff_t column = (ptrdiff_t)(t % tile_columns(p) * OUTPUTS) - (ptrdiff_t)p->left;
        ptrdiff_t bottom = (ptrdiff_t)p->inputHeight - row, right = (ptrdiff_t)p->inputWidth - column;
        int isInside = row >= 0 && column >= 0 && bottom >= POINTS && right >= POINTS;
        const uint16_t *corner = k->x + t / (tile_columns(p) * tile_rows(p)) * p->inputHeight * line +
                                 row * (ptrdiff_t)line + column * (ptrdiff_t)pixel;
        for (size_t c = 0; c < p->inputs; c += 16) {
            fovea_float16 pixels[POINTS][POINTS], result[POINTS][POINTS];
            FOVEA_UNROLL for (int i = 0; i < POINTS; i++) FOVEA_UNROLL for (int j = 0; j < POINTS; j++) {
                if (isInside || (row + i >= 0 && i < bottom && column + j >= 0 && j < right))
                    fovea_load_16(1, corner + (size_t)i * line + (size_t)j * pixel + c, &pixels[i][j]);
                else
                    pixels[i][j] = (fovea_float16){0};
            }
            FOVEA_BOTH(transform_axis, POINTS, POINTS, pixels, result)
            FOVEA_UNROLL for (int e = 0; e < ELEMENTS; e++)
                fovea_store_16(1, &result[e / POINTS][e % POINTS], to + (size_t)e * stride + c);
        }
    }
}

// The outputs of tiles `first ..< last` for the panel of filters that begins at `filter`, from products `[element][tile][64]`.
FOVEA_WIDE_BFLOAT16 static void transform_outputs(const convolution *k, size_t first, size_t last, size_t filter,
                                                  const float *from) {
    const fovea_bfloat16_winograd *p = k->p;
    for (size_t t = first; t < last; t++, from += PANEL) {
        size_t row = t / tile_columns(p) % tile_rows(p) * OUTPUTS, column = t % tile_columns(p) * OUTPUTS;
        size_t image = t / (tile_columns(p) * tile_rows(p));
        uint16_t *corner = k->y + ((image * p->height + row) * p->width + column) * p->outputs + filter;
        for (size_t c = 0; c < PANEL; c += 16) {
            fovea_float16 products[POINTS][POINTS], result[OUTPUTS][POINTS];
            FOVEA_UNROLL for (int e = 0; e < ELEMENTS; e++)
                products[e / POINTS][e % POINTS] = *(const fovea_float16 *)(from + (size_t)e * output_stride(p) + c);
            FOVEA_BOTH(collect_axis, POINTS, OUTPUTS, products, result)
            FOVEA_UNROLL for (int i = 0; i < OUTPUTS; i++) FOVEA_UNROLL for (int j = 0; j < OUTPUTS; j++) {
                if (row + (size_t)i >= p->height || column + (size_t)j >= p->width) continue;
                uint16_t *place = corner + ((size_t)i * p->width + (size_t)j) * p->outputs + c;
                fovea_float16 sum = result[i][j], before;
                if (k->bias) sum = sum + *(const fovea_float16 *)(k->bias + filter + c);
                if (k->adds) {
                    fovea_load_16(1, place, &before);
                    sum = sum + before;
                }
                if (k->relu) fovea_rectify(&sum);
                fovea_store_16(1, &sum, place);
            }
        }
    }
}

FOVEA_WIDE_BFLOAT16 FOVEA_INLINE void multiply_tile(const int rows, size_t depth, const uint16_t *left,
                                                    const uint16_t *panel, float *to) {
    __m512 sums[FOVEA_TILE_ROWS][FOVEA_TILE_VECTORS];
    size_t places[FOVEA_TILE_ROWS];
    FOVEA_UNROLL for (int i = 0; i < rows; i++) {
        places[i] = (size_t)i * depth;
        FOVEA_UNROLL for (int v = 0; v < FOVEA_TILE_VECTORS; v++) sums[i][v] = _mm512_setzero_ps();
    }
    fovea_add_tile(rows, left, places, depth, panel, sums);
    FOVEA_UNROLL for (int i = 0; i < rows; i++)
        FOVEA_UNROLL for (int v = 0; v < FOVEA_TILE_VECTORS; v++) _mm512_storeu_ps(to + i * PANEL + 16 * v, sums[i][v]);
}

// Products `[row][64]` of `rows` rows with a panel.
FOVEA_WIDE_BFLOAT16 static void multiply(size_t rows, size_t depth, const uint16_t *left, const uint16_t *panel,
                                         float *to) {
    for (; rows >= FOVEA_TILE_ROWS; rows -= FOVEA_TILE_ROWS) {
        multiply_tile(FOVEA_TILE_ROWS, depth, left, panel, to);
        left += FOVEA_TILE_ROWS * depth;
        to += FOVEA_TILE_ROWS * PANEL;
    }
    switch (rows) {
        case 1: multiply_tile(1, depth, left, panel, to); break;
        case 2: multiply_tile(2, depth, left, panel, to); break;
        case 3: multiply_tile(3, depth, left, panel, to); break;
        case 4: multiply_tile(4, depth, left, panel, to); break;
        case 5: multiply_tile(5, depth, left, panel, to); break;
    }
}

static void convolve_parts(void *context, size_t begin, size_t end) {
    const convolution *k = context;
    const fovea_bfloat16_winograd *p = k->p;
    size_t total = p->count * tile_rows(p) * tile_columns(p), most = tiles_at_once(p);
    for (size_t part = begin; part < end; part++) {
        uint16_t *inputs = (uint16_t *)(k->scratch + part * part_scratch(p));
        float *products = (float *)(inputs + ELEMENTS * input_stride(p));
        size_t stop = total * (part + 1) / p->parts;
        for (size_t first = total * part / p->parts; first < stop; first += most) {
            size_t last = stop - first < most ? stop : first + most;
            transform_inputs(k, first, last, inputs);
            for (size_t filter = 0; filter < p->outputs; filter += PANEL) {
                for (size_t e = 0; e < ELEMENTS; e++)
                    multiply(last - first, p->inputs, inputs + e * input_stride(p),
                             k->transformed + (filter * ELEMENTS + e * PANEL) * p->inputs,
                             products + e * output_stride(p));
                transform_outputs(k, first, last, filter, products);
            }
        }
    }
}


// Pairs `begin ..< end` of channels of all panels: `[outputs / 64][element][inputs / 2][64][2]`.
FOVEA_WIDE_BFLOAT16 static void transform_pairs(void *context, size_t begin, size_t end) {
    const transformation *k = context;
    for (size_t pair = begin; pair < end; pair++)
        for (size_t c = 0; c < k->outputs; c += 16) {
            uint16_t rounded[2][ELEMENTS][16];
            FOVEA_UNROLL for (int half = 0; half < 2; half++) {
                fovea_float16 taps[POINTS][POINTS], result[POINTS][POINTS];
                FOVEA_UNROLL for (int e = 0; e < 9; e++) {
                    size_t plane = (size_t)(k->turned ? 8 - e : e) * k->inputs;
                    taps[e / 3][e % 3] =
                        *(const fovea_float16 *)(k->taps + (plane + 2 * pair + (size_t)half) * k->outputs + c);
                }
                FOVEA_BOTH(evaluate_axis, 3, POINTS, taps, result)
                FOVEA_UNROLL for (int e = 0; e < ELEMENTS; e++)
                    fovea_store_16(1, &result[e / POINTS][e % POINTS], rounded[half][e]);
            }
            uint16_t *place = k->transformed + c / PANEL * PANEL * ELEMENTS * k->inputs + pair * 2 * PANEL + c % PANEL * 2;
            FOVEA_UNROLL for (int e = 0; e < ELEMENTS; e++)
                fovea_pair_up(rounded[0][e], rounded[1][e], place + (size_t)e * PANEL * k->inputs);
        }
}

#endif

void fovea_bfloat16_winograd_transform(size_t inputs, size_t outputs, int turned, const float *taps,
                                       uint16_t *transformed) {
#if FOVEA_HAS_WIDE
    transformation k = {inputs, outputs, turned, taps, transformed};
    fovea_parallel_for(inputs / 2, 0, transform_pairs, &k);
#endif
}

void fovea_bfloat16_winograd_convolve(const fovea_bfloat16_winograd *p, const uint16_t *x, const uint16_t *transformed,
                                      const float *bias, int adds, int relu, uint16_t *y, void *scratch) {
#if FOVEA_HAS_WIDE
    convolution k = {p, x, transformed, bias, adds, relu, y, scratch};
    fovea_parallel_for(p->parts, 0, convolve_parts, &k);
#endif
}
