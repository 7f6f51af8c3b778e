#ifndef FOVEA_VECTOR_MATH_H
#define FOVEA_VECTOR_MATH_H

#include "Internal.h"

// Vectors of the compiler's extension, which it splits or joins to what the processor has. Those of 16 lanes are for
// functions compiled for AVX-512 alone. They are handed on by pointer: by value would change the calling convention
// between functions compiled for different processors.
typedef float fovea_float8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float fovea_float16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef float fovea_aligned8 __attribute__((vector_size(32), may_alias));
typedef float fovea_aligned16 __attribute__((vector_size(64), may_alias));
typedef double fovea_double8 __attribute__((vector_size(64), aligned(8), may_alias));
typedef double fovea_double16 __attribute__((vector_size(128), aligned(8), may_alias));
typedef uint32_t fovea_word8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint32_t fovea_word16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t fovea_half8 __attribute__((vector_size(16), aligned(2), may_alias));
typedef uint16_t fovea_half16 __attribute__((vector_size(32), aligned(2), may_alias));

#define FOVEA_INLINE static inline __attribute__((always_inline))

// Between the steps of a tile of sums that fills the registers: the compiler would load for the next step before it has used
// what it loaded for this one, and keep one of the sums in memory. What loops read has to be in variables of their own.
#define FOVEA_IN_ORDER __asm__ volatile("" ::: "memory")

#define FOVEA_UNROLL _Pragma("clang loop unroll(full)")
#define FOVEA_JOIN_(a, b) a##b
#define FOVEA_JOIN(a, b) FOVEA_JOIN_(a, b)
#define FOVEA_NAME(name) FOVEA_JOIN(fovea_##name##_, LANES)

// Lane `j` of each group of `size` lanes, in all lanes of the group.
#define FOVEA_SPREAD(vector, size, j) FOVEA_JOIN(FOVEA_SPREAD_, LANES)(vector, size, j)
#define FOVEA_LANE(i, size, j) ((i) / (size) * (size) + (j))
#define FOVEA_SPREAD_16(vector, size, j)                                                                          \
    __builtin_shufflevector(vector, vector, FOVEA_LANE(0, size, j), FOVEA_LANE(1, size, j),                       \
                            FOVEA_LANE(2, size, j), FOVEA_LANE(3, size, j), FOVEA_LANE(4, size, j),               \
                            FOVEA_LANE(5, size, j), FOVEA_LANE(6, size, j), FOVEA_LANE(7, size, j),               \
                            FOVEA_LANE(8, size, j), FOVEA_LANE(9, size, j), FOVEA_LANE(10, size, j),              \
                            FOVEA_LANE(11, size, j), FOVEA_LANE(12, size, j), FOVEA_LANE(13, size, j),            \
                            FOVEA_LANE(14, size, j), FOVEA_LANE(15, size, j))
#define FOVEA_SPREAD_8(vector, size, j)                                                                           \
    __builtin_shufflevector(vector, vector, FOVEA_LANE(0, size, j), FOVEA_LANE(1, size, j),                       \
                            FOVEA_LANE(2, size, j), FOVEA_LANE(3, size, j), FOVEA_LANE(4, size, j),               \
                            FOVEA_LANE(5, size, j), FOVEA_LANE(6, size, j), FOVEA_LANE(7, size, j))

// Writes a vector past the cache where it is a whole line of it, which is for many that would be read before. Halves of lines,
// in turn with those of others, would each go to memory by themselves.
#define FOVEA_STREAM(value, place) FOVEA_JOIN(FOVEA_STREAM_, LANES)(value, place)
#define FOVEA_STREAM_16(value, place) \
    __builtin_nontemporal_store((fovea_aligned16)(value), (fovea_aligned16 *)(place))
#define FOVEA_STREAM_8(value, place) (*(fovea_float8 *)(place) = (value))

// Functions for AVX-512 alone, called where `fovea_has_wide_vectors`.
#if defined(__x86_64__) && defined(__linux__) && defined(__OPTIMIZE__) && defined(__clang__)
#define FOVEA_HAS_WIDE 1
#define FOVEA_WIDE __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))
FOVEA_INLINE int fovea_has_wide_vectors(void) { return __builtin_cpu_supports("x86-64-v4") != 0; }

// Those that round to bfloat16 besides, called where `fovea_has_bfloat16`.
#define FOVEA_WIDE_BFLOAT16 __attribute__((target("arch=x86-64-v4,avx512bf16"), min_vector_width(512)))
typedef __bf16 fovea_bfloat16 __attribute__((vector_size(32), aligned(2), may_alias));
FOVEA_INLINE int fovea_has_bfloat16(void) {
    return fovea_has_wide_vectors() && __builtin_cpu_supports("avx512bf16") != 0;
}
#else
#define FOVEA_HAS_WIDE 0
#endif

// Calls a function that `BothWidths.h` compiled for as many lanes.
#if FOVEA_HAS_WIDE
#define FOVEA_BY_LANES(lanes, call, ...) (lanes == 16 ? fovea_##call##_16(__VA_ARGS__) : fovea_##call##_8(__VA_ARGS__))
#else
#define FOVEA_BY_LANES(lanes, call, ...) fovea_##call##_8(__VA_ARGS__)
#endif

// 16 elements of 16 bits and as many others in pairs.
FOVEA_INLINE void fovea_pair_up(const uint16_t *even, const uint16_t *odd, void *pairs) {
    fovea_word16 low = __builtin_convertvector(*(const fovea_half16 *)even, fovea_word16);
    fovea_word16 high = __builtin_convertvector(*(const fovea_half16 *)odd, fovea_word16);
    *(fovea_word16 *)pairs = low | high << 16;
}

#define LANES 8
#include "VectorMathLanes.h"
#undef LANES
#define LANES 16
#include "VectorMathLanes.h"
#undef LANES

#endif
