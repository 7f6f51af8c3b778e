// Transposition of matrices in squares of LANES by LANES, compiled twice.

#define VECTOR FOVEA_JOIN(fovea_float, LANES)

#include "TransposeSquare.h"

FOVEA_TARGET static void FOVEA_NAME(transpose_squares)(const transposition *p, size_t begin, size_t end) {
    size_t across = (p->columns + LANES - 1) / LANES;
    for (size_t unit = begin; unit < end; unit++) {
        size_t row = unit / across * LANES, column = unit % across * LANES;
        const float *x = p->x + row * p->columns + column;
        float *out = p->out + column * p->rows + row;
        if (row + LANES <= p->rows && column + LANES <= p->columns) {
            FOVEA_NAME(transpose_square)(x, p->columns, out, p->rows);
            continue;
        }
        for (size_t i = 0; i < LANES && row + i < p->rows; i++)
            for (size_t j = 0; j < LANES && column + j < p->columns; j++) out[j * p->rows + i] = x[i * p->columns + j];
    }
}

#undef VECTOR
