import FoveaGraph
import FoveaTensor

/// The backend that interprets a graph in plain loops: the oracle of the tests, and a way to run where there
/// is no other.
///
/// It runs everywhere, is slow, and gives the same bits on every run.
public struct ReferenceBackend: Backend {
    /// How real numbers are computed and kept between runs.
    ///
    /// Inputs and outputs are float32 all the same.
    public enum Precision: Hashable, Sendable {
        case float, double
    }

    /// How real numbers are computed.
    public let precision: Precision

    /// A backend that computes in `precision`.
    public init(precision: Precision = .float) {
        self.precision = precision
    }

    /// `reference`.
    public var name: String { "reference" }

    /// Makes `graph` ready to run.
    ///
    /// - Throws: `GraphError` where the graph breaks a rule, `PlanError` where a value is neither float32 nor int32.
    public func compile(_ graph: Graph) throws -> any Plan {
        switch precision {
        case .float: ReferencePlan(try ReferenceInterpreter<Float>(graph))
        case .double: ReferencePlan(try ReferenceInterpreter<Double>(graph))
        }
    }
}
