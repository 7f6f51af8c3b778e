#include "Gate.h"
#include "Internal.h"

typedef struct {
    const fovea_maps *maps;
    const float *x, *gate, *shift, *residual, *dy;
    float factor;
    int relu;
    float *y, *dgate;
} context;

// A pixel's channels. What is there is known where this is inlined, so the loops have no branches.
static inline __attribute__((always_inline)) void gate_pixel(size_t lanes, const float *x, const float *gate,
                                                             const float *shift, float factor, const float *residual,
                                                             int relu, float *y) {
#pragma clang loop vectorize(assume_safety)
    for (size_t c = 0; c < lanes; c++) {
        float value = x[c] * gate[c];
        if (shift) value += factor * shift[c];
        if (residual) value += residual[c];
        y[c] = relu ? (value > 0 ? value : 0) : value;
    }
}

// Pixels `begin ..< end` of all samples, one after the other in memory.
FOVEA_CLONES static void gate_pixels(const context *k, size_t begin, size_t end) {
    size_t lanes = k->maps->lanes, pixels = k->maps->pixels;
    for (size_t p = begin; p < end; p++) {
        const float *x = k->x + p * lanes, *gate = k->gate + p / pixels * lanes;
        const float *shift = k->shift ? k->shift + p / pixels * lanes : NULL;
        const float *residual = k->residual ? k->residual + p * lanes : NULL;
        float *y = k->y + p * lanes;
        if (!shift && !residual && !k->relu)
            gate_pixel(lanes, x, gate, NULL, 0, NULL, 0, y);
        else if (shift && !residual && !k->relu)
            gate_pixel(lanes, x, gate, shift, k->factor, NULL, 0, y);
        else if (!shift && residual && k->relu)
            gate_pixel(lanes, x, gate, NULL, 0, residual, 1, y);
        else
            gate_pixel(lanes, x, gate, shift, k->factor, residual, k->relu, y);
    }
}

static void gate_range(void *pointer, size_t begin, size_t end) { gate_pixels(pointer, begin, end); }

void fovea_gate(const fovea_maps *maps, const float *x, const float *gate, const float *shift, float factor,
                const float *residual, int relu, float *y) {
    context k = {maps, x, gate, shift, residual, NULL, factor, relu, y, NULL};
    fovea_parallel_for(maps->outer * maps->pixels, FOVEA_GRAIN / maps->lanes, gate_range, &k);
}

enum {
    // As many pixels as are added in float before doubles take them, so that the error is that of the terms' own rounding.
    ADDED_PIXELS = 8,
    // Channels side by side, whose sums stay in the first-level cache.
    PIECE = 512,
    // Threads share the channels in such runs, which are whole lines of memory.
    RUN = 16,
};

// The sums of `count` channels, at most PIECE, of all pixels from `x` and `dy` on.
FOVEA_CLONES static void sum_products(size_t pixels, size_t stride, size_t count, const float *restrict x,
                                      const float *restrict dy, float *restrict out) {
    double sums[PIECE];
    float added[PIECE];
    for (size_t c = 0; c < count; c++) sums[c] = 0;
    for (size_t first = 0; first < pixels; first += ADDED_PIXELS) {
        size_t last = first + ADDED_PIXELS < pixels ? first + ADDED_PIXELS : pixels;
        for (size_t c = 0; c < count; c++) added[c] = x[first * stride + c] * dy[first * stride + c];
        for (size_t p = first + 1; p < last; p++)
            for (size_t c = 0; c < count; c++) added[c] += x[p * stride + c] * dy[p * stride + c];
        for (size_t c = 0; c < count; c++) sums[c] += (double)added[c];
    }
    for (size_t c = 0; c < count; c++) out[c] = (float)sums[c];
}

// Runs of channels, counted through all samples.
static void sum_runs(void *pointer, size_t begin, size_t end) {
    const context *k = pointer;
    size_t lanes = k->maps->lanes, runs = (lanes + RUN - 1) / RUN, pixels = k->maps->pixels;
    for (size_t run = begin; run < end;) {
        size_t sample = run / runs, first = run % runs;
        size_t last = end - run < runs - first ? first + (end - run) : runs;
        if (last - first > PIECE / RUN) last = first + PIECE / RUN;
        size_t channel = first * RUN, stop = last * RUN < lanes ? last * RUN : lanes;
        size_t place = sample * pixels * lanes + channel;
        sum_products(pixels, lanes, stop - channel, k->x + place, k->dy + place, k->dgate + sample * lanes + channel);
        run += last - first;
    }
}

void fovea_gate_gradient(const fovea_maps *maps, const float *x, const float *dy, float *dgate) {
    context k = {.maps = maps, .x = x, .dy = dy, .dgate = dgate};
    size_t runs = maps->outer * ((maps->lanes + RUN - 1) / RUN);
    fovea_parallel_for(runs, FOVEA_GRAIN / (RUN * maps->pixels), sum_runs, &k);
}
