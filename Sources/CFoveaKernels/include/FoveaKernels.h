#ifndef FOVEA_KERNELS_H
#define FOVEA_KERNELS_H
#endif
