// The passes over a piece in vectors of LANES channels, compiled twice. The arrays of the channels can be read and
// written up to a whole vector; the last channels of a pixel go through a vector filled up so that nothing is added to
// a sum.

#define VECTOR FOVEA_JOIN(fovea_float, LANES)
#define WORD FOVEA_JOIN(fovea_word, LANES)
#define ALIGNED FOVEA_JOIN(fovea_aligned, LANES)
#define DOUBLES FOVEA_JOIN(fovea_double, LANES)

FOVEA_INLINE void FOVEA_NAME(load)(VECTOR *value, const float *from, size_t count) {
    if (count == LANES)
        *value = *(const VECTOR *)from;
    else
        for (size_t i = 0; i < count; i++) (*value)[i] = from[i];
}

typedef float ALIGNED __attribute__((vector_size(LANES * sizeof(float)), may_alias));

FOVEA_INLINE void FOVEA_NAME(store)(const VECTOR *value, float *to, size_t count) {
    if (count == LANES)
        *(VECTOR *)to = *value;
    else
        for (size_t i = 0; i < count; i++) to[i] = (*value)[i];
}

#define FOVEA_ARRAY(name) (*(const VECTOR *)(p->arrays[name] + channel))

// Calls `step` for each vector of channels of each `most` pixels, with the number of the first pixel.
#define FOVEA_STEP(step, pixels, lanes, ...) FOVEA_NAME(step)(k, p, pixels, lanes, c, i, __VA_ARGS__)
#define FOVEA_EACH(most, step, ...)                                                                     \
    for (size_t i = 0; i < p->pixels; i += most) {                                                      \
        size_t rest = p->pixels - i, c = 0;                                                             \
        if (rest >= most)                                                                               \
            for (; c + LANES <= p->count; c += LANES) FOVEA_STEP(step, most, LANES, __VA_ARGS__);       \
        else                                                                                            \
            for (; c + LANES <= p->count; c += LANES) FOVEA_STEP(step, rest, LANES, __VA_ARGS__);       \
        if (c < p->count) FOVEA_STEP(step, rest < most ? rest : most, p->count - c, __VA_ARGS__);       \
    }

// The place of the step's first element in an image.
#define FOVEA_FIRST(name) (p->starts[name] + first * p->apart[name] + channel)

FOVEA_INLINE void FOVEA_NAME(sum_step)(const context *k, const piece *p, size_t pixels, size_t count, size_t channel,
                                       size_t first, int unused) {
    const float *x = FOVEA_FIRST(X);
    const size_t x_apart = p->apart[X];
    VECTOR center = FOVEA_ARRAY(CENTER), sum = {0}, square = {0};
    (void)k;
    (void)unused;
    for (size_t i = 0; i < pixels; i++, x += x_apart) {
        VECTOR v = center;
        FOVEA_NAME(load)(&v, x, count);
        v = v - center;
        sum = sum + v;
        square = square + v * v;
    }
    *(DOUBLES *)(p->sum + channel) += __builtin_convertvector(sum, DOUBLES);
    *(DOUBLES *)(p->product + channel) += __builtin_convertvector(square, DOUBLES);
}

// sum += x - center, product += (x - center)^2.
FOVEA_TARGET static void FOVEA_NAME(sum)(const context *k, const piece *p) { FOVEA_EACH(SUMMED, sum_step, 0) }

FOVEA_INLINE void FOVEA_NAME(normalize_step)(const context *k, const piece *p, size_t pixels, size_t count,
                                             size_t channel, size_t first, int add, int relu, int streams) {
    const float *x = FOVEA_FIRST(X), *residual = add ? FOVEA_FIRST(RESIDUAL) : NULL;
    float *y = FOVEA_FIRST(Y);
    const size_t x_apart = p->apart[X], residual_apart = p->apart[RESIDUAL], y_apart = p->apart[Y];
    VECTOR center = FOVEA_ARRAY(CENTER), factor = FOVEA_ARRAY(FACTOR), shift = FOVEA_ARRAY(SHIFT);
    (void)k;
    for (size_t i = 0; i < pixels; i++) {
        VECTOR v = center, r = {0};
        FOVEA_NAME(load)(&v, x + i * x_apart, count);
        v = (v - center) * factor + shift;
        if (add) {
            FOVEA_NAME(load)(&r, residual + i * residual_apart, count);
            v = v + r;
        }
        if (relu) FOVEA_NAME(relu)(&v);
        if (streams && count == LANES)
            __builtin_nontemporal_store((ALIGNED)v, (ALIGNED *)(y + i * y_apart));
        else
            FOVEA_NAME(store)(&v, y + i * y_apart, count);
    }
}

#define FOVEA_NORMALIZE(add, relu)                           \
    if (k->streams) {                                        \
        FOVEA_EACH(MAPPED, normalize_step, add, relu, 1)     \
    } else {                                                 \
        FOVEA_EACH(MAPPED, normalize_step, add, relu, 0)     \
    }

// y = (x - center) factor + shift + residual, at least zero after a ReLU.
FOVEA_TARGET static void FOVEA_NAME(normalize)(const context *k, const piece *p) {
    if (p->starts[RESIDUAL]) {
        if (k->relu) {
            FOVEA_NORMALIZE(1, 1)
        } else {
            FOVEA_NORMALIZE(1, 0)
        }
    } else if (k->relu) {
        FOVEA_NORMALIZE(0, 1)
    } else {
        FOVEA_NORMALIZE(0, 0)
    }
}

// What the ReLU lets pass of `dy`. The normalized value, where that is computed anew, is that of the forward function
// to the bit.
#define FOVEA_PASSED(sign) (VECTOR)((WORD)((sign) > 0) & (WORD)dy)

