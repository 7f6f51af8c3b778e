// Minimal filtering along both axes, included by `BatchInnermostWinogradLanes.h`: rows as there, and the columns of what they are
// transformed to on six points, whose sums stay in registers until they are rows again. 4 rows of outputs for 3 taps, 2 for 5.

// The cases of a switch that call a function compiled for the taps and at most three outs.
#define FOVEA_CASE(call, TAPS, OUTS, ...) \
    case TAPS * 8 + OUTS: FOVEA_NAME(call)(TAPS, OUTS, p, __VA_ARGS__); break;
#define FOVEA_CASES(call, TAPS, ...)                                                                               \
    FOVEA_CASE(call, TAPS, 1, __VA_ARGS__) FOVEA_CASE(call, TAPS, 2, __VA_ARGS__) FOVEA_CASE(call, TAPS, 3, __VA_ARGS__)

// Some outs of one point of a row and one tile: sums over the channels, and the rows of products that they are.
FOVEA_INLINE void FOVEA_NAME(multiply_points)(const int taps, const int outs, const filtering *p, const float *x,
                                              const float *weight, size_t productRow, float *products) {
    VECTOR sums[MAX_OUTS][PLANE_POINTS];
    FOVEA_UNROLL for (int k = 0; k < outs; k++)
        FOVEA_UNROLL for (int f = 0; f < PLANE_POINTS; f++) sums[k][f] = (VECTOR){0};
    const size_t ins = p->ins, outStep = ins * PLANE_POINTS;
    for (size_t c = 0; c < ins; c++, x += PLANE_POINTS * LANES, weight += PLANE_POINTS)
        FOVEA_UNROLL for (int f = 0; f < PLANE_POINTS; f++) {
            FOVEA_IN_ORDER;
            VECTOR value = *(const VECTOR *)(x + f * LANES);
            FOVEA_UNROLL for (int k = 0; k < outs; k++) sums[k][f] = sums[k][f] + value * weight[(size_t)k * outStep + f];
        }
    FOVEA_UNROLL for (int k = 0; k < outs; k++) {
        VECTOR rows[MAX_OUTPUTS];
        FOVEA_NAME(collect)(PLANE_POINTS, plane_outputs(taps), sums[k], rows);
        FOVEA_UNROLL for (int r = 0; r < plane_outputs(taps); r++)
            *(VECTOR *)(products + (size_t)r * productRow + (size_t)k * p->tiles * LANES) = rows[r];
    }
}

// Rows of products [point][out][tile] from PLANE_POINTS transformed rows, in a function of its own for its registers.
FOVEA_ALONE static void FOVEA_NAME(multiply_planes)(const filtering *p, const float *const *rows, float *x,
                                                    size_t productRow, float *products) {
    const size_t blocks = ceiling(p->outs, MAX_OUTS), taps = p->shape->kernelHeight;
    for (size_t f = 0; f < p->points; f++)
        for (size_t t = 0; t < p->tiles; t++) {
            for (size_t c = 0; c < p->ins; c++) {
                VECTOR d[PLANE_POINTS], v[PLANE_POINTS];
                FOVEA_UNROLL for (int r = 0; r < PLANE_POINTS; r++)
                    d[r] = *(const VECTOR *)(rows[r] + ((f * p->ins + c) * p->tiles + t) * LANES);
                FOVEA_NAME(transform)(PLANE_POINTS, PLANE_POINTS, d, v);
                FOVEA_UNROLL for (int i = 0; i < PLANE_POINTS; i++)
                    *(VECTOR *)(x + (c * PLANE_POINTS + (size_t)i) * LANES) = v[i];
            }
            for (size_t b = 0; b < blocks; b++) {
                size_t k = p->outs * b / blocks, outs = p->outs * (b + 1) / blocks - k;
                const float *weight = p->taps + (f * p->outs + k) * p->ins * PLANE_POINTS;
                float *out = products + ((f * p->outs + k) * p->tiles + t) * LANES;
                switch (taps * 8 + outs) {
                    FOVEA_CASES(multiply_points, 3, x, weight, productRow, out)
                    FOVEA_CASES(multiply_points, 5, x, weight, productRow, out)
                    FOVEA_CASE(multiply_points, 3, 4, x, weight, productRow, out)
                    FOVEA_CASE(multiply_points, 5, 4, x, weight, productRow, out)
                }
            }
        }
}

