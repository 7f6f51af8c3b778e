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

// Calls `step` for each vector of channels of each `most` pixels, with the place of the first element in memory.
#define FOVEA_STEP(step, pixels, lanes, ...) FOVEA_NAME(step)(k, p, pixels, lanes, c, start + c, __VA_ARGS__)
#define FOVEA_EACH(most, step, ...)                                                                     \
    for (size_t i = 0; i < p->pixels; i += most) {                                                      \
        size_t start = p->offset + i * p->stride, rest = p->pixels - i, c = 0;                          \
        if (rest >= most)                                                                               \
            for (; c + LANES <= p->count; c += LANES) FOVEA_STEP(step, most, LANES, __VA_ARGS__);       \
        else                                                                                            \
            for (; c + LANES <= p->count; c += LANES) FOVEA_STEP(step, rest, LANES, __VA_ARGS__);       \
        if (c < p->count) FOVEA_STEP(step, rest < most ? rest : most, p->count - c, __VA_ARGS__);       \
    }

FOVEA_INLINE void FOVEA_NAME(sum_step)(const context *k, const piece *p, size_t pixels, size_t count, size_t channel,
                                       size_t offset, int unused) {
    const float *x = k->x + offset;
    VECTOR center = FOVEA_ARRAY(CENTER), sum = {0}, square = {0};
    (void)unused;
    for (size_t i = 0; i < pixels; i++, x += p->stride) {
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
                                             size_t channel, size_t offset, int add, int relu, int streams) {
    const float *x = k->x + offset, *residual = add ? k->residual + offset : NULL;
    float *y = k->y + offset;
    VECTOR center = FOVEA_ARRAY(CENTER), factor = FOVEA_ARRAY(FACTOR), shift = FOVEA_ARRAY(SHIFT);
    for (size_t i = 0, j = 0; i < pixels; i++, j += p->stride) {
        VECTOR v = center, r = {0};
        FOVEA_NAME(load)(&v, x + j, count);
        v = (v - center) * factor + shift;
        if (add) {
            FOVEA_NAME(load)(&r, residual + j, count);
            v = v + r;
        }
        if (relu) FOVEA_NAME(relu)(&v);
        if (streams && count == LANES)
            __builtin_nontemporal_store((ALIGNED)v, (ALIGNED *)(y + j));
        else
            FOVEA_NAME(store)(&v, y + j, count);
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
    if (k->residual) {
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
                                                size_t channel, size_t offset, fovea_pass pass) {
    const float *x = k->x + offset, *gradient = k->dy + offset;
    const float *output = pass == FOVEA_PASS_OUTPUT ? k->output + offset : NULL;
    float *passed = pass == FOVEA_PASS_OUTPUT ? k->passed + offset : NULL;
    VECTOR center = FOVEA_ARRAY(CENTER), factor = FOVEA_ARRAY(FACTOR), shift = FOVEA_ARRAY(SHIFT);
    VECTOR sum = {0}, product = {0};
    for (size_t i = 0, j = 0; i < pixels; i++, j += p->stride) {
        VECTOR v = center, dy = {0};
        FOVEA_NAME(load)(&v, x + j, count);
        FOVEA_NAME(load)(&dy, gradient + j, count);
        v = v - center;
        if (pass == FOVEA_PASS_NORMALIZED) dy = FOVEA_PASSED(v * factor + shift);
        if (pass == FOVEA_PASS_OUTPUT) {
            VECTOR y = {0};
            FOVEA_NAME(load)(&y, output + j, count);
            dy = FOVEA_PASSED(y);
            FOVEA_NAME(store)(&dy, passed + j, count);
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
                                            size_t channel, size_t offset, fovea_pass pass) {
    const float *x = k->x + offset, *gradient = (pass == FOVEA_PASS_OUTPUT ? k->passed : k->dy) + offset;
    float *dx = k->dx + offset;
    VECTOR center = FOVEA_ARRAY(CENTER), factor = FOVEA_ARRAY(FACTOR), shift = FOVEA_ARRAY(SHIFT),
           mean = FOVEA_ARRAY(MEAN), slope = FOVEA_ARRAY(SLOPE);
    for (size_t i = 0, j = 0; i < pixels; i++, j += p->stride) {
        VECTOR v = center, dy = {0};
        FOVEA_NAME(load)(&v, x + j, count);
        FOVEA_NAME(load)(&dy, gradient + j, count);
        v = v - center;
        if (pass == FOVEA_PASS_NORMALIZED) dy = FOVEA_PASSED(v * factor + shift);
        dy = (dy - mean - v * slope) * factor;
        FOVEA_NAME(store)(&dy, dx + j, count);
    }
}

// dx = factor (dy - mean - (x - center) slope), of what passes the ReLU.
FOVEA_TARGET static void FOVEA_NAME(gradient)(const context *k, const piece *p) {
    switch (k->pass) {
    case FOVEA_PASS_ALL: FOVEA_EACH(MAPPED, gradient_step, FOVEA_PASS_ALL) break;
    case FOVEA_PASS_NORMALIZED: FOVEA_EACH(MAPPED, gradient_step, FOVEA_PASS_NORMALIZED) break;
    case FOVEA_PASS_OUTPUT: FOVEA_EACH(MAPPED, gradient_step, FOVEA_PASS_OUTPUT) break;
    }
}

#undef FOVEA_PASSED
#undef FOVEA_NORMALIZE
#undef FOVEA_EACH
#undef FOVEA_STEP
#undef FOVEA_ARRAY
#undef DOUBLES
#undef WORD
#undef ALIGNED
#undef VECTOR
