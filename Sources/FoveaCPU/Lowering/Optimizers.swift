import CFoveaKernels
import FoveaGraph

extension Compiler {
    /// One pass over flat arenas of `count` elements, that begin at the first of `tensors`: weight, gradient, then slots.
    mutating func emitUpdate(
        _ operation: Operation, count: Int, scalars: [Form], gradients: [Form], tensors: [Form]
    ) {
        let name = "\(operation.name) of \(gradients.count) variables"
        // Everything the step touches is named for the liveness of the buffers; the first of each arena is its start.
        let perVariable = tensors.count / gradients.count
        let starts = scalars.count + gradients.count
        let flops: Int
        let makeBody: ([UnsafeMutableRawPointer]) -> () -> Void
        switch operation {
        case .sgd(let sgd):
            flops = 4 * count
            makeBody = { pointers in
                let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
                let (rate, weight, gradient) = (p[0], p[starts], p[starts + 1])
                let velocity = perVariable > 2 ? p[starts + 2] : nil
                return {
                    fovea_sgd(
                        count, weight, gradient, velocity, rate.pointee, sgd.momentum, sgd.weightDecay,
                        sgd.usesNesterov ? 1 : 0)
                }
            }
        case .adam(let adam):
            flops = 12 * count
            makeBody = { pointers in
                let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
                let step = pointers[0].assumingMemoryBound(to: Int32.self)
                let (rate, weight, gradient) = (p[1], p[starts], p[starts + 1])
                let (first, second) = (p[starts + 2], p[starts + 3])
                return {
                    fovea_adam(
                        count, weight, gradient, first, second, rate.pointee, adam.beta1, adam.beta2,
                        adam.epsilon,
                        adam.weightDecay, Int64(step.pointee))
                }
            }
        default: preconditionFailure("'\(operation.name)' is not an optimizer update")
        }
        emitKernel(name, path: "", reading: scalars + gradients, writing: tensors, flops: flops, makeBody)
    }
}
