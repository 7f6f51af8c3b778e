import FoveaCPU
import FoveaTestSupport
import Testing

/// The CPU plan means by every operation what the reference means, in every layout of activations.
@Suite struct ConformanceTests {
    @Test(
        arguments: OperationFamily.allCases,
        [CPUBackend.ActivationLayout.channelsLast, .blocked, .batchInnermost])
    func familyAgreesWithReference(_ family: OperationFamily, _ layout: CPUBackend.ActivationLayout) throws {
        let report = try ConformanceSuite.run(backend: CPUBackend(activationLayout: layout), family: family)
        #expect(report.failures.isEmpty, "\(report)\n\(report.failures.prefix(3).joined(separator: "\n"))")
        #expect(report.count >= 200)
    }
}
