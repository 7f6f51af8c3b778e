// Functions on vectors of LANES floats, in place.

#define VECTOR FOVEA_JOIN(fovea_float, LANES)
#define WORD FOVEA_JOIN(fovea_word, LANES)
#define HALF FOVEA_JOIN(fovea_half, LANES)

// Elements of images, of which bfloat16 ones are the upper halves of float32.
FOVEA_INLINE void FOVEA_NAME(load)(const int isBFloat16, const void *from, VECTOR *value) {
    if (isBFloat16)
        *value = (VECTOR)(__builtin_convertvector(*(const HALF *)from, WORD) << 16);
    else
        *value = *(const VECTOR *)from;
}

FOVEA_INLINE void FOVEA_NAME(store)(const int isBFloat16, const VECTOR *value, void *to) {
#if LANES == 16 && FOVEA_HAS_WIDE
    if (isBFloat16) {
        *(fovea_bfloat16 *)to = __builtin_convertvector(*value, fovea_bfloat16);
        return;
    }
#else
    (void)isBFloat16;
#endif
    *(VECTOR *)to = *value;
}

// `mask ? a : b` for the masks that comparisons give.
#define FOVEA_SELECT(mask, a, b) (VECTOR)(((WORD)(mask) & (WORD)(a)) | (~(WORD)(mask) & (WORD)(b)))

FOVEA_INLINE void FOVEA_NAME(relu)(VECTOR *value) {
    VECTOR x = *value;
    *value = FOVEA_SELECT(x < 0, (VECTOR){0}, x);
}

// x P(x^2) / Q(x^2), the minimax rational function for the relative error over [0, 9.02^2] (2e-8), found by iterated
// least squares. All coefficients are positive, so that nothing cancels. From 9.011 on tanh rounds to 1;
// beyond 9.02 the result exceeds 1, so that the last two lines give exactly 1. Beyond 9.2 the quotient stays what it is there.
FOVEA_INLINE void FOVEA_NAME(tanh)(VECTOR *value) {
    VECTOR x = *value, one = (VECTOR){0} + 1, limit = (VECTOR){0} + 9.2f * 9.2f;
    VECTOR t = x * x;
    t = FOVEA_SELECT(t > limit, limit, t);
    VECTOR p = t * 1.33191155882173e-08f + 2.0583514924510382e-05f;
    VECTOR q = t * 7.762038194414345e-07f + 0.0003283096302766353f;
    p = p * t + 0.003494036616757512f;
    q = q * t + 0.02587108127772808f;
    p = p * t + 0.13379719853401184f;
    q = q * t + 0.4671303629875183f;
    p = p * t + 1;
    q = q * t + 1;
    VECTOR y = x * p / q;
    y = FOVEA_SELECT(y > one, one, y);
    *value = FOVEA_SELECT(y < -one, -one, y);
}

// exp(z) = `fraction` 2^n with n the integer next to z / ln 2, and `power` = 2^n. Below -87 it is exp(-87), 1.6e-38.
FOVEA_INLINE void FOVEA_NAME(split_exponential)(const VECTOR *argument, VECTOR *fraction, VECTOR *power) {
    VECTOR z = *argument, high = (VECTOR){0} + 88.37f, low = (VECTOR){0} - 87.0f;
    z = FOVEA_SELECT(z > high, high, z);
    z = FOVEA_SELECT(z < low, low, z);
    VECTOR shifted = z * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: the last bits of the sum are n
    VECTOR n = shifted - 12582912.0f;
    VECTOR r = z - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    VECTOR e = r * 0.0013814539415761828f + 0.00836874544620514f;  // relative error 3e-9
    e = e * r + 0.04166838899254799f;
    e = e * r + 0.1666652113199234f;
    e = e * r + 0.4999999403953552f;
    e = e * (r * r) + r;
    *fraction = e + 1;
    *power = (VECTOR)(((WORD)shifted + 127) << 23);
}

// 1 / (1 + exp(-x)).
FOVEA_INLINE void FOVEA_NAME(sigmoid)(VECTOR *value) {
    VECTOR z = -*value, fraction, power;
    FOVEA_NAME(split_exponential)(&z, &fraction, &power);
    *value = 1 / (1 + fraction * power);
}

FOVEA_INLINE void FOVEA_NAME(activate_vectors)(fovea_activation activation, const int count, VECTOR *values) {
    switch (activation) {
    case FOVEA_IDENTITY: break;
    case FOVEA_RELU: FOVEA_UNROLL for (int i = 0; i < count; i++) FOVEA_NAME(relu)(&values[i]); break;
    case FOVEA_TANH: FOVEA_UNROLL for (int i = 0; i < count; i++) FOVEA_NAME(tanh)(&values[i]); break;
    case FOVEA_SIGMOID: FOVEA_UNROLL for (int i = 0; i < count; i++) FOVEA_NAME(sigmoid)(&values[i]); break;
    }
}

// The part of a gradient that passes an activation with the result at `y`, which the identity does not read.
FOVEA_INLINE void FOVEA_NAME(pass_activation)(fovea_activation activation, const float *y, VECTOR *gradient) {
    VECTOR value, g = *gradient;
    switch (activation) {
    case FOVEA_IDENTITY: break;
    case FOVEA_RELU:
        value = *(const VECTOR *)y;
        *gradient = (VECTOR)((WORD)(value > 0) & (WORD)g);
        break;
    case FOVEA_TANH:
        value = *(const VECTOR *)y;
        *gradient = g * (1 - value * value);
        break;
    case FOVEA_SIGMOID:
        value = *(const VECTOR *)y;
        *gradient = g * (value * (1 - value));
        break;
    }
}

#undef FOVEA_SELECT
#undef VECTOR
#undef WORD
#undef HALF
