import AVFoundation

/// The back camera, upright, and what the detector finds on its newest frame.
final class Camera: NSObject, ObservableObject, AVCaptureVideoDataOutputSampleBufferDelegate {
    @Published private(set) var annotations = Annotations()
    @Published private(set) var status = "Loading the model …"

    let session = AVCaptureSession()
    private let queue = DispatchQueue(label: "org.streamvision.frames")
    private var detector: Detector?  // made and used on the queue
    private var check = ""

    @MainActor
    func start() async {
        guard await AVCaptureDevice.requestAccess(for: .video) else {
            status = "Without the camera there is nothing to see. Allow it in Settings."
            return
        }
        queue.async { [self] in
            do {
                let opened = try Detector()
                let differences = try opened.selfTest()
                check = differences.first.map { "golden vectors differ: \($0)" } ?? "golden vectors agree"
                detector = opened
                try configure()
                session.startRunning()
            } catch {
                DispatchQueue.main.async { self.status = error.localizedDescription }
            }
        }
    }

    private func configure() throws {
        session.beginConfiguration()
        defer { session.commitConfiguration() }
        session.sessionPreset = .hd1280x720
        guard let device = AVCaptureDevice.default(.builtInWideAngleCamera, for: .video, position: .back) else {
            throw DetectorError.noCamera
        }
        session.addInput(try AVCaptureDeviceInput(device: device))
        let output = AVCaptureVideoDataOutput()
        output.videoSettings = [kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_32BGRA]
        // The newest frame wins: what is shown stays fresh however slow the network is.
        output.alwaysDiscardsLateVideoFrames = true
        output.setSampleBufferDelegate(self, queue: queue)
        session.addOutput(output)
        output.connection(with: .video)?.videoOrientation = .portrait
    }

    func captureOutput(_ output: AVCaptureOutput, didOutput sample: CMSampleBuffer, from connection: AVCaptureConnection) {
        guard let detector, let frame = CMSampleBufferGetImageBuffer(sample) else { return }
        let size = CGSize(width: CVPixelBufferGetWidth(frame), height: CVPixelBufferGetHeight(frame))
        let startedAt = CACurrentMediaTime()
        let outcome = Result { Annotations(try detector.detect(frame), pictureSize: size) }
        let tookMs = Int(1000 * (CACurrentMediaTime() - startedAt))
        DispatchQueue.main.async { [self] in
            switch outcome {
            case .success(let found):
                annotations = found
                let objects = ["classify", "semantic"].contains(model.task) ? "" : "\(found.prediction.detections.count) objects, "
                status = "\(objects)\(tookMs) ms, \(check)"
            case .failure(let error):
                (annotations, status) = (Annotations(), error.localizedDescription)
            }
        }
    }
}
