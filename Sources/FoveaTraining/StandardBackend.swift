import FoveaCPU
import FoveaGraph

/// The backend that is used where none is chosen.
public enum StandardBackend {
    /// The compiler to oneDNN, on one thread for each core.
    public static func make() -> any Backend { CPUBackend() }
}
