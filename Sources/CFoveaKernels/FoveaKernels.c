#include "FoveaKernels.h"
