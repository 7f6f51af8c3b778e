import FoveaGraph
import FoveaNN
import FoveaZoo
import Testing

@Suite("The zoo")
struct ZooTests {
    @Test("has the published numbers", arguments: Zoo.entries.map(\.card.name))
    func numbers(name: String) throws {
        let card = try Zoo.entry(named: name).card
        let graph = try Zoo.network(named: name).predictionGraph(batchSize: 1)
        let parameters = graph.variables(.parameter).map(\.type.shape.count).reduce(0, +)
        let macs = graph.nodes.map { graph.cost(of: $0).macs }.reduce(0, +)
        #expect(parameters == card.parameters)
        #expect(macs == card.macs)
    }
}
