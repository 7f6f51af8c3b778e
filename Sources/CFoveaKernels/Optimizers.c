#include "Internal.h"
#include <math.h>

typedef struct {
    float *weight;
    const float *gradient;
    float *velocity;
    float rate, momentum, decay;
    int nesterov;
} sgd_context;

FOVEA_CLONES static void sgd_plain(size_t n, float *restrict w, const float *restrict g, float rate, float decay) {
    for (size_t i = 0; i < n; i++) w[i] -= rate * (g[i] + decay * w[i]);
}

FOVEA_CLONES static void sgd_momentum(size_t n, float *restrict w, const float *restrict g, float *restrict v,
                                      float rate, float momentum, float decay) {
    for (size_t i = 0; i < n; i++) {
        float velocity = momentum * v[i] + (g[i] + decay * w[i]);
        v[i] = velocity;
        w[i] -= rate * velocity;
    }
}

FOVEA_CLONES static void sgd_nesterov(size_t n, float *restrict w, const float *restrict g, float *restrict v,
                                      float rate, float momentum, float decay) {
    for (size_t i = 0; i < n; i++) {
        float gradient = g[i] + decay * w[i];
        float velocity = momentum * v[i] + gradient;
        v[i] = velocity;
        w[i] -= rate * (gradient + momentum * velocity);
    }
}

static void sgd_range(void *pointer, size_t begin, size_t end) {
    const sgd_context *c = pointer;
    size_t n = end - begin;
    float *w = c->weight + begin;
    const float *g = c->gradient + begin;
    if (!c->velocity)
        sgd_plain(n, w, g, c->rate, c->decay);
    else if (c->nesterov)
        sgd_nesterov(n, w, g, c->velocity + begin, c->rate, c->momentum, c->decay);
    else
        sgd_momentum(n, w, g, c->velocity + begin, c->rate, c->momentum, c->decay);
}

void fovea_sgd(size_t count, float *weight, const float *gradient, float *velocity, float rate, float momentum,
               float decay, int nesterov) {
    sgd_context context = {weight, gradient, velocity, rate, momentum, decay, nesterov};
    fovea_parallel_for(count, FOVEA_GRAIN, sgd_range, &context);
}

typedef struct {
    float *weight;
    const float *gradient;
    float *first, *second;
    float beta1, beta2, decay;
    float stepSize;        // rate / (1 - beta1^t)
    float rootCorrection;  // sqrt(1 - beta2^t)
    float epsilon, rate;
} adam_context;

// The elementwise root, since sqrtf may set errno and so keeps the loop from becoming a vector loop.
FOVEA_CLONES static void adam_loop(size_t n, float *restrict w, const float *restrict g, float *restrict m,
                                   float *restrict v, float beta1, float beta2, float keep, float stepSize,
                                   float inverseRoot, float epsilon) {
    for (size_t i = 0; i < n; i++) {
        float first = beta1 * m[i] + (1 - beta1) * g[i];
        float second = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
        m[i] = first;
        v[i] = second;
        w[i] = keep * w[i] - stepSize * first / (__builtin_elementwise_sqrt(second) * inverseRoot + epsilon);
    }
}

static void adam_range(void *pointer, size_t begin, size_t end) {
    const adam_context *c = pointer;
    adam_loop(end - begin, c->weight + begin, c->gradient + begin, c->first + begin, c->second + begin, c->beta1,
              c->beta2, 1 - c->rate * c->decay, c->stepSize, 1 / c->rootCorrection, c->epsilon);
}

void fovea_adam(size_t count, float *weight, const float *gradient, float *first, float *second, float rate,
                float beta1, float beta2, float epsilon, float decay, int64_t step) {
    double t = (double)step + 1;
    adam_context context = {weight, gradient, first, second, beta1, beta2, decay,
                            (float)(rate / (1 - pow(beta1, t))), (float)sqrt(1 - pow(beta2, t)), epsilon, rate};
    fovea_parallel_for(count, FOVEA_GRAIN, adam_range, &context);
}
