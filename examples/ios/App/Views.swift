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

/// Boxes and labels over a preview that fills the view.
struct OverlayView: View {
    let objects: [Detection]
    let pictureSize: CGSize

    var body: some View {
        Canvas { canvas, size in
            let scale = max(size.width / pictureSize.width, size.height / pictureSize.height)
            let shiftX = (size.width - pictureSize.width * scale) / 2, shiftY = (size.height - pictureSize.height * scale) / 2
            for found in objects {
                let color = Color(hue: (Double(found.classId) * 0.382).truncatingRemainder(dividingBy: 1), saturation: 0.7, brightness: 1)
                let corner = CGPoint(x: CGFloat(found.left) * scale + shiftX, y: CGFloat(found.top) * scale + shiftY)
                let box = CGRect(origin: corner, size: CGSize(width: CGFloat(found.right - found.left) * scale,
                                                              height: CGFloat(found.bottom - found.top) * scale))
                canvas.stroke(Path(box), with: .color(color), lineWidth: 2)
                let label = Text("\(model.labels[found.classId]) \(Int(100 * found.score)) %").font(.caption.bold()).foregroundColor(.black)
                let resolved = canvas.resolve(label), extent = resolved.measure(in: size)
                let plate = CGRect(x: corner.x, y: max(corner.y - extent.height, 0), width: extent.width + 8, height: extent.height)
                canvas.fill(Path(plate), with: .color(color))
                canvas.draw(resolved, at: CGPoint(x: plate.minX + 4, y: plate.minY), anchor: .topLeading)
            }
        }
        .allowsHitTesting(false)
    }
}
