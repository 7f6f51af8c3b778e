/// Deep learning for Swift: `import Fovea` brings everything that a program needs to describe, train, save, load and use
/// a network.
@_exported import FoveaCPU
@_exported import FoveaData
@_exported import FoveaFormats
@_exported import FoveaGraph
@_exported import FoveaImages
@_exported import FoveaNN
@_exported import FoveaReference
@_exported import FoveaTensor
@_exported import FoveaTraining
@_exported import FoveaZoo
