#include "BFloat16WeightGradient.h"
#include <string.h>
#include "BFloat16Tile.h"

// The filters whose gradients lie side by side, in tiles of 6, 5 and 5, and the inputs that meet them.
#define PANEL 16
#define SLAB FOVEA_TILE_COLUMNS

// A cache line of elements.
#define LINE 32

// The pairs of pixels that are packed at a time: more would not stay in the second-level cache, and the sums of fewer are read and
// written more often.
#define PAIRS 256

typedef struct {
    const fovea_bfloat16_convolution *p;
    const uint16_t *x, *dy;
    float *taps;
    char *scratch;
    int sharesFilters;
} gradient;

static size_t panel_count(const fovea_bfloat16_convolution *p) { return p->filters / PANEL; }

// The distance between packed panels: an odd number of cache lines, so that they do not fall into one set.
#define PANEL_STRIDE ((PAIRS + 1) * PANEL)

static size_t part_scratch(const fovea_bfloat16_convolution *p) {
    return (PAIRS * SLAB + panel_count(p) * PANEL_STRIDE) * sizeof(uint32_t);
}

size_t fovea_bfloat16_weight_gradient_scratch(const fovea_bfloat16_convolution *p, size_t threads) {
    return threads * part_scratch(p);
}

#if FOVEA_HAS_WIDE

static size_t pixel_count(const fovea_bfloat16_convolution *p) { return p->count * p->height * p->width; }
static size_t input_count(const fovea_bfloat16_convolution *p) { return p->tapRows * p->tapCount; }
static size_t slabs_of_row(const fovea_bfloat16_convolution *p) { return p->tapCount / SLAB; }
static size_t slab_count(const fovea_bfloat16_convolution *p) { return p->tapRows * slabs_of_row(p); }

// The cycles that a thread packs and multiplies a pair of pixels in.
static size_t cycles(size_t panels, size_t slabs) { return 64 * panels * slabs + 5 * (panels + 4 * slabs); }

// Whether threads share out the filters rather than the inputs; each packs all of what is not shared out.
static int shares_filters(const fovea_bfloat16_convolution *p) {
    size_t threads = (size_t)fovea_threads(), panels = panel_count(p), slabs = slab_count(p);
    return cycles(ceiling(panels, threads), slabs) <= cycles(panels, ceiling(slabs, threads));
}

static const uint16_t zeros[PANEL];

// The gradients of panels of filters: `[panel][pair][16][2]`, with zeros after an odd pixel.
FOVEA_WIDE_BFLOAT16 static void pack_gradients(const fovea_bfloat16_convolution *p, const uint16_t *dy, size_t pixels,
                                               size_t panels, uint32_t *to) {
    for (size_t pair = 0; pair < ceiling(pixels, 2); pair++, dy += 2 * p->filters, to += PANEL) {
        const uint16_t *odd = 2 * pair + 1 < pixels ? dy + p->filters : NULL;
        for (size_t panel = 0; panel < panels; panel++)
            fovea_pair_up(dy + panel * PANEL, odd ? odd + panel * PANEL : zeros, to + panel * PANEL_STRIDE);
    }
}

// The inputs of a slab: `[pair][64][2]`, with zeros after an odd pixel.
FOVEA_WIDE_BFLOAT16 static void pack_inputs(const uint16_t *x, const size_t *inputs, size_t pixels, uint32_t *to) {
    for (size_t pixel = 0; pixel < pixels; pixel += 2, to += SLAB) {
        const uint16_t *even = x + inputs[pixel], *odd = pixel + 1 < pixels ? x + inputs[pixel + 1] : NULL;
        FOVEA_UNROLL for (size_t i = 0; i < SLAB; i += PANEL) fovea_pair_up(even + i, odd ? odd + i : zeros, to + i);
    }
}

// What is brought into the cache meanwhile: elements at every other place.
typedef struct {
    const uint16_t *start;
    const size_t *places;
} fetched;

// Adds the products of `filters` filters with a slab to their taps, which begin with them if `isFirst`.
FOVEA_WIDE_BFLOAT16 FOVEA_INLINE void add_tile(const int filters, size_t pairs, const uint32_t *dy, const uint32_t *x,
                                               int isFirst, size_t stride, float *taps, fetched next) {
    __m512 sums[FOVEA_TILE_ROWS][FOVEA_TILE_VECTORS];
    FOVEA_UNROLL for (int i = 0; i < filters; i++) FOVEA_UNROLL for (int v = 0; v < FOVEA_TILE_VECTORS; v++)
        sums[i][v] = isFirst ? _mm512_setzero_ps() : _mm512_loadu_ps(taps + (size_t)i * stride + 16 * v);
    for (size_t pair = 0; pair < pairs; pair++, dy += PANEL, x += SLAB) {
        __builtin_prefetch(next.start + next.places[2 * pair], 0, 2);
        __m512bh right[FOVEA_TILE_VECTORS];
        FOVEA_UNROLL for (int v = 0; v < FOVEA_TILE_VECTORS; v++) right[v] = (__m512bh)_mm512_loadu_si512(x + 16 * v);
        FOVEA_UNROLL for (int i = 0; i < filters; i++) {
            __m512bh both = (__m512bh)_mm512_set1_epi32((int)dy[i]);
            FOVEA_UNROLL for (int v = 0; v < FOVEA_TILE_VECTORS; v++)
                sums[i][v] = _mm512_dpbf16_ps(sums[i][v], both, right[v]);
        }
    }
    FOVEA_UNROLL for (int i = 0; i < filters; i++) FOVEA_UNROLL for (int v = 0; v < FOVEA_TILE_VECTORS; v++)
        _mm512_storeu_ps(taps + (size_t)i * stride + 16 * v, sums[i][v]);
}

