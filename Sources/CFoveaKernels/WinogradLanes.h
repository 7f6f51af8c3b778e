// The transforms and products of `Winograd.c` in vectors of LANES channels, compiled twice.

#define VECTOR FOVEA_JOIN(fovea_float, LANES)
#define DOUBLES FOVEA_JOIN(fovea_double, LANES)
#define ALIGNED FOVEA_JOIN(aligned_float, LANES)
// As many vectors of a row of the right factor as the registers hold sums of six rows for.
#define PANEL (LANES == 16 ? 4 : 2)

// Elements 36 apart in each direction: one of each product of a tile.
#define FOVEA_AT(pointer, index, stride) (*(VECTOR *)((pointer) + (index) * (stride)))

// Where row `k` of the panel with column `c` begins in a matrix of `depth` rows cut into panels, and the column in it.
FOVEA_INLINE size_t FOVEA_NAME(panel_place)(size_t c, size_t k, size_t depth, size_t columns) {
    size_t start = c / (PANEL * LANES) * (PANEL * LANES), width = columns - start;
    if (width > PANEL * LANES) width = PANEL * LANES;
    return start * depth + k * width + c - start;
}

// One axis of the transform of the input.
FOVEA_INLINE void FOVEA_NAME(transform)(const VECTOR *d, VECTOR *v) {
    VECTOR even = d[4] - d[2] * BB, odd = (d[3] - d[1] * BB) * A;
    v[0] = d[4] - d[2] * (AA + BB) + d[0] * (AA * BB);
    v[1] = even + odd;
    v[2] = even - odd;
    even = d[4] - d[2] * AA;
    odd = (d[3] - d[1] * AA) * B;
    v[3] = even + odd;
    v[4] = even - odd;
    v[5] = d[5] - d[3] * (AA + BB) + d[1] * (AA * BB);
}

// The values of a polynomial of `count` coefficients at the points, at infinity the last one.
FOVEA_INLINE void FOVEA_NAME(evaluate)(const int count, const VECTOR *c, VECTOR *v) {
    VECTOR even = c[count - 2 + count % 2], odd = c[count - 1 - count % 2], even2 = even, odd2 = odd;
    FOVEA_UNROLL for (int i = count - 4 + count % 2; i >= 0; i -= 2) {
        even = c[i] + even * AA;
        even2 = c[i] + even2 * BB;
    }
    FOVEA_UNROLL for (int i = count - 3 - count % 2; i >= 1; i -= 2) {
        odd = c[i] + odd * AA;
        odd2 = c[i] + odd2 * BB;
    }
    v[0] = c[0];
    v[1] = even + odd * A;
    v[2] = even - odd * A;
    v[3] = even2 + odd2 * B;
    v[4] = even2 - odd2 * B;
    v[5] = c[count - 1];
}

// The transpose of that.
FOVEA_INLINE void FOVEA_NAME(collect)(const int count, const VECTOR *v, VECTOR *c) {
    VECTOR even = v[1] + v[2], odd = (v[1] - v[2]) * A, even2 = v[3] + v[4], odd2 = (v[3] - v[4]) * B;
    c[0] = v[0] + even + even2;
    c[1] = odd + odd2;
    FOVEA_UNROLL for (int i = 2; i < count; i++) {
        if (i % 2 == 0) {
            even = even * AA;
            even2 = even2 * BB;
            c[i] = even + even2;
        } else {
            odd = odd * AA;
            odd2 = odd2 * BB;
            c[i] = odd + odd2;
        }
    }
    c[count - 1] = c[count - 1] + v[5];
}

// Numbers 6x6 of which each row and each column is scaled as the values of taps are.
FOVEA_INLINE void FOVEA_NAME(scale)(VECTOR (*v)[6]) {
    const float factors[6] = {G0, GA, GA, GB, GB, 1};
    FOVEA_UNROLL for (int i = 0; i < 6; i++)
        FOVEA_UNROLL for (int j = 0; j < 6; j++) v[i][j] = v[i][j] * (factors[i] * factors[j]);
}

// Applies `axis` from `from` to `to` numbers along the columns and then along the rows.
#define FOVEA_BOTH_AXES(axis, from, to, in, out)                                 \
    {                                                                            \
        VECTOR between[6][6];                                                    \
        FOVEA_UNROLL for (int j = 0; j < from; j++) {                            \
            VECTOR column[6], result[6];                                         \
            FOVEA_UNROLL for (int i = 0; i < from; i++) column[i] = in[i][j];    \
            axis(column, result);                                                \
            FOVEA_UNROLL for (int i = 0; i < to; i++) between[i][j] = result[i]; \
        }                                                                        \
        FOVEA_UNROLL for (int i = 0; i < to; i++) axis(between[i], out[i]);      \
    }
