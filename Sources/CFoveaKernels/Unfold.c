#include "Unfold.h"
#include <string.h>
#include "Internal.h"

typedef struct {
    const fovea_unfolding *p;
    const float *x;
    float *unfolded;
    size_t first;
} context;

// The pixels under a row of taps, whose first is at `column`; those side by side in the image lie so in the result.
static void copy_pixels(const fovea_unfolding *p, const float *row, ptrdiff_t column, float *to) {
    ptrdiff_t count = (ptrdiff_t)p->tapColumns, begin = column < 0 ? -column : 0, end = (ptrdiff_t)p->width - column;
    if (begin > count) begin = count;
    if (end > count) end = count;
    if (end < begin) end = begin;
    size_t channels = p->channels;
    memset(to, 0, (size_t)begin * channels * sizeof(float));
    memcpy(to + (size_t)begin * channels, row + (column + begin) * (ptrdiff_t)channels,
           (size_t)(end - begin) * channels * sizeof(float));
    memset(to + (size_t)end * channels, 0, (size_t)(count - end) * channels * sizeof(float));
}

static void unfold_rows(void *pointer, size_t begin, size_t end) {
    const context *k = pointer;
    const fovea_unfolding *p = k->p;
    size_t pixel = p->tapRows * p->tapColumns * p->channels, tapRow = p->tapColumns * p->channels;
    for (size_t index = begin; index < end; index++) {
        size_t row = k->first + index, image = row / p->outputHeight, i = row % p->outputHeight;
        const float *x = k->x + image * p->height * p->width * p->channels;
        float *to = k->unfolded + index * p->outputWidth * pixel;
        for (size_t j = 0; j < p->outputWidth; j++)
            for (size_t r = 0; r < p->tapRows; r++, to += tapRow) {
                ptrdiff_t y = (ptrdiff_t)(p->rowStep * i + r) - (ptrdiff_t)p->top;
                ptrdiff_t column = (ptrdiff_t)(p->columnStep * j) - (ptrdiff_t)p->left;
                if (y < 0 || y >= (ptrdiff_t)p->height)
                    memset(to, 0, tapRow * sizeof(float));
                else
                    copy_pixels(p, x + (size_t)y * p->width * p->channels, column, to);
            }
    }
}

void fovea_unfold(const fovea_unfolding *p, const float *x, size_t first, size_t last, float *unfolded) {
    context k = {p, x, unfolded, first};
    fovea_parallel_for(last - first, 1, unfold_rows, &k);
}

typedef struct {
    const fovea_unfolding *p;
    const char *few;
    char *dx;
    int isBFloat16;
} sum_context;

FOVEA_CLONES static void add_pixel(size_t channels, const float *restrict few, float *restrict dx) {
    for (size_t c = 0; c < channels; c++) dx[c] += few[c];
}

static inline float widened(uint16_t number) {
    uint32_t bits = (uint32_t)number << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// To nearest, ties to even.
static inline uint16_t rounded(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return value != value ? 0x7fc0 : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

FOVEA_CLONES static void add_pixel_bfloat16(size_t channels, const uint16_t *restrict few, uint16_t *restrict dx) {
    for (size_t c = 0; c < channels; c++) dx[c] = rounded(widened(dx[c]) + widened(few[c]));
}

static void add_rows(void *pointer, size_t begin, size_t end) {
    const sum_context *k = pointer;
    const fovea_unfolding *p = k->p;
    size_t pixel = p->channels * (k->isBFloat16 ? sizeof(uint16_t) : sizeof(float));
    for (size_t row = begin; row < end; row++) {
        size_t image = row / p->outputHeight, i = row % p->outputHeight;
        char *dx = k->dx + (image * p->height + p->rowStep * i) * p->width * pixel;
        const char *few = k->few + row * p->outputWidth * pixel;
        for (size_t j = 0; j < p->outputWidth; j++, few += pixel, dx += p->columnStep * pixel) {
            if (k->isBFloat16)
                add_pixel_bfloat16(p->channels, (const uint16_t *)few, (uint16_t *)dx);
            else
                add_pixel(p->channels, (const float *)few, (float *)dx);
        }
    }
}

void fovea_add_strided(const fovea_unfolding *p, size_t count, int isBFloat16, const void *few, void *dx) {
    sum_context k = {p, few, dx, isBFloat16};
    fovea_parallel_for(count * p->outputHeight, FOVEA_GRAIN / (p->outputWidth * p->channels), add_rows, &k);
}
