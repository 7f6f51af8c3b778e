// The forward product of dense layers by vectors of LANES floats, compiled twice. A vector has as many samples; a tile of sums is
// two of them by as many units as registers allow.

#define VECTOR FOVEA_JOIN(fovea_float, LANES)
#include "TransposeSquare.h"

#define TILE_UNITS FOVEA_JOIN(TILE_UNITS_, LANES)
#define TILE_SAMPLES (2 * LANES)

// A tile of sums over a block of inputs: of weights packed as [unit][input] and samples packed as [input][sample]. The weights of the
// next tile are fetched meanwhile from `next`.
FOVEA_INLINE void FOVEA_NAME(multiply_tile)(const int units, const int vectors, size_t inputs, const float *w,
                                            const float *x, float *sums, int adds, const float *next, size_t nextUnit) {
    VECTOR tile[TILE_UNITS][2];
    FOVEA_UNROLL for (int u = 0; u < units; u++)
        FOVEA_UNROLL for (int v = 0; v < vectors; v++) tile[u][v] = (VECTOR){0};
#define FOVEA_STEP(i)                                                                                                \
    {                                                                                                                \
        VECTOR samples[2];                                                                                           \
        FOVEA_UNROLL for (int v = 0; v < vectors; v++) samples[v] = *(const VECTOR *)(x + ((i)*vectors + v) * LANES); \
        FOVEA_UNROLL for (int u = 0; u < units; u++) {                                                               \
            FOVEA_IN_ORDER;                                                                                          \
            float factor = w[u * PACKED_INPUTS + (i)];                                                               \
            FOVEA_UNROLL for (int v = 0; v < vectors; v++) tile[u][v] = tile[u][v] + samples[v] * factor;            \
        }                                                                                                            \
    }
    size_t k = 0;
    for (; k + 4 <= inputs; k += 4, w += 4, x += 4 * vectors * LANES) {
        // In the four rounds that go through a line of each unit, the lines of four units each.
        if (next && k % LINE < (size_t)units)
            FOVEA_UNROLL for (size_t i = 0; i < 4; i++)
                __builtin_prefetch(next + (k % LINE + i) * nextUnit + k / LINE * LINE, 0, 2);
        FOVEA_UNROLL for (int i = 0; i < 4; i++) FOVEA_STEP(i)
    }
    for (; k < inputs; k++, w++, x += vectors * LANES) FOVEA_STEP(0)
#undef FOVEA_STEP
    FOVEA_UNROLL for (int u = 0; u < units; u++)
        FOVEA_UNROLL for (int v = 0; v < vectors; v++) {
            VECTOR *place = (VECTOR *)(sums + u * SUMS_ROW + v * LANES);
            *place = adds ? *place + tile[u][v] : tile[u][v];
        }
}

FOVEA_INLINE void FOVEA_NAME(multiply_units)(size_t units, size_t vectors, size_t inputs, const float *w, const float *x,
                                             float *sums, int adds, const float *next, size_t nextUnit) {
#define FOVEA_CASE(UNITS)                                                                    \
    case 2 * UNITS:                                                                          \
        FOVEA_NAME(multiply_tile)(UNITS, 1, inputs, w, x, sums, adds, next, nextUnit); break; \
    case 2 * UNITS + 1:                                                                      \
        FOVEA_NAME(multiply_tile)(UNITS, 2, inputs, w, x, sums, adds, next, nextUnit); break;
    switch (2 * units + vectors - 1) {
        FOVEA_CASE(1) FOVEA_CASE(2) FOVEA_CASE(3) FOVEA_CASE(4) FOVEA_CASE(5) FOVEA_CASE(6)
#if LANES == 16
        FOVEA_CASE(7) FOVEA_CASE(8) FOVEA_CASE(9) FOVEA_CASE(10)
        FOVEA_CASE(11) FOVEA_CASE(12) FOVEA_CASE(13) FOVEA_CASE(14)
#endif
    }
#undef FOVEA_CASE
}

// A block of inputs of all samples as panels [input][sample] of TILE_SAMPLES, the last filled up with zeros to vectors.
FOVEA_INLINE void FOVEA_NAME(pack_samples)(const fovea_dense *p, const float *x, size_t inputs, float *out) {
    for (size_t s = 0; s < p->batch; s += LANES) {
        const size_t left = p->batch - s / TILE_SAMPLES * TILE_SAMPLES;
        const size_t width = left > LANES ? TILE_SAMPLES : LANES;
        float *panel = out + s / TILE_SAMPLES * TILE_SAMPLES * inputs + s % TILE_SAMPLES;
        for (size_t k = 0; k < inputs; k += LANES) {
            const float *from = x + s * p->inputs + k;
            float *to = panel + k * width;
            if (k + LANES <= inputs && s + LANES <= p->batch) {
                FOVEA_NAME(transpose_square)(from, p->inputs, to, width);
                continue;
            }
            for (size_t i = 0; i < LANES && k + i < inputs; i++)
                for (size_t l = 0; l < LANES; l++) to[i * width + l] = s + l < p->batch ? from[l * p->inputs + i] : 0;
        }
    }
}

FOVEA_INLINE void FOVEA_NAME(pack_weights)(size_t units, size_t inputs, const float *w, size_t stride, float *out) {
    for (size_t u = 0; u < units; u++, w += stride, out += PACKED_INPUTS) {
        size_t k = 0;
        for (; k + LANES <= inputs; k += LANES) *(VECTOR *)(out + k) = *(const VECTOR *)(w + k);
        for (; k < inputs; k++) out[k] = w[k];
    }
}

// The outputs of some units.
FOVEA_TARGET static void FOVEA_NAME(multiply_block)(const forward *f, size_t first, size_t count, float *scratch) {
    const fovea_dense *p = f->p;
    const size_t blocks = ceiling(p->inputs, MAX_INPUTS), tiles = ceiling(count, TILE_UNITS);
    float *weights = scratch, *samples = weights + TILE_UNITS_16 * PACKED_INPUTS;
    float *sums = samples + MAX_INPUTS * FOVEA_DENSE_MAX_BATCH;
    for (size_t b = 0; b < blocks; b++) {
        const size_t k = p->inputs * b / blocks, inputs = p->inputs * (b + 1) / blocks - k;
        FOVEA_NAME(pack_samples)(p, f->x + k, inputs, samples);
        for (size_t t = 0; t < tiles; t++) {
            const size_t u = count * t / tiles, units = count * (t + 1) / tiles - u;
            const float *w = f->weight + (first + u) * p->inputs + k;
            FOVEA_NAME(pack_weights)(units, inputs, w, p->inputs, weights);
            for (size_t s = 0; s < p->batch; s += TILE_SAMPLES) {
                const float *next = s == 0 && t + 1 < tiles ? w + units * p->inputs : NULL;
                FOVEA_NAME(multiply_units)(units, p->batch - s > LANES ? 2 : 1, inputs, weights, samples + s * inputs,
                                           sums + u * SUMS_ROW + s, b > 0, next, p->inputs);
            }
        }
    }
    for (size_t s = 0; s < p->batch; s++) {
        float *y = f->y + s * p->units + first;
        for (size_t u = 0; u < count; u++) y[u] = sums[u * SUMS_ROW + s] + (f->bias ? f->bias[first + u] : 0);
    }
}

#undef TILE_UNITS
#undef TILE_SAMPLES
#undef VECTOR
