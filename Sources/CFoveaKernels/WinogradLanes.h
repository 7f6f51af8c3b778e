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
FOVEA_INLINE void FOVEA_NAME(reduce_input)(const VECTOR *d, VECTOR *v) {
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

// One axis of the transform of products to outputs.
FOVEA_INLINE void FOVEA_NAME(reduce_output)(const VECTOR *m, VECTOR *y) {
    VECTOR s = m[1] + m[2], d = m[1] - m[2], t = m[3] + m[4], e = m[3] - m[4];
    y[0] = m[0] + s + t;
    y[1] = d * A + e * B;
    y[2] = s * AA + t * BB;
    y[3] = d * (A * AA) + e * (B * BB) + m[5];
}

// The transpose of that, of gradients of outputs.
FOVEA_INLINE void FOVEA_NAME(expand_output)(const VECTOR *y, VECTOR *m) {
    VECTOR even = y[0] + y[2] * AA, odd = y[1] * A + y[3] * (A * AA);
    m[0] = y[0];
    m[1] = even + odd;
    m[2] = even - odd;
    even = y[0] + y[2] * BB;
    odd = y[1] * B + y[3] * (B * BB);
    m[3] = even + odd;
    m[4] = even - odd;
    m[5] = y[3];
}

// One axis of the transform of taps.
FOVEA_INLINE void FOVEA_NAME(expand_taps)(const VECTOR *g, VECTOR *u) {
    VECTOR even = g[0] * GA + g[2] * (GA * AA), odd = g[1] * (GA * A);
    u[0] = g[0] * G0;
    u[1] = even + odd;
    u[2] = even - odd;
    even = g[0] * GB + g[2] * (GB * BB);
    odd = g[1] * (GB * B);
    u[3] = even + odd;
    u[4] = even - odd;
    u[5] = g[2];
}

// The transpose of that.
FOVEA_INLINE void FOVEA_NAME(reduce_taps)(const VECTOR *u, VECTOR *g) {
    VECTOR s = u[1] + u[2], d = u[1] - u[2], t = u[3] + u[4], e = u[3] - u[4];
    g[0] = u[0] * G0 + s * GA + t * GB;
    g[1] = d * (GA * A) + e * (GB * B);
    g[2] = s * (GA * AA) + t * (GB * BB) + u[5];
}

// Applies `axis` from `from` to `to` numbers along the columns and then along the rows.
#define FOVEA_BOTH_AXES(axis, from, to, in, out)                                    \
    {                                                                               \
        VECTOR between[to][from];                                                   \
        FOVEA_UNROLL for (int j = 0; j < from; j++) {                               \
            VECTOR column[from], result[to];                                        \
            FOVEA_UNROLL for (int i = 0; i < from; i++) column[i] = in[i][j];       \
            FOVEA_NAME(axis)(column, result);                                       \
            FOVEA_UNROLL for (int i = 0; i < to; i++) between[i][j] = result[i];    \
        }                                                                           \
        FOVEA_UNROLL for (int i = 0; i < to; i++) FOVEA_NAME(axis)(between[i], out[i]); \
    }

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
            FOVEA_BOTH_AXES(reduce_input, 6, 6, square, result)
            float *place = to + (t - first) * images->channels + c;
            FOVEA_UNROLL for (int e = 0; e < 36; e++) FOVEA_AT(place, e, stride) = result[e / 6][e % 6];
        }
    }
}

// The same for gradients of outputs; element `e` goes to its place in panels of `tiles` rows, which begin at
// `e * stride`. The sum of the tile's gradients comes as the last element.
FOVEA_TARGET static void FOVEA_NAME(transform_gradient)(const fovea_winograd *p, const float *dy, size_t start,
                                                        size_t first, size_t last, size_t tiles, float *to,
                                                        size_t stride) {
    const fovea_images *images = &p->output;
    for (size_t t = first; t < last; t++) {
        tile at = tile_at(p, t);
        const float *image = dy + at.image * images->imageStride;
        for (size_t c = 0; c < images->channels; c += LANES, image += images->blockStride) {
            VECTOR square[4][4], result[6][6];
            FOVEA_LOAD_SQUARE(4, square, image, images, at.row, at.column)
            FOVEA_BOTH_AXES(expand_output, 4, 6, square, result)
            float *place = to + FOVEA_NAME(panel_place)(c, t - start, tiles, images->channels);
            FOVEA_UNROLL for (int e = 0; e < 36; e++) FOVEA_AT(place, e, stride) = result[e / 6][e % 6];
            VECTOR sum = {0};
            FOVEA_UNROLL for (int e = 0; e < 16; e++) sum = sum + square[e / 4][e % 4];
            FOVEA_AT(place, 36, stride) = sum;
        }
    }
}

