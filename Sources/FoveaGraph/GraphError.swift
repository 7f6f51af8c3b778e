/// A description that has no meaning: shapes that do not fit, a name used twice, an operation without a derivative.
public struct GraphError: Error, Hashable, Sendable {
    /// The path of the layer concerned, such as `layer1.0.conv2`; empty where there is none.
    public var path: String
    /// What was received, what was expected, and how to mend it.
    public var message: String

    /// An error at `path`.
    public init(path: String = "", _ message: String) {
        self.path = path
        self.message = message
    }
}

extension GraphError: CustomStringConvertible {
    /// What failed, where, and how to mend it.
    public var description: String { path.isEmpty ? message : "\(path): \(message)" }
}
