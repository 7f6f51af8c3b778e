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
    const float *few;
    float *dx;
} sum_context;

FOVEA_CLONES static void add_pixel(size_t channels, const float *restrict few, float *restrict dx) {
    for (size_t c = 0; c < channels; c++) dx[c] += few[c];
}

static void add_rows(void *pointer, size_t begin, size_t end) {
    const sum_context *k = pointer;
    const fovea_unfolding *p = k->p;
    for (size_t row = begin; row < end; row++) {
        size_t image = row / p->outputHeight, i = row % p->outputHeight;
        float *dx = k->dx + (image * p->height + p->rowStep * i) * p->width * p->channels;
        const float *few = k->few + row * p->outputWidth * p->channels;
        for (size_t j = 0; j < p->outputWidth; j++)
            add_pixel(p->channels, few + j * p->channels, dx + p->columnStep * j * p->channels);
    }
}

void fovea_add_strided(const fovea_unfolding *p, size_t count, const float *few, float *dx) {
    sum_context k = {p, few, dx};
    fovea_parallel_for(count * p->outputHeight, FOVEA_GRAIN / (p->outputWidth * p->channels), add_rows, &k);
}
