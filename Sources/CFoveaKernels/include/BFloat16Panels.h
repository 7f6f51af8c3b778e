// Matrices of float32 numbers rounded to bfloat16 and packed, where `fovea_vectors_have_bfloat16`, as the right factors of products.
#ifndef FOVEA_BFLOAT16_PANELS_H
#define FOVEA_BFLOAT16_PANELS_H

#include <stddef.h>
#include <stdint.h>
#include "BFloat16Convolution.h"

/// `[rows / 64][columns / 2][64][2]` of a matrix `[rows][columns]`, of rows that are a multiple of 64 and columns of 32.
void fovea_bfloat16_pack_rows(size_t rows, size_t columns, const float *matrix, uint16_t *panels);

/// `[columns / 64][rows / 2][64][2]` of a matrix `[rows][columns]`, of columns that are a multiple of 64 and an even number of rows.
void fovea_bfloat16_pack_columns(size_t rows, size_t columns, const float *matrix, uint16_t *panels);

#endif
