// Includes FOVEA_LANES_HEADER, the quoted name of a header of functions on vectors of LANES floats, for 8 lanes on every
// processor and for 16 on those with AVX-512. It may be included once for each such header, so it has no guard.

#define LANES 8
#define FOVEA_TARGET FOVEA_CLONES
#include FOVEA_LANES_HEADER
#undef LANES
#undef FOVEA_TARGET

#if FOVEA_HAS_WIDE
#define LANES 16
#define FOVEA_TARGET FOVEA_WIDE
#include FOVEA_LANES_HEADER
#undef LANES
#undef FOVEA_TARGET
#endif

#undef FOVEA_LANES_HEADER
