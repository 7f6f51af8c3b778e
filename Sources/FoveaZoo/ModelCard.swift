import FoveaTensor

/// What is known of a named architecture.
public struct ModelCard: Sendable {
    /// The name by which it is asked for, such as `resnet50`.
    public let name: String
    /// The paper that it is from, or the library where there is no paper.
    public let source: String
    /// The shape of a sample, `[C, H, W]` or `[F]`, unless another is asked for.
    public let input: Shape
    /// The number of classes unless another is asked for.
    public let classes: Int
    /// What images go through before the network; `nil` where the data decide.
    public let preprocessing: ImagePreprocessing?
    /// The number of trainable parameters with the default input and classes, those of auxiliary heads included.
    public let parameters: Int
    /// The multiply-adds of convolutions and dense layers for one sample in prediction, with the default input and classes.
    public let macs: Int
    /// How it differs from its source, each in a sentence.
    public let deviations: [String]
}

/// What an image goes through before a network sees it.
public struct ImagePreprocessing: Hashable, Sendable {
    /// The length to which the shorter side is resized.
    public let resize: Int
    /// The side of the square taken from the middle.
    public let crop: Int
    /// What is subtracted from each channel, of values in `[0, 1]`.
    public let mean: [Float]
    /// What each channel is then divided by.
    public let deviation: [Float]

    /// The usual treatment of ImageNet: the shorter side to 256, the middle 224, mean and deviation of its training set.
    public static let imageNet = ImagePreprocessing(
        resize: 256, crop: 224, mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225])

    /// The treatment of the later Inception networks: the shorter side to 333, the middle 299, values in `[-1, 1]`.
    public static let inception = ImagePreprocessing(
        resize: 333, crop: 299, mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5])
}
