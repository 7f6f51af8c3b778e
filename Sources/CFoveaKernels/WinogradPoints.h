#ifndef FOVEA_WINOGRAD_POINTS_H
#define FOVEA_WINOGRAD_POINTS_H

#include "VectorMath.h"

// The transforms evaluate polynomials at 0, infinity and two or three pairs of points A and -A. These are dyadic so that the
// numbers below are exact, and about as far below as above 1: with two pairs the rounding error is half of that with the
// usual 1 and 2 (Documentation/Decisions/0013-winograd.md).
static const float TWO_PAIRS[3] = {0.625f, 1.5f, 0}, THREE_PAIRS[3] = {0.5f, 1, 2};

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

FOVEA_INLINE const float *points_of(const int count) { return count == 6 ? TWO_PAIRS : THREE_PAIRS; }
FOVEA_INLINE const float *scales_of(const int count) { return count == 6 ? TWO_SCALES : THREE_SCALES; }

#endif
