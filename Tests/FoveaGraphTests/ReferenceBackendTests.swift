import FoveaGraph
import FoveaReference
import FoveaTensor
import FoveaTestSupport
import Testing

@Suite struct ReferenceBackendTests {
    // The suite itself is tested by a backend that is right, and below by one that is wrong.
    @Test(arguments: OperationFamily.allCases)
    func floatAgreesWithDouble(family: OperationFamily) throws {
        let report = try ConformanceSuite.run(backend: ReferenceBackend(), family: family, count: 200)
        #expect(report.failures.isEmpty, "\(report) \(report.failures.first ?? "")")
        print(report)
    }
}
