import COneDNN
import FoveaGraph

/// A function of each element as oneDNN knows it.
struct Eltwise {
    var algorithm: dnnl_alg_kind_t
    var alpha: Float = 0
    var beta: Float = 0

    /// The product with `factor`.
    static func scale(by factor: Float) -> Eltwise { Eltwise(algorithm: dnnl_eltwise_linear, alpha: factor) }
}

extension ActivationFunction {
    /// oneDNN's name of the function.
    var eltwise: Eltwise {
        switch self {
        case .relu: Eltwise(algorithm: dnnl_eltwise_relu)
        case .tanh: Eltwise(algorithm: dnnl_eltwise_tanh)
        case .sigmoid: Eltwise(algorithm: dnnl_eltwise_logistic)
        case .leakyReLU(let slope): Eltwise(algorithm: dnnl_eltwise_relu, alpha: slope)
        case .elu(let alpha): Eltwise(algorithm: dnnl_eltwise_elu, alpha: alpha)
        case .gelu: Eltwise(algorithm: dnnl_eltwise_gelu_erf)
        case .geluTanh: Eltwise(algorithm: dnnl_eltwise_gelu_tanh)
        case .swish: Eltwise(algorithm: dnnl_eltwise_swish, alpha: 1)
        case .hardSigmoid: Eltwise(algorithm: dnnl_eltwise_hardsigmoid, alpha: 1 / 6, beta: 0.5)
        case .hardSwish: Eltwise(algorithm: dnnl_eltwise_hardswish, alpha: 1 / 6, beta: 0.5)
        case .softplus: Eltwise(algorithm: dnnl_eltwise_soft_relu, alpha: 1)
        }
    }

    /// oneDNN's name of the function where its gradient is asked for, from what ``derivativeFollowsFromOutput`` says.
    var eltwiseOfGradient: Eltwise {
        var result = eltwise
        switch self {
        case .relu, .leakyReLU: result.algorithm = dnnl_eltwise_relu_use_dst_for_bwd
        case .tanh: result.algorithm = dnnl_eltwise_tanh_use_dst_for_bwd
        case .sigmoid: result.algorithm = dnnl_eltwise_logistic_use_dst_for_bwd
        case .elu: result.algorithm = dnnl_eltwise_elu_use_dst_for_bwd
        case .gelu, .geluTanh, .swish, .hardSigmoid, .hardSwish, .softplus: break
        }
        return result
    }
}
