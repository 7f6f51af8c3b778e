// Activation functions and their gradients on flat arrays.
#ifndef FOVEA_ACTIVATIONS_H
#define FOVEA_ACTIVATIONS_H

#include <stddef.h>
#include <stdint.h>

typedef enum { FOVEA_IDENTITY, FOVEA_RELU, FOVEA_TANH, FOVEA_SIGMOID } fovea_activation;

/// `y = activation(x)` over `count` elements; `y` may be `x`.
///
/// relu: `max(x, 0)`. tanh: relative error below 4e-7 everywhere, also near 0; odd, +-1 at +-infinity.
/// sigmoid: `1 / (1 + exp(-x))`, relative error below 4e-7 down to x = -87, below which the result is 0 or denormal.
/// NaN stays NaN.
void fovea_activate(fovea_activation activation, size_t count, const float *x, float *y);

/// `dx = dy * activation'` from the output `y = activation(x)`; `dx` may be `dy` or `y`.
///
/// relu: `dy` where `y > 0`, else 0. tanh: `dy * (1 - y * y)`. sigmoid: `dy * y * (1 - y)`.
void fovea_activate_gradient(fovea_activation activation, size_t count, const float *y, const float *dy, float *dx);

/// `dx = dy` where `y > 0`, else 0, of bfloat16 numbers, NaN of positive sign counting as above 0; `dx` may be `dy`.
void fovea_relu_gradient_bfloat16(size_t count, const uint16_t *y, const uint16_t *dy, uint16_t *dx);

#endif
