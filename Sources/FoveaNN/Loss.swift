/// What training makes small.
public enum Loss: String, Hashable, Sendable, CaseIterable {
    /// The mean over the batch of the cross-entropy of logits against class numbers, softmax included:
    /// `1/N Σ(n) (log Σ(k) exp x[n,k] - x[n, label n])`. The layers end without a softmax.
    case softmaxCrossEntropy
    /// The squared error summed over the outputs and averaged over the batch: `1/N Σ(n,k) (x[n,k] - t[n,k])²`. PyTorch's
    /// `MSELoss` divides by the number of outputs too.
    case meanSquaredError
}
