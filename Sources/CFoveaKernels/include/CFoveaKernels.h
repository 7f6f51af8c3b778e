#ifndef C_FOVEA_KERNELS_H
#define C_FOVEA_KERNELS_H

#include "FoveaGather.h"
#include "FoveaKernels.h"

#endif
