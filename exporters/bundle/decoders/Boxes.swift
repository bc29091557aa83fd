// Boxes in the raw outputs of networks, and suppression of duplicates.
import Foundation

/// Most boxes that are compared, the best by score: the time grows with the square.
let mostCompared = 5000

/// An object in pixels of the network's input. In `extra` stands what the task adds: weights of masks, keypoints, or centre x and
/// y, width, height and angle of an oriented box.
struct Candidate {
    let box: Detection, extra: [Float]
}

/// Intersection over union.
func overlap(_ a: Detection, _ b: Detection) -> Float {
    let width = max(0, min(a.right, b.right) - max(a.left, b.left))
    let height = max(0, min(a.bottom, b.bottom) - max(a.top, b.top))
    let both = (a.right - a.left) * (a.bottom - a.top) + (b.right - b.left) * (b.bottom - b.top)
    return width * height / (both - width * height)
}

/// Objects whose score reaches the threshold.
func candidates(_ spec: ModelSpec, _ outputs: [[Float]]) -> [Candidate] {
    var found: [Candidate] = []
    let classes = spec.labels.count
    let unitX = spec.normalizedBoxes ? Float(spec.inputWidth) : 1, unitY = spec.normalizedBoxes ? Float(spec.inputHeight) : 1
    func keep(_ box: Detection, _ extra: [Float]) {
        guard box.score >= spec.scoreThreshold, (box.left + box.top + box.right + box.bottom + box.score).isFinite,
              extra.allSatisfy(\.isFinite) else { return }
        found.append(Candidate(box: box, extra: extra))
    }
    func add(_ left: Float, _ top: Float, _ right: Float, _ bottom: Float, _ score: Float, _ classId: Int, _ extra: [Float] = []) {
        let box = Detection(left: left * unitX, top: top * unitY, right: right * unitX, bottom: bottom * unitY,
                            score: score, classId: classId)
        keep(box, extra)
    }
    func centred(_ x: Float, _ y: Float, _ w: Float, _ h: Float, _ score: Float, _ classId: Int, _ extra: [Float] = []) {
        guard spec.task == "obb" else { return add(x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, classId, extra) }
        let oriented = [x * unitX, y * unitY, w * unitX, h * unitY, extra[0]]
        keep(OrientedBox(oriented).upright(score: score, classId: classId), oriented)
    }
    func bestClass(_ data: [Float], from start: Int, step: Int) -> Int {
        var best = 0
        for id in 1..<max(classes, 1) where data[start + id * step] > data[start + best * step] { best = id }
        return best
    }
    let position = spec.outputShapes.firstIndex { $0.count == 3 } ?? 0
    let data = outputs[position], rows = spec.outputShapes[position][1], columns = spec.outputShapes[position].last ?? 0
    switch spec.layout {
    case "yolo_v8":  // (1, 4 + classes + extra, boxes): centre, size, a score for each class, what the task adds
        for box in 0..<columns {
            let id = bestClass(data, from: 4 * columns + box, step: columns), score = data[(4 + id) * columns + box]
            guard score >= spec.scoreThreshold else { continue }
            let extra = (0..<rows - 4 - classes).map { data[(4 + classes + $0) * columns + box] }
            centred(data[box], data[columns + box], data[2 * columns + box], data[3 * columns + box], score, id, extra)
        }
    case "yolo_end2end":  // (1, boxes, 6 + extra): corners, of oriented boxes centre and size; score, class
        for at in stride(from: 0, to: rows * columns, by: columns) {
            guard data[at + 4] >= spec.scoreThreshold, data[at + 5] >= 0, data[at + 5] < Float(classes) else { continue }
            let put = spec.task == "obb" ? centred : add
            put(data[at], data[at + 1], data[at + 2], data[at + 3], data[at + 4], Int(data[at + 5]), Array(data[at + 6..<at + columns]))
        }
    case "tflite_detection":  // boxes (1, rows, 4) as top, left, bottom, right; classes; scores; number of rows
        let ids = outputs[1], scores = outputs[2]
        let count = Int(Float.minimum(Float.maximum(outputs[3][0], 0), Float(rows)))  // of NaN, none
        for row in 0..<count where ids[row] >= 0 && ids[row] < Float(classes) {
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
        let cells = spec.layout == "yolox" ? gridCells(spec) : []
        for box in 0..<rows {
            let at = box * columns
            guard data[at + 4] >= spec.scoreThreshold else { continue }
            let id = bestClass(data, from: at + 5, step: 1), score = data[at + 4] * data[at + 5 + id]
            guard !cells.isEmpty else { centred(data[at], data[at + 1], data[at + 2], data[at + 3], score, id); continue }
            let (column, row, side) = cells[box]
            let width = exp(data[at + 2]) * side, height = exp(data[at + 3]) * side
            centred((data[at] + column) * side, (data[at + 1] + row) * side, width, height, score, id)
        }
    default: preconditionFailure("no decoder for the layout \(spec.layout)")
    }
    return found
}

/// Greedy non-maximum suppression within each class; `found` is sorted, the best score first.
func suppress(_ spec: ModelSpec, _ found: [Candidate]) -> [Candidate] {
    var kept: [Candidate] = []
    for one in found.prefix(mostCompared) where one.box.right - one.box.left >= 0.01 && one.box.bottom - one.box.top >= 0.01 {
        if kept.count == spec.maxDetections { break }
        let stays = kept.allSatisfy { $0.box.classId != one.box.classId || overlap($0.box, one.box) <= spec.iouThreshold }
        if stays { kept.append(one) }
    }
    return kept
}

private func gridCells(_ spec: ModelSpec) -> [(Float, Float, Float)] {
    [8, 16, 32].flatMap { side in
        (0..<spec.inputHeight / side).flatMap { row in
            (0..<spec.inputWidth / side).map { column in (Float(column), Float(row), Float(side)) }
        }
    }
}
