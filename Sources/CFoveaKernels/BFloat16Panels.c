#include "BFloat16Panels.h"
#include "VectorMath.h"

#define PANEL FOVEA_BFLOAT16_PANEL

typedef struct {
    size_t rows, columns;
    const float *matrix;
    uint16_t *panels;
} packing;

#if FOVEA_HAS_WIDE

#define LANES 16
#define VECTOR fovea_float16
#include "TransposeSquare.h"
#undef VECTOR
#undef LANES

FOVEA_WIDE_BFLOAT16 FOVEA_INLINE void round_vector(const float *from, uint16_t *to) {
    fovea_store_16(1, (const fovea_float16 *)from, to);
}

// Pairs of columns of 16 rows: rounded, the pairs of a row side by side, and then those of a column.
FOVEA_WIDE_BFLOAT16 static void pack_rows(void *context, size_t begin, size_t end) {
    const packing *k = context;
    for (size_t row = begin * 16; row < end * 16; row += 16)
        for (size_t column = 0; column < k->columns; column += 32) {
            float pairs[16 * 16];
            FOVEA_UNROLL for (size_t i = 0; i < 16; i++) {
                const float *from = k->matrix + (row + i) * k->columns + column;
                round_vector(from, (uint16_t *)(pairs + 16 * i));
                round_vector(from + 16, (uint16_t *)(pairs + 16 * i + 8));
            }
            size_t panel = row / PANEL * PANEL * k->columns, pair = column * PANEL;
            fovea_transpose_square_16(pairs, 16, (float *)(k->panels + panel + pair + row % PANEL * 2), PANEL);
        }
}

// Pairs of rows.
FOVEA_WIDE_BFLOAT16 static void pack_columns(void *context, size_t begin, size_t end) {
    const packing *k = context;
    for (size_t row = begin * 2; row < end * 2; row += 2)
        for (size_t column = 0; column < k->columns; column += 16) {
            const float *from = k->matrix + row * k->columns + column;
            uint16_t *to = k->panels + column / PANEL * PANEL * k->rows + row * PANEL + column % PANEL * 2;
            uint16_t even[16], odd[16];
            round_vector(from, even);
            round_vector(from + k->columns, odd);
            fovea_pair_up(even, odd, to);
        }
}

#endif

void fovea_bfloat16_pack_rows(size_t rows, size_t columns, const float *matrix, uint16_t *panels) {
#if FOVEA_HAS_WIDE
    packing k = {rows, columns, matrix, panels};
    fovea_parallel_for(rows / 16, FOVEA_GRAIN / 16 / columns, pack_rows, &k);
#endif
}

void fovea_bfloat16_pack_columns(size_t rows, size_t columns, const float *matrix, uint16_t *panels) {
#if FOVEA_HAS_WIDE
    packing k = {rows, columns, matrix, panels};
    fovea_parallel_for(rows / 2, FOVEA_GRAIN / 2 / columns, pack_columns, &k);
#endif
}