#define FOVEA_TRANSFORM(from, to) FOVEA_NAME(transform)(from, to)
#define FOVEA_EVALUATE(from, to) FOVEA_NAME(evaluate)(count, from, to)
#define FOVEA_COLLECT(from, to) FOVEA_NAME(collect)(count, from, to)

// The pixels of a square beginning at (row, column) of an image, zero beyond the edges.
#define FOVEA_LOAD_SQUARE(size, square, from, images, row, column)                                                 \
    if (row >= 0 && column >= 0 && row + size <= (ptrdiff_t)images->height &&                                      \
        column + size <= (ptrdiff_t)images->width) {                                                               \
        const float *corner = from + row * (ptrdiff_t)images->rowStride + column * (ptrdiff_t)images->pixelStride; \
        FOVEA_UNROLL for (int i = 0; i < size; i++)                                                                \
            FOVEA_UNROLL for (int j = 0; j < size; j++)                                                            \
                square[i][j] = FOVEA_AT(corner + i * images->rowStride, j, images->pixelStride);                   \
    } else {                                                                                                       \
        for (int i = 0; i < size; i++)                                                                             \
            for (int j = 0; j < size; j++) {                                                                       \
                ptrdiff_t y = row + i, x = column + j;                                                             \
                int isInside = y >= 0 && x >= 0 && y < (ptrdiff_t)images->height && x < (ptrdiff_t)images->width;  \
                square[i][j] = isInside ? FOVEA_AT(from, y * (ptrdiff_t)images->rowStride +                        \
                                                             x * (ptrdiff_t)images->pixelStride, 1)                \
                                        : (VECTOR){0};                                                             \
            }                                                                                                      \
    }

// Transforms the input of tiles `first ..< last`; element `e` of channel `c` of the tile `first + t` goes to
// `e * stride + t * channels + c`.
FOVEA_TARGET static void FOVEA_NAME(transform_input)(const fovea_winograd *p, const float *x, size_t first, size_t last,
                                                     float *to, size_t stride) {
    const fovea_images *images = &p->input;
    for (size_t t = first; t < last; t++) {
        tile at = tile_at(p, t);
        const float *image = x + at.image * images->imageStride;
        ptrdiff_t row = at.row - (ptrdiff_t)p->top, column = at.column - (ptrdiff_t)p->left;
        for (size_t c = 0; c < images->channels; c += LANES, image += images->blockStride) {
            VECTOR square[6][6], result[6][6];
            FOVEA_LOAD_SQUARE(6, square, image, images, row, column)
            FOVEA_BOTH_AXES(FOVEA_TRANSFORM, 6, 6, square, result)
            float *place = to + (t - first) * images->channels + c;
            FOVEA_UNROLL for (int e = 0; e < 36; e++) FOVEA_AT(place, e, stride) = result[e / 6][e % 6];
        }
    }
}

// The same for gradients of `count` outputs to a side; element `e` goes to its place in panels of `tiles` rows, which
// begin at `e * stride`. The sum of the tile's gradients comes as the last element.
FOVEA_INLINE void FOVEA_NAME(transform_squares)(const int count, const fovea_winograd *p, const float *dy, size_t start,
                                                size_t first, size_t last, size_t tiles, float *to, size_t stride) {
    const fovea_images *images = &p->output;
    for (size_t t = first; t < last; t++) {
        tile at = tile_at(p, t);
        const float *image = dy + at.image * images->imageStride;
        for (size_t c = 0; c < images->channels; c += LANES, image += images->blockStride) {
            VECTOR square[6][6], result[6][6], sum = {0};
            FOVEA_LOAD_SQUARE(count, square, image, images, at.row, at.column)
            FOVEA_BOTH_AXES(FOVEA_EVALUATE, count, 6, square, result)
            float *place = to + FOVEA_NAME(panel_place)(c, t - start, tiles, images->channels);
            FOVEA_UNROLL for (int e = 0; e < 36; e++) FOVEA_AT(place, e, stride) = result[e / 6][e % 6];
            FOVEA_UNROLL for (int e = 0; e < count * count; e++) sum = sum + square[e / count][e % count];
            FOVEA_AT(place, 36, stride) = sum;
        }
    }
}

FOVEA_TARGET static void FOVEA_NAME(transform_gradient)(const fovea_winograd *p, const float *dy, size_t start,
                                                        size_t first, size_t last, size_t tiles, float *to,
                                                        size_t stride) {
    if (p->taps == 3)
        FOVEA_NAME(transform_squares)(4, p, dy, start, first, last, tiles, to, stride);
    else
        FOVEA_NAME(transform_squares)(2, p, dy, start, first, last, tiles, to, stride);
}

