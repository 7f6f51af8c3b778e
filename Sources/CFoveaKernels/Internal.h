#ifndef FOVEA_INTERNAL_H
#define FOVEA_INTERNAL_H

#include "FoveaKernels.h"

// One binary for every processor: the loader picks the widest clone that the processor runs. Where the loader cannot,
// the compiler's baseline is used.
#if defined(__x86_64__) && defined(__linux__) && defined(__OPTIMIZE__)
#define FOVEA_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define FOVEA_CLONES
#endif

// Below this many elements a second thread costs more than it saves (measured: fork and join of the OpenMP pool take
// 2 to 4 microseconds).
#define FOVEA_GRAIN 32768

// The same for loops of multiplications and additions in registers: about 10 microseconds on one core.
#define FOVEA_GRAIN_MULTIPLY_ADDS 400000

// The number of this thread among those that work on blocks or parts at the same time, below the number of threads; -1 where
// only one does. Within a part, `fovea_parallel_for` stays on its thread.
int fovea_slot(void);

// The slice of scratch memory of this thread among such.
static inline size_t scratch_slot(void) {
    int slot = fovea_slot();
    return slot > 0 ? (size_t)slot : 0;
}

// How many pieces of a size hold that many.
static inline size_t ceiling(size_t count, size_t size) { return (count + size - 1) / size; }

// Sums are made in chunks of this size, added in order, whatever the number of threads.
#define FOVEA_CHUNK 4096

#endif
