import FoveaCPU
import FoveaTestSupport
import Testing

/// The CPU plan means by every operation what the reference means, in both layouts of activations.
@Suite struct ConformanceTests {
    @Test(arguments: OperationFamily.allCases, [CPUBackend.ActivationLayout.channelsLast, .blocked])
    func familyAgreesWithReference(_ family: OperationFamily, _ layout: CPUBackend.ActivationLayout) throws {
        let report = try ConformanceSuite.run(backend: CPUBackend(activationLayout: layout), family: family)
        #expect(report.failures.isEmpty, "\(report)\n\(report.failures.prefix(3).joined(separator: "\n"))")
        #expect(report.count >= 200)
    }
}