// Tiles of rows of y. The transformed rows that the next tile reads again stay in a ring.
FOVEA_INLINE void FOVEA_NAME(filter_planes)(const int taps, const int outputs, const filtering *p, size_t begin,
                                            size_t end, float *scratch) {
    const fovea_bi_convolution *s = p->shape;
    const size_t columnOutputs = (size_t)plane_outputs(taps), rowTiles = ceiling(s->outHeight, columnOutputs);
    const size_t pointStride = p->ins * p->tiles * LANES, slot = p->points * pointStride;
    const size_t productRow = p->points * p->outs * p->tiles * LANES;
    float *products = scratch + PLANE_POINTS * slot, *x = products + columnOutputs * productRow;
    size_t next = 0;  // the first row from the top of the padding on that is not transformed yet
    for (size_t unit = begin; unit < end; unit++) {
        size_t group = unit / rowTiles, i = unit % rowTiles * columnOutputs;
        if (unit == begin || i == 0) next = 0;
        const float *rows[PLANE_POINTS];
        for (size_t r = i; r < i + PLANE_POINTS; r++) {
            float *ring = scratch + r % PLANE_POINTS * slot;
            rows[r - i] = ring;
            if (r < next) continue;
            int isInside = r >= s->padTop && r - s->padTop < s->height;
            const float *row = isInside ? p->source + (r - s->padTop) * s->width * s->batch + group * LANES : NULL;
            FOVEA_NAME(filter_inputs)(taps, outputs, p, row, pointStride, p->tiles * LANES, ring);
        }
        next = i + PLANE_POINTS;
        FOVEA_NAME(multiply_planes)(p, rows, x, productRow, products);
        for (size_t r = 0; r < columnOutputs && i + r < s->outHeight; r++)
            FOVEA_NAME(finish_outputs)(taps, outputs, p, products + r * productRow,
                                       p->out + (i + r) * s->outWidth * s->batch + group * LANES);
    }
}

// Some channels of one point of a row and one tile: adds to those of PLANE_POINTS rows of products that are not the first to get any.
FOVEA_INLINE void FOVEA_NAME(spread_points)(const int taps, const int outs, const filtering *p, const float *dy,
                                            const float *weight, int hasNone, float *const *products, size_t place) {
    VECTOR sums[PLANE_OUTS][PLANE_POINTS];
    FOVEA_UNROLL for (int k = 0; k < outs; k++)
        FOVEA_UNROLL for (int f = 0; f < PLANE_POINTS; f++) sums[k][f] = (VECTOR){0};
    const size_t ins = p->ins, inStep = p->tiles * LANES, rowStep = p->points * ins * inStep;
    for (size_t c = 0; c < ins; c++, dy += inStep, weight += p->outs * PLANE_POINTS) {
        VECTOR d[MAX_OUTPUTS], values[PLANE_POINTS];
        FOVEA_UNROLL for (int r = 0; r < plane_outputs(taps); r++)
            d[r] = *(const VECTOR *)(dy + (size_t)r * rowStep);
        FOVEA_NAME(evaluate)(plane_outputs(taps), PLANE_POINTS, d, values);
        FOVEA_UNROLL for (int f = 0; f < PLANE_POINTS; f++) {
            FOVEA_IN_ORDER;
            FOVEA_UNROLL for (int k = 0; k < outs; k++) sums[k][f] = sums[k][f] + values[f] * weight[k * PLANE_POINTS + f];
        }
    }
    FOVEA_UNROLL for (int k = 0; k < outs; k++) {
        VECTOR rows[PLANE_POINTS];
        FOVEA_NAME(spread_products)(PLANE_POINTS, sums[k], rows);
        FOVEA_UNROLL for (int r = 0; r < PLANE_POINTS; r++) {
            VECTOR *out = (VECTOR *)(products[r] + place + (size_t)k * p->tiles * LANES);
            *out = hasNone || r >= taps - 1 ? rows[r] : *out + rows[r];
        }
    }
}

FOVEA_ALONE static void FOVEA_NAME(spread_planes)(const filtering *p, const float *dy, int hasNone,
                                                  float *const *products, size_t firstBlock, size_t endBlock) {
    const size_t blocks = ceiling(p->outs, PLANE_OUTS), taps = p->shape->kernelHeight;
    for (size_t f = 0; f < p->points; f++)
        for (size_t t = 0; t < p->tiles; t++)
            for (size_t b = firstBlock; b < endBlock; b++) {
                size_t k = p->outs * b / blocks, outs = p->outs * (b + 1) / blocks - k;
                const float *weight = p->taps + (f * p->ins * p->outs + k) * PLANE_POINTS;
                const float *source = dy + (f * p->ins * p->tiles + t) * LANES;
                size_t place = ((f * p->outs + k) * p->tiles + t) * LANES;
                switch (taps * 8 + outs) {
                    FOVEA_CASES(spread_points, 3, source, weight, hasNone, products, place)
                    FOVEA_CASES(spread_points, 5, source, weight, hasNone, products, place)
                }
            }
}

