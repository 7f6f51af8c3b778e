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

// The sums of the exponentials of the logits less the largest, and the exponentials in `out` unless that is null.
FOVEA_INLINE void FOVEA_NAME(exponentiate)(const labelled *p, size_t n, const VECTOR *maximum, float *out, VECTOR *sum) {
    *sum = (VECTOR){0};
    for (size_t k = 0; k < p->classes; k++) {
        VECTOR x = *(const VECTOR *)(p->logits + k * p->batch + n) - *maximum, fraction, power;
        FOVEA_NAME(split_exponential)(&x, &fraction, &power);
        VECTOR part = fraction * power;
        if (out) *(VECTOR *)(out + k * p->batch + n) = part;
        *sum = *sum + part;
    }
}

// The logarithms of the sums of the exponentials.
FOVEA_TARGET static void FOVEA_NAME(cross_entropy)(const labelled *p, float *logarithms) {
    for (size_t n = 0; n < p->batch; n += LANES) {
        VECTOR maximum, sum;
        FOVEA_NAME(largest)(p, n, &maximum);
        FOVEA_NAME(exponentiate)(p, n, &maximum, NULL, &sum);
        for (size_t j = 0; j < LANES; j++) logarithms[n + j] = logf(sum[j]) + maximum[j];
    }
}

// The probabilities of the classes, times `weight`.
FOVEA_TARGET static void FOVEA_NAME(softmax)(const labelled *p, float weight, float *out) {
    for (size_t n = 0; n < p->batch; n += LANES) {
        VECTOR maximum, sum;
        FOVEA_NAME(largest)(p, n, &maximum);
        FOVEA_NAME(exponentiate)(p, n, &maximum, out, &sum);
        VECTOR factor = weight / sum;
        for (size_t k = 0; k < p->classes; k++) {
            VECTOR *place = (VECTOR *)(out + k * p->batch + n);
            *place = *place * factor;
        }
    }
}

#undef VECTOR
#undef WORD
