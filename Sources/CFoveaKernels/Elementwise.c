#include "Internal.h"
#include <math.h>

typedef struct {
    const float *x;
    float *out;
    float rate, scale;
    uint32_t seed[2], purpose, step;
} dropout_context;

// Philox4x32-10; RandomSource in FoveaTensor is the same function.
static inline void philox(uint32_t c[4], uint32_t k0, uint32_t k1) {
    for (int round = 0; round < 10; round++) {
        uint64_t first = (uint64_t)c[0] * 0xD2511F53u, second = (uint64_t)c[2] * 0xCD9E8D57u;
        uint32_t c1 = c[1], c3 = c[3];
        c[0] = (uint32_t)(second >> 32) ^ c1 ^ k0;
        c[1] = (uint32_t)second;
        c[2] = (uint32_t)(first >> 32) ^ c3 ^ k1;
        c[3] = (uint32_t)first;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

FOVEA_CLONES static void dropout_blocks(size_t blocks, uint64_t firstBlock, const float *restrict x,
                                        float *restrict out, float rate, float scale, uint32_t k0, uint32_t k1,
                                        uint32_t purpose, uint32_t step) {
    for (size_t b = 0; b < blocks; b++) {
        uint64_t index = firstBlock + b;
        uint32_t c[4] = {(uint32_t)index, (uint32_t)(index >> 32), step, purpose};
        philox(c, k0, k1);
        for (int j = 0; j < 4; j++)
            out[4 * b + j] = (float)(c[j] >> 8) * 0x1p-24f >= rate ? x[4 * b + j] * scale : 0;
    }
}

// Ranges are in blocks of four elements, as many as one call of the generator decides.
static void dropout_range(void *pointer, size_t begin, size_t end) {
    const dropout_context *c = pointer;
    dropout_blocks(end - begin, begin, c->x + 4 * begin, c->out + 4 * begin, c->rate, c->scale, c->seed[0], c->seed[1],
                   c->purpose, c->step);
}

void fovea_dropout(size_t count, const float *x, float *out, float rate, const uint32_t seed[2], uint32_t purpose,
                   uint32_t step) {
    dropout_context context = {x, out, rate, 1 / (1 - rate), {seed[0], seed[1]}, purpose, step};
    size_t blocks = count / 4, rest = count % 4;
    fovea_parallel_for(blocks, FOVEA_GRAIN / 16, dropout_range, &context);
    if (rest) {
        float in[4] = {0}, kept[4];
        for (size_t j = 0; j < rest; j++) in[j] = x[4 * blocks + j];
        dropout_blocks(1, blocks, in, kept, rate, context.scale, seed[0], seed[1], purpose, step);
        for (size_t j = 0; j < rest; j++) out[4 * blocks + j] = kept[j];
    }
}

FOVEA_CLONES void fovea_running_average(size_t count, const float *running, const float *batch, float *out,
                                        float momentum, float correction) {
    for (size_t i = 0; i < count; i++) out[i] = (1 - momentum) * running[i] + momentum * (correction * batch[i]);
}

FOVEA_CLONES void fovea_sum_columns(size_t rows, size_t columns, const float *x, float *out) {
    for (size_t r = 0; r < rows; r++, x += columns) {
        float sums[16] = {0};
        size_t c = 0;
        for (; c + 16 <= columns; c += 16)
            for (size_t j = 0; j < 16; j++) sums[j] += x[c + j];
        for (size_t j = 0; c + j < columns; j++) sums[j] += x[c + j];
        for (size_t half = 8; half > 0; half /= 2)
            for (size_t j = 0; j < half; j++) sums[j] += sums[j + half];
        out[r] = sums[0];
    }
}

void fovea_fill(size_t count, float value, float *out) {
    for (size_t i = 0; i < count; i++) out[i] = value;
}

void fovea_fold_batch_norm(size_t filters, size_t taps, const float *weight, const float *bias, const float *scale,
                           const float *shift, const float *mean, const float *variance, float epsilon,
                           float *outWeight, float *outBias) {
    for (size_t k = 0; k < filters; k++) {
        float factor = scale[k] / sqrtf(variance[k] + epsilon);
        for (size_t i = 0; i < taps; i++) outWeight[k * taps + i] = weight[k * taps + i] * factor;
        outBias[k] = shift[k] + ((bias ? bias[k] : 0) - mean[k]) * factor;
    }
}

// Elements at a time, which stay in the first-level cache between the loops.
enum { COMBINED = 1024 };

FOVEA_CLONES static void combine_elements(const fovea_combination *k, size_t begin, size_t end) {
    float values[COMBINED];
    for (size_t first = begin; first < end; first += COMBINED) {
        size_t count = end - first < COMBINED ? end - first : COMBINED;
        for (size_t i = 0; i < count; i++) values[i] = k->operands[0][first + i];
        for (size_t n = 1; n < k->count; n++)
            for (size_t i = 0; i < count; i++) values[i] += k->operands[n][first + i];
        if (k->rectified)
            for (size_t i = 0; i < count; i++) values[i] = k->rectified[first + i] > 0 ? values[i] : 0;
        for (size_t i = 0; i < count; i++) k->sum[first + i] = values[i];
        if (k->multiple)
            for (size_t i = 0; i < count; i++) k->multiple[first + i] = k->factor * values[i];
    }
}

static void combine_range(void *context, size_t begin, size_t end) { combine_elements(context, begin, end); }

void fovea_combine(size_t count, const fovea_combination *combination) {
    fovea_parallel_for(count, FOVEA_GRAIN, combine_range, (void *)combination);
}

enum {
    // As many rows as are added in float before doubles take them, so that the error is that of the terms' own rounding.
    ADDED_ROWS = 8,
    // The rows have sums of their own in parts, as many for any number of threads.
    MOST_ROW_PARTS = 16,
};

typedef struct {
    size_t rows, columns, parts;
    const float *x;
    double *sums;  // [parts, columns]
    float *added;  // [parts, columns]
} column_sums;

static size_t row_parts(size_t rows, size_t columns) {
    size_t parts = rows * columns / FOVEA_GRAIN;
    if (parts > rows / (4 * ADDED_ROWS)) parts = rows / (4 * ADDED_ROWS);
    return parts < 1 ? 1 : parts > MOST_ROW_PARTS ? MOST_ROW_PARTS : parts;
}

size_t fovea_sum_rows_scratch(size_t rows, size_t columns) {
    return row_parts(rows, columns) * columns * (sizeof(double) + sizeof(float));
}

FOVEA_CLONES static void add_rows(const column_sums *k, size_t first, size_t last, double *restrict sums,
                                  float *restrict added) {
    for (size_t c = 0; c < k->columns; c++) sums[c] = 0;
    for (size_t row = first; row < last; row += ADDED_ROWS) {
        for (size_t c = 0; c < k->columns; c++) added[c] = k->x[row * k->columns + c];
        for (size_t r = row + 1; r < last && r < row + ADDED_ROWS; r++)
            for (size_t c = 0; c < k->columns; c++) added[c] += k->x[r * k->columns + c];
        for (size_t c = 0; c < k->columns; c++) sums[c] += (double)added[c];
    }
}

static void add_row_parts(void *context, size_t begin, size_t end) {
    const column_sums *k = context;
    for (size_t part = begin; part < end; part++)
        add_rows(k, k->rows * part / k->parts, k->rows * (part + 1) / k->parts, k->sums + part * k->columns,
                 k->added + part * k->columns);
}

void fovea_sum_rows(size_t rows, size_t columns, const float *x, float *out, void *scratch) {
    size_t parts = row_parts(rows, columns);
    double *sums = scratch;
    column_sums k = {rows, columns, parts, x, sums, (float *)(sums + parts * columns)};
    fovea_parallel_for(parts, 0, add_row_parts, &k);
    for (size_t c = 0; c < columns; c++) {
        double sum = 0;
        for (size_t part = 0; part < parts; part++) sum += sums[part * columns + c];
        out[c] = (float)sum;
    }
}
