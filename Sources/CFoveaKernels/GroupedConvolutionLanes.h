// The products of `GroupedConvolution.c` in vectors of LANES channels, compiled twice.

#define VECTOR FOVEA_JOIN(fovea_float, LANES)
#define DOUBLES FOVEA_JOIN(fovea_double, LANES)
// As many inputs of a group as the registers hold sums of three taps for.
#define DEPTH (LANES == 16 ? 8 : 4)

// Lane `d` of each group of the vector at `pixel`, in all lanes of the group. Subtracting nothing makes a vector of a
// lane.
#define FOVEA_OF_4(pixel, d) FOVEA_SPREAD(*(pixel), 4, d)
#define FOVEA_OF_8(pixel, d) FOVEA_SPREAD(*(pixel), 8, d)
#define FOVEA_OF_ALL(pixel, d) (((const float *)(pixel))[d] - (VECTOR){0})

// A step for each channel of groups of `size`.
#define FOVEA_FOUR(step, lane, d) step(lane, d) step(lane, d + 1) step(lane, d + 2) step(lane, d + 3)
#define FOVEA_EACH(step, size)                                      \
    if (size == 4) {                                                \
        FOVEA_FOUR(step, FOVEA_OF_4, 0)                             \
    } else if (size < LANES) {                                      \
        FOVEA_FOUR(step, FOVEA_OF_8, 0)                             \
        FOVEA_FOUR(step, FOVEA_OF_8, 4)                             \
    } else {                                                        \
        for (int d = 0; d < LANES; d++) step(FOVEA_OF_ALL, d)       \
    }

// Copies `count` pixels of a row from `first` on, zero beyond its edges. In a loop, so that the copies stay in memory,
// from where a lane is spread over a vector for nothing.
FOVEA_INLINE void FOVEA_NAME(gather)(const float *row, size_t pixelStride, size_t width, size_t first, size_t count,
                                     VECTOR *to) {
    _Pragma("clang loop unroll(disable)") for (size_t q = 0; q < count; q++) {
        size_t column = first + q;
        to[q] = column < width ? *(const VECTOR *)(row + column * pixelStride) : (VECTOR){0};
    }
}

// Fetches part `index` of `parts` of `floats` numbers that are needed soon.
FOVEA_INLINE void FOVEA_NAME(fetch)(const float *from, size_t floats, size_t index, size_t parts) {
    size_t last = floats * (index + 1) / parts;
    for (size_t place = floats * index / parts; place < last; place += 16) __builtin_prefetch(from + place);
}

#define FOVEA_ADD_OUTPUTS(lane, d)                                                              \
    {                                                                                           \
        VECTOR tap0 = taps[d], tap1 = taps[size + (d)], tap2 = taps[2 * size + (d)];            \
        VECTOR left = lane(&pixels[0], d);                                         \
        FOVEA_UNROLL for (int j = 0; j < FOVEA_RUN; j++) {                                      \
            VECTOR middle = lane(&pixels[2 * j + 1], d);                           \
            VECTOR right = lane(&pixels[2 * j + 2], d);                            \
            sums[j] = sums[j] + left * tap0;                                                    \
            sums[j] = sums[j] + middle * tap1;                                                  \
            sums[j] = sums[j] + right * tap2;                                                   \
            left = right;                                                                       \
        }                                                                                       \
    }

// A run of outputs in row `i` from column `first` on, of the vector of channels from `channel` on.
FOVEA_INLINE void FOVEA_NAME(grouped_run)(const int size, const grouped *k, const float *image, size_t i, size_t first,
                                          size_t channel, float *y, const float *residual) {
    const fovea_grouped_convolution *p = k->p;
    VECTOR sums[FOVEA_RUN] = {0}, shift = {0};
    _Alignas(64) VECTOR pixels[2 * FOVEA_RUN + 1];
    const VECTOR *vectorTaps = (const VECTOR *)(k->taps + channel / LANES * vector_taps(p));
    for (size_t r = 0; r < p->tapRows; r++) {
        size_t row = input_row(p, i, r);
        if (row >= p->inputHeight) continue;
        const VECTOR *taps = vectorTaps + r * FOVEA_COLUMNS * (size_t)size;
        FOVEA_NAME(gather)(image + row * p->inputWidth * p->channels, p->channels, p->inputWidth,
                           2 * first - p->left, 2 * FOVEA_RUN + 1, pixels);
        FOVEA_EACH(FOVEA_ADD_OUTPUTS, size)
    }
    if (k->bias) shift = *(const VECTOR *)(k->bias + channel);
    FOVEA_UNROLL for (size_t j = 0; j < FOVEA_RUN; j++) {
        if (first + j >= p->outputWidth) break;
        VECTOR value = sums[j] + shift;
        if (residual) value = value + *(const VECTOR *)(residual + j * p->channels);
        if (k->relu) FOVEA_NAME(relu)(&value);
        *(VECTOR *)(y + j * p->channels) = value;
    }
}

