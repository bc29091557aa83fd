// Compares the decoder, or a whole app, with the golden vectors of the bundle.
import Foundation

/// How much two predictions may differ: overlap and score of objects, overlap of masks, mean distance of keypoints as a share of
/// the object's size, probability of classes and words, share of cells with the same class, numbers as a share of themselves, share
/// of words, and mean of a picture's levels.
struct Tolerance {
    let iou: Float, score: Float, maskIou: Float, keypointShare: Float, classScore: Float, samePixels: Float
    let number: Float, sameWords: Float, levels: Float

    /// How near to the golden vectors the decoder itself comes: nothing but rounding is between them.
    static let exact = Tolerance(
        iou: 0.99, score: 1e-4, maskIou: 0.99, keypointShare: 2e-3, classScore: 1e-4, samePixels: 0.999, number: 1e-5, sameWords: 1,
        levels: 0.01)
}

/// Keypoints that the golden vectors are less sure of are anywhere.
private let certainKeypoint: Float = 0.5

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

    /// What the runtime found.
    func prediction() throws -> Prediction {
        switch model.task {
        case "classify":
            let several = model.layout == "several", alone = several && model.outputShapes.count == model.numbers.count
            let scores = try (alone ? [] : floats("classes.f32")).enumerated().map { ClassScore(classId: $0.offset, score: $0.element) }
            let values = try several ? floats("numbers.f32") : []
            let numbers = zip(values, model.numbers).map { NumberAnswer(name: $1.0, value: $0, unit: $1.1) }
            return Prediction(classScores: scores.sorted { $0.score > $1.score }, numbers: numbers)
        case "caption":
            let text = String(decoding: try Data(contentsOf: folder.appendingPathComponent("sentence.txt")), as: UTF8.self)
            return Prediction(sentence: Sentence(text: text, wordScores: try floats("words.f32")))
        case "cuboid":
            let row = try floats("cuboid.f32")
            return Prediction(cuboid: Cuboid(length: row[0], width: row[1], height: row[2], alpha: row[3], depthFactor: row[4],
                                             offsetX: row[5], offsetY: row[6], spread: row[7]))
        case "image":
            let rgb = [UInt8](try Data(contentsOf: folder.appendingPathComponent("made.u8")))
            return Prediction(picture: MadePicture(width: goldenMadeWidth, height: goldenMadeHeight, rgb: rgb))
        case "semantic":
            let classIds = [UInt8](try Data(contentsOf: folder.appendingPathComponent("class_map.u8")))
            let width = min(place.left + place.contentWidth, model.inputWidth) - max(place.left, 0)
            return Prediction(classMap: ClassMap(width: width, height: classIds.count / width, classIds: classIds))
        default: return Prediction(detections: try detections())
        }
    }

    /// The picture at the placement's content size, as RGBA.
    func content() throws -> [UInt8] {
        let rgb = [UInt8](try Data(contentsOf: folder.appendingPathComponent("content.rgb")))
        var rgba = [UInt8](repeating: 255, count: rgb.count / 3 * 4)
        for pixel in 0..<rgb.count / 3 { for channel in 0..<3 { rgba[4 * pixel + channel] = rgb[3 * pixel + channel] } }
        return rgba
    }

    private func detections() throws -> [Detection] {
        let masks = model.task == "segment" ? try readMasks() : []
        let points = model.task == "pose" ? try floats("keypoints.f32") : []
        let oriented = model.task == "obb" ? try floats("oriented.f32") : []
        let rows = try floats("detections.f32")
        return (0..<rows.count / 6).map { object in
            let at = 6 * object
            var one = Detection(left: rows[at], top: rows[at + 1], right: rows[at + 2], bottom: rows[at + 3],
                                score: rows[at + 4], classId: Int(rows[at + 5]))
            if !masks.isEmpty { one.mask = masks[object] }
            if !oriented.isEmpty { one.oriented = OrientedBox(Array(oriented[5 * object..<5 * object + 5])) }
            if !points.isEmpty {
                one.keypoints = model.keypointNames.indices.map { point in
                    let from = 3 * (object * model.keypointNames.count + point)
                    return Keypoint(x: points[from], y: points[from + 1], score: points[from + 2])
                }
            }
            return one
        }
    }

    /// Masks out of runs: left, top, width, height, the number of runs, and their lengths along the rows, zeros first.
    private func readMasks() throws -> [Mask] {
        let values = try words("masks.u32").map(Int.init)
        var masks: [Mask] = [], at = 0
        while at < values.count {
            var bits: [Bool] = []
            bits.reserveCapacity(values[at + 2] * values[at + 3])
            for run in 0..<values[at + 4] { bits += [Bool](repeating: run % 2 == 1, count: values[at + 5 + run]) }
            masks.append(Mask(left: values[at], top: values[at + 1], width: values[at + 2], height: values[at + 3], bits: bits))
            at += 5 + values[at + 4]
        }
        return masks
    }

    private func floats(_ name: String) throws -> [Float] { try words(name).map(Float.init(bitPattern:)) }

    private func words(_ name: String) throws -> [UInt32] {
        let data = try Data(contentsOf: folder.appendingPathComponent(name))
        return data.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map { at in
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
            }
        }
    }
}

