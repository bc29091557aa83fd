// From a picture to the network's input, and from its raw outputs to boxes on the picture.
// Plain Swift: Foundation only. ModelSpec.swift holds the model of this bundle.
import Foundation

/// How a network is fed and read.
struct ModelSpec {
    let inputWidth: Int, inputHeight: Int, planar: Bool, bgr: Bool
    let resize: String, padValue: Int, scale: Double, mean: [Float]?, std: [Float]?
    let layout: String, normalizedBoxes: Bool, nmsInside: Bool, outputNames: [String], outputShapes: [[Int]]
    let scoreThreshold: Float, iouThreshold: Float, maxDetections: Int, labels: [String]
}

/// An object; edges in pixels.
struct Detection {
    var left: Float, top: Float, right: Float, bottom: Float
    let score: Float, classId: Int
}

/// Where a picture lies in the network's input, and the way back.
struct Placement {
    let width: Int, height: Int
    private(set) var contentWidth: Int, contentHeight: Int
    private(set) var left = 0, top = 0
    private var scaleX: Double, scaleY: Double

    init(width: Int, height: Int, spec: ModelSpec) {
        (self.width, self.height) = (width, height)
        (contentWidth, contentHeight) = (spec.inputWidth, spec.inputHeight)
        scaleX = Double(spec.inputWidth) / Double(width)
        scaleY = Double(spec.inputHeight) / Double(height)
        let ratio = min(scaleX, scaleY)
        switch spec.resize {
        case "stretch": break
        case "letterbox_top_left":
            contentWidth = max(Int(Double(width) * ratio), 1)
            contentHeight = max(Int(Double(height) * ratio), 1)
            (scaleX, scaleY) = (ratio, ratio)
        case "letterbox_center":
            func round(_ value: Double) -> Int { Int(value.rounded(.toNearestOrEven)) }
            contentWidth = max(round(Double(width) * ratio), 1)
            contentHeight = max(round(Double(height) * ratio), 1)
            left = round(Double(spec.inputWidth - contentWidth) / 2 - 0.1)
            top = round(Double(spec.inputHeight - contentHeight) / 2 - 0.1)
            (scaleX, scaleY) = (Double(contentWidth) / Double(width), Double(contentHeight) / Double(height))
        default: preconditionFailure("no rule for resize \(spec.resize)")
        }
    }

    /// A box of the network's input in the picture's own pixels, cut at its edges.
    func toPicture(_ box: Detection) -> Detection {
        func x(_ value: Float) -> Float { min(max(Float((Double(value) - Double(left)) / scaleX), 0), Float(width)) }
        func y(_ value: Float) -> Float { min(max(Float((Double(value) - Double(top)) / scaleY), 0), Float(height)) }
        return Detection(left: x(box.left), top: y(box.top), right: x(box.right), bottom: y(box.bottom),
                         score: box.score, classId: box.classId)
    }
}

/// Intersection over union.
func overlap(_ a: Detection, _ b: Detection) -> Float {
    let width = max(0, min(a.right, b.right) - max(a.left, b.left))
    let height = max(0, min(a.bottom, b.bottom) - max(a.top, b.top))
    let both = (a.right - a.left) * (a.bottom - a.top) + (b.right - b.left) * (b.bottom - b.top)
    return width * height / (both - width * height)
}

struct Decoder {
    let spec: ModelSpec

    /// The input tensor; `rgba` is the picture resized to the placement's content size, row by row. Models whose input
    /// is an image do the scaling themselves and need only the placement.
    func toTensor(rgba: [UInt8], place: Placement) -> [Float] {
        let width = spec.inputWidth, area = width * spec.inputHeight
        let divisor = Float(1 / spec.scale)
        var tensor = [Float](repeating: 0, count: 3 * area)
        for channel in 0..<3 {
            let from = spec.bgr ? 2 - channel : channel
            let mean = spec.mean?[channel] ?? 0, std = spec.std?[channel] ?? 1
            let values = (0..<256).map { (Float($0) / divisor - mean) / std }
            let start = spec.planar ? channel * area : channel, step = spec.planar ? 1 : 3
            for at in 0..<area { tensor[start + at * step] = values[spec.padValue] }
            for y in 0..<place.contentHeight {
                for x in 0..<place.contentWidth {
                    let level = Int(rgba[4 * (y * place.contentWidth + x) + from])
                    tensor[start + ((y + place.top) * width + x + place.left) * step] = values[level]
                }
            }
        }
        return tensor
    }

    /// Objects on the picture, best first. `outputs` are the network's, flat, in the order of the card.
    func detect(_ outputs: [[Float]], place: Placement) -> [Detection] {
        // Swift's sort promises no order for equal scores, so the position decides.
        let found = candidates(outputs).enumerated()
            .sorted { ($0.element.score, $1.offset) > ($1.element.score, $0.offset) }.map(\.element)
        let kept = spec.nmsInside ? Array(found.prefix(spec.maxDetections)) : suppress(found)
        return kept.map(place.toPicture).filter { $0.right > $0.left && $0.bottom > $0.top }
    }

