// Oriented boxes: their corners, the way back to the picture, and suppression of duplicates.
import Foundation

/// An oriented box in pixels; `angle` is that of the width in radians, clockwise on the picture.
struct OrientedBox {
    let centerX: Float, centerY: Float, width: Float, height: Float, angle: Float

    /// The box of centre x and y, width, height and angle.
    init(_ values: [Float]) {
        (centerX, centerY, width, height, angle) = (values[0], values[1], values[2], values[3], values[4])
    }

    /// The four corners, in turn around the box.
    var corners: [(x: Float, y: Float)] {
        let cosine = cos(angle) / 2, sine = sin(angle) / 2
        let turns: [(Float, Float)] = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
        return turns.map { along, across in
            let alongWidth = along * width, acrossHeight = across * height
            return (x: centerX + alongWidth * cosine - acrossHeight * sine, y: centerY + alongWidth * sine + acrossHeight * cosine)
        }
    }

    /// The upright box around it.
    func upright(score: Float, classId: Int) -> Detection {
        let cosine = abs(cos(angle)), sine = abs(sin(angle))
        let halfX = (width * cosine + height * sine) / 2, halfY = (width * sine + height * cosine) / 2
        return Detection(left: centerX - halfX, top: centerY - halfY, right: centerX + halfX, bottom: centerY + halfY,
                         score: score, classId: classId)
    }

    /// A box of the network's input in the picture's own pixels. Where the two axes were scaled differently, the rectangle keeps
    /// its area and the direction of its width.
    func toPicture(_ place: Placement) -> OrientedBox {
        let turn = Double(angle), across = cos(turn) / place.scaleX, down = sin(turn) / place.scaleY
        let stretch = hypot(across, down), turned = atan2(down, across) - turn + Double.pi
        let onPicture = turn + turned - 2 * Double.pi * floor(turned / (2 * Double.pi)) - Double.pi
        return OrientedBox([
            place.x(centerX), place.y(centerY), Float(Double(width) * stretch),
            Float(Double(height) / (stretch * place.scaleX * place.scaleY)), Float(onPicture),
        ])
    }
}

/// Suppression within each class; `found` is sorted, the best score first. A box goes when any better one of its class overlaps
/// it too much, whether that one stays or not, as in ultralytics (fast NMS, arXiv:1904.02689).
func suppressOriented(_ spec: ModelSpec, _ found: [Candidate]) -> [Candidate] {
    let solid = Array(found.filter { $0.extra[2] >= 0.01 && $0.extra[3] >= 0.01 }.prefix(mostCompared))
    let normals = solid.map { Normal(OrientedBox($0.extra)) }
    var kept: [Candidate] = []
    for at in solid.indices {
        if kept.count == spec.maxDetections { break }
        let stays = (0..<at).allSatisfy { better in
            solid[better].box.classId != solid[at].box.classId || normals[better].alike(normals[at]) <= Double(spec.iouThreshold)
        }
        if stays { kept.append(solid[at]) }
    }
    return kept
}

/// Overlap of two oriented boxes.
func overlap(_ a: OrientedBox, _ b: OrientedBox) -> Float { Float(Normal(a).alike(Normal(b))) }

/// The normal distribution with a box's centre, direction and second moments.
private struct Normal {
    let x: Double, y: Double, xx: Double, yy: Double, xy: Double, area: Double

    init(_ box: OrientedBox) {
        (x, y) = (Double(box.centerX), Double(box.centerY))
        let along: Double = Double(box.width) * Double(box.width) / 12
        let across: Double = Double(box.height) * Double(box.height) / 12
        let cosine = cos(Double(box.angle)), sine = sin(Double(box.angle))
        xx = along * cosine * cosine + across * sine * sine
        yy = along * sine * sine + across * cosine * cosine
        xy = (along - across) * cosine * sine
        area = max(xx * yy - xy * xy, 0).squareRoot()
    }

    /// Probabilistic intersection over union (arXiv:2106.06072): one minus the Hellinger distance of two distributions.
    func alike(_ other: Normal) -> Double {
        let floor = 1e-7
        let xx = self.xx + other.xx, yy = self.yy + other.yy, xy = self.xy + other.xy
        let joint: Double = xx * yy - xy * xy
        let dx = x - other.x, dy = y - other.y
        let squared: Double = xx * dy * dy + yy * dx * dx - 2 * xy * dx * dy
        let apart: Double = squared / (4 * (joint + floor))
        let shape: Double = joint / (4 * area * other.area + floor) + floor
        let distance: Double = min(max(apart + log(shape) / 2, floor), 100)
        return 1 - (1 - exp(-distance) + floor).squareRoot()
    }
}
