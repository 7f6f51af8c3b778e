#include "BFloat16Convolution.h"
#include <string.h>
#include "BFloat16Tile.h"

#define PANEL FOVEA_TILE_COLUMNS
#define PIXELS FOVEA_TILE_ROWS

// The pixels that meet a panel of taps before the next does: they stay in the second-level cache with it.
#define CHUNK (8 * PIXELS)

// A cache line of inputs.
#define LINE 32

typedef struct {
    const fovea_bfloat16_convolution *p;
    const uint16_t *x, *taps;
    const float *bias;
    int adds, relu;
    uint16_t *y;
} convolution;

#if FOVEA_HAS_WIDE

static size_t padded_taps(const fovea_bfloat16_convolution *p) { return p->tapRows * ((p->tapCount + 1) / 2 * 2); }

// The outputs of `pixels` pixels at `y` for a panel of filters. `inputs` are the places of their inputs, with, if `fetches`,
// those of as many pixels after them, which are brought into the cache: the processor foresees too little of rows this short.
FOVEA_WIDE_BFLOAT16 FOVEA_INLINE void convolve_tile(const int pixels, const convolution *k, const size_t *inputs,
                                                    int fetches, const uint16_t *taps, const float *bias,
                                                    uint16_t *y) {
    const fovea_bfloat16_convolution *p = k->p;
    __m512 sums[PIXELS][FOVEA_TILE_VECTORS];
    FOVEA_UNROLL for (int i = 0; i < pixels; i++) {
        FOVEA_UNROLL for (int v = 0; v < FOVEA_TILE_VECTORS; v++)
            sums[i][v] = bias ? _mm512_loadu_ps(bias + 16 * v) : _mm512_setzero_ps();
        FOVEA_UNROLL for (int v = 0; v < FOVEA_TILE_VECTORS; v += 2)
            __builtin_prefetch(y + (size_t)i * p->filters + 16 * v, 1);
    }
    for (size_t row = 0; row < p->tapRows; row++) {
        const uint16_t *x = k->x + row * p->tapRowStep;
        for (size_t tap = 0; tap < p->tapCount; tap += LINE) {
            if (fetches)
                FOVEA_UNROLL for (int i = 0; i < pixels; i++) __builtin_prefetch(x + inputs[PIXELS + i] + tap);
            size_t depth = p->tapCount - tap < LINE ? p->tapCount - tap : LINE;
            fovea_add_tile(pixels, x + tap, inputs, depth, taps, sums);
            taps += (depth + 1) / 2 * 2 * PANEL;
        }
    }
    FOVEA_UNROLL for (int i = 0; i < pixels; i++) FOVEA_UNROLL for (int v = 0; v < FOVEA_TILE_VECTORS; v++) {
        uint16_t *place = y + (size_t)i * p->filters + 16 * v;
        fovea_float16 sum = sums[i][v], before;
        if (k->adds) {
            fovea_load_16(1, place, &before);
            sum = sum + before;
        }
        if (k->relu) fovea_rectify(&sum);
        fovea_store_16(1, &sum, place);
    }
}

#define FOVEA_TILE(pixels)                                        \
    case pixels:                                                  \
        convolve_tile(pixels, k, inputs, fetches, taps, bias, y); \
        break;

FOVEA_WIDE_BFLOAT16 static void convolve_pixels(size_t pixels, const convolution *k, const size_t *inputs, int fetches,
                                                const uint16_t *taps, const float *bias, uint16_t *y) {
    switch (pixels) {
        FOVEA_TILE(1)
        FOVEA_TILE(2)
        FOVEA_TILE(3)
        FOVEA_TILE(4)
        FOVEA_TILE(5)
        FOVEA_TILE(6)
    }
}

static void convolve_range(void *context, size_t begin, size_t end) {
    const convolution *k = context;
    const fovea_bfloat16_convolution *p = k->p;
    for (size_t first = begin; first < end; first += CHUNK) {
        size_t inputs[CHUNK + PIXELS], count = end - first < CHUNK ? end - first : CHUNK;
        size_t known = end - first < count + PIXELS ? end - first : count + PIXELS;
        fovea_find_inputs(p, first, first + known, inputs);
        for (size_t i = known; i < count + PIXELS; i++) inputs[i] = inputs[known - 1];
        for (size_t filter = 0; filter < p->filters; filter += PANEL)
            for (size_t i = 0; i < count; i += PIXELS)
                convolve_pixels(count - i < PIXELS ? count - i : PIXELS, k, inputs + i, filter == 0,
                                k->taps + filter * padded_taps(p), k->bias ? k->bias + filter : NULL,
                                k->y + (first + i) * p->filters + filter);
    }
}

#endif

void fovea_bfloat16_convolve(const fovea_bfloat16_convolution *p, const uint16_t *x, const uint16_t *taps,
                             const float *bias, int adds, int relu, uint16_t *y) {
#if FOVEA_HAS_WIDE
    convolution k = {p, x, taps, bias, adds, relu, y};
    fovea_parallel_for(p->count * p->height * p->width, 0, convolve_range, &k);
#endif
}

static size_t padded_row(const fovea_padding *p) { return (p->left + p->width + p->right) * p->channels; }
static size_t padded_height(const fovea_padding *p) { return p->top + p->height + p->bottom; }

size_t fovea_padded_count(const fovea_padding *p) { return p->count * padded_height(p) * padded_row(p) + 1; }

typedef struct {
    const fovea_padding *p;
    const uint16_t *x;
    uint16_t *padded;
} padding;

static void pad_rows(void *context, size_t begin, size_t end) {
    const padding *k = context;
    const fovea_padding *p = k->p;
    size_t length = p->width * p->channels, left = p->left * p->channels, right = p->right * p->channels;
    for (size_t index = begin; index < end; index++) {
        uint16_t *to = k->padded + index * padded_row(p);
        size_t row = index % padded_height(p) - p->top;  // beyond the height if it is above the image
        if (row >= p->height) {
            memset(to, 0, padded_row(p) * sizeof *to);
            continue;
        }
        memset(to, 0, left * sizeof *to);
        memcpy(to + left, k->x + (index / padded_height(p) * p->height + row) * length, length * sizeof *to);
        memset(to + left + length, 0, right * sizeof *to);
    }
}

void fovea_pad(const fovea_padding *p, const uint16_t *x, uint16_t *padded) {
    padding k = {p, x, padded};
    fovea_parallel_for(p->count * padded_height(p), 0, pad_rows, &k);
    padded[fovea_padded_count(p) - 1] = 0;
}
