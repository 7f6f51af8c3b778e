#include <string.h>
#include "VectorMath.h"

// About 10 microseconds of one core.
#define GRAIN 32768

typedef struct {
    fovea_activation activation;
    const float *x, *y, *dy;
    float *out;
} activation_context;

#define FOVEA_LANES_HEADER "ActivationsLanes.h"
#include "BothWidths.h"

static void activate_range(void *pointer, size_t begin, size_t end) {
    const activation_context *c = pointer;
    if (c->activation == FOVEA_IDENTITY) {
        if (c->out != c->x) memcpy(c->out + begin, c->x + begin, (end - begin) * sizeof(float));
        return;
    }
#if FOVEA_HAS_WIDE
    if (fovea_has_wide_vectors()) {
        fovea_activate_16(c->activation, end - begin, c->x + begin, c->out + begin);
        return;
    }
#endif
    fovea_activate_8(c->activation, end - begin, c->x + begin, c->out + begin);
}

void fovea_activate(fovea_activation activation, size_t count, const float *x, float *y) {
    activation_context c = {.activation = activation, .x = x, .out = y};
    fovea_parallel_for(count, GRAIN, activate_range, &c);
}

// No `restrict`: the output may be an input. The loops are of independent elements.
FOVEA_CLONES static void relu_gradient(size_t count, const float *y, const float *dy, float *dx) {
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < count; i++) dx[i] = y[i] > 0 ? dy[i] : 0;
}

FOVEA_CLONES static void tanh_gradient(size_t count, const float *y, const float *dy, float *dx) {
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < count; i++) dx[i] = dy[i] * (1 - y[i] * y[i]);
}

FOVEA_CLONES static void sigmoid_gradient(size_t count, const float *y, const float *dy, float *dx) {
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < count; i++) dx[i] = dy[i] * (y[i] * (1 - y[i]));
}

static void gradient_range(void *pointer, size_t begin, size_t end) {
    const activation_context *c = pointer;
    size_t count = end - begin;
    const float *y = c->y + begin, *dy = c->dy + begin;
    float *dx = c->out + begin;
    switch (c->activation) {
    case FOVEA_IDENTITY:
        if (dx != dy) memcpy(dx, dy, count * sizeof(float));
        break;
    case FOVEA_RELU: relu_gradient(count, y, dy, dx); break;
    case FOVEA_TANH: tanh_gradient(count, y, dy, dx); break;
    case FOVEA_SIGMOID: sigmoid_gradient(count, y, dy, dx); break;
    }
}

void fovea_activate_gradient(fovea_activation activation, size_t count, const float *y, const float *dy, float *dx) {
    activation_context c = {.activation = activation, .y = y, .dy = dy, .out = dx};
    fovea_parallel_for(count, GRAIN, gradient_range, &c);
}

typedef struct {
    const uint16_t *y, *dy;
    uint16_t *dx;
} bfloat16_context;

// A bfloat16 number is above 0 where its bits are, as a signed whole number.
FOVEA_CLONES static void relu_gradient_bfloat16(size_t count, const int16_t *y, const uint16_t *dy, uint16_t *dx) {
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < count; i++) dx[i] = y[i] > 0 ? dy[i] : 0;
}

static void bfloat16_range(void *pointer, size_t begin, size_t end) {
    const bfloat16_context *c = pointer;
    relu_gradient_bfloat16(end - begin, (const int16_t *)c->y + begin, c->dy + begin, c->dx + begin);
}

void fovea_relu_gradient_bfloat16(size_t count, const uint16_t *y, const uint16_t *dy, uint16_t *dx) {
    bfloat16_context c = {.y = y, .dy = dy, .dx = dx};
    fovea_parallel_for(count, GRAIN, bfloat16_range, &c);
}
