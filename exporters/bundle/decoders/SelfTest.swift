// Compares the decoder, or a whole app, with the golden vectors of the bundle.
import Foundation

/// The golden vectors, read from the bundle's golden folder.
struct Golden {
    let folder: URL
    let place = Placement(width: goldenPictureWidth, height: goldenPictureHeight, spec: model)

    /// What the network is fed.
    func input() throws -> [Float] {
        let asBytes = folder.appendingPathComponent("input.u8")
        if FileManager.default.fileExists(atPath: asBytes.path) { return try Data(contentsOf: asBytes).map(Float.init) }
        return try floats("input.f32")
    }

    func outputs() throws -> [[Float]] { try model.outputShapes.indices.map { try floats("output_\($0).f32") } }

    func detections() throws -> [Detection] {
        let values = try floats("detections.f32")
        return stride(from: 0, to: values.count, by: 6).map { at in
            Detection(left: values[at], top: values[at + 1], right: values[at + 2], bottom: values[at + 3],
                      score: values[at + 4], classId: Int(values[at + 5]))
        }
    }

    /// The picture at the placement's content size, as RGBA.
    func content() throws -> [UInt8] {
        let rgb = [UInt8](try Data(contentsOf: folder.appendingPathComponent("content.rgb")))
        var rgba = [UInt8](repeating: 255, count: rgb.count / 3 * 4)
        for pixel in 0..<rgb.count / 3 { for channel in 0..<3 { rgba[4 * pixel + channel] = rgb[3 * pixel + channel] } }
        return rgba
    }

    private func floats(_ name: String) throws -> [Float] {
        let data = try Data(contentsOf: folder.appendingPathComponent(name))
        return data.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map { at in
                Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
            }
        }
    }
}

/// What differs between two sets of objects, one sentence each. Objects are the same when they have one class, overlap by
/// `iou` or more and score within `score` of each other; what lies that near to the threshold may be on one side only.
func differences(_ found: [Detection], _ expected: [Detection], iou: Float, score: Float) -> [String] {
    func lacking(_ from: [Detection], _ those: [Detection], _ word: String) -> [String] {
        from.filter { one in
            one.score >= model.scoreThreshold + score && !those.contains {
                $0.classId == one.classId && overlap($0, one) >= iou && abs($0.score - one.score) <= score
            }
        }.map { "\(word): class \($0.classId), score \($0.score), at \($0.left), \($0.top), \($0.right), \($0.bottom)" }
    }
    return lacking(expected, found, "missing") + lacking(found, expected, "not expected")
}

/// What differs between the decoder and the golden vectors, one sentence each.
func selfTest(_ golden: Golden) throws -> [String] {
    let decoder = Decoder(spec: model)
    let tensor = try decoder.toTensor(rgba: golden.content(), place: golden.place)
    let off = zip(try golden.input(), tensor).map { abs($0 - $1) }.max() ?? 0
    let wrongTensor = off > 1e-5 ? ["the input tensor is off by up to \(off)"] : []
    let found = try decoder.detect(golden.outputs(), place: golden.place)
    return wrongTensor + differences(found, try golden.detections(), iou: 0.99, score: 1e-4)
}
