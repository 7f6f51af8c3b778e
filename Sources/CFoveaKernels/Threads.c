#define _GNU_SOURCE
#include "Internal.h"
#include <dlfcn.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

// oneDNN owns the one pool of threads of the process. The kernels use the same pool by the entry point that compiled
// OpenMP code calls; a second pool would compete with it for the cores. Looked up at run time, since the compiler that
// builds this has no OpenMP runtime of its own to link.
typedef void (*parallel_function)(void (*)(void *), void *, unsigned, unsigned);
typedef int (*number_function)(void);

typedef struct {
    _Atomic(void *) found;
    atomic_int looked;
} entry;

static void *find(entry *e, const char *name) {
    if (!atomic_load_explicit(&e->looked, memory_order_acquire)) {
        atomic_store_explicit(&e->found, dlsym(RTLD_DEFAULT, name), memory_order_relaxed);
        atomic_store_explicit(&e->looked, 1, memory_order_release);
    }
    return atomic_load_explicit(&e->found, memory_order_relaxed);
}

static parallel_function find_parallel(void) {
    static entry parallel;
    return (parallel_function)find(&parallel, "GOMP_parallel");
}

// The number of this thread in the pool, 0 for the one that called it.
static int thread_number(void) {
    static entry number;
    number_function function = (number_function)find(&number, "omp_get_thread_num");
    return function ? function() : 0;
}

static atomic_int thread_count = 1;

// The next of the parts of a thread, on a line of the cache of its own.
typedef struct {
    _Alignas(64) atomic_size_t next;
} range;

typedef struct {
    void (*body)(void *, size_t, size_t);
    void *context;
    size_t count, parts;
    size_t threads;
    range *ranges;
} work;

// The number of this thread among those of the region that it works in, -1 outside of one.
static _Thread_local int slot = -1;

int fovea_slot(void) { return slot; }

// A thread has the same parts each time, whose memory lies in its core's cache, and then takes what others have left.
static void run_parts(void *pointer) {
    work *w = pointer;
    slot = thread_number();
    for (size_t i = 0; i < w->threads; i++) {
        size_t owner = ((size_t)slot + i) % w->threads, part;
        size_t first = w->parts * owner / w->threads, last = w->parts * (owner + 1) / w->threads;
        while ((part = first + atomic_fetch_add_explicit(&w->ranges[owner].next, 1, memory_order_relaxed)) < last) {
            size_t begin = w->count * part / w->parts, end = w->count * (part + 1) / w->parts;
            if (begin < end) w->body(w->context, begin, end);
        }
    }
    slot = -1;
}

static void run_on_threads(int threads, size_t count, size_t parts, void (*body)(void *, size_t, size_t), void *context) {
    range ranges[threads];
    for (int i = 0; i < threads; i++) atomic_init(&ranges[i].next, 0);
    work w = {body, context, count, parts, (size_t)threads, ranges};
    find_parallel()(run_parts, &w, (unsigned)threads, 0);
}

void fovea_parallel_for(size_t count, size_t grain, void (*body)(void *, size_t, size_t), void *context) {
    if (count == 0) return;
    int threads = fovea_threads();
    if (slot >= 0 || threads <= 1 || count <= grain || !find_parallel())
        body(context, 0, count);
    else
        run_on_threads(threads, count, (size_t)threads, body, context);
}

void fovea_for_parts(size_t count, int threads, void (*body)(void *, size_t, size_t), void *context) {
    if (threads > fovea_threads()) threads = fovea_threads();
    if (slot >= 0 || threads <= 1 || count <= 1 || !find_parallel())
        body(context, 0, count);
    else
        run_on_threads(threads, count, count, body, context);
}

void fovea_for_blocks(size_t count, int threads, void (*body)(void *, size_t, size_t), void *context) {
    int least = threads < fovea_threads() ? threads : fovea_threads();
    size_t together = slot < 0 && least > 1 && find_parallel() ? count - count % (size_t)least : 0;
    if (together > 0) fovea_for_parts(together, threads, body, context);
    for (size_t block = together; block < count; block++) body(context, block, block + 1);
}

int fovea_threads(void) { return atomic_load_explicit(&thread_count, memory_order_relaxed); }

static void flush_denormals(void *unused) {
    (void)unused;
#if defined(__SSE__)
    _mm_setcsr(_mm_getcsr() | 0x8040);  // flush to zero, denormals are zero
#elif defined(__aarch64__)
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" : : "r"(control | (1ull << 24)));
#endif
}

void fovea_set_threads(int count) {
    void (*set)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "omp_set_num_threads");
    parallel_function parallel = find_parallel();
    if (set) set(count);
    atomic_store_explicit(&thread_count, set && parallel ? count : 1, memory_order_relaxed);
    flush_denormals(NULL);
    if (parallel) parallel(flush_denormals, NULL, (unsigned)count, 0);
}

int fovea_core_count(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (int)count : 1;
}
