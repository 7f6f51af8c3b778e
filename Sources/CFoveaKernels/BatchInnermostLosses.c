#include <math.h>
#include "BatchInnermostReach.h"

// The logits `[classes, batch]`.
typedef struct {
    size_t batch, classes;
    const float *logits;
    const int32_t *labels;
} labelled;

// Whether sample `n` has the number of a class.
static int has_label(const labelled *p, size_t n) { return p->labels[n] >= 0 && (size_t)p->labels[n] < p->classes; }

#define FOVEA_LANES_HEADER "BatchInnermostLossesLanes.h"
#include "BothWidths.h"

void fovea_bi_softmax_cross_entropy(size_t batch, size_t classes, const float *logits, const int32_t *labels,
                                    float *losses) {
    labelled p = {batch, classes, logits, labels};
    FOVEA_BY_LANES(fovea_batch_lanes(batch), cross_entropy, &p, losses);
    for (size_t n = 0; n < batch; n++)
        losses[n] = has_label(&p, n) ? losses[n] - logits[(size_t)labels[n] * batch + n] : NAN;
}

void fovea_bi_softmax_cross_entropy_gradient(size_t batch, size_t classes, const float *logits, const int32_t *labels,
                                             float weight, float *gradient) {
    labelled p = {batch, classes, logits, labels};
    FOVEA_BY_LANES(fovea_batch_lanes(batch), softmax, &p, weight, gradient);
    for (size_t n = 0; n < batch; n++)
        if (has_label(&p, n)) gradient[(size_t)labels[n] * batch + n] -= weight;
}
