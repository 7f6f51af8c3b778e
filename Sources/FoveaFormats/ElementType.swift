import FoveaTensor

/// An element type that a file may have; tensors store the nearest ``DType``.
package enum ElementType: Hashable, Sendable, CaseIterable {
    case bool, uint8, int8, uint16, int16, uint32, int32, uint64, int64
    case float16, bfloat16, float32, float64

    /// The size of one element in bytes.
    package var size: Int {
        switch self {
        case .bool, .uint8, .int8: 1
        case .uint16, .int16, .float16, .bfloat16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64: 8
        }
    }

    /// The type that a tensor stores the elements as.
    package var dtype: DType {
        switch self {
        case .bool, .uint8: .uint8
        case .int8, .uint16, .int16, .uint32, .int32, .uint64, .int64: .int32
        case .float16, .bfloat16, .float32: .float32
        case .float64: .float64
        }
    }
}

extension ByteSource {
    /// The tensor whose elements lie in row-major order from `offset` on.
    ///
    /// - Throws: `FormatError` where the file ends before, or an integer is out of the range of `int32`.
    package func tensor(
        shape: Shape, type: ElementType, at offset: Int, bigEndian: Bool = false
    ) throws(FormatError) -> Tensor {
        let byteCount = shape.count * type.size
        // Checked before anything is allocated.
        guard offset >= 0, byteCount <= count, offset <= count - byteCount else {
            throw cutShort(expected: "\(byteCount) bytes for \(shape) elements of type \(type)")
        }
        let swap = bigEndian && type.size > 1
        switch type {
        case .uint8, .int32, .float32, .float64:
            return try Tensor(shape: shape, dtype: type.dtype) { (bytes) throws(FormatError) in
                try read(into: bytes, at: offset)
                if swap { swapBytes(of: bytes, elementSize: type.size) }
            }
        default:
            var raw = try self.bytes(in: offset..<offset + byteCount)
            if swap { raw.withUnsafeMutableBytes { swapBytes(of: $0, elementSize: type.size) } }
            return try convert(raw, shape: shape, type: type, offset: offset)
        }
    }

    private func convert(
        _ raw: [UInt8], shape: Shape, type: ElementType, offset: Int
    ) throws(FormatError) -> Tensor {
        switch type {
        case .bool:
            if let index = raw.firstIndex(where: { $0 > 1 }) {
                throw FormatError(
                    source: name, offset: offset + index, received: "the truth value \(raw[index])",
                    expected: "0 or 1")
            }
            return Tensor(raw, shape: shape)
        case .int8: return try integers(raw, as: Int8.self, shape: shape, offset: offset)
        case .uint16: return try integers(raw, as: UInt16.self, shape: shape, offset: offset)
        case .int16: return try integers(raw, as: Int16.self, shape: shape, offset: offset)
        case .uint32: return try integers(raw, as: UInt32.self, shape: shape, offset: offset)
        case .uint64: return try integers(raw, as: UInt64.self, shape: shape, offset: offset)
        case .int64: return try integers(raw, as: Int64.self, shape: shape, offset: offset)
        case .float16: return halves(raw, shape: shape) { Float(float16BitPattern: $0) }
        case .bfloat16: return halves(raw, shape: shape) { Float(bitPattern: UInt32($0) << 16) }
        case .uint8, .int32, .float32, .float64:
            preconditionFailure("\(type) needs no conversion")
        }
    }

    private func integers<Integer: FixedWidthInteger & Sendable>(
        _ raw: [UInt8], as type: Integer.Type, shape: Shape, offset: Int
    ) throws(FormatError) -> Tensor {
        let size = MemoryLayout<Integer>.size
        var bad: (index: Int, value: Integer)?
        let tensor = Tensor(shape: shape, of: Int32.self) { target in
            raw.withUnsafeBytes { source in
                for index in target.indices {
                    let value = source.loadUnaligned(fromByteOffset: index * size, as: Integer.self)
                    target[index] = Int32(truncatingIfNeeded: value)
                    if bad == nil, Int32(exactly: value) == nil { bad = (index, value) }
                }
            }
        }
        guard let bad else { return tensor }
        throw FormatError(
            source: name, offset: offset + bad.index * size, received: "the integer \(bad.value)",
            expected: "one from \(Int32.min) to \(Int32.max)", remedy: "Fovea keeps integers in 32 bits")
    }

    private func halves(_ raw: [UInt8], shape: Shape, _ value: (UInt16) -> Float) -> Tensor {
        Tensor(shape: shape, of: Float.self) { target in
            raw.withUnsafeBytes { source in
                for index in target.indices {
                    target[index] = value(source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
                }
            }
        }
    }
}

private func swapBytes(of bytes: UnsafeMutableRawBufferPointer, elementSize: Int) {
    switch elementSize {
    case 2: swap(bytes, as: UInt16.self)
    case 4: swap(bytes, as: UInt32.self)
    default: swap(bytes, as: UInt64.self)
    }
    func swap<Integer: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: UnsafeMutableRawBufferPointer, as type: Integer.Type
    ) {
        for offset in stride(from: 0, to: bytes.count, by: MemoryLayout<Integer>.size) {
            let value = bytes.loadUnaligned(fromByteOffset: offset, as: Integer.self)
            bytes.storeBytes(of: value.byteSwapped, toByteOffset: offset, as: Integer.self)
        }
    }
}

extension Float {
    /// The number that the bits of an IEEE 754 binary16 stand for; exact. (`Float16` is absent on some platforms.)
    package init(float16BitPattern bits: UInt16) {
        let sign = UInt32(bits & 0x8000) << 16
        let exponent = UInt32(bits >> 10 & 0x1F)
        let fraction = UInt32(bits & 0x3FF)
        switch exponent {
        case 0:
            // Zero and subnormal numbers: the fraction counts units of 2^-24.
            let magnitude = Float(fraction) * 0x1p-24
            self = sign == 0 ? magnitude : -magnitude
        case 31: self = Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
        default: self = Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
        }
    }
}
