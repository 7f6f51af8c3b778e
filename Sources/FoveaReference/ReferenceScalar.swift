import FoveaGraph
import FoveaTensor

/// A real number that the reference computes with: Float or Double.
public protocol ReferenceScalar: BinaryFloatingPoint, TensorScalar {
    /// `eˣ`.
    static func exp(_ x: Self) -> Self
    /// The hyperbolic tangent.
    static func tanh(_ x: Self) -> Self

    /// Computes the outputs of `node` from its inputs.
    ///
    /// A requirement, so that each scalar's witness calls the kernels with a concrete type: that is what
    /// makes the compiler specialise them, however the interpreter was reached.
    static func outputs(of node: Graph.Node, in graph: Graph, inputs: [ReferenceValue<Self>])
        -> [ReferenceValue<Self>]
}

extension Float: ReferenceScalar {
    /// `eˣ`.
    public static func exp(_ x: Float) -> Float { expf(x) }
    /// The hyperbolic tangent.
    public static func tanh(_ x: Float) -> Float { tanhf(x) }

    /// Computes the outputs of `node` from its inputs.
    public static func outputs(
        of node: Graph.Node, in graph: Graph, inputs: [ReferenceValue<Float>]
    ) -> [ReferenceValue<Float>] {
        ReferenceKernels<Float>.outputs(of: node, in: graph, inputs: inputs)
    }
}

extension Double: ReferenceScalar {
    /// `eˣ`.
    public static func exp(_ x: Double) -> Double { exponential(x) }
    /// The hyperbolic tangent.
    public static func tanh(_ x: Double) -> Double { hyperbolicTangent(x) }

    /// Computes the outputs of `node` from its inputs.
    public static func outputs(
        of node: Graph.Node, in graph: Graph, inputs: [ReferenceValue<Double>]
    ) -> [ReferenceValue<Double>] {
        ReferenceKernels<Double>.outputs(of: node, in: graph, inputs: inputs)
    }
}

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

// Inside of the extension the names of the C functions would mean the static methods.
private func exponential(_ x: Double) -> Double { exp(x) }
private func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }

/// The natural logarithm.
func naturalLogarithm(_ x: Double) -> Double { log(x) }

/// `log(1 + x)`, exact near 0.
func logarithmOfOnePlus(_ x: Double) -> Double { log1p(x) }

/// `exp(x) - 1`, exact near 0.
func exponentialMinusOne(_ x: Double) -> Double { expm1(x) }

/// The probability that a normal number of mean 0 and variance 1 is at most `x`.
func normalDistribution(_ x: Double) -> Double { erfc(-x / 2.squareRoot()) / 2 }

/// `base` to the power `exponent`.
func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
