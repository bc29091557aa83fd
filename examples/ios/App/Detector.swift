import CoreImage
import CoreML
import Vision

enum DetectorError: LocalizedError {
    case noCamera, noBuffer, missingOutput(String)

    var errorDescription: String? {
        switch self {
        case .noCamera: return "This device has no back camera; run the app on a phone."
        case .noBuffer: return "There is no memory for the network's input."
        case .missingOutput(let name): return "The model gave no output \(name); use the model of this bundle."
        }
    }
}

/// The bundle's model in Core ML by way of Vision, and the bundle's decoder behind it. One queue uses it at a time.
final class Detector {
    private let request: VNCoreMLRequest
    private let decoder = Decoder(spec: model)
    private let context = CIContext(options: [.workingColorSpace: NSNull(), .outputColorSpace: NSNull()])
    private let input: CVPixelBuffer

    init() throws {
        let url = Bundle.main.url(forResource: "model", withExtension: "mlmodelc")!
        request = VNCoreMLRequest(model: try VNCoreMLModel(for: MLModel(contentsOf: url)))
        // The picture is placed here, by the card's rule: Vision would fill the border with black.
        request.imageCropAndScaleOption = .scaleFill
        var buffer: CVPixelBuffer?
        let attributes = [kCVPixelBufferIOSurfacePropertiesKey: [:]] as CFDictionary
        CVPixelBufferCreate(nil, model.inputWidth, model.inputHeight, kCVPixelFormatType_32BGRA, attributes, &buffer)
        guard let buffer else { throw DetectorError.noBuffer }
        input = buffer
    }

    /// What is on an upright picture, in its own pixels.
    func detect(_ picture: CVPixelBuffer) throws -> Prediction {
        let size = (width: CVPixelBufferGetWidth(picture), height: CVPixelBufferGetHeight(picture))
        let place = Placement(width: size.width, height: size.height, spec: model)
        let shrunk = CIImage(cvPixelBuffer: picture).samplingLinear().transformed(by: CGAffineTransform(
            scaleX: CGFloat(place.contentWidth) / CGFloat(size.width), y: CGFloat(place.contentHeight) / CGFloat(size.height)))
        draw(shrunk, place: place)
        return try run(place)
    }

    /// What this device makes of the golden picture, against the bundle's golden results; empty when it agrees.
    func selfTest() throws -> [String] {
        let golden = Golden(folder: Bundle.main.resourceURL!.appendingPathComponent("golden"))
        let size = CGSize(width: golden.place.contentWidth, height: golden.place.contentHeight)
        let content = CIImage(bitmapData: Data(try golden.content()), bytesPerRow: 4 * golden.place.contentWidth, size: size,
                              format: .RGBA8, colorSpace: nil)
        draw(content, place: golden.place)
        return differences(try run(golden.place), try golden.prediction(), goldenTolerance)
    }

    /// Puts a picture of content size in its place, on the border's grey.
    private func draw(_ content: CIImage, place: Placement) {
        let bounds = CGRect(x: 0, y: 0, width: model.inputWidth, height: model.inputHeight)
        let grey = CGFloat(model.padValue) / 255
        let border = CIImage(color: CIColor(red: grey, green: grey, blue: grey)).cropped(to: bounds)
        // Core Image counts rows from below.
        let up = model.inputHeight - place.top - place.contentHeight
        let placed = content.transformed(by: CGAffineTransform(translationX: CGFloat(place.left), y: CGFloat(up)))
        context.render(placed.composited(over: border), to: input, bounds: bounds, colorSpace: nil)
    }

    private func run(_ place: Placement) throws -> Prediction {
        try VNImageRequestHandler(cvPixelBuffer: input).perform([request])
        if let selected = request.results as? [VNRecognizedObjectObservation], !selected.isEmpty {
            return Prediction(detections: selected.compactMap { recognized($0) }.map(place.toPicture))
        }
        let raw = (request.results as? [VNCoreMLFeatureValueObservation]) ?? []
        if raw.isEmpty { return Prediction() }  // a model with suppression inside that found nothing
        let outputs = try model.outputNames.map { name in
            guard let array = raw.first(where: { $0.featureName == name })?.featureValue.multiArrayValue else {
                throw DetectorError.missingOutput(name)
            }
            return MLShapedArray<Float>(converting: array).scalars
        }
        return decoder.decode(outputs, place: place)
    }

    /// An object of a model with suppression inside, in pixels of the input; Vision counts rows from below. The score is
    /// the observation's own: Vision scales those of the labels so that they sum to 1.
    private func recognized(_ found: VNRecognizedObjectObservation) -> Detection? {
        guard let label = found.labels.first, let classId = model.labels.firstIndex(of: label.identifier),
              found.confidence >= model.scoreThreshold else { return nil }
        let width = CGFloat(model.inputWidth), height = CGFloat(model.inputHeight), box = found.boundingBox
        return Detection(left: Float(box.minX * width), top: Float((1 - box.maxY) * height),
                         right: Float(box.maxX * width), bottom: Float((1 - box.minY) * height),
                         score: found.confidence, classId: classId)
    }
}
