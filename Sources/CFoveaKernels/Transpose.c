#include "VectorMath.h"

typedef struct {
    size_t rows, columns;
    const float *x;
    float *out;
} transposition;

#define FOVEA_LANES_HEADER "TransposeLanes.h"
#include "BothWidths.h"

static void transpose_range(void *context, size_t begin, size_t end) {
    FOVEA_BY_LANES(fovea_vector_lanes(), transpose_squares, context, begin, end);
}

void fovea_transpose(size_t rows, size_t columns, const float *x, float *out) {
    transposition p = {rows, columns, x, out};
    size_t lanes = fovea_vector_lanes();
    size_t units = (rows + lanes - 1) / lanes * ((columns + lanes - 1) / lanes);
    fovea_parallel_for(units, FOVEA_GRAIN / (lanes * lanes), transpose_range, &p);
}
