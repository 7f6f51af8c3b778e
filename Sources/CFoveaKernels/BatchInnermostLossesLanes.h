// Softmax for vectors of LANES samples, compiled twice.

#define VECTOR FOVEA_JOIN(fovea_float, LANES)
#define WORD FOVEA_JOIN(fovea_word, LANES)

// The largest logits of the samples from `n` on.
FOVEA_INLINE void FOVEA_NAME(largest)(const labelled *p, size_t n, VECTOR *maximum) {
    VECTOR best = *(const VECTOR *)(p->logits + n);
    for (size_t k = 1; k < p->classes; k++) {
        VECTOR x = *(const VECTOR *)(p->logits + k * p->batch + n);
        WORD better = (WORD)(x > best);
        best = (VECTOR)((better & (WORD)x) | (~better & (WORD)best));
    }
    *maximum = best;
}

// The exponentials of a class above the largest logits.
FOVEA_INLINE void FOVEA_NAME(above)(const labelled *p, size_t k, size_t n, const VECTOR *maximum, VECTOR *result) {
    VECTOR x = *(const VECTOR *)(p->logits + k * p->batch + n) - *maximum, fraction, power;
    FOVEA_NAME(split_exponential)(&x, &fraction, &power);
    *result = fraction * power;
}

// The logarithms of the sums of the exponentials.
FOVEA_TARGET static void FOVEA_NAME(cross_entropy)(const labelled *p, float *logarithms) {
    for (size_t n = 0; n < p->batch; n += LANES) {
        VECTOR maximum, part, sum = {0};
        FOVEA_NAME(largest)(p, n, &maximum);
        for (size_t k = 0; k < p->classes; k++) {
            FOVEA_NAME(above)(p, k, n, &maximum, &part);
            sum = sum + part;
        }
        for (size_t j = 0; j < LANES; j++) logarithms[n + j] = logf(sum[j]) + maximum[j];
    }
}

// The probabilities of the classes, times `weight`.
FOVEA_TARGET static void FOVEA_NAME(softmax)(const labelled *p, float weight, float *out) {
    for (size_t n = 0; n < p->batch; n += LANES) {
        VECTOR maximum, part, sum = {0};
        FOVEA_NAME(largest)(p, n, &maximum);
        for (size_t k = 0; k < p->classes; k++) {
            FOVEA_NAME(above)(p, k, n, &maximum, &part);
            *(VECTOR *)(out + k * p->batch + n) = part;
            sum = sum + part;
        }
        VECTOR factor = weight / sum;
        for (size_t k = 0; k < p->classes; k++) {
            VECTOR *place = (VECTOR *)(out + k * p->batch + n);
            *place = *place * factor;
        }
    }
}

#undef VECTOR
#undef WORD
