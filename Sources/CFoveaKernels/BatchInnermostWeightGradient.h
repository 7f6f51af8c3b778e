// The loops of the gradient of a convolution's weights for vectors of LANES floats, compiled twice.
//
// A tile is FILTERS filters by TAPS taps: sums over the batch and a row of pixels of dy times x, at most 12 of them in
// registers. Between the rows the sums lie in memory, so that a row of dy and the rows of x around it are read from
// the cache for all the taps.

#define VECTOR FOVEA_JOIN(fovea_float, LANES)

FOVEA_INLINE void FOVEA_NAME(sweep_tile)(const int filters, const int taps, const sweep *p, const float *dy,
                                         const float *x, VECTOR *sums) {
    VECTOR held[4][3];
    FOVEA_UNROLL for (int k = 0; k < filters; k++)
        FOVEA_UNROLL for (int t = 0; t < taps; t++) held[k][t] = sums[t * MAX_FILTERS + k];
    for (ptrdiff_t pixel = 0; pixel < p->pixels; pixel++, dy += p->dyPixel, x += p->xPixel) {
        for (ptrdiff_t i = 0; i < p->length; i += LANES) {
            VECTOR xs[3];
            FOVEA_UNROLL for (int t = 0; t < taps; t++) xs[t] = *(const VECTOR *)(x + i + t * p->xTap);
            FOVEA_UNROLL for (int k = 0; k < filters; k++) {
                VECTOR d = *(const VECTOR *)(dy + i + k * p->dyPlane);
                FOVEA_UNROLL for (int t = 0; t < taps; t++) held[k][t] = held[k][t] + d * xs[t];
            }
        }
    }
    FOVEA_UNROLL for (int k = 0; k < filters; k++)
        FOVEA_UNROLL for (int t = 0; t < taps; t++) sums[t * MAX_FILTERS + k] = held[k][t];
}

FOVEA_TARGET static void FOVEA_NAME(sweep)(int filters, int taps, const sweep *p, const float *dy, const float *x,
                                           float *buffer) {
    VECTOR *sums = (VECTOR *)buffer;
#define FOVEA_CASE(FILTERS, TAPS)                                                                                  \
    case FILTERS * 4 + TAPS: FOVEA_NAME(sweep_tile)(FILTERS, TAPS, p, dy, x, sums); break;
#define FOVEA_CASES(FILTERS) FOVEA_CASE(FILTERS, 1) FOVEA_CASE(FILTERS, 2) FOVEA_CASE(FILTERS, 3)
    switch (filters * 4 + taps) { FOVEA_CASES(1) FOVEA_CASES(2) FOVEA_CASES(3) FOVEA_CASES(4) }
#undef FOVEA_CASE
#undef FOVEA_CASES
}

// Adds to `sums[k]` the sums over a row of dy.
FOVEA_TARGET static void FOVEA_NAME(sum_rows)(int filters, const float *dy, ptrdiff_t dyPlane, ptrdiff_t length,
                                              float *buffer) {
    VECTOR *sums = (VECTOR *)buffer;
    for (int k = 0; k < filters; k++, dy += dyPlane) {
        VECTOR a = {0}, b = {0};
        ptrdiff_t i = 0;
        for (; i + 2 * LANES <= length; i += 2 * LANES) {
            a = a + *(const VECTOR *)(dy + i);
            b = b + *(const VECTOR *)(dy + i + LANES);
        }
        if (i < length) a = a + *(const VECTOR *)(dy + i);
        sums[k] = sums[k] + (a + b);
    }
}

#undef VECTOR