// `count` outputs to a side of tiles `first ..< last` from their products, of which element `e` of channel `c` is at
// `e * stride + t * channels + c`.
FOVEA_INLINE void FOVEA_NAME(make_outputs)(const int count, const fovea_winograd *p, const float *from, size_t stride,
                                           size_t first, size_t last, const float *bias, const float *residual,
                                           int relu, float *y) {
    const fovea_images *images = &p->output;
    for (size_t t = first; t < last; t++) {
        tile at = tile_at(p, t);
        size_t rows = images->height - (size_t)at.row, columns = images->width - (size_t)at.column;
        size_t offset = at.image * images->imageStride + (size_t)at.row * images->rowStride +
                        (size_t)at.column * images->pixelStride;
        if (rows > count) rows = count;
        if (columns > count) columns = count;
        for (size_t c = 0; c < images->channels; c += LANES, offset += images->blockStride) {
            const float *place = from + (t - first) * images->channels + c;
            VECTOR products[6][6], square[6][6], shift = {0};
            FOVEA_UNROLL for (int e = 0; e < 36; e++) products[e / 6][e % 6] = FOVEA_AT(place, e, stride);
            FOVEA_BOTH_AXES(FOVEA_COLLECT, 6, count, products, square)
            if (bias) shift = *(const VECTOR *)(bias + c);
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < columns; j++) {
                    size_t pixel = offset + i * images->rowStride + j * images->pixelStride;
                    VECTOR value = square[i][j] + shift;
                    if (residual) value = value + *(const VECTOR *)(residual + pixel);
                    if (relu) FOVEA_NAME(relu)(&value);
                    *(VECTOR *)(y + pixel) = value;
                }
        }
    }
}

FOVEA_TARGET static void FOVEA_NAME(transform_output)(const fovea_winograd *p, const float *from, size_t stride,
                                                      size_t first, size_t last, const float *bias,
                                                      const float *residual, int relu, float *y) {
    if (p->taps == 3)
        FOVEA_NAME(make_outputs)(4, p, from, stride, first, last, bias, residual, relu, y);
    else
        FOVEA_NAME(make_outputs)(2, p, from, stride, first, last, bias, residual, relu, y);
}

// Rows of the product of `a`, whose elements are `rowStride` and `depthStride` apart, with a panel of `b`.
FOVEA_INLINE void FOVEA_NAME(multiply_rows)(const int rows, const int vectors, size_t depth, const float *a,
                                            size_t rowStride, size_t depthStride, const float *b, float *out,
                                            size_t outStride, int adds) {
    VECTOR sums[6][4];
    FOVEA_UNROLL for (int r = 0; r < rows; r++)
        FOVEA_UNROLL for (int v = 0; v < vectors; v++) {
            if (adds)
                sums[r][v] = *(const VECTOR *)(out + (size_t)r * outStride + v * LANES);
            else
                sums[r][v] = (VECTOR){0};
        }
    for (size_t k = 0; k < depth; k++, a += depthStride, b += vectors * LANES) {
        VECTOR right[4];
        FOVEA_UNROLL for (int v = 0; v < vectors; v++) right[v] = *(const VECTOR *)(b + v * LANES);
        FOVEA_UNROLL for (int r = 0; r < rows; r++) {
            float factor = a[(size_t)r * rowStride];
            FOVEA_UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = sums[r][v] + right[v] * factor;
        }
    }
    FOVEA_UNROLL for (int r = 0; r < rows; r++)
        FOVEA_UNROLL for (int v = 0; v < vectors; v++)
            *(VECTOR *)(out + (size_t)r * outStride + v * LANES) = sums[r][v];
}

#define FOVEA_ROWS(rows, vectors)                                                                             \
    FOVEA_NAME(multiply_rows)(rows, vectors, f->depth, a, f->rowStride, f->depthStride, b, out, f->outStride, \
                              f->adds);                                                                       \
    break;

#define FOVEA_PANEL(vectors)                                                                    \
    case vectors:                                                                               \
        for (size_t r = 0; r < f->rows; r += 6, a += 6 * f->rowStride, out += 6 * f->outStride) \
            switch (f->rows - r) {                                                              \
            case 1: FOVEA_ROWS(1, vectors)                                                      \
            case 2: FOVEA_ROWS(2, vectors)                                                      \
            case 3: FOVEA_ROWS(3, vectors)                                                      \
            case 4: FOVEA_ROWS(4, vectors)                                                      \
            case 5: FOVEA_ROWS(5, vectors)                                                      \
            default: FOVEA_ROWS(6, vectors)                                                     \
            }                                                                                   \
        break;

// One panel of columns of a product.
FOVEA_TARGET static void FOVEA_NAME(multiply)(const factors *f, const float *a, const float *b, float *out,
                                              size_t columns) {
    switch (columns / LANES) {
        FOVEA_PANEL(1)
        FOVEA_PANEL(2)
#if LANES == 16
        FOVEA_PANEL(3)
        FOVEA_PANEL(4)
#endif
    }
}

