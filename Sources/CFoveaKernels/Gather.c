#include "FoveaGather.h"

// A fused multiply-add would give other bits on machines that have it.
#pragma STDC FP_CONTRACT OFF

static float *fill(float *restrict out, ptrdiff_t count, float value) {
    for (ptrdiff_t i = 0; i < count; i++) out[i] = value;
    return out + count;
}

// Planes that need no border, stay where they are and share one rule are one long row.
static struct fovea_sample flattened(
    struct fovea_sample sample, ptrdiff_t stride, const struct fovea_placement *placements) {
    if (sample.padding != 0 || placements) return sample;
    struct fovea_sample flat = {sample.channels, 1, sample.height * sample.width, 0};
    if (stride == 0) {
        flat.width *= flat.channels;
        flat.channels = 1;
    }
    return flat;
}

// A row of pixels read from the left or, with `step` -1, from the right.
// A table look-up is one load an element, near what a core can store, and gives the value rounded once.
static float *row_of_bytes(
    const uint8_t *in, ptrdiff_t step, ptrdiff_t width, const float *restrict table, float *restrict out) {
    for (ptrdiff_t x = 0; x < width; x++) out[x] = table[in[step * x]];
    return out + width;
}

static float *row_of_floats(
    const float *in, ptrdiff_t step, ptrdiff_t width, float factor, float term, float *restrict out) {
    for (ptrdiff_t x = 0; x < width; x++) {
        float product = in[step * x] * factor;
        out[x] = product + term;
    }
    return out + width;
}

// Where the pixels of a row that is laid down come from: `count` of them from `first` on, after `before` of border.
struct span {
    ptrdiff_t before, first, count, step;
};

static ptrdiff_t clamp(ptrdiff_t value, ptrdiff_t limit) { return value < -limit ? -limit : value > limit ? limit : value; }

static struct span span(ptrdiff_t width, ptrdiff_t shift, int mirrored) {
    const ptrdiff_t right = clamp(shift, width);
    const ptrdiff_t before = right > 0 ? right : 0, skipped = right < 0 ? -right : 0;
    struct span result = {before, mirrored ? width - 1 - skipped : skipped, width - before - skipped, mirrored ? -1 : 1};
    return result;
}

static const struct fovea_placement unmoved = {0, 0, 0};

void fovea_gather_bytes(
    const uint8_t *samples, const ptrdiff_t *indices, ptrdiff_t count, struct fovea_sample sample,
    const struct fovea_placement *placements, const float *table, ptrdiff_t table_stride, float *out) {
    const ptrdiff_t size = sample.channels * sample.height * sample.width;
    const struct fovea_sample shape = flattened(sample, table_stride, placements);
    const ptrdiff_t padding = shape.padding, padded_width = shape.width + 2 * padding;
    for (ptrdiff_t n = 0; n < count; n++) {
        const uint8_t *in = samples + indices[n] * size;
        const struct fovea_placement placement = placements ? placements[n] : unmoved;
        const struct span columns = span(shape.width, placement.right, placement.mirrored);
        const ptrdiff_t after = shape.width - columns.before - columns.count;
        for (ptrdiff_t c = 0; c < shape.channels; c++, in += shape.height * shape.width) {
            const float *entries = table + c * table_stride;
            out = fill(out, padding * padded_width, entries[0]);
            for (ptrdiff_t y = 0; y < shape.height; y++) {
                const ptrdiff_t row = y - placement.down;
                if (row < 0 || row >= shape.height) {
                    out = fill(out, padded_width, entries[0]);
                    continue;
                }
                out = fill(out, padding + columns.before, entries[0]);
                out = row_of_bytes(in + row * shape.width + columns.first, columns.step, columns.count, entries, out);
                out = fill(out, after + padding, entries[0]);
            }
            out = fill(out, padding * padded_width, entries[0]);
        }
    }
}

void fovea_gather_floats(
    const float *samples, const ptrdiff_t *indices, ptrdiff_t count, struct fovea_sample sample,
    const struct fovea_placement *placements, const float *factors, const float *terms, ptrdiff_t stride, float *out) {
    const ptrdiff_t size = sample.channels * sample.height * sample.width;
    const struct fovea_sample shape = flattened(sample, stride, placements);
    const ptrdiff_t padding = shape.padding, padded_width = shape.width + 2 * padding;
    for (ptrdiff_t n = 0; n < count; n++) {
        const float *in = samples + indices[n] * size;
        const struct fovea_placement placement = placements ? placements[n] : unmoved;
        const struct span columns = span(shape.width, placement.right, placement.mirrored);
        const ptrdiff_t after = shape.width - columns.before - columns.count;
        for (ptrdiff_t c = 0; c < shape.channels; c++, in += shape.height * shape.width) {
            const float factor = factors[c * stride], term = terms[c * stride];
            out = fill(out, padding * padded_width, term);
            for (ptrdiff_t y = 0; y < shape.height; y++) {
                const ptrdiff_t row = y - placement.down;
                if (row < 0 || row >= shape.height) {
                    out = fill(out, padded_width, term);
                    continue;
                }
                out = fill(out, padding + columns.before, term);
                out = row_of_floats(
                    in + row * shape.width + columns.first, columns.step, columns.count, factor, term, out);
                out = fill(out, after + padding, term);
            }
            out = fill(out, padding * padded_width, term);
        }
    }
}
