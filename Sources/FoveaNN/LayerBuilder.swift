/// Lists of layers written one below the other, with `if`, `switch` and `for`.
@resultBuilder
public enum LayerBuilder {
    /// A single layer.
    public static func buildExpression(_ layer: any Layer) -> [any Layer] { [layer] }
    /// Layers made elsewhere.
    public static func buildExpression(_ layers: [any Layer]) -> [any Layer] { layers }
    /// No layers.
    public static func buildBlock() -> [any Layer] { [] }
    /// The first layers of a list.
    public static func buildPartialBlock(first: [any Layer]) -> [any Layer] { first }
    /// The layers so far and the next ones.
    public static func buildPartialBlock(accumulated: [any Layer], next: [any Layer]) -> [any Layer] {
        accumulated + next
    }
    /// The layers of an `if`, or none.
    public static func buildOptional(_ component: [any Layer]?) -> [any Layer] { component ?? [] }
    /// The layers of the branch taken.
    public static func buildEither(first component: [any Layer]) -> [any Layer] { component }
    /// The layers of the other branch.
    public static func buildEither(second component: [any Layer]) -> [any Layer] { component }
    /// The layers of all rounds of a `for`.
    public static func buildArray(_ components: [[any Layer]]) -> [any Layer] { components.flatMap { $0 } }
    /// The layers under `if #available`.
    public static func buildLimitedAvailability(_ component: [any Layer]) -> [any Layer] { component }
}
