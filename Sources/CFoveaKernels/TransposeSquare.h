// The transposition of a square of LANES by LANES, for headers of functions on a VECTOR.

// The lanes of two vectors in turn: the lower and the upper halves.
#if LANES == 16
#define FOVEA_ZIP_LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define FOVEA_ZIP_HIGH(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#else
#define FOVEA_ZIP_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define FOVEA_ZIP_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#endif

// To shuffle the elements of the upper half of a square in between those of the lower half, as cards, turns the number of an
// element, row and column, by a bit. Half of the bits round makes rows of columns.
FOVEA_INLINE void FOVEA_NAME(transpose_square)(const float *x, size_t xStride, float *out, size_t outStride) {
    VECTOR v[LANES], shuffled[LANES];
    FOVEA_UNROLL for (size_t i = 0; i < LANES; i++) v[i] = *(const VECTOR *)(x + i * xStride);
    FOVEA_UNROLL for (int half = LANES / 2; half > 0; half /= 2) {
        FOVEA_UNROLL for (int i = 0; i < LANES / 2; i++) {
            shuffled[2 * i] = FOVEA_ZIP_LOW(v[i], v[i + LANES / 2]);
            shuffled[2 * i + 1] = FOVEA_ZIP_HIGH(v[i], v[i + LANES / 2]);
        }
        FOVEA_UNROLL for (int i = 0; i < LANES; i++) v[i] = shuffled[i];
    }
    FOVEA_UNROLL for (size_t i = 0; i < LANES; i++) *(VECTOR *)(out + i * outStride) = v[i];
}

#undef FOVEA_ZIP_LOW
#undef FOVEA_ZIP_HIGH
