// The activations of a flat array and their gradients by vectors of LANES floats, compiled twice. The last elements go
// through a vector filled up with zeros, so that an element's result does not depend on its place.

#define VECTOR FOVEA_JOIN(fovea_float, LANES)
#define FOVEA_MAP(function)                                                                                        \
    for (; i + LANES <= count; i += LANES) {                                                                       \
        VECTOR v = *(const VECTOR *)(x + i);                                                                       \
        FOVEA_NAME(function)(&v);                                                                                  \
        *(VECTOR *)(y + i) = v;                                                                                    \
    }                                                                                                              \
    if (i < count) {                                                                                               \
        VECTOR v = {0};                                                                                            \
        memcpy(&v, x + i, (count - i) * sizeof(float));                                                            \
        FOVEA_NAME(function)(&v);                                                                                  \
        memcpy(y + i, &v, (count - i) * sizeof(float));                                                            \
    }

FOVEA_TARGET static void FOVEA_NAME(activate)(fovea_activation activation, size_t count, const float *x, float *y) {
    size_t i = 0;
    switch (activation) {
    case FOVEA_IDENTITY: break;
    case FOVEA_RELU: FOVEA_MAP(relu) break;
    case FOVEA_TANH: FOVEA_MAP(tanh) break;
    case FOVEA_SIGMOID: FOVEA_MAP(sigmoid) break;
    }
}

#undef FOVEA_MAP
#define FOVEA_MAP(activation)                                                                                      \
    for (; i + LANES <= count; i += LANES) {                                                                       \
        VECTOR v = *(const VECTOR *)(dy + i);                                                                      \
        FOVEA_NAME(pass_activation)(activation, y + i, &v);                                                        \
        *(VECTOR *)(dx + i) = v;                                                                                   \
    }                                                                                                              \
    if (i < count) {                                                                                               \
        VECTOR v = {0};                                                                                            \
        float last[LANES] = {0};                                                                                   \
        memcpy(&v, dy + i, (count - i) * sizeof(float));                                                           \
        memcpy(last, y + i, (count - i) * sizeof(float));                                                          \
        FOVEA_NAME(pass_activation)(activation, last, &v);                                                         \
        memcpy(dx + i, &v, (count - i) * sizeof(float));                                                           \
    }

FOVEA_TARGET static void FOVEA_NAME(activate_gradient)(fovea_activation activation, size_t count, const float *y,
                                                       const float *dy, float *dx) {
    size_t i = 0;
    switch (activation) {
    case FOVEA_IDENTITY: break;
    case FOVEA_RELU: FOVEA_MAP(FOVEA_RELU) break;
    case FOVEA_TANH: FOVEA_MAP(FOVEA_TANH) break;
    case FOVEA_SIGMOID: FOVEA_MAP(FOVEA_SIGMOID) break;
    }
}

#undef FOVEA_MAP
#undef VECTOR