    /// Boxes in pixels of the network's input whose score reaches the threshold.
    func candidates(_ outputs: [[Float]]) -> [Detection] {
        var found: [Detection] = []
        let classes = spec.labels.count
        let unitX = spec.normalizedBoxes ? Float(spec.inputWidth) : 1, unitY = spec.normalizedBoxes ? Float(spec.inputHeight) : 1
        func add(_ left: Float, _ top: Float, _ right: Float, _ bottom: Float, _ score: Float, _ classId: Int) {
            let edges = [left * unitX, top * unitY, right * unitX, bottom * unitY]
            guard score >= spec.scoreThreshold, edges.allSatisfy(\.isFinite) else { return }
            found.append(Detection(left: edges[0], top: edges[1], right: edges[2], bottom: edges[3], score: score, classId: classId))
        }
        func centred(_ x: Float, _ y: Float, _ w: Float, _ h: Float, _ score: Float, _ classId: Int) {
            add(x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, classId)
        }
        func bestClass(_ data: [Float], from start: Int, step: Int) -> Int {
            var best = 0
            for id in 1..<max(classes, 1) where data[start + id * step] > data[start + best * step] { best = id }
            return best
        }
        let position = spec.outputShapes.firstIndex { $0.count == 3 } ?? 0
        let data = outputs[position], rows = spec.outputShapes[position][1], columns = spec.outputShapes[position].last ?? 0
        switch spec.layout {
        case "yolo_v8":  // (1, 4 + classes, boxes): centre, size, a score for each class
            for box in 0..<columns {
                let id = bestClass(data, from: 4 * columns + box, step: columns), score = data[(4 + id) * columns + box]
                guard score >= spec.scoreThreshold else { continue }
                centred(data[box], data[columns + box], data[2 * columns + box], data[3 * columns + box], score, id)
            }
        case "yolo_end2end":  // (1, boxes, 6): corners, score, class
            for at in stride(from: 0, to: rows * columns, by: columns) where data[at + 5] >= 0 && data[at + 5] < Float(classes) {
                add(data[at], data[at + 1], data[at + 2], data[at + 3], data[at + 4], Int(data[at + 5]))
            }
        case "tflite_detection":  // boxes (1, rows, 4) as top, left, bottom, right; classes; scores; number of rows
            let ids = outputs[1], scores = outputs[2]
            for row in 0..<min(Int(outputs[3][0]), rows) where ids[row] >= 0 && ids[row] < Float(classes) {
                let at = 4 * row
                add(data[at + 1], data[at], data[at + 3], data[at + 2], scores[row], Int(ids[row]))
            }
        case "vision_objects":  // coordinates (boxes, 4): centre, size; confidence (boxes, classes)
            let scores = outputs[1], boxes = data.count / 4
            for box in 0..<boxes {
                let first = box * (scores.count / boxes), id = bestClass(scores, from: first, step: 1), at = 4 * box
                centred(data[at], data[at + 1], data[at + 2], data[at + 3], scores[first + id], id)
            }
        case "yolo_v5", "yolox":  // (1, boxes, 5 + classes), with an objectness
            let cells = spec.layout == "yolox" ? gridCells() : []
            for box in 0..<rows {
                let at = box * columns
                guard data[at + 4] >= spec.scoreThreshold else { continue }
                let id = bestClass(data, from: at + 5, step: 1), score = data[at + 4] * data[at + 5 + id]
                guard !cells.isEmpty else { centred(data[at], data[at + 1], data[at + 2], data[at + 3], score, id); continue }
                let (column, row, side) = cells[box]
                centred((data[at] + column) * side, (data[at + 1] + row) * side, exp(data[at + 2]) * side, exp(data[at + 3]) * side, score, id)
            }
        default: preconditionFailure("no decoder for the layout \(spec.layout)")
        }
        return found
    }

    /// Greedy non-maximum suppression within each class; `found` is sorted, the best score first.
    func suppress(_ found: [Detection]) -> [Detection] {
        var kept: [Detection] = []
        for box in found where box.right - box.left >= 0.01 && box.bottom - box.top >= 0.01 {
            if kept.count == spec.maxDetections { break }
            if kept.allSatisfy({ $0.classId != box.classId || overlap($0, box) <= spec.iouThreshold }) { kept.append(box) }
        }
        return kept
    }

    private func gridCells() -> [(Float, Float, Float)] {
        [8, 16, 32].flatMap { side in
            (0..<spec.inputHeight / side).flatMap { row in
                (0..<spec.inputWidth / side).map { column in (Float(column), Float(row), Float(side)) }
            }
        }
    }
}