#undef FOVEA_PANEL
#undef FOVEA_ROWS

// Adds up a panel of `rows` rows.
FOVEA_TARGET static void FOVEA_NAME(add_rows)(const float *panel, size_t rows, size_t columns, double *sums) {
    for (size_t c = 0; c < columns; c += LANES) {
        DOUBLES sum = *(const DOUBLES *)(sums + c);
        for (size_t r = 0; r < rows; r++)
            sum = sum + __builtin_convertvector(*(const VECTOR *)(panel + r * columns + c), DOUBLES);
        *(DOUBLES *)(sums + c) = sum;
    }
}

// Taps, `count` to a side, of input channels `first ..< last` (output channels if backward). Element `e` of the transform
// begins at `e * stride`. What is written is larger than what is read and mostly no longer in the cache when the
// products come to it, so it goes past the cache: 1.5 to 2 times as fast as ordinary stores.
FOVEA_INLINE void FOVEA_NAME(evaluate_taps)(const int count, size_t inputs, size_t outputs, int isBackward,
                                            const float *taps, float *to, size_t stride, size_t first, size_t last) {
    size_t columns = isBackward ? inputs : outputs, depth = isBackward ? outputs : inputs;
    // Backward, a cache line of taps has those of LANES rows.
    for (size_t start = first; start < last; start = (start / LANES + 1) * LANES)
        for (size_t c = 0; c < columns; c += LANES)
            for (size_t k = start; k < last && k < (start / LANES + 1) * LANES; k++) {
                VECTOR square[6][6], result[6][6];
                FOVEA_UNROLL for (int e = 0; e < count * count; e++) {
                    const float *tap = taps + (size_t)e * inputs * outputs;
                    int i = e / count, j = e % count;
                    if (isBackward)
                        FOVEA_UNROLL for (int l = 0; l < LANES; l++)
                            square[count - 1 - i][count - 1 - j][l] = tap[(c + (size_t)l) * outputs + k];
                    else
                        square[i][j] = *(const VECTOR *)(tap + k * outputs + c);
                }
                FOVEA_BOTH_AXES(FOVEA_EVALUATE, count, 6, square, result)
                FOVEA_NAME(scale)(result);
                float *place = to + FOVEA_NAME(panel_place)(c, k, depth, columns);
                FOVEA_UNROLL for (int e = 0; e < 36; e++)
                    __builtin_nontemporal_store((ALIGNED)result[e / 6][e % 6], (ALIGNED *)(place + (size_t)e * stride));
            }
}

FOVEA_TARGET static void FOVEA_NAME(transform_taps)(size_t count, size_t inputs, size_t outputs, int isBackward,
                                                    const float *taps, float *to, size_t stride, size_t first,
                                                    size_t last) {
    if (count == 3)
        FOVEA_NAME(evaluate_taps)(3, inputs, outputs, isBackward, taps, to, stride, first, last);
    else
        FOVEA_NAME(evaluate_taps)(5, inputs, outputs, isBackward, taps, to, stride, first, last);
}

// Gradients of the taps, `count` to a side, of input channels `first ..< last` from those of their transforms, of which
// element `e` begins at `e * stride`.
FOVEA_INLINE void FOVEA_NAME(collect_taps)(const int count, size_t inputs, size_t outputs, const float *from,
                                           size_t stride, float *dtaps, size_t first, size_t last) {
    for (size_t place = first * outputs; place < last * outputs; place += LANES) {
        VECTOR products[6][6], square[6][6];
        FOVEA_UNROLL for (int e = 0; e < 36; e++)
            products[e / 6][e % 6] = *(const VECTOR *)(from + place + (size_t)e * stride);
        FOVEA_NAME(scale)(products);
        FOVEA_BOTH_AXES(FOVEA_COLLECT, 6, count, products, square)
        FOVEA_UNROLL for (int e = 0; e < count * count; e++)
            FOVEA_AT(dtaps + place, (size_t)e, inputs * outputs) = square[e / count][e % count];
    }
}

FOVEA_TARGET static void FOVEA_NAME(transform_taps_gradient)(size_t count, size_t inputs, size_t outputs,
                                                             const float *from, size_t stride, float *dtaps,
                                                             size_t first, size_t last) {
    if (count == 3)
        FOVEA_NAME(collect_taps)(3, inputs, outputs, from, stride, dtaps, first, last);
    else
        FOVEA_NAME(collect_taps)(5, inputs, outputs, from, stride, dtaps, first, last);
}

#undef FOVEA_COLLECT
#undef FOVEA_EVALUATE
#undef FOVEA_TRANSFORM
#undef FOVEA_LOAD_SQUARE
#undef FOVEA_BOTH_AXES
#undef FOVEA_AT
#undef PANEL
#undef ALIGNED
#undef DOUBLES
#undef VECTOR
