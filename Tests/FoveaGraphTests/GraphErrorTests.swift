import FoveaGraph
import FoveaTensor
import Testing

/// What a user reads when shapes do not fit.
@Suite struct GraphErrorTests {
    /// The text of the error of `body` on a graph inside of the layers `block` and `conv1`.
    private func message(_ body: (inout Graph) throws -> Void) -> String {
        var graph = Graph()
        graph.pushScope("block")
        graph.pushScope("conv1")
        do {
            try body(&graph)
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    @Test func broadcasting() {
        #expect(
            message { graph in
                let a = try graph.input("a", TensorType([4, 3, 2]))
                let b = try graph.input("b", TensorType([2, 2]))
                _ = try graph.add(a, b)
            } == """
                block.conv1: [4, 3, 2] and [2, 2] do not broadcast: in each axis, counted from the last, the extents must \
                be equal or one of them 1
                """)
        #expect(
            message { graph in
                _ = try graph.broadcast(try graph.input("a", TensorType([4, 3])), to: [4, 1])
            } == "block.conv1: [4, 3] does not broadcast to [4, 1]")
        #expect(
            message { graph in
                _ = try graph.reduceSum(try graph.input("a", TensorType([1, 3])), to: [4, 3])
            } == "block.conv1: [1, 3] does not sum to [4, 3]")
    }

    @Test func normalizationParameters() {
        func text(x: Shape, scale: Shape, shift: Shape, groups: Int = 2) -> String {
            message { graph in
                let affine = (
                    try graph.input("scale", TensorType(scale)), try graph.input("shift", TensorType(shift))
                )
                _ = try graph.groupNorm(
                    try graph.input("x", TensorType(x)), groups: groups, affine: affine, epsilon: 1e-5)
            }
        }
        #expect(
            text(x: [2, 4, 3, 3], scale: [4], shift: [4, 3, 3])
                == "block.conv1: scale and shift over [2, 4, 3, 3] are both [4] or both [4, 3, 3], not [4] and [4, 3, 3]"
        )
        #expect(
            text(x: [2, 4], scale: [4], shift: [4], groups: 4) == """
                block.conv1: normalization needs more than one value in each group of a sample, the input is [2, 4] with \
                4 groups; use fewer groups, or batch normalization
                """)
        #expect(
            message { graph in
                let x = try graph.input("x", TensorType([2, 4]))
                _ = try graph.parametricReLU(x, weight: try graph.input("w", TensorType([2])))
            }
                == "block.conv1: a parametric ReLU over [2, 4] has a slope for each channel, [4], or one, [1], not [2]"
        )
    }

    @Test func convolutionChannelsAndGroups() {
        func text(x: Shape, weight: Shape, bias: Shape? = nil, groups: Int = 1) -> String {
            message { graph in
                _ = try graph.convolution(
                    try graph.input("x", TensorType(x)), weight: try graph.input("w", TensorType(weight)),
                    bias: try bias.map { try graph.input("b", TensorType($0)) }, groups: groups)
            }
        }
        #expect(
            text(x: [1, 3, 5, 5], weight: [8, 4, 3, 3])
                == "block.conv1: the weight [8, 4, 3, 3] expects 4 channels, the input has 3")
        #expect(
            text(x: [1, 3, 5, 5], weight: [8, 1, 3, 3], groups: 2)
                == "block.conv1: groups (2) must divide both the channels (3) and the filters (8)")
        #expect(
            text(x: [1, 3], weight: [8, 3, 3, 3])
                == "block.conv1: a convolution needs images [N, C, H, W], not [1, 3]")
        #expect(
            text(x: [1, 3, 5, 5], weight: [8, 3, 3, 3], bias: [7])
                == "block.conv1: the bias of 8 filters is [8], not [7]")
        #expect(
            text(x: [1, 3, 2, 5], weight: [8, 3, 3, 3]) == """
                block.conv1: the window of 3x3 does not fit into the input of 2x5 with padding 0: the output would be \
                empty, with o = floor((i + p - d (k - 1) - 1) / s) + 1 = floor((2 + 0 - 1 * 2 - 1) / 1) + 1 = 0 rows; \
                use a larger input, more padding, or fewer or smaller windows and strides before this layer
                """)
    }

    @Test func dense() {
        #expect(
            message { graph in
                let x = try graph.input("x", TensorType([2, 3, 4, 4]))
                _ = try graph.dense(x, weight: try graph.input("w", TensorType([10, 48])))
            }
                == "block.conv1: a dense layer needs vectors [N, F], not [2, 3, 4, 4]; flatten or pool globally before it"
        )
    }

    @Test func windows() {
        func text(_ window: Window) -> String {
            message { graph in _ = try graph.maxPool(try graph.input("x", TensorType([1, 1, 4, 4])), window) }
        }
        #expect(text(Window(kernel: 0)) == "block.conv1: kernel size 0 is not positive")
        #expect(text(Window(kernel: 2, stride: 0)) == "block.conv1: stride 0 is not positive")
        #expect(
            text(Window(kernel: 2, padding: Edges(vertical: 2, horizontal: 0)))
                == "block.conv1: padding 2x0 is not smaller than the pooling window 2: a window could lie in the padding alone"
        )
        #expect(
            message { graph in
                let x = try graph.input("x", TensorType([1, 1, 1, 1]))
                let window = Window(kernel: 2, padding: Edges(vertical: 1, horizontal: 1), dilation: 2)
                _ = try graph.maxPool(x, window)
            } == """
                block.conv1: with dilation 2 and padding 1 a pooling window over [1, 1, 1, 1] lies in the padding alone
                """)
    }

    @Test func batchNorm() {
        #expect(
            message { graph in
                let x = try graph.input("x", TensorType([1, 3]))
                let c = try graph.input("c", TensorType([3]))
                _ = try graph.batchNorm(
                    x, scale: c, shift: c, runningMean: c, runningVariance: c, epsilon: 1e-5, momentum: 0.1)
            } == """
                block.conv1: batch normalization in training needs more than one value for each channel, the input is \
                [1, 3]; use a larger batch
                """)
    }

    @Test func losses() {
        #expect(
            message { graph in
                let logits = try graph.input("logits", TensorType([4, 10]))
                _ = try graph.softmaxCrossEntropy(logits, labels: try graph.input("labels", TensorType([4])))
            } == "block.conv1: cross-entropy of logits [4, 10] needs labels int32[4], not float32[4]")
    }

    @Test func wholeNumbersAreNoOperands() {
        #expect(
            message { graph in
                let labels = try graph.input("labels", TensorType([4], .int32))
                _ = try graph.add(labels, labels)
            } == "block.conv1: 'add' takes real numbers, float32, and its input 0 is int32[4]")
        #expect(
            message { graph in
                _ = try graph.concatenate([try graph.input("bytes", TensorType([4], .uint8))], axis: 0)
            } == "block.conv1: 'concatenate' takes real numbers, float32, and its input 0 is uint8[4]")
    }

    @Test func namesUsedTwice() {
        #expect(
            message { graph in
                _ = try graph.variable("weight", [1], initial: .constant(0))
                _ = try graph.variable("weight", [1], initial: .constant(0))
            } == """
                block.conv1: there is already a variable 'block.conv1.weight'; give one of the two layers another name
                """)
        #expect(
            message { graph in
                _ = try graph.input("x", TensorType([1]))
                _ = try graph.input("x", TensorType([1]))
            } == "block.conv1: there is already an input named 'x'")
        #expect(
            message { graph in
                let x = try graph.input("x", TensorType([1]))
                try graph.output("y", x)
                try graph.output("y", x)
            } == "block.conv1: there is already an output named 'y'")
        #expect(
            message { graph in
                let x = try graph.input("x", TensorType([1]))
                try graph.assign(x, to: x)
            } == "block.conv1: only a variable can be assigned to")
    }
}
