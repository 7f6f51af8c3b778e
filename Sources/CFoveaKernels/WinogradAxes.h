// The transforms of `Winograd.c` along one axis and both, in vectors of LANES channels.

// `count` numbers that are `step` apart, the other lanes zero.
FOVEA_INLINE void FOVEA_NAME(gather)(size_t count, const float *source, size_t step, VECTOR *out) {
    float lane[LANES] = {0};
    for (size_t l = 0; l < count; l++) lane[l] = source[l * step];
    *out = *(const VECTOR *)lane;
}

// Input, `points` numbers.
FOVEA_INLINE void FOVEA_NAME(transform)(const int points, const int same, const VECTOR *d, VECTOR *v) {
    const float *at = points_of(points), p = at[0] * at[0], q = at[1] * at[1], r = at[2] * at[2];
    (void)same;
    if (points == 6) {
        VECTOR even = d[4] - d[2] * q, odd = (d[3] - d[1] * q) * at[0];
        v[0] = d[4] - d[2] * (p + q) + d[0] * (p * q);
        v[1] = even + odd;
        v[2] = even - odd;
        even = d[4] - d[2] * p;
        odd = (d[3] - d[1] * p) * at[1];
        v[3] = even + odd;
        v[4] = even - odd;
        v[5] = d[5] - d[3] * (p + q) + d[1] * (p * q);
        return;
    }
    if (points == 9) {
        const other_squares others = squares_without(0);
        v[0] = d[8] - d[6] * (p + others.sum) + d[4] * (p * others.sum + others.pairs) -
               d[2] * (p * others.pairs + others.product) + d[0] * (p * others.product);
        FOVEA_UNROLL for (int k = 0; k < 4; k++) {
            const other_squares o = squares_without(k);
            VECTOR even = d[8] - d[6] * o.sum + d[4] * o.pairs - d[2] * o.product;
            VECTOR odd = (d[7] - d[5] * o.sum + d[3] * o.pairs - d[1] * o.product) * at[k];
            v[1 + 2 * k] = even + odd;
            v[2 + 2 * k] = even - odd;
        }
        return;
    }
    v[0] = d[6] - d[4] * (p + q + r) + d[2] * (p * q + q * r + r * p) - d[0] * (p * q * r);
    FOVEA_UNROLL for (int k = 0; k < 3; k++) {
        const float sum = p + q + r - at[k] * at[k], product = p * q * r / (at[k] * at[k]);
        VECTOR even = d[6] - d[4] * sum + d[2] * product, odd = (d[5] - d[3] * sum + d[1] * product) * at[k];
        v[1 + 2 * k] = even + odd;
        v[2 + 2 * k] = even - odd;
    }
    v[7] = d[7] - d[5] * (p + q + r) + d[3] * (p * q + q * r + r * p) - d[1] * (p * q * r);
}

// The values of a polynomial of `count` coefficients at the points, at infinity, if that is one, the last one.
FOVEA_INLINE void FOVEA_NAME(evaluate)(const int count, const int points, const VECTOR *c, VECTOR *v) {
    const float *at = points_of(points);
    v[0] = c[0];
    FOVEA_UNROLL for (int k = 0; k < pairs_of(points); k++) {
        VECTOR even = c[count - 2 + count % 2], odd = c[count - 1 - count % 2];
        FOVEA_UNROLL for (int i = count - 4 + count % 2; i >= 0; i -= 2) even = c[i] + even * (at[k] * at[k]);
        FOVEA_UNROLL for (int i = count - 3 - count % 2; i >= 1; i -= 2) odd = c[i] + odd * (at[k] * at[k]);
        v[1 + 2 * k] = even + odd * at[k];
        v[2 + 2 * k] = even - odd * at[k];
    }
    if (points % 2 == 0) v[points - 1] = c[count - 1];
}

// The transpose of that.
FOVEA_INLINE void FOVEA_NAME(collect)(const int points, const int count, const VECTOR *v, VECTOR *c) {
    const float *at = points_of(points);
    VECTOR even[4], odd[4];
    c[0] = v[0];
    c[1] = (VECTOR){0};
    FOVEA_UNROLL for (int k = 0; k < pairs_of(points); k++) {
        even[k] = v[1 + 2 * k] + v[2 + 2 * k];
        odd[k] = (v[1 + 2 * k] - v[2 + 2 * k]) * at[k];
        c[0] = c[0] + even[k];
        c[1] = k == 0 ? odd[k] : c[1] + odd[k];
    }
    FOVEA_UNROLL for (int i = 2; i < count; i++) {
        FOVEA_UNROLL for (int k = 0; k < pairs_of(points); k++) {
            VECTOR *power = i % 2 == 0 ? &even[k] : &odd[k];
            *power = *power * (at[k] * at[k]);
            c[i] = k == 0 ? *power : c[i] + *power;
        }
    }
    if (points % 2 == 0) c[count - 1] = c[count - 1] + v[points - 1];
}

// Numbers of which each row, unless there is but one, and each column is scaled as the values of taps are.
FOVEA_INLINE void FOVEA_NAME(scale)(const int rows, const int columns, VECTOR (*v)[8]) {
    FOVEA_UNROLL for (int i = 0; i < rows; i++)
        FOVEA_UNROLL for (int j = 0; j < columns; j++)
            v[i][j] = v[i][j] * ((rows == 1 ? 1 : scales_of(rows)[i]) * scales_of(columns)[j]);
}

// Applies `axis` along the columns, unless there is but one row, and then along the rows.
#define FOVEA_BOTH_AXES(axis, fromRows, fromColumns, toRows, toColumns, in, out)                                    \
    {                                                                                                               \
        VECTOR between[6][8];                                                                                       \
        FOVEA_UNROLL for (int j = 0; j < fromColumns; j++) {                                                        \
            VECTOR column[6], result[6];                                                                            \
            FOVEA_UNROLL for (int i = 0; i < fromRows; i++) column[i] = in[i][j];                                   \
            if (fromRows == 1 && toRows == 1)                                                                       \
                result[0] = column[0];                                                                              \
            else                                                                                                    \
                FOVEA_NAME(axis)(fromRows, toRows, column, result);                                                 \
            FOVEA_UNROLL for (int i = 0; i < toRows; i++) between[i][j] = result[i];                                \
        }                                                                                                           \
        FOVEA_UNROLL for (int i = 0; i < toRows; i++) FOVEA_NAME(axis)(fromColumns, toColumns, between[i], out[i]); \
    }

// Calls a function that is compiled for the taps.
#define FOVEA_BY_TAPS(taps, call, ...)          \
    if (taps.rows == 3)                         \
        FOVEA_NAME(call)(3, 3, __VA_ARGS__);    \
    else if (taps.rows == 5)                    \
        FOVEA_NAME(call)(5, 5, __VA_ARGS__);    \
    else if (taps.columns == 3)                 \
        FOVEA_NAME(call)(1, 3, __VA_ARGS__);    \
    else                                        \
        FOVEA_NAME(call)(1, 7, __VA_ARGS__)
