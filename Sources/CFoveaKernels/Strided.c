#include "Internal.h"
#include <string.h>

// Walks all axes but the last; the innermost axis is a plain loop.
#define FOR_EACH_ROW(rank, extents, BODY)                                                  \
    do {                                                                                   \
        int64_t index_[FOVEA_MAX_RANK] = {0};                                              \
        int64_t rows_ = 1;                                                                 \
        for (int axis_ = 0; axis_ < (rank) - 1; axis_++) rows_ *= (extents)[axis_];        \
        for (int64_t row_ = 0; row_ < rows_; row_++) {                                     \
            BODY;                                                                          \
            for (int axis_ = (rank) - 2; axis_ >= 0; axis_--) {                            \
                if (++index_[axis_] < (extents)[axis_]) break;                             \
                index_[axis_] = 0;                                                         \
            }                                                                              \
        }                                                                                  \
    } while (0)

static int64_t offset(int rank, const int64_t *index, const int64_t *strides) {
    int64_t sum = 0;
    for (int axis = 0; axis < rank - 1; axis++) sum += index[axis] * strides[axis];
    return sum;
}

void fovea_binary(fovea_binary_operation operation, int rank, const int64_t *extents, const float *a,
                  const int64_t *aStrides, const float *b, const int64_t *bStrides, float *out) {
    int64_t n = rank ? extents[rank - 1] : 1;
    int64_t sa = rank ? aStrides[rank - 1] : 0, sb = rank ? bStrides[rank - 1] : 0;
    FOR_EACH_ROW(rank, extents, {
        const float *x = a + offset(rank, index_, aStrides);
        const float *y = b + offset(rank, index_, bStrides);
        if (operation == FOVEA_ADD)
            for (int64_t i = 0; i < n; i++) out[i] = x[i * sa] + y[i * sb];
        else
            for (int64_t i = 0; i < n; i++) out[i] = x[i * sa] * y[i * sb];
        out += n;
    });
}

void fovea_copy(int rank, const int64_t *extents, const float *x, const int64_t *xStrides, float *out,
                const int64_t *outStrides) {
    int64_t n = rank ? extents[rank - 1] : 1;
    int64_t sx = rank ? xStrides[rank - 1] : 0, so = rank ? outStrides[rank - 1] : 0;
    FOR_EACH_ROW(rank, extents, {
        const float *from = x + offset(rank, index_, xStrides);
        float *to = out + offset(rank, index_, outStrides);
        for (int64_t i = 0; i < n; i++) to[i * so] = from[i * sx];
    });
}

void fovea_reduce_sum(int rank, const int64_t *extents, const float *x, float *out, const int64_t *outStrides,
                      size_t outCount) {
    memset(out, 0, outCount * sizeof(float));
    int64_t n = rank ? extents[rank - 1] : 1;
    int64_t so = rank ? outStrides[rank - 1] : 0;
    FOR_EACH_ROW(rank, extents, {
        float *to = out + offset(rank, index_, outStrides);
        if (so == 0) {
            float sum = 0;
            for (int64_t i = 0; i < n; i++) sum += x[i];
            *to += sum;
        } else {
            for (int64_t i = 0; i < n; i++) to[i * so] += x[i];
        }
        x += n;
    });
}