/// What differs between two predictions, one sentence each. Objects are the same when they have one class, overlap and score
/// nearly the same; what lies that near to the threshold may be on one side only.
func differences(_ found: Prediction, _ expected: Prediction, _ tolerance: Tolerance) -> [String] {
    func same(_ one: Detection, _ other: Detection) -> Bool {
        other.classId == one.classId && overlap(other, one) >= tolerance.iou && abs(other.score - one.score) <= tolerance.score
    }
    func told(_ one: Detection) -> String {
        "class \(one.classId), score \(one.score), at \(one.left), \(one.top), \(one.right), \(one.bottom)"
    }
    func lacking(_ from: [Detection], _ those: [Detection], _ word: String) -> [String] {
        from.filter { one in one.score >= model.scoreThreshold + tolerance.score && !those.contains { same(one, $0) } }
            .map { "\(word): \(told($0))" }
    }
    let changed = expected.detections.compactMap { one -> String? in
        let partners = found.detections.filter { same(one, $0) }.map { unlike($0, one, tolerance) }
        guard let first = partners.first, let word = first, !partners.contains(where: { $0 == nil }) else { return nil }
        return "\(word) differs: \(told(one))"
    }
    return lacking(expected.detections, found.detections, "missing") + lacking(found.detections, expected.detections, "not expected")
        + changed + differentClasses(found.classScores, expected.classScores, tolerance)
        + differentMap(found.classMap, expected.classMap, tolerance) + differentAnswers(found, expected, tolerance)
}

/// Which of the values that a task adds to a box differs; nil where none does.
private func unlike(_ found: Detection, _ expected: Detection, _ tolerance: Tolerance) -> String? {
    if let mask = expected.mask {
        guard let other = found.mask, overlap(other, mask) >= tolerance.maskIou else { return "mask" }
    }
    if let oriented = expected.oriented {
        guard let other = found.oriented, overlap(other, oriented) >= tolerance.iou else { return "rotation" }
    }
    let size = (max(expected.right - expected.left, 1) * max(expected.bottom - expected.top, 1)).squareRoot()
    let shares = expected.keypoints.enumerated().filter { $0.element.score >= certainKeypoint }.map { at, point -> Float in
        guard at < found.keypoints.count else { return .infinity }
        return hypot(point.x - found.keypoints[at].x, point.y - found.keypoints[at].y) / size
    }
    return shares.isEmpty || shares.reduce(0, +) / Float(shares.count) <= tolerance.keypointShare ? nil : "pose"
}

private func differentClasses(_ found: [ClassScore], _ expected: [ClassScore], _ tolerance: Tolerance) -> [String] {
    var scores: [Int: Float] = [:]
    for one in found { scores[one.classId] = one.score }
    return expected.filter { !(abs((scores[$0.classId] ?? .infinity) - $0.score) <= tolerance.classScore) }
        .map { "class \($0.classId) has the probability \(scores[$0.classId] ?? .nan), not \($0.score)" }
}

private func differentMap(_ found: ClassMap?, _ expected: ClassMap?, _ tolerance: Tolerance) -> [String] {
    guard let expected else { return [] }
    guard let found, found.width == expected.width, found.height == expected.height else {
        return ["the map of classes has another size"]
    }
    let equal = zip(found.classIds, expected.classIds).reduce(0) { $0 + ($1.0 == $1.1 ? 1 : 0) }
    let same = Float(equal) / Float(expected.classIds.count)
    return same >= tolerance.samePixels ? [] : ["the class of \(100 * (1 - same)) % of the cells differs"]
}

/// What differs between the decoder and the golden vectors, one sentence each.
func selfTest(_ golden: Golden) throws -> [String] {
    let decoder = Decoder(spec: model)
    let tensor = try decoder.toTensor(rgba: golden.content(), place: golden.place)
    let off = zip(try golden.input(), tensor).map { abs($0 - $1) }.max() ?? 0
    let wrongTensor = off > goldenTensor ? ["the input tensor is off by up to \(off)"] : []
    return wrongTensor + differences(try decoder.decode(golden.outputs(), place: golden.place), try golden.prediction(), .exact)
}