FOVEA_WIDE_BFLOAT16 static void add_panel(size_t pairs, const uint32_t *dy, const uint32_t *x, int isFirst,
                                          size_t stride, float *taps, const fetched *next) {
    add_tile(6, pairs, dy, x, isFirst, stride, taps, next[0]);
    add_tile(5, pairs, dy + 6, x, isFirst, stride, taps + 6 * stride, next[1]);
    add_tile(5, pairs, dy + 11, x, isFirst, stride, taps + 11 * stride, next[2]);
}

typedef struct {
    size_t first, last;
} range;

// Pixels of the output that are packed together, and where their inputs begin.
typedef struct {
    size_t first, count, inputs[2 * PAIRS];
} chunk;

static chunk find_chunk(const fovea_bfloat16_convolution *p, size_t first) {
    size_t rest = pixel_count(p) - first;
    chunk c = {.first = first, .count = rest < 2 * PAIRS ? rest : 2 * PAIRS};
    fovea_find_inputs(p, first, first + c.count, c.inputs);
    return c;
}

// The element of the inputs of a pixel, and of the taps of a filter, that a slab begins with.
static size_t first_element(const fovea_bfloat16_convolution *p, size_t slab, size_t rowStep) {
    return slab / slabs_of_row(p) * rowStep + slab % slabs_of_row(p) * SLAB;
}

// Panels of filters or slabs of inputs `begin ..< end`.
static void add_range(void *context, size_t begin, size_t end) {
    const gradient *k = context;
    const fovea_bfloat16_convolution *p = k->p;
    const range some = {begin, end}, panels = k->sharesFilters ? some : (range){0, panel_count(p)},
                slabs = k->sharesFilters ? (range){0, slab_count(p)} : some;
    uint32_t *x = (uint32_t *)(k->scratch + scratch_slot() * part_scratch(p)), *dy = x + PAIRS * SLAB;
    static const size_t nowhere[2 * PAIRS];
    size_t pixels[2 * PAIRS];
    for (size_t i = 0; i < 2 * PAIRS; i++) pixels[i] = i * p->filters;
    chunk chunks[2] = {find_chunk(p, 0)};
    for (int turn = 0; chunks[turn].count > 0; turn = 1 - turn) {
        const chunk *now = &chunks[turn], *next = &chunks[1 - turn];
        chunks[1 - turn] = find_chunk(p, now->first + now->count);
        const uint16_t *gradients = k->dy + now->first * p->filters + panels.first * PANEL;
        pack_gradients(p, gradients, now->count, panels.last - panels.first, dy);
        for (size_t slab = slabs.first; slab < slabs.last; slab++) {
            int isLast = slab + 1 == slabs.last;
            const uint16_t *nextInputs = k->x + first_element(p, isLast ? slabs.first : slab + 1, p->tapRowStep);
            const size_t *nextPlaces = isLast ? next->inputs : now->inputs;
            pack_inputs(k->x + first_element(p, slab, p->tapRowStep), now->inputs, now->count, x);
            for (size_t panel = panels.first; panel < panels.last; panel++) {
                // Each line of the gradients of the next chunk belongs to two panels.
                size_t number = panel - panels.first;
                fetched here = {(const uint16_t *)x, nowhere}, fetches[3] = {here, here, here};
                if (slab == slabs.first && next->count > 0)
                    fetches[0] = (fetched){gradients + now->count * p->filters + number * PANEL, pixels + number % 2};
                for (size_t parity = 0; parity < 2 && number < SLAB / LINE; parity++)
                    fetches[1 + parity] = (fetched){nextInputs + number * LINE, nextPlaces + parity};
                add_panel(ceiling(now->count, 2), dy + number * PANEL_STRIDE, x, now->first == 0, input_count(p),
                          k->taps + panel * PANEL * input_count(p) + first_element(p, slab, p->tapCount),
                          fetches);
            }
        }
    }
}

#endif

void fovea_bfloat16_weight_gradient(const fovea_bfloat16_convolution *p, const uint16_t *x, const uint16_t *dy,
                                    float *taps, void *scratch) {
#if FOVEA_HAS_WIDE
    gradient k = {p, x, dy, taps, scratch, shares_filters(p)};
    fovea_parallel_for(k.sharesFilters ? panel_count(p) : slab_count(p), 0, add_range, &k);
#endif
}
