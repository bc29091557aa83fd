// Masks of objects and classes of pixels, out of the coarse maps that networks give.
import Foundation

private let cell = 4, prototypeCount = 32

/// The pixels of one object: `bits` row by row, one element a pixel of the picture, from column `left` and row `top` on.
struct Mask {
    let left: Int, top: Int, width: Int, height: Int, bits: [Bool]
}

/// The class of each cell, row by row: a grid over the part of the picture that the network sees.
struct ClassMap {
    let width: Int, height: Int, classIds: [UInt8]
}

/// Intersection over union of two masks; two empty ones are the same.
func overlap(_ a: Mask, _ b: Mask) -> Float {
    var both = 0
    for y in stride(from: max(a.top, b.top), to: min(a.top + a.height, b.top + b.height), by: 1) {
        for x in stride(from: max(a.left, b.left), to: min(a.left + a.width, b.left + b.width), by: 1)
        where a.bits[(y - a.top) * a.width + x - a.left] && b.bits[(y - b.top) * b.width + x - b.left] { both += 1 }
    }
    let either = a.bits.filter { $0 }.count + b.bits.filter { $0 }.count - both
    return either == 0 ? 1 : Float(both) / Float(either)
}

/// A sample as a weighted sum of neighbours, `first` and those behind it.
private struct Taps {
    let first: Int, weights: [Double]
    var end: Int { first + weights.count }
}

/// Masks of objects: where the weighted sum of the prototypes, interpolated to the picture's own pixels, is above 0 (YOLACT,
/// arXiv:1904.02689), within the box.
struct InstanceMasks {
    private let prototypes: [Float], planar: Bool, rows: Int, columns: Int
    private let down: [Taps], across: [Taps]

    init(_ spec: ModelSpec, _ outputs: [[Float]], place: Placement) {
        let position = spec.outputShapes.firstIndex { $0.count == 4 } ?? 0
        prototypes = outputs[position]
        (rows, columns) = (spec.inputHeight / cell, spec.inputWidth / cell)
        // In models of TensorFlow's converters the values of the prototypes are interleaved.
        planar = Array(spec.outputShapes[position].dropFirst()) == [prototypeCount, rows, columns]
        let right: Int = cell * columns - place.contentWidth - place.left
        let below: Int = cell * rows - place.contentHeight - place.top
        let borders: [Int] = [place.left, place.top, right, below]
        let step = borders.reduce(cell, commonDivisor)
        down = contentTaps(rows, border: place.top, content: place.contentHeight, picture: place.height, step: step)
        across = contentTaps(columns, border: place.left, content: place.contentWidth, picture: place.width, step: step)
    }

    /// The mask within a box of the picture whose object has these weights of the prototypes.
    func mask(within box: Detection, weights: [Float]) -> Mask {
        let left = Int(box.left.rounded(.up)), top = Int(box.top.rounded(.up))
        let right = Int(box.right.rounded(.up)), bottom = Int(box.bottom.rounded(.up))
        guard right > left, bottom > top else { return Mask(left: left, top: top, width: 0, height: 0, bits: []) }
        let row = down[top].first, rowEnd = lastEnd(down[top..<bottom])
        let column = across[left].first, columnEnd = lastEnd(across[left..<right])
        var cells = [Float](repeating: 0, count: (rowEnd - row) * (columnEnd - column))
        let cellStep = planar ? 1 : prototypeCount, prototypeStep = planar ? rows * columns : 1
        for k in 0..<prototypeCount {
            let weight = weights[k]
            var at = 0
            for y in row..<rowEnd {
                var from: Int = k * prototypeStep + (y * columns + column) * cellStep
                for _ in column..<columnEnd {
                    cells[at] += weight * prototypes[from]
                    (at, from) = (at + 1, from + cellStep)
                }
            }
        }
        let width = right - left
        let wide = widened(cells, columns: columnEnd - column, rows: rowEnd - row, taps: across[left..<right], offset: column)
        var bits: [Bool] = []
        bits.reserveCapacity(width * (bottom - top))
        for y in top..<bottom {
            for x in 0..<width { bits.append(weighted(wide, down[y], from: (down[y].first - row) * width + x, step: width) > 0) }
        }
        return Mask(left: left, top: top, width: width, height: bottom - top, bits: bits)
    }
}

