#ifndef FOVEA_GATHER_H
#define FOVEA_GATHER_H

#include <stddef.h>
#include <stdint.h>

/// The extents of one sample, and the width of the border that is put around each of its planes.
struct fovea_sample {
    ptrdiff_t channels, height, width, padding;
};

/// How an image is laid down: first mirrored left to right where `mirrored` is not 0, then moved by whole pixels.
struct fovea_placement {
    int32_t down, right, mirrored;
};

/// Gathers samples of bytes: out[n, c, y, x] = table[c * table_stride + samples[indices[n], c, y, x]].
///
/// `table_stride` is 0 where all channels share one table of 256 entries. The border gets what the table gives for 0.
/// `placements` has one entry for each of the samples gathered, or is NULL where they stay as they are; what an image
/// moved away from is border. Every index must be that of a sample. No two pointers may overlap.
void fovea_gather_bytes(
    const uint8_t *samples, const ptrdiff_t *indices, ptrdiff_t count, struct fovea_sample sample,
    const struct fovea_placement *placements, const float *table, ptrdiff_t table_stride, float *out);

/// Gathers samples of floats: out[n, c, y, x] = samples[indices[n], c, y, x] * factors[c * stride] + terms[c * stride].
///
/// `stride` is 0 where all channels share one factor and one term. The border gets the term. `placements` is as above.
/// The product is rounded before the sum, so every machine gives the same bits.
void fovea_gather_floats(
    const float *samples, const ptrdiff_t *indices, ptrdiff_t count, struct fovea_sample sample,
    const struct fovea_placement *placements, const float *factors, const float *terms, ptrdiff_t stride, float *out);

#endif
