#include "VectorMath.h"

size_t fovea_vector_lanes(void) {
#if FOVEA_HAS_WIDE
    if (fovea_has_wide_vectors()) return 16;
#endif
    return 8;
}