// Shares of the channels of dx: tiles of rows of dy, the rows of dx of which overlap and add up in a ring of products.
FOVEA_INLINE void FOVEA_NAME(filter_gradient_planes)(const int taps, const int outputs, const filtering *p, size_t begin,
                                                     size_t end, float *scratch) {
    const fovea_bi_convolution *s = p->shape;
    const size_t columnOutputs = (size_t)plane_outputs(taps), blocks = ceiling(p->outs, PLANE_OUTS);
    const size_t pointStride = p->ins * p->tiles * LANES, slot = p->points * pointStride;
    const size_t productRow = p->points * p->outs * p->tiles * LANES;
    float *ring = scratch + columnOutputs * slot;
    for (size_t unit = begin; unit < end; unit++) {
        size_t group = unit / p->shares, share = unit % p->shares;
        size_t firstBlock = blocks * share / p->shares, endBlock = blocks * (share + 1) / p->shares;
        size_t first = p->outs * firstBlock / blocks, last = p->outs * endBlock / blocks;
        float *out = p->out + group * LANES;
        size_t done = 0;  // rows from the top of the padding on
        for (size_t i = 0; i < s->outHeight; i += columnOutputs) {
            for (size_t r = 0; r < columnOutputs; r++) {
                float *row = scratch + r * slot;
                const float *source = p->source + (i + r) * s->outWidth * s->batch + group * LANES;
                if (i + r >= s->outHeight) memset(row, 0, slot * sizeof(float));
                for (size_t k = 0; k < s->filters && i + r < s->outHeight; k++)
                    FOVEA_NAME(filter_gradients)(taps, outputs, p, source + k * s->outHeight * s->outWidth * s->batch,
                                                 pointStride, row + k * p->tiles * LANES, NULL);
            }
            float *rows[PLANE_POINTS];
            for (size_t r = 0; r < PLANE_POINTS; r++) rows[r] = ring + (i + r) % PLANE_POINTS * productRow;
            FOVEA_NAME(spread_planes)(p, scratch, i == 0, rows, firstBlock, endBlock);
            size_t end = i + columnOutputs < s->outHeight ? i + columnOutputs : s->outHeight + (size_t)taps - 1;
            for (; done < end; done++)
                if (done >= s->padTop && done - s->padTop < s->height)
                    FOVEA_NAME(finish_gradients)(taps, outputs, p, first, last, ring + done % PLANE_POINTS * productRow,
                                                 out + (done - s->padTop) * s->width * s->batch);
        }
        // Rows that no window reaches.
        for (size_t h = done > s->padTop ? done - s->padTop : 0; h < s->height; h++)
            for (size_t c = first; c < last; c++)
                for (size_t j = 0; j < s->width; j++)
                    *(VECTOR *)(out + ((c * s->height + h) * s->width + j) * s->batch) = (VECTOR){0};
    }
}

// The taps of either pass as [point of a row][filter][channel][point of a column].
FOVEA_INLINE void FOVEA_NAME(filter_plane_taps)(const int taps, const int outputs, const filtering *p, const float *weight) {
    const int points = taps + outputs - 1;
    const size_t pairs = p->ins * p->outs, area = (size_t)(taps * taps);
    // A lane is a pair of a filter and a channel.
    for (size_t first = 0; first < pairs; first += LANES) {
        size_t count = pairs - first < LANES ? pairs - first : LANES;
        VECTOR rows[MAX_TAPS][MAX_POINTS];
        FOVEA_UNROLL for (int u = 0; u < taps; u++) {
            VECTOR row[MAX_TAPS];
            FOVEA_UNROLL for (int v = 0; v < taps; v++) {
                const float *tap = weight + first * area + (size_t)(u * taps + v);
                FOVEA_NAME(gather)(count, tap, area, &row[v]);
            }
            FOVEA_NAME(evaluate)(taps, points, row, rows[u]);
        }
        FOVEA_UNROLL for (int f = 0; f < points; f++) {
            VECTOR column[MAX_TAPS], v[PLANE_POINTS];
            float *out = p->taps + ((size_t)f * pairs + first) * PLANE_POINTS;
            FOVEA_UNROLL for (int u = 0; u < taps; u++) column[u] = rows[u][f] * scales_of(points)[f];
            FOVEA_NAME(evaluate)(taps, PLANE_POINTS, column, v);
            FOVEA_UNROLL for (int i = 0; i < PLANE_POINTS; i++) {
                v[i] = v[i] * scales_of(PLANE_POINTS)[i];
                for (size_t l = 0; l < count; l++) out[l * PLANE_POINTS + (size_t)i] = ((float *)&v[i])[l];
            }
        }
    }
}

#undef FOVEA_CASE
#undef FOVEA_CASES
