#ifndef FOVEA_WINOGRAD_POINTS_H
#define FOVEA_WINOGRAD_POINTS_H

#include "VectorMath.h"

// The transforms evaluate polynomials at 0, infinity and two or three pairs of points A and -A, or at 0 and four pairs. These are
// dyadic so that the numbers below are exact, and about as far below as above 1: with two pairs the rounding error is half of that
// with the usual 1 and 2 (Documentation/Decisions/0013-winograd.md).
static const float TWO_PAIRS[4] = {0.625f, 1.5f}, THREE_PAIRS[4] = {0.5f, 1, 2}, FOUR_PAIRS[4] = {0.4375f, 0.875f, 1.5f, 3};

// By what the values of taps at 0, at each of the points and at infinity are scaled.
static const float TWO_SCALES[6] = {
    (float)(1 / (0.390625 * 2.25)),
    (float)(1 / (2 * 0.390625 * (0.390625 - 2.25))),
    (float)(1 / (2 * 0.390625 * (0.390625 - 2.25))),
    (float)(1 / (2 * 2.25 * (2.25 - 0.390625))),
    (float)(1 / (2 * 2.25 * (2.25 - 0.390625))),
    1,
};
static const float THREE_SCALES[8] = {
    -1,
    (float)(1 / (2 * 0.25 * (0.25 - 1) * (0.25 - 4))),
    (float)(1 / (2 * 0.25 * (0.25 - 1) * (0.25 - 4))),
    (float)(1 / (2 * (1 - 0.25) * (1 - 4))),
    (float)(1 / (2 * (1 - 0.25) * (1 - 4))),
    (float)(1 / (2 * 4 * (4 - 0.25) * (4 - 1))),
    (float)(1 / (2 * 4 * (4 - 0.25) * (4 - 1))),
    1,
};

#define FOVEA_PAIR(p, q, r, s) (float)(1 / (2 * (p) * ((p) - (q)) * ((p) - (r)) * ((p) - (s))))
static const float FOUR_SCALES[9] = {
    (float)(1 / (0.19140625 * 0.765625 * 2.25 * 9)),
    FOVEA_PAIR(0.19140625, 0.765625, 2.25, 9),
    FOVEA_PAIR(0.19140625, 0.765625, 2.25, 9),
    FOVEA_PAIR(0.765625, 0.19140625, 2.25, 9),
    FOVEA_PAIR(0.765625, 0.19140625, 2.25, 9),
    FOVEA_PAIR(2.25, 0.19140625, 0.765625, 9),
    FOVEA_PAIR(2.25, 0.19140625, 0.765625, 9),
    FOVEA_PAIR(9, 0.19140625, 0.765625, 2.25),
    FOVEA_PAIR(9, 0.19140625, 0.765625, 2.25),
};
#undef FOVEA_PAIR

FOVEA_INLINE const float *points_of(const int count) {
    return count == 6 ? TWO_PAIRS : count == 8 ? THREE_PAIRS : FOUR_PAIRS;
}
FOVEA_INLINE const float *scales_of(const int count) {
    return count == 6 ? TWO_SCALES : count == 8 ? THREE_SCALES : FOUR_SCALES;
}

// The pairs of so many points, of which infinity is one where they are even in number.
FOVEA_INLINE int pairs_of(const int count) { return (count - 1) / 2; }

// The coefficients of the product of (x - b) over the squares b of the points of the pairs other than `pair` of four.
typedef struct {
    float sum, pairs, product;
} other_squares;

FOVEA_INLINE other_squares squares_without(const int pair) {
    const float *at = FOUR_PAIRS;
    const float x = at[(pair + 1) % 4], y = at[(pair + 2) % 4], z = at[(pair + 3) % 4];
    const float p = x * x, q = y * y, r = z * z;
    return (other_squares){p + q + r, p * q + q * r + r * p, p * q * r};
}

#endif
