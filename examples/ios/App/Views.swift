import AVFoundation
import SwiftUI

/// The camera's picture, filling the screen and cut where its aspect differs.
struct PreviewView: UIViewRepresentable {
    final class LayerView: UIView {
        override class var layerClass: AnyClass { AVCaptureVideoPreviewLayer.self }
        var preview: AVCaptureVideoPreviewLayer { layer as! AVCaptureVideoPreviewLayer }
    }

    let session: AVCaptureSession

    func makeUIView(context: Context) -> LayerView {
        let view = LayerView()
        view.preview.session = session
        view.preview.videoGravity = .resizeAspectFill
        return view
    }

    func updateUIView(_ view: LayerView, context: Context) {}
}

/// What was found on a picture of this size, ready to be drawn.
struct Annotations {
    let prediction: Prediction, pictureSize: CGSize
    let layers: [Layer]

    init(_ prediction: Prediction = Prediction(), pictureSize: CGSize = CGSize(width: 1, height: 1)) {
        (self.prediction, self.pictureSize) = (prediction, pictureSize)
        layers = makeLayers(of: prediction, pictureSize: pictureSize)
    }

    /// Classes of the whole picture: the likeliest, or those that cover most of it.
    var legend: [ClassScore] {
        prediction.classMap.map { largestClasses($0, most: 5) } ?? Array(prediction.classScores.prefix(5))
    }
}

/// Draws annotations over a preview that fills the view.
struct OverlayView: View {
    let annotations: Annotations

    /// Points that are less sure are mostly hidden ones.
    private let leastKeypointScore: Float = 0.5

    var body: some View {
        Canvas { canvas, size in
            let picture = annotations.pictureSize
            let scale = max(size.width / picture.width, size.height / picture.height)
            let shiftX = (size.width - picture.width * scale) / 2, shiftY = (size.height - picture.height * scale) / 2
            func placed(_ x: CGFloat, _ y: CGFloat) -> CGPoint { CGPoint(x: x * scale + shiftX, y: y * scale + shiftY) }
            for layer in annotations.layers {
                let extent = CGSize(width: layer.area.width * scale, height: layer.area.height * scale)
                let image = Image(layer.image, scale: 1, label: Text(""))
                canvas.draw(image, in: CGRect(origin: placed(layer.area.minX, layer.area.minY), size: extent))
            }
            for found in annotations.prediction.detections {
                let paint = GraphicsContext.Shading.color(color(of: found.classId))
                let corner = placed(CGFloat(found.left), CGFloat(found.top))
                canvas.stroke(outline(found, placed), with: paint, lineWidth: 2)
                drawKeypoints(of: found, on: canvas, with: paint, placed)
                label(found.classId, found.score, at: corner, on: canvas, in: size)
            }
            for (row, entry) in annotations.legend.enumerated() {
                label(entry.classId, entry.score, at: CGPoint(x: 12, y: 80 + 24 * CGFloat(row)), on: canvas, in: size)
            }
        }
        .allowsHitTesting(false)
    }

    private func outline(_ found: Detection, _ placed: (CGFloat, CGFloat) -> CGPoint) -> Path {
        var corners: [CGPoint] = []
        if let oriented = found.oriented {
            for corner in oriented.corners { corners.append(placed(CGFloat(corner.x), CGFloat(corner.y))) }
        } else {
            let left = CGFloat(found.left), right = CGFloat(found.right), top = CGFloat(found.top), bottom = CGFloat(found.bottom)
            corners = [placed(left, top), placed(right, top), placed(right, bottom), placed(left, bottom)]
        }
        var path = Path()
        path.addLines(corners)
        path.closeSubpath()
        return path
    }

    private func drawKeypoints(of found: Detection, on canvas: GraphicsContext, with paint: GraphicsContext.Shading,
                               _ placed: (CGFloat, CGFloat) -> CGPoint) {
        let points = found.keypoints.map { $0.score >= leastKeypointScore ? placed(CGFloat($0.x), CGFloat($0.y)) : nil }
        var lines = Path()
        for (from, to) in model.skeleton where from < points.count && to < points.count {
            guard let start = points[from], let end = points[to] else { continue }
            lines.move(to: start)
            lines.addLine(to: end)
        }
        canvas.stroke(lines, with: paint, lineWidth: 2)
        for point in points.compactMap({ $0 }) {
            canvas.fill(Path(ellipseIn: CGRect(x: point.x - 4, y: point.y - 4, width: 8, height: 8)), with: paint)
        }
    }

    private func label(_ classId: Int, _ share: Float, at corner: CGPoint, on canvas: GraphicsContext, in size: CGSize) {
        let name = model.labels.indices.contains(classId) ? model.labels[classId] : "\(classId)"
        let text = Text("\(name) \(Int(100 * share)) %").font(.caption.bold()).foregroundColor(.black)
        let resolved = canvas.resolve(text), extent = resolved.measure(in: size)
        let plate = CGRect(x: corner.x, y: max(corner.y - extent.height, 0), width: extent.width + 8, height: extent.height)
        canvas.fill(Path(plate), with: .color(color(of: classId)))
        canvas.draw(resolved, at: CGPoint(x: plate.minX + 4, y: plate.minY), anchor: .topLeading)
    }
}
