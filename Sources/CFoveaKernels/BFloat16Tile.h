// Sums of products of bfloat16 numbers in registers, compiled where FOVEA_HAS_WIDE.
#ifndef FOVEA_BFLOAT16_TILE_H
#define FOVEA_BFLOAT16_TILE_H

#include <string.h>
#include "BFloat16Convolution.h"
#include "VectorMath.h"

// The columns of a panel of the right factor, and as many rows as the registers hold sums for beside a row of it.
#define FOVEA_TILE_COLUMNS FOVEA_BFLOAT16_PANEL
#define FOVEA_TILE_VECTORS (FOVEA_TILE_COLUMNS / 16)
#define FOVEA_TILE_ROWS 6

// Where the inputs of output pixels `first ..< last` of a convolution begin.
FOVEA_INLINE void fovea_find_inputs(const fovea_bfloat16_convolution *p, size_t first, size_t last, size_t *inputs) {
    size_t column = first % p->width, row = first / p->width % p->height, image = first / p->width / p->height;
    size_t place = image * p->imageStep + row * p->rowStep + column * p->pixelStep;
    for (size_t pixel = first; pixel < last; pixel++) {
        inputs[pixel - first] = place;
        place += p->pixelStep;
        if (++column < p->width) continue;
        column = 0;
        if (++row == p->height) {
            row = 0;
            image++;
        }
        place = image * p->imageStep + row * p->rowStep;
    }
}

#if FOVEA_HAS_WIDE
#include <immintrin.h>

// Adds the products of `rows` rows of the left factor, which begin at `left + places[row]`, with a panel `[depth / 2][64][2]`.
// Only where `depth` is even is nothing read behind it.
FOVEA_WIDE_BFLOAT16 FOVEA_INLINE void fovea_add_tile(const int rows, const uint16_t *left, const size_t *places,
                                                     size_t depth, const uint16_t *panel,
                                                     __m512 (*sums)[FOVEA_TILE_VECTORS]) {
    for (size_t k = 0; k < depth; k += 2, panel += 2 * FOVEA_TILE_COLUMNS) {
        __m512bh right[FOVEA_TILE_VECTORS];
        FOVEA_UNROLL for (int v = 0; v < FOVEA_TILE_VECTORS; v++)
            right[v] = (__m512bh)_mm512_loadu_si512(panel + 32 * v);
        FOVEA_UNROLL for (int i = 0; i < rows; i++) {
            int pair;
            memcpy(&pair, left + places[i] + k, sizeof pair);
            __m512bh both = (__m512bh)_mm512_set1_epi32(pair);
            FOVEA_UNROLL for (int v = 0; v < FOVEA_TILE_VECTORS; v++)
                sums[i][v] = _mm512_dpbf16_ps(sums[i][v], both, right[v]);
        }
    }
}

// Replaces negative numbers by zero, and lets through what is no number.
FOVEA_WIDE_BFLOAT16 FOVEA_INLINE void fovea_rectify(fovea_float16 *value) {
    *value = _mm512_max_ps(_mm512_setzero_ps(), *value);
}

#endif

#endif