// Outputs of tiles `first ..< last` from their products, of which element `e` of channel `c` is at
// `e * stride + t * channels + c`.
FOVEA_TARGET static void FOVEA_NAME(transform_output)(const fovea_winograd *p, const float *from, size_t stride,
                                                      size_t first, size_t last, const float *bias,
                                                      const float *residual, int relu, float *y) {
    const fovea_images *images = &p->output;
    for (size_t t = first; t < last; t++) {
        tile at = tile_at(p, t);
        size_t rows = images->height - (size_t)at.row, columns = images->width - (size_t)at.column;
        size_t offset = at.image * images->imageStride + (size_t)at.row * images->rowStride +
                        (size_t)at.column * images->pixelStride;
        if (rows > 4) rows = 4;
        if (columns > 4) columns = 4;
        for (size_t c = 0; c < images->channels; c += LANES, offset += images->blockStride) {
            const float *place = from + (t - first) * images->channels + c;
            VECTOR products[6][6], square[4][4];
            FOVEA_UNROLL for (int e = 0; e < 36; e++) products[e / 6][e % 6] = FOVEA_AT(place, e, stride);
            FOVEA_BOTH_AXES(reduce_output, 6, 4, products, square)
            VECTOR shift = {0};
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

// Taps of input channels `first ..< last` (output channels if backward). Element `e` of the transform begins at
// `e * stride`. What is written is four times as large as what is read and mostly no longer in the cache when the
// products come to it, so it goes past the cache: 1.5 to 2 times as fast as ordinary stores.
FOVEA_TARGET static void FOVEA_NAME(transform_taps)(size_t inputs, size_t outputs, int isBackward, const float *taps,
                                                    float *to, size_t stride, size_t first, size_t last) {
    size_t columns = isBackward ? inputs : outputs, depth = isBackward ? outputs : inputs;
    // Backward, a cache line of taps has those of LANES rows.
    for (size_t start = first; start < last; start = (start / LANES + 1) * LANES)
        for (size_t c = 0; c < columns; c += LANES)
            for (size_t k = start; k < last && k < (start / LANES + 1) * LANES; k++) {
                VECTOR square[3][3], result[6][6];
                FOVEA_UNROLL for (int e = 0; e < 9; e++) {
                    const float *tap = taps + (size_t)e * inputs * outputs;
                    if (isBackward)
                        FOVEA_UNROLL for (int l = 0; l < LANES; l++)
                            square[2 - e / 3][2 - e % 3][l] = tap[(c + (size_t)l) * outputs + k];
                    else
                        square[e / 3][e % 3] = *(const VECTOR *)(tap + k * outputs + c);
                }
                FOVEA_BOTH_AXES(expand_taps, 3, 6, square, result)
                float *place = to + FOVEA_NAME(panel_place)(c, k, depth, columns);
                FOVEA_UNROLL for (int e = 0; e < 36; e++)
                    __builtin_nontemporal_store((ALIGNED)result[e / 6][e % 6], (ALIGNED *)(place + (size_t)e * stride));
            }
}

// Gradients of the taps of input channels `first ..< last` from those of their transforms, of which element `e` begins
// at `e * stride`.
FOVEA_TARGET static void FOVEA_NAME(transform_taps_gradient)(size_t inputs, size_t outputs, const float *from,
                                                             size_t stride, float *dtaps, size_t first, size_t last) {
    for (size_t place = first * outputs; place < last * outputs; place += LANES) {
        VECTOR products[6][6], square[3][3];
        FOVEA_UNROLL for (int e = 0; e < 36; e++)
            products[e / 6][e % 6] = *(const VECTOR *)(from + place + (size_t)e * stride);
        FOVEA_BOTH_AXES(reduce_taps, 6, 3, products, square)
        FOVEA_UNROLL for (int e = 0; e < 9; e++)
            FOVEA_AT(dtaps + place, (size_t)e, inputs * outputs) = square[e / 3][e % 3];
    }
}

#undef FOVEA_LOAD_SQUARE
#undef FOVEA_BOTH_AXES
#undef FOVEA_AT
#undef PANEL
#undef ALIGNED
#undef DOUBLES
#undef VECTOR