FOVEA_INLINE void FOVEA_NAME(gradient_sum_step)(const context *k, const piece *p, size_t pixels, size_t count,
                                                size_t channel, size_t first, fovea_pass pass) {
    const float *x = FOVEA_FIRST(X), *gradient = FOVEA_FIRST(DY);
    const float *output = pass == FOVEA_PASS_OUTPUT ? FOVEA_FIRST(Y) : NULL;
    float *passed = pass == FOVEA_PASS_OUTPUT ? FOVEA_FIRST(PASSED) : NULL;
    const size_t x_apart = p->apart[X], gradient_apart = p->apart[DY], output_apart = p->apart[Y],
                 passed_apart = p->apart[PASSED];
    VECTOR center = FOVEA_ARRAY(CENTER), factor = FOVEA_ARRAY(FACTOR), shift = FOVEA_ARRAY(SHIFT);
    VECTOR sum = {0}, product = {0};
    (void)k;
    for (size_t i = 0; i < pixels; i++) {
        VECTOR v = center, dy = {0};
        FOVEA_NAME(load)(&v, x + i * x_apart, count);
        FOVEA_NAME(load)(&dy, gradient + i * gradient_apart, count);
        v = v - center;
        if (pass == FOVEA_PASS_NORMALIZED) dy = FOVEA_PASSED(v * factor + shift);
        if (pass == FOVEA_PASS_OUTPUT) {
            VECTOR y = {0};
            FOVEA_NAME(load)(&y, output + i * output_apart, count);
            dy = FOVEA_PASSED(y);
            FOVEA_NAME(store)(&dy, passed + i * passed_apart, count);
        }
        sum = sum + dy;
        product = product + dy * v;
    }
    *(DOUBLES *)(p->sum + channel) += __builtin_convertvector(sum, DOUBLES);
    *(DOUBLES *)(p->product + channel) += __builtin_convertvector(product, DOUBLES);
}

// sum += dy, product += dy (x - center), of what passes the ReLU.
FOVEA_TARGET static void FOVEA_NAME(gradient_sum)(const context *k, const piece *p) {
    switch (k->pass) {
    case FOVEA_PASS_ALL: FOVEA_EACH(SUMMED, gradient_sum_step, FOVEA_PASS_ALL) break;
    case FOVEA_PASS_NORMALIZED: FOVEA_EACH(SUMMED, gradient_sum_step, FOVEA_PASS_NORMALIZED) break;
    case FOVEA_PASS_OUTPUT: FOVEA_EACH(SUMMED, gradient_sum_step, FOVEA_PASS_OUTPUT) break;
    }
}

FOVEA_INLINE void FOVEA_NAME(gradient_step)(const context *k, const piece *p, size_t pixels, size_t count,
                                            size_t channel, size_t first, fovea_pass pass, int add) {
    const int source = pass == FOVEA_PASS_OUTPUT ? PASSED : DY;
    const float *x = FOVEA_FIRST(X), *gradient = FOVEA_FIRST(source);
    const float *residual = add ? FOVEA_FIRST(RESIDUAL) : NULL;
    float *dx = FOVEA_FIRST(DX);
    const size_t x_apart = p->apart[X], gradient_apart = p->apart[source], residual_apart = p->apart[RESIDUAL],
                 dx_apart = p->apart[DX];
    VECTOR center = FOVEA_ARRAY(CENTER), factor = FOVEA_ARRAY(FACTOR), shift = FOVEA_ARRAY(SHIFT),
           mean = FOVEA_ARRAY(MEAN), slope = FOVEA_ARRAY(SLOPE);
    (void)k;
    for (size_t i = 0; i < pixels; i++) {
        VECTOR v = center, dy = {0}, r = {0};
        FOVEA_NAME(load)(&v, x + i * x_apart, count);
        FOVEA_NAME(load)(&dy, gradient + i * gradient_apart, count);
        v = v - center;
        if (pass == FOVEA_PASS_NORMALIZED) dy = FOVEA_PASSED(v * factor + shift);
        dy = (dy - mean - v * slope) * factor;
        if (add) {
            FOVEA_NAME(load)(&r, residual + i * residual_apart, count);
            dy = dy + r;
        }
        FOVEA_NAME(store)(&dy, dx + i * dx_apart, count);
    }
}

#define FOVEA_GRADIENT(pass)                        \
    if (p->starts[RESIDUAL]) {                \
        FOVEA_EACH(MAPPED, gradient_step, pass, 1)  \
    } else {                                        \
        FOVEA_EACH(MAPPED, gradient_step, pass, 0)  \
    }

// dx = factor (dy - mean - (x - center) slope) + residual, of what passes the ReLU.
FOVEA_TARGET static void FOVEA_NAME(gradient)(const context *k, const piece *p) {
    switch (k->pass) {
    case FOVEA_PASS_ALL: FOVEA_GRADIENT(FOVEA_PASS_ALL) break;
    case FOVEA_PASS_NORMALIZED: FOVEA_GRADIENT(FOVEA_PASS_NORMALIZED) break;
    case FOVEA_PASS_OUTPUT: FOVEA_GRADIENT(FOVEA_PASS_OUTPUT) break;
    }
}

#undef FOVEA_GRADIENT
#undef FOVEA_PASSED
#undef FOVEA_NORMALIZE
#undef FOVEA_FIRST
#undef FOVEA_EACH
#undef FOVEA_STEP
#undef FOVEA_ARRAY
#undef DOUBLES
#undef WORD
#undef ALIGNED
#undef VECTOR