#define FOVEA_BY_SIZE(size, call, ...)                     \
    switch (size) {                                        \
    case 4: FOVEA_NAME(call)(4, __VA_ARGS__); break;       \
    case 8: FOVEA_NAME(call)(8, __VA_ARGS__); break;       \
    default: FOVEA_NAME(call)(LANES, __VA_ARGS__); break;  \
    }

// Output rows `first ..< last` of all images. Meanwhile the input rows that the next one has besides are fetched, in the
// order of memory.
FOVEA_INLINE void FOVEA_NAME(grouped_rows_of)(const int size, const grouped *k, size_t first, size_t last) {
    const fovea_grouped_convolution *p = k->p;
    size_t inputRow = p->inputWidth * p->channels, vectors = p->channels / LANES;
    size_t runs = (p->outputWidth + FOVEA_RUN - 1) / FOVEA_RUN;
    for (size_t index = first; index < last; index++) {
        size_t i = index % p->outputHeight;
        const float *image = k->x + index / p->outputHeight * p->inputHeight * inputRow;
        const float *next = image + input_row(p, i, p->tapRows) * inputRow;
        for (size_t v = 0; v < vectors; v++)
            for (size_t run = 0; run < runs; run++) {
                size_t place = (index * p->outputWidth + run * FOVEA_RUN) * p->channels + v * LANES;
                FOVEA_NAME(fetch)(next, p->rowStep * inputRow, v * runs + run, vectors * runs);
                FOVEA_NAME(grouped_run)(size, k, image + v * LANES, i, run * FOVEA_RUN, v * LANES, k->y + place,
                                        k->residual ? k->residual + place : NULL);
            }
    }
}

FOVEA_TARGET static void FOVEA_NAME(grouped_rows)(const grouped *k, size_t first, size_t last) {
    FOVEA_BY_SIZE(k->p->groupSize, grouped_rows_of, k, first, last)
}

// Exchanges inputs and outputs of groups in the taps of vectors `first ..< last` of channels.
FOVEA_INLINE void FOVEA_NAME(exchange_of)(const int size, const grouped *k, size_t first, size_t last) {
    size_t count = vector_taps(k->p);
    for (size_t tap = first * count; tap < last * count; tap += (size_t)size * LANES)
        for (int d = 0; d < size; d++)
            FOVEA_UNROLL for (int l = 0; l < LANES; l++)
                k->exchanged[tap + (size_t)(d * LANES + l)] =
                    k->taps[tap + (size_t)(l % size * LANES + l / size * size + d)];
}

FOVEA_TARGET static void FOVEA_NAME(exchange)(const grouped *k, size_t first, size_t last) {
    FOVEA_BY_SIZE(k->p->groupSize, exchange_of, k, first, last)
}

#define FOVEA_ADD_INPUTS(lane, d)                                                       \
    {                                                                                   \
        VECTOR tap0 = taps[d], tap1 = taps[size + (d)], tap2 = taps[2 * size + (d)];    \
        VECTOR before = lane(&pixels[0], d);                               \
        FOVEA_UNROLL for (int m = 0; m < FOVEA_RUN; m++) {                              \
            VECTOR here = lane(&pixels[m + 1], d);                         \
            even[m] = even[m] + before * tap2;                                          \
            odd[m] = odd[m] + here * tap1;                                              \
            even[m] = even[m] + here * tap0;                                            \
            before = here;                                                              \
        }                                                                               \
    }

