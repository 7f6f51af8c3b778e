import FoveaGraph
import FoveaReference
import FoveaTensor
import FoveaTestSupport
import Testing

@Suite struct ReferenceBackendTests {
    @Test(arguments: OperationFamily.allCases)
    func floatAgreesWithDouble(family: OperationFamily) throws {
        let report = try ConformanceSuite.run(backend: ReferenceBackend(), family: family, count: 200)
        #expect(report.failures.isEmpty, "\(report) \(report.failures.first ?? "")")
    }

    @Test func aBackendThatIsSlightlyWrongIsFound() throws {
        for family in [OperationFamily.convolution, .batchNorm, .sgd, .residualBlock] {
            let report = try ConformanceSuite.run(backend: SlightlyWrongBackend(), family: family, count: 20)
            #expect(report.failures.count >= 20, "\(report)")
        }
    }
}

/// The reference with every variable off by a ten-thousandth.
private struct SlightlyWrongBackend: Backend {
    var name: String { "wrong" }

    func compile(_ graph: Graph) throws -> any Plan {
        SlightlyWrongPlan(try ReferenceBackend().compile(graph))
    }
}

private final class SlightlyWrongPlan: Plan {
    private let plan: any Plan

    init(_ plan: any Plan) { self.plan = plan }

    var graph: Graph { plan.graph }
    func withInput<Result>(_ position: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Result) rethrows
        -> Result
    {
        try plan.withInput(position, body)
    }
    func execute() throws { try plan.execute() }
    func withOutput<Result>(_ position: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows
        -> Result
    {
        try plan.withOutput(position, body)
    }
    func variable(_ position: Int) -> Tensor { plan.variable(position) }
    func setVariable(_ position: Int, to tensor: Tensor) {
        let numbers: [Float] = tensor.scalars()
        plan.setVariable(position, to: Tensor(numbers.map { $0 * 1.0001 }, shape: tensor.shape))
    }
    func explain() -> String { plan.explain() }
}
