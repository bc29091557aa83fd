// From a picture to the network's input, and from its raw outputs to what is on the picture.
// Plain Swift: Foundation only. ModelSpec.swift holds the model of this bundle.
import Foundation

/// How a network is fed and read.
struct ModelSpec {
    let task: String
    let inputWidth: Int, inputHeight: Int, planar: Bool, bgr: Bool
    let resize: String, cropShortSide: Int, padValue: Int, scale: Double, mean: [Float]?, std: [Float]?
    let layout: String, normalizedBoxes: Bool, nmsInside: Bool, outputNames: [String], outputShapes: [[Int]]
    let scoreThreshold: Float, iouThreshold: Float, maxDetections: Int, labels: [String]
    let keypointNames: [String], skeleton: [(Int, Int)]
    let numbers: [(String, String?)], made: PictureScaling
}

/// An object; edges in pixels. Mask, keypoints and oriented box are there where the model's task gives them.
struct Detection {
    var left: Float, top: Float, right: Float, bottom: Float
    let score: Float, classId: Int
    var mask: Mask? = nil, keypoints: [Keypoint] = [], oriented: OrientedBox? = nil
}

/// A point of an object, in pixels; `score` says how sure it is, 1 where the network does not.
struct Keypoint {
    let x: Float, y: Float, score: Float
}

/// How probable a class is for the whole picture.
struct ClassScore {
    let classId: Int, score: Float
}

/// What a network says of a picture: objects, or every class with the likeliest first, the class of each pixel, numbers, a sentence,
/// how the object on a crop stands, or another picture.
struct Prediction {
    var detections: [Detection] = [], classScores: [ClassScore] = [], classMap: ClassMap? = nil
    var numbers: [NumberAnswer] = [], sentence: Sentence? = nil, cuboid: Cuboid? = nil, picture: MadePicture? = nil
}

/// Where a picture lies in the network's input, and the way back.
struct Placement {
    let width: Int, height: Int
    private(set) var contentWidth: Int, contentHeight: Int
    private(set) var left = 0, top = 0
    private(set) var scaleX: Double, scaleY: Double

    init(width: Int, height: Int, spec: ModelSpec) {
        (self.width, self.height) = (width, height)
        (contentWidth, contentHeight) = (spec.inputWidth, spec.inputHeight)
        scaleX = Double(spec.inputWidth) / Double(width)
        scaleY = Double(spec.inputHeight) / Double(height)
        let ratio = min(scaleX, scaleY)
        func halfEven(_ value: Double) -> Int { Int(value.rounded(.toNearestOrEven)) }
        switch spec.resize {
        case "stretch": return
        case "letterbox_top_left":
            contentWidth = max(Int(Double(width) * ratio), 1)
            contentHeight = max(Int(Double(height) * ratio), 1)
            (scaleX, scaleY) = (ratio, ratio)
            return
        case "letterbox_center":
            contentWidth = max(halfEven(Double(width) * ratio), 1)
            contentHeight = max(halfEven(Double(height) * ratio), 1)
            left = halfEven(Double(spec.inputWidth - contentWidth) / 2 - 0.1)
            top = halfEven(Double(spec.inputHeight - contentHeight) / 2 - 0.1)
        case "crop_center":  // the middle of the picture; left and top are below 0 by what is cut off
            func middle(_ content: Int, _ input: Int) -> Int {
                input > content ? (input - content) / 2 : -halfEven(Double(content - input) / 2)
            }
            let shorter = spec.cropShortSide, least = min(width, height)
            contentWidth = width == least ? shorter : Int(Double(shorter) * Double(width) / Double(least))
            contentHeight = height == least ? shorter : Int(Double(shorter) * Double(height) / Double(least))
            (left, top) = (middle(contentWidth, spec.inputWidth), middle(contentHeight, spec.inputHeight))
        default: preconditionFailure("no rule for resize \(spec.resize)")
        }
        (scaleX, scaleY) = (Double(contentWidth) / Double(width), Double(contentHeight) / Double(height))
    }

    /// A column of the network's input in pixels of the picture, not cut at its edges.
    func x(_ value: Float) -> Float { Float((Double(value) - Double(left)) / scaleX) }

    /// A row of the network's input in pixels of the picture, not cut at its edges.
    func y(_ value: Float) -> Float { Float((Double(value) - Double(top)) / scaleY) }

    /// A box of the network's input in the picture's own pixels, cut at its edges.
    func toPicture(_ box: Detection) -> Detection {
        var placed = box
        (placed.left, placed.top, placed.right, placed.bottom) = (x(box.left), y(box.top), x(box.right), y(box.bottom))
        return cut(placed)
    }

