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

static void activate_range(void *context, size_t begin, size_t end) {
    const activation_context *c = context;
    const float *x = c->x + begin;
    float *y = c->out + begin;
    if (c->activation != FOVEA_IDENTITY)
        FOVEA_BY_LANES(fovea_vector_lanes(), activate, c->activation, end - begin, x, y);
    else if (y != x)
        memcpy(y, x, (end - begin) * sizeof(float));
}

void fovea_activate(fovea_activation activation, size_t count, const float *x, float *y) {
    activation_context c = {.activation = activation, .x = x, .out = y};
    fovea_parallel_for(count, GRAIN, activate_range, &c);
}

static void gradient_range(void *context, size_t begin, size_t end) {
    const activation_context *c = context;
    const float *y = c->y + begin, *dy = c->dy + begin;
    float *dx = c->out + begin;
    if (c->activation != FOVEA_IDENTITY)
        FOVEA_BY_LANES(fovea_vector_lanes(), activate_gradient, c->activation, end - begin, y, dy, dx);
    else if (dx != dy)
        memcpy(dx, dy, (end - begin) * sizeof(float));
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
