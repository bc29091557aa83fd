import SwiftUI

@main
struct ExampleApp: App {
    @StateObject private var camera = Camera()

    var body: some Scene {
        WindowGroup {
            ZStack(alignment: .bottomLeading) {
                PreviewView(session: camera.session)
                OverlayView(annotations: camera.annotations)
                Text(camera.status)
                    .font(.footnote.monospacedDigit())
                    .padding(8)
                    .background(.black.opacity(0.6))
                    .foregroundStyle(.white)
                    .padding()
            }
            .ignoresSafeArea()
            .task { await camera.start() }
        }
    }
}