/// The class of each pixel of the network's input that shows the picture.
func classMap(_ spec: ModelSpec, _ outputs: [[Float]], place: Placement) -> ClassMap {
    let position = spec.outputShapes.firstIndex { $0.count == 4 || $0.count == 3 } ?? 0
    let data = outputs[position], shape = spec.outputShapes[position]
    let left = max(place.left, 0), right = min(place.left + place.contentWidth, spec.inputWidth)
    let top = max(place.top, 0), bottom = min(place.top + place.contentHeight, spec.inputHeight)
    let width = right - left, height = bottom - top
    var classIds = [UInt8](repeating: 0, count: width * height)
    if shape.count == 3 {  // (1, rows, columns) of class numbers
        for at in classIds.indices {
            let row: Int = (top + at / width) * shape[1] / spec.inputHeight
            let column: Int = (left + at % width) * shape[2] / spec.inputWidth
            classIds[at] = UInt8(Float.minimum(Float.maximum(data[row * shape[2] + column], 0), 255))
        }
        return ClassMap(width: width, height: height, classIds: classIds)
    }
    let planar = shape[1] == spec.labels.count || (shape[1] == 1 && spec.labels.count == 2)
    let channels = planar ? shape[1] : shape[3], rows = shape[planar ? 2 : 1], columns = shape[planar ? 3 : 2]
    let down = bilinear(rows, spec.inputHeight)[top..<bottom], across = bilinear(columns, spec.inputWidth)[left..<right]
    // A single channel holds the logit of class 1 against class 0.
    var best = [Float](repeating: channels == 1 ? 0 : -.infinity, count: width * height)
    for channel in 0..<channels {
        let classId: UInt8 = channels == 1 ? 1 : UInt8(clamping: channel)
        let first = planar ? channel * rows * columns : channel, step = planar ? 1 : channels
        let cells: [Float] = (0..<rows * columns).map { (at: Int) -> Float in data[first + at * step] }
        let wide = widened(cells, columns: columns, rows: rows, taps: across, offset: 0)
        for y in 0..<height {
            let taps = down[top + y]
            for x in 0..<width {
                let value = weighted(wide, taps, from: taps.first * width + x, step: width), at = y * width + x
                if value > best[at] { (best[at], classIds[at]) = (value, classId) }
            }
        }
    }
    return ClassMap(width: width, height: height, classIds: classIds)
}

/// Bilinear interpolation of `source` samples to `target` ones, the middles laid onto each other.
private func bilinear(_ source: Int, _ target: Int) -> [Taps] {
    let scale = Double(source) / Double(target)
    return (0..<target).map { (at: Int) -> Taps in
        let position: Double = max((Double(at) + 0.5) * scale - 0.5, 0)
        let first = min(Int(position), source - 1), share = position - Double(first)
        return Taps(first: first, weights: first == source - 1 ? [1] : [1 - share, share])
    }
}

/// From cells to pixels of the picture: cells are refined until the border ends between two of them, the border is cut off, and
/// what is left is interpolated.
private func contentTaps(_ cells: Int, border: Int, content: Int, picture: Int, step: Int) -> [Taps] {
    let refined = Array(bilinear(cells, cells * cell / step)[border / step..<(border + content) / step])
    return bilinear(refined.count, picture).map { (pixel: Taps) -> Taps in
        let first = refined[pixel.first].first
        var weights = [Double](repeating: 0, count: refined[pixel.end - 1].end - first)
        for (weight, cell) in zip(pixel.weights, refined[pixel.first..<pixel.end]) {
            for (tap, share) in cell.weights.enumerated() { weights[cell.first - first + tap] += weight * share }
        }
        return Taps(first: first, weights: weights)
    }
}

/// Rows of cells, interpolated across; `offset` is the number of their first column.
private func widened(_ cells: [Float], columns: Int, rows: Int, taps: ArraySlice<Taps>, offset: Int) -> [Float] {
    var wide: [Float] = []
    wide.reserveCapacity(rows * taps.count)
    for y in 0..<rows {
        for pixel in taps { wide.append(weighted(cells, pixel, from: y * columns + pixel.first - offset, step: 1)) }
    }
    return wide
}

/// The weighted sum of samples, the first of them at `from`.
private func weighted(_ samples: [Float], _ taps: Taps, from: Int, step: Int) -> Float {
    var sum = 0.0, at = from
    for weight in taps.weights {
        sum += weight * Double(samples[at])
        at += step
    }
    return Float(sum)
}

/// One past the last sample that any of these targets needs.
private func lastEnd(_ taps: ArraySlice<Taps>) -> Int { taps.map(\.end).max() ?? 0 }

private func commonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? abs(a) : commonDivisor(b, a % b) }