    /// A box of the picture, cut at its edges.
    func cut(_ box: Detection) -> Detection {
        func within(_ value: Float, _ limit: Int) -> Float { min(max(value, 0), Float(limit)) }
        var inside = box
        (inside.left, inside.right) = (within(box.left, width), within(box.right, width))
        (inside.top, inside.bottom) = (within(box.top, height), within(box.bottom, height))
        return inside
    }
}

struct Decoder {
    let spec: ModelSpec

    /// The input tensor; `rgba` is the whole picture resized to the placement's content size, row by row. Models whose input
    /// is an image do the scaling themselves and need only the placement.
    func toTensor(rgba: [UInt8], place: Placement) -> [Float] {
        let width = spec.inputWidth, area = width * spec.inputHeight
        let divisor = Float(1 / spec.scale)
        let bottom = min(place.top + place.contentHeight, spec.inputHeight), right = min(place.left + place.contentWidth, width)
        var tensor = [Float](repeating: 0, count: 3 * area)
        for channel in 0..<3 {
            let from = spec.bgr ? 2 - channel : channel
            let mean = spec.mean?[channel] ?? 0, std = spec.std?[channel] ?? 1
            let values = (0..<256).map { (Float($0) / divisor - mean) / std }
            let start = spec.planar ? channel * area : channel, step = spec.planar ? 1 : 3
            for at in 0..<area { tensor[start + at * step] = values[spec.padValue] }
            for y in max(place.top, 0)..<bottom {
                for x in max(place.left, 0)..<right {
                    let level = Int(rgba[4 * ((y - place.top) * place.contentWidth + x - place.left) + from])
                    tensor[start + (y * width + x) * step] = values[level]
                }
            }
        }
        return tensor
    }

    /// What the network says of the picture. `outputs` are the network's, flat, in the order of `outputNames`.
    func decode(_ outputs: [[Float]], place: Placement) -> Prediction {
        switch spec.task {
        case "classify":
            let several = spec.layout == "several", scores = outputs.first { !several || $0.count > 1 }
            return Prediction(classScores: scores.map { classScores(spec, $0) } ?? [], numbers: several ? numbers(spec, outputs) : [])
        case "caption": return Prediction(sentence: sentence(spec, outputs))
        case "cuboid": return Prediction(cuboid: cuboid(outputs[0]))
        case "image": return Prediction(picture: madePicture(spec, outputs, place: place))
        case "semantic": return Prediction(classMap: classMap(spec, outputs, place: place))
        default: return Prediction(detections: detect(outputs, place: place))
        }
    }

    /// Objects on the picture, best first.
    func detect(_ outputs: [[Float]], place: Placement) -> [Detection] {
        // Swift's sort promises no order for equal scores, so the position decides.
        let found = candidates(spec, outputs).enumerated()
            .sorted { ($0.element.box.score, $1.offset) > ($1.element.box.score, $0.offset) }.map(\.element)
        var kept = Array(found.prefix(spec.maxDetections))
        if !spec.nmsInside { kept = spec.task == "obb" ? suppressOriented(spec, found) : suppress(spec, found) }
        let masks = spec.task == "segment" ? InstanceMasks(spec, outputs, place: place) : nil
        return kept.map { one in
            var box = place.toPicture(one.box)
            if spec.task == "obb" {
                let oriented = OrientedBox(one.extra).toPicture(place)
                box = place.cut(oriented.upright(score: box.score, classId: box.classId))
                box.oriented = oriented
            }
            if spec.task == "pose" { box.keypoints = keypoints(one.extra, place: place) }
            box.mask = masks?.mask(within: box, weights: one.extra)
            return box
        }.filter { $0.right > $0.left && $0.bottom > $0.top }
    }

    private func keypoints(_ values: [Float], place: Placement) -> [Keypoint] {
        let count = spec.keypointNames.count, size = values.count / count
        let unitX = spec.normalizedBoxes ? Float(spec.inputWidth) : 1, unitY = spec.normalizedBoxes ? Float(spec.inputHeight) : 1
        return (0..<count).map { point in
            let at = point * size
            let x = min(max(place.x(values[at] * unitX), 0), Float(place.width))
            let y = min(max(place.y(values[at + 1] * unitY), 0), Float(place.height))
            return Keypoint(x: x, y: y, score: size == 3 ? values[at + 2] : 1)
        }
    }
}
