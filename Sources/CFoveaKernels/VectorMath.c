#include "VectorMath.h"

size_t fovea_vector_lanes(void) {
#if FOVEA_HAS_WIDE
    if (fovea_has_wide_vectors()) return 16;
#endif
    return 8;
}

int fovea_vectors_have_bfloat16(void) {
#if FOVEA_HAS_WIDE
    return fovea_has_bfloat16();
#else
    return 0;
#endif
}
