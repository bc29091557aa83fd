import CoreGraphics
import Foundation
import SwiftUI

/// A picture that lies over `area`, in pixels of the camera's.
struct Layer {
    let image: CGImage, area: CGRect
}

/// The colour of a class, the same in every frame.
func color(of classId: Int) -> Color {
    let (red, green, blue) = rgb(of: classId)
    return Color(red: Double(red) / 255, green: Double(green) / 255, blue: Double(blue) / 255)
}

/// Masks of objects and the classes of pixels as pictures. They are made where the model runs: views only draw.
func makeLayers(of prediction: Prediction, pictureSize: CGSize) -> [Layer] {
    var made = prediction.detections.compactMap { found -> Layer? in
        guard let mask = found.mask else { return nil }
        let paint = premultiplied(found.classId)
        let area = CGRect(x: mask.left, y: mask.top, width: mask.width, height: mask.height)
        return layer(width: mask.width, height: mask.height, area: area) { mask.bits[$0] ? paint : 0 }
    }
    if let map = prediction.classMap {
        let paints = (0...Int(map.classIds.max() ?? 0)).map(premultiplied)
        let area = seenArea(pictureSize)
        made += [layer(width: map.width, height: map.height, area: area) { paints[Int(map.classIds[$0])] }].compactMap { $0 }
    }
    return made
}

/// The classes that cover most of a scene, the largest first, with their shares.
func largestClasses(_ map: ClassMap, most: Int) -> [ClassScore] {
    var counts = [Int](repeating: 0, count: 256)
    for classId in map.classIds { counts[Int(classId)] += 1 }
    let present = counts.indices.filter { counts[$0] > 0 }.sorted { (counts[$0], $1) > (counts[$1], $0) }
    return present.prefix(most).map { ClassScore(classId: $0, score: Float(counts[$0]) / Float(map.classIds.count)) }
}

private let maskAlpha = 110

private func rgb(of classId: Int) -> (Int, Int, Int) {
    let hue = (Double(classId) * 137.5).truncatingRemainder(dividingBy: 360) / 60
    func channel(_ shift: Double) -> Int {
        let place: Double = (shift + hue).truncatingRemainder(dividingBy: 6)
        let ramp: Double = min(place, 4.0 - place)
        let share: Double = max(0.0, min(ramp, 1.0))
        return Int(255.0 - 178.5 * share)
    }
    return (channel(5), channel(3), channel(1))
}

/// The colour of a class in masks: red in the lowest byte, as a processor of Apple's lays it down.
private func premultiplied(_ classId: Int) -> UInt32 {
    let (red, green, blue) = rgb(of: classId)
    var packed: UInt32 = 0
    for level in [255, blue, green, red] { packed = packed << 8 | UInt32(level * maskAlpha / 255) }
    return packed
}

private func layer(width: Int, height: Int, area: CGRect, paint: (Int) -> UInt32) -> Layer? {
    guard width > 0, height > 0 else { return nil }
    let pixels = (0..<width * height).map(paint)
    let data = pixels.withUnsafeBytes { Data($0) }
    guard let provider = CGDataProvider(data: data as CFData),
          let image = CGImage(width: width, height: height, bitsPerComponent: 8, bitsPerPixel: 32, bytesPerRow: 4 * width,
                              space: CGColorSpaceCreateDeviceRGB(),
                              bitmapInfo: CGBitmapInfo(rawValue: CGImageAlphaInfo.premultipliedLast.rawValue),
                              provider: provider, decode: nil, shouldInterpolate: false, intent: .defaultIntent)
    else { return nil }
    return Layer(image: image, area: area)
}

/// The part of the picture that the network sees: all of it, unless its card cuts the middle out.
private func seenArea(_ size: CGSize) -> CGRect {
    let place = Placement(width: Int(size.width), height: Int(size.height), spec: model)
    let right = min(place.left + place.contentWidth, model.inputWidth)
    let bottom = min(place.top + place.contentHeight, model.inputHeight)
    let x = CGFloat(place.x(Float(max(place.left, 0)))), y = CGFloat(place.y(Float(max(place.top, 0))))
    return CGRect(x: x, y: y, width: CGFloat(place.x(Float(right))) - x, height: CGFloat(place.y(Float(bottom))) - y)
}
