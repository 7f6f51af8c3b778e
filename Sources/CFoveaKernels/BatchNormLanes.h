// The passes over a piece in vectors of LANES channels, compiled for each width and, where STORES_BFLOAT16 is defined, for images
// in bfloat16. The arrays of the channels can be read and written up to a whole vector; the last channels of a pixel go through
// a vector filled up so that nothing is added to a sum.

#define VECTOR FOVEA_JOIN(fovea_float, LANES)
#define WORD FOVEA_JOIN(fovea_word, LANES)
#define ALIGNED FOVEA_JOIN(fovea_aligned, LANES)
#define DOUBLES FOVEA_JOIN(fovea_double, LANES)

#ifdef STORES_BFLOAT16
#define IS_BFLOAT16 1
#define ELEMENT uint16_t
#define FOVEA_STEP_NAME(name) fovea_##name##_bfloat16
#else
#define IS_BFLOAT16 0
#define ELEMENT float
#define FOVEA_STEP_NAME(name) FOVEA_NAME(name)
#endif

// The first `count` elements from a place on; the others of the vector stay as they are.
FOVEA_INLINE void FOVEA_STEP_NAME(load_some)(VECTOR *value, const char *from, size_t count) {
    if (count == LANES) {
        FOVEA_NAME(load)(IS_BFLOAT16, from, value);
        return;
    }
    ELEMENT elements[LANES] = {0};
    VECTOR loaded;
    memcpy(elements, from, count * sizeof(ELEMENT));
    FOVEA_NAME(load)(IS_BFLOAT16, elements, &loaded);
    for (size_t i = 0; i < count; i++) (*value)[i] = loaded[i];
}

FOVEA_INLINE void FOVEA_STEP_NAME(store_some)(const VECTOR *value, char *to, size_t count) {
    if (count == LANES) {
        FOVEA_NAME(store)(IS_BFLOAT16, value, to);
        return;
    }
    ELEMENT elements[LANES];
    FOVEA_NAME(store)(IS_BFLOAT16, value, elements);
    memcpy(to, elements, count * sizeof(ELEMENT));
}

#define FOVEA_ARRAY(name) (*(const VECTOR *)(p->arrays[name] + channel))

// Calls `step` for each vector of channels of each `most` pixels, with the number of the first pixel.
#define FOVEA_STEP(step, pixels, lanes, ...) FOVEA_STEP_NAME(step)(k, p, pixels, lanes, c, i, __VA_ARGS__)
#define FOVEA_EACH(most, step, ...)                                                                     \
    for (size_t i = 0; i < p->pixels; i += most) {                                                      \
        size_t rest = p->pixels - i, c = 0;                                                             \
        if (rest >= most)                                                                               \
            for (; c + LANES <= p->count; c += LANES) FOVEA_STEP(step, most, LANES, __VA_ARGS__);       \
        else                                                                                            \
            for (; c + LANES <= p->count; c += LANES) FOVEA_STEP(step, rest, LANES, __VA_ARGS__);       \
        if (c < p->count) FOVEA_STEP(step, rest < most ? rest : most, p->count - c, __VA_ARGS__);       \
    }

// A copy of the piece that no store can change, so that its numbers stay in registers.
#define FOVEA_LOCAL         \
    piece copy = *given;    \
    const piece *p = &copy;

// The place of the step's first element in an image.
#define FOVEA_FIRST(name) (p->starts[name] + first * p->apart[name] + channel * sizeof(ELEMENT))

// What the ReLU lets pass of `dy`. The normalized value, where that is computed anew, is that of the forward function
// to the bit.
#define FOVEA_PASSED(sign) (VECTOR)((WORD)((sign) > 0) & (WORD)dy)

// What is added up for a vector of channels of one pixel: `x - center` and its square, or `dy` and `dy (x - center)`,
// of what passes the ReLU.
FOVEA_INLINE void FOVEA_STEP_NAME(terms)(const piece *p, size_t count, size_t channel, size_t first, summed kind,
                                    VECTOR *term, VECTOR *product) {
    VECTOR center = FOVEA_ARRAY(CENTER), v = center, dy = {0};
    FOVEA_STEP_NAME(load_some)(&v, FOVEA_FIRST(X), count);
    v = v - center;
    if (kind == VALUES) {
        *term = v;
        *product = v * v;
        return;
    }
    FOVEA_STEP_NAME(load_some)(&dy, FOVEA_FIRST(DY), count);
    if (kind == GRADIENTS_NORMALIZED) dy = FOVEA_PASSED(v * FOVEA_ARRAY(FACTOR) + FOVEA_ARRAY(SHIFT));
    if (kind == GRADIENTS_OUTPUT || kind == SUMS_OUTPUT) {
        VECTOR y = {0}, addend = {0};
        if (kind == SUMS_OUTPUT) {
            FOVEA_STEP_NAME(load_some)(&addend, FOVEA_FIRST(ADDEND), count);
            dy = dy + addend;
        }
        FOVEA_STEP_NAME(load_some)(&y, FOVEA_FIRST(Y), count);
        dy = FOVEA_PASSED(y);
        FOVEA_STEP_NAME(store_some)(&dy, FOVEA_FIRST(PASSED), count);
    }
    *term = dy;
    *product = dy * v;
}

