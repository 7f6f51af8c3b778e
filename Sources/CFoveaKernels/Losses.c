#include "Internal.h"
#include <math.h>

static float row_maximum(size_t classes, const float *row) {
    float maximum = row[0];
    for (size_t k = 1; k < classes; k++) maximum = row[k] > maximum ? row[k] : maximum;
    return maximum;
}

float fovea_softmax_cross_entropy(size_t rows, size_t classes, const float *logits, const int32_t *labels) {
    double total = 0;
    for (size_t n = 0; n < rows; n++) {
        const float *row = logits + n * classes;
        int32_t label = labels[n];
        if (label < 0 || (size_t)label >= classes) return NAN;
        float maximum = row_maximum(classes, row), sum = 0;
        for (size_t k = 0; k < classes; k++) sum += expf(row[k] - maximum);
        total += logf(sum) + maximum - row[label];
    }
    return (float)(total / (double)rows);
}

void fovea_softmax_cross_entropy_gradient(size_t rows, size_t classes, const float *logits, const int32_t *labels,
                                          float scale, float *gradient) {
    float weight = scale / (float)rows;
    for (size_t n = 0; n < rows; n++) {
        const float *row = logits + n * classes;
        float *out = gradient + n * classes;
        float maximum = row_maximum(classes, row), sum = 0;
        for (size_t k = 0; k < classes; k++) {
            out[k] = expf(row[k] - maximum);
            sum += out[k];
        }
        float factor = weight / sum;
        for (size_t k = 0; k < classes; k++) out[k] *= factor;
        int32_t label = labels[n];
        if (label >= 0 && (size_t)label < classes) out[label] -= weight;
    }
}

float fovea_mean(size_t count, const float *x) {
    double total = 0;
    for (size_t i = 0; i < count; i++) total += x[i];
    return (float)(total / (double)count);
}

// The compiler may reorder the sum of one chunk to use vectors; the order of the chunks is fixed.
FOVEA_CLONES static float chunk_squared_error(size_t n, const float *restrict x, const float *restrict t) {
#pragma clang fp reassociate(on)
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += (x[i] - t[i]) * (x[i] - t[i]);
    return sum;
}

FOVEA_CLONES static float chunk_sum_of_squares(size_t n, const float *restrict x) {
#pragma clang fp reassociate(on)
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
    return sum;
}

float fovea_squared_error(size_t count, const float *x, const float *t) {
    double total = 0;
    for (size_t begin = 0; begin < count; begin += FOVEA_CHUNK) {
        size_t n = count - begin < FOVEA_CHUNK ? count - begin : FOVEA_CHUNK;
        total += chunk_squared_error(n, x + begin, t + begin);
    }
    return (float)total;
}

float fovea_sum_of_squares(size_t count, const float *x) {
    double total = 0;
    for (size_t begin = 0; begin < count; begin += FOVEA_CHUNK) {
        size_t n = count - begin < FOVEA_CHUNK ? count - begin : FOVEA_CHUNK;
        total += chunk_sum_of_squares(n, x + begin);
    }
    return (float)total;
}

FOVEA_CLONES void fovea_squared_error_gradient(size_t count, const float *x, const float *t, float scale,
                                               float *gradient) {
    for (size_t i = 0; i < count; i++) gradient[i] = scale * (x[i] - t[i]);
}
