#include "FoveaGather.h"

// A fused multiply-add would give other bits on machines that have it.
#pragma STDC FP_CONTRACT OFF

static float *fill(float *restrict out, ptrdiff_t count, float value) {
    for (ptrdiff_t i = 0; i < count; i++) out[i] = value;
    return out + count;
}

// Planes that need no border and share one rule are one long row.
static struct fovea_sample flattened(struct fovea_sample sample, ptrdiff_t stride) {
    if (sample.padding != 0) return sample;
    struct fovea_sample flat = {sample.channels, 1, sample.height * sample.width, 0};
    if (stride == 0) {
        flat.width *= flat.channels;
        flat.channels = 1;
    }
    return flat;
}

// A table look-up is one load an element, near what a core can store, and gives the value rounded once.
static float *row_of_bytes(const uint8_t *restrict in, ptrdiff_t width, const float *restrict table, float *restrict out) {
    for (ptrdiff_t x = 0; x < width; x++) out[x] = table[in[x]];
    return out + width;
}

static float *row_of_floats(const float *restrict in, ptrdiff_t width, float factor, float term, float *restrict out) {
    for (ptrdiff_t x = 0; x < width; x++) {
        float product = in[x] * factor;
        out[x] = product + term;
    }
    return out + width;
}

void fovea_gather_bytes(
    const uint8_t *samples, const ptrdiff_t *indices, ptrdiff_t count, struct fovea_sample sample,
    const float *table, ptrdiff_t table_stride, float *out) {
    const ptrdiff_t size = sample.channels * sample.height * sample.width;
    const struct fovea_sample shape = flattened(sample, table_stride);
    const ptrdiff_t padded_width = shape.width + 2 * shape.padding;
    for (ptrdiff_t n = 0; n < count; n++) {
        const uint8_t *in = samples + indices[n] * size;
        for (ptrdiff_t c = 0; c < shape.channels; c++) {
            const float *entries = table + c * table_stride;
            out = fill(out, shape.padding * padded_width, entries[0]);
            for (ptrdiff_t y = 0; y < shape.height; y++) {
                out = fill(out, shape.padding, entries[0]);
                out = row_of_bytes(in, shape.width, entries, out);
                out = fill(out, shape.padding, entries[0]);
                in += shape.width;
            }
            out = fill(out, shape.padding * padded_width, entries[0]);
        }
    }
}

void fovea_gather_floats(
    const float *samples, const ptrdiff_t *indices, ptrdiff_t count, struct fovea_sample sample,
    const float *factors, const float *terms, ptrdiff_t stride, float *out) {
    const ptrdiff_t size = sample.channels * sample.height * sample.width;
    const struct fovea_sample shape = flattened(sample, stride);
    const ptrdiff_t padded_width = shape.width + 2 * shape.padding;
    for (ptrdiff_t n = 0; n < count; n++) {
        const float *in = samples + indices[n] * size;
        for (ptrdiff_t c = 0; c < shape.channels; c++) {
            const float factor = factors[c * stride], term = terms[c * stride];
            out = fill(out, shape.padding * padded_width, term);
            for (ptrdiff_t y = 0; y < shape.height; y++) {
                out = fill(out, shape.padding, term);
                out = row_of_floats(in, shape.width, factor, term, out);
                out = fill(out, shape.padding, term);
                in += shape.width;
            }
            out = fill(out, shape.padding * padded_width, term);
        }
    }
}