// Pairs of inputs in row `i`, of which the first `2 * first - left` and the one after it; the middle column of taps
// reaches only the second of a pair.
FOVEA_INLINE void FOVEA_NAME(grouped_input_run)(const int size, const grouped *k, const float *image, size_t i,
                                                size_t first, size_t channel, float *dx) {
    const fovea_grouped_convolution *p = k->p;
    VECTOR even[FOVEA_RUN] = {0}, odd[FOVEA_RUN] = {0};
    _Alignas(64) VECTOR pixels[FOVEA_RUN + 1];
    const VECTOR *vectorTaps = (const VECTOR *)(k->taps + channel / LANES * vector_taps(p));
    for (size_t r = (i + p->top) % p->rowStep; r < p->tapRows && r <= i + p->top; r += p->rowStep) {
        size_t row = (i + p->top - r) / p->rowStep;
        if (row >= p->outputHeight) continue;
        const VECTOR *taps = vectorTaps + r * FOVEA_COLUMNS * (size_t)size;
        FOVEA_NAME(gather)(image + row * p->outputWidth * p->channels, p->channels, p->outputWidth,
                           first - 1, FOVEA_RUN + 1, pixels);
        FOVEA_EACH(FOVEA_ADD_INPUTS, size)
    }
    FOVEA_UNROLL for (size_t m = 0; m < FOVEA_RUN; m++) {
        size_t column = 2 * (first + m) - p->left;
        float *place = dx + column * p->channels;
        if (column < p->inputWidth) FOVEA_STREAM(even[m], place);
        if (column + 1 < p->inputWidth) FOVEA_STREAM(odd[m], place + p->channels);
    }
}

// Input rows `first ..< last` of all images.
FOVEA_INLINE void FOVEA_NAME(grouped_input_rows_of)(const int size, const grouped *k, size_t first, size_t last) {
    const fovea_grouped_convolution *p = k->p;
    size_t outputImage = p->outputHeight * p->outputWidth * p->channels;
    for (size_t index = first; index < last; index++) {
        const float *image = k->dy + index / p->inputHeight * outputImage;
        float *row = k->dx + index * p->inputWidth * p->channels;
        for (size_t channel = 0; channel < p->channels; channel += LANES)
            for (size_t m = p->left / 2; 2 * m < p->inputWidth + p->left; m += FOVEA_RUN)
                FOVEA_NAME(grouped_input_run)(size, k, image + channel, index % p->inputHeight, m, channel,
                                              row + channel);
    }
}

FOVEA_TARGET static void FOVEA_NAME(grouped_input_rows)(const grouped *k, size_t first, size_t last) {
    FOVEA_BY_SIZE(k->p->groupSize, grouped_input_rows_of, k, first, last)
}

#define FOVEA_ADD_TAPS(lane, d)                                     \
    {                                                               \
        VECTOR even = lane((const VECTOR *)x0, d);                  \
        VECTOR odd = lane((const VECTOR *)x1, d);                   \
        sums[0][d] = sums[0][d] + even * here;                      \
        sums[1][d] = sums[1][d] + odd * here;                       \
        sums[2][d] = sums[2][d] + even * before;                    \
    }

// Adds a row's part of the gradients of the three taps of some inputs of each group, of which the first of `x` is one.
// Meanwhile what is so much further on is fetched.
FOVEA_INLINE void FOVEA_NAME(add_row)(const int size, const fovea_grouped_convolution *p, const float *x,
                                      const float *dy, size_t xAhead, size_t dyAhead, VECTOR sums[3][DEPTH]) {
    static const float zeros[LANES];
    VECTOR before = {0};
    for (size_t m = 0; m <= p->outputWidth; m++) {
        size_t column = 2 * m - p->left;
        const float *x0 = column < p->inputWidth ? x + column * p->channels : zeros;
        const float *x1 = column + 1 < p->inputWidth ? x + (column + 1) * p->channels : zeros;
        VECTOR here = m < p->outputWidth ? *(const VECTOR *)(dy + m * p->channels) : (VECTOR){0};
        __builtin_prefetch(x0 + xAhead);
        __builtin_prefetch(x1 + xAhead);
        __builtin_prefetch(dy + m * p->channels + dyAhead);
        if (size == 4) {
            FOVEA_FOUR(FOVEA_ADD_TAPS, FOVEA_OF_4, 0)
        } else if (size < LANES) {
            FOVEA_FOUR(FOVEA_ADD_TAPS, FOVEA_OF_8, 0)
            FOVEA_FOUR(FOVEA_ADD_TAPS, FOVEA_OF_8, DEPTH - 4)
        } else {
            FOVEA_UNROLL for (int d = 0; d < DEPTH; d++) FOVEA_ADD_TAPS(FOVEA_OF_ALL, d)
        }
        before = here;
    }
}

