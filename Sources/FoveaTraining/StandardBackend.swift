import FoveaGraph
import FoveaReference

/// The backend that is used where none is chosen.
public enum StandardBackend {
    /// The fastest backend that this build has.
    public static func make() -> any Backend {
        ReferenceBackend()
    }
}
