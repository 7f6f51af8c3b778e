// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "Fovea",
    platforms: [.macOS(.v14)],
    products: [
        .library(name: "Fovea", targets: ["Fovea"]),
        .executable(name: "fovea", targets: ["FoveaCommand"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    ],
    targets: [
        // System libraries and C
        .systemLibrary(
            name: "COneDNN", path: "Sources/COneDNN", pkgConfig: "dnnl", providers: [.brew(["onednn"])]),
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .systemLibrary(
            name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
        .systemLibrary(
            name: "CTurboJPEG", pkgConfig: "libturbojpeg",
            providers: [.apt(["libturbojpeg0-dev"]), .brew(["jpeg-turbo"])]),
        .target(name: "CFoveaKernels"),

        // The core, from the bottom up
        .target(name: "FoveaTensor"),
        .target(name: "FoveaGraph", dependencies: ["FoveaTensor"]),
        .target(name: "FoveaReference", dependencies: ["FoveaGraph"]),
        .target(name: "FoveaCPU", dependencies: ["FoveaGraph", "COneDNN", "CFoveaKernels"]),
        .target(name: "FoveaNN", dependencies: ["FoveaGraph"]),
        .target(name: "FoveaZoo", dependencies: ["FoveaNN"]),

        // Data and files
        .target(name: "FoveaData", dependencies: ["FoveaTensor", "FoveaFormats", "CZlib", "CFoveaKernels"]),
        .target(name: "FoveaImages", dependencies: ["FoveaTensor", "CPNG", "CTurboJPEG"]),
        .target(name: "FoveaFormats", dependencies: ["FoveaTensor", "FoveaGraph"]),

        // Training and above
        .target(
            name: "FoveaTraining",
            dependencies: [
                "FoveaZoo", "FoveaData", "FoveaImages", "FoveaFormats", "FoveaCPU", "FoveaReference",
            ]),
        .target(name: "Fovea", dependencies: ["FoveaTraining"]),
        .executableTarget(
            name: "FoveaCommand",
            dependencies: [
                "Fovea", "Yams", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        // Tests
        .target(
            name: "FoveaTestSupport", dependencies: ["FoveaGraph", "FoveaReference"],
            path: "Tests/FoveaTestSupport"),
        .testTarget(name: "PackageTests"),
        .testTarget(name: "FoveaKernelsTests", dependencies: ["CFoveaKernels"]),
        .testTarget(name: "FoveaTensorTests", dependencies: ["FoveaTensor"]),
        .testTarget(
            name: "FoveaGraphTests", dependencies: ["FoveaGraph", "FoveaReference", "FoveaTestSupport"]),
        .testTarget(
            name: "FoveaCPUTests",
            dependencies: [
                "CFoveaKernels", "FoveaCPU", "FoveaReference", "FoveaNN", "FoveaZoo", "FoveaTraining",
                "FoveaTestSupport", "FoveaFixtures",
            ]),
        .target(
            name: "FoveaFixtures", dependencies: ["FoveaGraph"], path: "Tests/FoveaFixtures",
            exclude: ["Fixtures"]),
        .testTarget(
            name: "FoveaNNTests", dependencies: ["FoveaNN", "FoveaZoo", "FoveaReference", "FoveaFixtures"]),
        .testTarget(
            name: "FoveaDataTests", dependencies: ["FoveaData", "FoveaImages", "FoveaFormats", "CZlib"]),
        .testTarget(name: "FoveaTrainingTests", dependencies: ["FoveaTraining"]),
        .testTarget(name: "FoveaCommandTests", dependencies: ["Fovea", "FoveaCommand"]),
    ],
    swiftLanguageModes: [.v6]
)
