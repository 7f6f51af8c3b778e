/// Lists of layers written one below the other, with `if`, `switch` and `for`.
@resultBuilder
public enum LayerBuilder {
    public static func buildExpression(_ layer: any Layer) -> [any Layer] { [layer] }
    public static func buildExpression(_ layers: [any Layer]) -> [any Layer] { layers }
    public static func buildBlock() -> [any Layer] { [] }
    public static func buildPartialBlock(first: [any Layer]) -> [any Layer] { first }
    public static func buildPartialBlock(accumulated: [any Layer], next: [any Layer]) -> [any Layer] {
        accumulated + next
    }
    public static func buildOptional(_ component: [any Layer]?) -> [any Layer] { component ?? [] }
    public static func buildEither(first component: [any Layer]) -> [any Layer] { component }
    public static func buildEither(second component: [any Layer]) -> [any Layer] { component }
    public static func buildArray(_ components: [[any Layer]]) -> [any Layer] { components.flatMap { $0 } }
    public static func buildLimitedAvailability(_ component: [any Layer]) -> [any Layer] { component }
}