#define FOVEA_ADD_DOUBLES(sum, value) *(DOUBLES *)(sum) += __builtin_convertvector(value, DOUBLES);

// The sums of a vector of channels of a few pixels.
FOVEA_INLINE void FOVEA_STEP_NAME(sum_step)(const context *k, const piece *p, size_t pixels, size_t count, size_t channel,
                                       size_t first, summed kind) {
    VECTOR sum = {0}, products = {0}, term, product;
    (void)k;
    for (size_t i = 0; i < pixels; i++) {
        FOVEA_STEP_NAME(terms)(p, count, channel, first + i, kind, &term, &product);
        sum = sum + term;
        products = products + product;
    }
    FOVEA_ADD_DOUBLES(p->sum + channel, sum)
    FOVEA_ADD_DOUBLES(p->product + channel, products)
}

// The sums of all channels of a pixel: for each vector of channels one of sums and one of sums of products.
FOVEA_INLINE void FOVEA_STEP_NAME(sum_pixel)(const piece *p, size_t pixel, summed kind, VECTOR *sums) {
    VECTOR term, product;
    size_t c = 0;
    for (; c + LANES <= p->count; c += LANES, sums += 2) {
        FOVEA_STEP_NAME(terms)(p, LANES, c, pixel, kind, &term, &product);
        sums[0] += term;
        sums[1] += product;
    }
    if (c == p->count) return;
    FOVEA_STEP_NAME(terms)(p, p->count - c, c, pixel, kind, &term, &product);
    sums[0] += term;
    sums[1] += product;
}

// Adds a few pixels in float and the sums in double. The order of sums, and so the bits, is the same both ways.
FOVEA_INLINE void FOVEA_STEP_NAME(add_up)(const context *k, const piece *given, summed kind) {
    FOVEA_LOCAL
    const int hasFour = kind == GRADIENTS_OUTPUT || kind == SUMS_OUTPUT;
    if (p->count < (hasFour ? LEAST_IN_ORDER_OF_FOUR : LEAST_IN_ORDER)) {
        FOVEA_EACH(SUMMED, sum_step, kind)
        return;
    }
    for (size_t i = 0; i < p->pixels; i += SUMMED) {
        ALIGNED sums[2 * PIECE_CHANNELS / LANES];
        size_t vectors = ceiling(p->count, LANES);
        for (size_t v = 0; v < 2 * vectors; v++) sums[v] = (ALIGNED){0};
        for (size_t pixel = i; pixel < p->pixels && pixel < i + SUMMED; pixel++)
            FOVEA_STEP_NAME(sum_pixel)(p, pixel, kind, (VECTOR *)sums);
        for (size_t v = 0; v < vectors; v++) {
            FOVEA_ADD_DOUBLES(p->sum + v * LANES, sums[2 * v])
            FOVEA_ADD_DOUBLES(p->product + v * LANES, sums[2 * v + 1])
        }
    }
}

FOVEA_TARGET static void FOVEA_STEP_NAME(sum)(const context *k, const piece *p) { FOVEA_STEP_NAME(add_up)(k, p, VALUES); }

FOVEA_TARGET static void FOVEA_STEP_NAME(gradient_sum)(const context *k, const piece *p) {
    switch (k->pass) {
    case FOVEA_PASS_ALL: FOVEA_STEP_NAME(add_up)(k, p, GRADIENTS); break;
    case FOVEA_PASS_NORMALIZED: FOVEA_STEP_NAME(add_up)(k, p, GRADIENTS_NORMALIZED); break;
    case FOVEA_PASS_OUTPUT:
        if (p->starts[ADDEND])
            FOVEA_STEP_NAME(add_up)(k, p, SUMS_OUTPUT);
        else
            FOVEA_STEP_NAME(add_up)(k, p, GRADIENTS_OUTPUT);
        break;
    }
}