// Adds the part of output rows `first ..< last` of an image to the gradients of the taps of a vector of channels.
FOVEA_INLINE void FOVEA_NAME(add_rows)(const int size, const fovea_grouped_convolution *p, const float *x,
                                       const float *dy, size_t first, size_t last, float *dtaps) {
    const int depth = size < DEPTH ? size : DEPTH;
    size_t inputRow = p->inputWidth * p->channels, outputRow = p->outputWidth * p->channels, rows = last - first;
    for (size_t r = 0; r < p->tapRows; r++)
        for (int start = 0; start < size; start += depth) {
            VECTOR sums[3][DEPTH] = {0};
            for (size_t i = first; i < last; i++) {
                size_t row = input_row(p, i, r);
                if (row >= p->inputHeight) continue;
                FOVEA_NAME(add_row)(size, p, x + row * inputRow + start, dy + i * outputRow,
                                    rows * p->rowStep * inputRow, rows * outputRow, sums);
            }
            FOVEA_UNROLL for (int c = 0; c < FOVEA_COLUMNS; c++)
                FOVEA_UNROLL for (int d = 0; d < depth; d++) {
                    VECTOR *sum = (VECTOR *)dtaps + ((int)r * FOVEA_COLUMNS + c) * size + start + d;
                    *sum = *sum + sums[c][d];
                }
        }
}

// Adds up pixels: those of a row in float32.
FOVEA_INLINE void FOVEA_NAME(add_pixels)(const fovea_grouped_convolution *p, const float *dy, size_t first,
                                         size_t last, double *sums) {
    for (size_t i = first; i < last; i++) {
        VECTOR sum = {0};
        for (size_t j = 0; j < p->outputWidth; j++)
            sum = sum + *(const VECTOR *)(dy + (i * p->outputWidth + j) * p->channels);
        *(DOUBLES *)sums = *(DOUBLES *)sums + __builtin_convertvector(sum, DOUBLES);
    }
}

// The gradients of vectors `first ..< last` of channels.
FOVEA_INLINE void FOVEA_NAME(grouped_taps_of)(const int size, const grouped *k, size_t firstVector,
                                              size_t lastVector) {
    const fovea_grouped_convolution *p = k->p;
    size_t most = rows_at_once(p), floats = vector_taps(p);
    memset(k->dtaps + firstVector * floats, 0, (lastVector - firstVector) * floats * sizeof(float));
    for (size_t image = 0; image < p->count; image++) {
        const float *x = k->x + image * p->inputHeight * p->inputWidth * p->channels;
        const float *dy = k->dy + image * p->outputHeight * p->outputWidth * p->channels;
        for (size_t first = 0; first < p->outputHeight; first += most) {
            size_t last = p->outputHeight - first < most ? p->outputHeight : first + most;
            for (size_t v = firstVector; v < lastVector; v++) {
                FOVEA_NAME(add_rows)(size, p, x + v * LANES, dy + v * LANES, first, last, k->dtaps + v * floats);
                if (k->sums) FOVEA_NAME(add_pixels)(p, dy + v * LANES, first, last, k->sums + v * LANES);
            }
        }
    }
}

FOVEA_TARGET static void FOVEA_NAME(grouped_taps)(const grouped *k, size_t first, size_t last) {
    FOVEA_BY_SIZE(k->p->groupSize, grouped_taps_of, k, first, last)
}

#undef FOVEA_ADD_TAPS
#undef FOVEA_ADD_INPUTS
#undef FOVEA_ADD_OUTPUTS
#undef FOVEA_BY_SIZE
#undef FOVEA_EACH
#undef FOVEA_FOUR
#undef FOVEA_OF_ALL
#undef FOVEA_OF_8
#undef FOVEA_OF_4
#undef DEPTH
#undef DOUBLES
#undef VECTOR
