// The loops of the forward and backward-data convolution for vectors of LANES floats, compiled twice.
// Both are one correlation: an output pixel is a sum over (outer, row, column) of source vectors times weights.
//
// A tile is BLOCK output channels by VECTORS vectors of one pixel, in registers: at most 12 sums, and VECTORS + 1 more,
// which fills the 16 registers of AVX2. Each step loads VECTORS sources and BLOCK weights for BLOCK * VECTORS FMAs.

#define VECTOR FOVEA_JOIN(fovea_float, LANES)

FOVEA_INLINE void FOVEA_NAME(tile)(const int block, const int vectors, const correlation *p, const taps *t,
                                   const float *source, const float *weight, const float *bias, float *out) {
    VECTOR sums[12];
    FOVEA_UNROLL for (int k = 0; k < block; k++) {
        float start = bias ? bias[k] : 0;
        FOVEA_UNROLL for (int v = 0; v < vectors; v++) sums[k * vectors + v] = (VECTOR){0} + start;
    }
    for (ptrdiff_t o = 0; o < t->outer; o++) {
        const float *sourceRow = source + o * t->outerSource, *weightRow = weight + o * t->outerWeight;
        for (ptrdiff_t r = 0; r < t->rows; r++, sourceRow += t->rowSource, weightRow += t->rowWeight) {
            const float *s = sourceRow, *w = weightRow;
            for (ptrdiff_t c = 0; c < t->columns; c++, s += t->columnSource, w += t->columnWeight) {
                VECTOR x[4];
                FOVEA_UNROLL for (int v = 0; v < vectors; v++) x[v] = *(const VECTOR *)(s + v * LANES);
                FOVEA_UNROLL for (int k = 0; k < block; k++) {
                    float factor = w[k * t->blockWeight];
                    VECTOR *sum = sums + k * vectors;
                    FOVEA_UNROLL for (int v = 0; v < vectors; v++) sum[v] = sum[v] + x[v] * factor;
                }
            }
        }
    }
    FOVEA_NAME(activate_vectors)(p->activation, block * vectors, sums);
    FOVEA_UNROLL for (int k = 0; k < block; k++)
        FOVEA_UNROLL for (int v = 0; v < vectors; v++)
            *(VECTOR *)(out + k * p->outPlane + v * LANES) = sums[k * vectors + v];
}

// Some pixels of one block of channels, all of the batch: the widest tiles that fit, then narrower ones.
#define FOVEA_TILES(BLOCK, VECTORS)                                                                                \
    for (; n + VECTORS * LANES <= length; n += VECTORS * LANES)                                                    \
        FOVEA_NAME(tile)(BLOCK, VECTORS, p, &t, source + n, weight, bias, out + n);
#define FOVEA_CASE_SMALL(BLOCK)                                                                                    \
    case BLOCK:                                                                                                    \
        FOVEA_TILES(BLOCK, 4) FOVEA_TILES(BLOCK, 2) FOVEA_TILES(BLOCK, 1) break;
#define FOVEA_CASE(BLOCK)                                                                                          \
    case BLOCK:                                                                                                    \
        FOVEA_TILES(BLOCK, 2) FOVEA_TILES(BLOCK, 1) break;

FOVEA_TARGET static void FOVEA_NAME(correlate)(const correlation *p, size_t begin, size_t end) {
    for (size_t unit = begin; unit < end; unit++) {
        ptrdiff_t row = (ptrdiff_t)unit / p->blocks, b = (ptrdiff_t)unit % p->blocks;
        ptrdiff_t first = p->outs * b / p->blocks, block = p->outs * (b + 1) / p->blocks - first;
        const float *bias = p->bias ? p->bias + first : NULL;
        // Pixels that all columns of the taps reach are as one long one, since their elements lie side by side.
        for (ptrdiff_t column = 0, next; column < p->outWidth; column = next) {
            next = column == p->firstInner && column < p->endInner ? p->endInner : column + 1;
            taps t = p->taps;
            ptrdiff_t sourceOffset, weightOffset;
            reach_of_pixel(p, row, column, &t, &sourceOffset, &weightOffset);
            const float *source = p->source + sourceOffset;
            const float *weight = p->weight + first * t.blockWeight + weightOffset;
            float *out = p->out + first * p->outPlane + (row * p->outWidth + column) * p->batch;
            ptrdiff_t n = 0, length = (next - column) * p->batch;
            switch (block) {
                FOVEA_CASE_SMALL(1)
                FOVEA_CASE_SMALL(2)
                FOVEA_CASE_SMALL(3)
                FOVEA_CASE(4)
                FOVEA_CASE(5)
                FOVEA_CASE(6)
            }
        }
    }
}

#undef FOVEA_TILES
#undef FOVEA_CASE_SMALL
#undef FOVEA_CASE
#undef VECTOR
