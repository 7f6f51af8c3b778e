#include "include/Dense.h"
#include "VectorMath.h"

// Units of a tile of sums: all registers but those for a row of samples and for one weight.
#define TILE_UNITS_8 6
#define TILE_UNITS_16 14

// A line of the cache, in floats.
#define LINE 16
// The inputs of a packed block, so that a tile's weights stay in the first cache and the samples in the second.
#define MAX_INPUTS 384
// Packed weights of units are a line more apart, so that they do not fall on each other in the cache.
#define PACKED_INPUTS (MAX_INPUTS + LINE)
// The units of a block: for each the samples are packed anew.
#define MAX_UNITS 448
#define SUMS_ROW FOVEA_DENSE_MAX_BATCH

// The floats that a thread works with: packed weights, packed samples, and sums.
#define PART_SCRATCH (TILE_UNITS_16 * PACKED_INPUTS + (MAX_INPUTS + MAX_UNITS) * FOVEA_DENSE_MAX_BATCH)

typedef struct {
    const fovea_dense *p;
    const float *x, *weight, *bias;
    float *y, *scratch;
    size_t blocks;
} forward;

#define FOVEA_LANES_HEADER "DenseLanes.h"
#include "BothWidths.h"

static void multiply_blocks(void *context, size_t begin, size_t end) {
    const forward *f = context;
    float *scratch = f->scratch + scratch_slot() * PART_SCRATCH;
    for (size_t block = begin; block < end; block++) {
        size_t first = f->p->units * block / f->blocks, count = f->p->units * (block + 1) / f->blocks - first;
        FOVEA_BY_LANES(fovea_vector_lanes(), multiply_block, f, first, count, scratch);
    }
}

size_t fovea_dense_scratch(int threads) { return (size_t)threads * PART_SCRATCH * sizeof(float); }

// Each sum is made by one thread in an order that sizes give, so bits do not depend on the threads.
void fovea_dense_forward(const fovea_dense *p, int threads, const float *x, const float *weight, const float *bias,
                         float *y, void *scratch) {
    size_t blocks = ceiling(ceiling(p->units, MAX_UNITS), (size_t)threads) * (size_t)threads;
    forward f = {p, x, weight, bias, y, scratch, blocks < p->units ? blocks : p->units};
    fovea_for_parts(f.blocks, threads, multiply_blocks, &f);
}