FOVEA_INLINE void FOVEA_STEP_NAME(normalize_step)(const context *k, const piece *p, size_t pixels, size_t count,
                                             size_t channel, size_t first, int add, int relu, int streams) {
    const char *x = FOVEA_FIRST(X), *residual = add ? FOVEA_FIRST(RESIDUAL) : NULL;
    char *y = FOVEA_FIRST(Y);
    const size_t x_apart = p->apart[X], residual_apart = p->apart[RESIDUAL], y_apart = p->apart[Y];
    VECTOR center = FOVEA_ARRAY(CENTER), factor = FOVEA_ARRAY(FACTOR), shift = FOVEA_ARRAY(SHIFT);
    (void)k;
    for (size_t i = 0; i < pixels; i++) {
        VECTOR v = center, r = {0};
        FOVEA_STEP_NAME(load_some)(&v, x + i * x_apart, count);
        v = (v - center) * factor + shift;
        if (add) {
            FOVEA_STEP_NAME(load_some)(&r, residual + i * residual_apart, count);
            v = v + r;
        }
        if (relu) FOVEA_NAME(relu)(&v);
        if (streams && count == LANES)
            __builtin_nontemporal_store((ALIGNED)v, (ALIGNED *)(y + i * y_apart));
        else
            FOVEA_STEP_NAME(store_some)(&v, y + i * y_apart, count);
    }
}

// The same for each pixel or, where they do not go in order, for a few.
#define FOVEA_MAP(step, ...)                     \
    if (p->count < LEAST_IN_ORDER) {             \
        FOVEA_EACH(MAPPED, step, __VA_ARGS__)    \
    } else {                                     \
        FOVEA_EACH(1, step, __VA_ARGS__)         \
    }

#define FOVEA_NORMALIZE(add, relu)                   \
    if (k->streams) {                                \
        FOVEA_MAP(normalize_step, add, relu, 1)      \
    } else {                                         \
        FOVEA_MAP(normalize_step, add, relu, 0)      \
    }

// y = (x - center) factor + shift + residual, at least zero after a ReLU.
FOVEA_TARGET static void FOVEA_STEP_NAME(normalize)(const context *k, const piece *given) {
    FOVEA_LOCAL
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

FOVEA_INLINE void FOVEA_STEP_NAME(gradient_step)(const context *k, const piece *p, size_t pixels, size_t count,
                                            size_t channel, size_t first, fovea_pass pass, int add) {
    const int source = pass == FOVEA_PASS_OUTPUT ? PASSED : DY;
    const char *x = FOVEA_FIRST(X), *gradient = FOVEA_FIRST(source);
    const char *residual = add ? FOVEA_FIRST(RESIDUAL) : NULL;
    char *dx = FOVEA_FIRST(DX);
    const size_t x_apart = p->apart[X], gradient_apart = p->apart[source], residual_apart = p->apart[RESIDUAL],
                 dx_apart = p->apart[DX];
    VECTOR center = FOVEA_ARRAY(CENTER), factor = FOVEA_ARRAY(FACTOR), shift = FOVEA_ARRAY(SHIFT),
           mean = FOVEA_ARRAY(MEAN), slope = FOVEA_ARRAY(SLOPE);
    (void)k;
    for (size_t i = 0; i < pixels; i++) {
        VECTOR v = center, dy = {0}, r = {0};
        FOVEA_STEP_NAME(load_some)(&v, x + i * x_apart, count);
        FOVEA_STEP_NAME(load_some)(&dy, gradient + i * gradient_apart, count);
        v = v - center;
        if (pass == FOVEA_PASS_NORMALIZED) dy = FOVEA_PASSED(v * factor + shift);
        dy = (dy - mean - v * slope) * factor;
        if (add) {
            FOVEA_STEP_NAME(load_some)(&r, residual + i * residual_apart, count);
            dy = dy + r;
        }
        FOVEA_STEP_NAME(store_some)(&dy, dx + i * dx_apart, count);
    }
}

#define FOVEA_GRADIENT(pass)                        \
    if (p->starts[RESIDUAL]) {                \
        FOVEA_MAP(gradient_step, pass, 1)  \
    } else {                                        \
        FOVEA_MAP(gradient_step, pass, 0)  \
    }

// dx = factor (dy - mean - (x - center) slope) + residual, of what passes the ReLU.
FOVEA_TARGET static void FOVEA_STEP_NAME(gradient)(const context *k, const piece *given) {
    FOVEA_LOCAL
    switch (k->pass) {
    case FOVEA_PASS_ALL: FOVEA_GRADIENT(FOVEA_PASS_ALL) break;
    case FOVEA_PASS_NORMALIZED: FOVEA_GRADIENT(FOVEA_PASS_NORMALIZED) break;
    case FOVEA_PASS_OUTPUT: FOVEA_GRADIENT(FOVEA_PASS_OUTPUT) break;
    }
}

#undef FOVEA_GRADIENT
#undef FOVEA_PASSED
#undef FOVEA_NORMALIZE
#undef FOVEA_MAP
#undef FOVEA_ADD_DOUBLES
#undef FOVEA_FIRST
#undef FOVEA_LOCAL
#undef FOVEA_EACH
#undef FOVEA_STEP
#undef FOVEA_ARRAY
#undef DOUBLES
#undef IS_BFLOAT16
#undef ELEMENT
#undef FOVEA_STEP_NAME
#undef WORD
#undef ALIGNED
#undef VECTOR
