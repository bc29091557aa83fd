package org.streamvision.example

import android.Manifest
import android.content.pm.PackageManager
import android.os.Bundle
import android.os.SystemClock
import android.view.WindowManager
import android.widget.FrameLayout
import android.widget.Toast
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.view.CameraController
import androidx.camera.view.LifecycleCameraController
import androidx.camera.view.PreviewView
import androidx.core.content.ContextCompat
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors
import streamvision.MODEL

/** The camera's preview with the objects that the bundle's model finds on it. */
class MainActivity : ComponentActivity() {
    private lateinit var preview: PreviewView
    private lateinit var overlay: OverlayView
    private val worker: ExecutorService = Executors.newSingleThreadExecutor()

    /** Made, used and closed on [worker]. */
    private var detector: Detector? = null
    private var selfTest = ""

    private val askForCamera = registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
        if (granted) startCamera() else Toast.makeText(this, R.string.needs_camera, Toast.LENGTH_LONG).show()
    }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        preview = PreviewView(this)
        overlay = OverlayView(this)
        setContentView(FrameLayout(this).apply { addView(preview); addView(overlay) })
        val allowed = ContextCompat.checkSelfPermission(this, Manifest.permission.CAMERA)
        if (allowed == PackageManager.PERMISSION_GRANTED) startCamera() else askForCamera.launch(Manifest.permission.CAMERA)
    }

    override fun onDestroy() {
        super.onDestroy()
        worker.execute { detector?.close() }
        worker.shutdown()
    }

    private fun startCamera() {
        preview.controller = LifecycleCameraController(this).apply {
            cameraSelector = CameraSelector.DEFAULT_BACK_CAMERA
            imageAnalysisOutputImageFormat = ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888
            // The newest frame wins: what is shown stays fresh however slow the network is.
            imageAnalysisBackpressureStrategy = ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST
            setEnabledUseCases(CameraController.IMAGE_ANALYSIS)
            setImageAnalysisAnalyzer(worker) { image -> image.use { analyse(it) } }
            bindToLifecycle(this@MainActivity)
        }
    }

    private fun analyse(image: ImageProxy) {
        val detector = detector ?: open().also { detector = it }
        val rotation = image.imageInfo.rotationDegrees
        val startedAt = SystemClock.elapsedRealtime()
        val prediction = detector.detect(image.toBitmap(), rotation)
        val tookMs = SystemClock.elapsedRealtime() - startedAt
        val sideways = rotation % 180 != 0
        val width = if (sideways) image.height else image.width
        val height = if (sideways) image.width else image.height
        val found = if (MODEL.task in TASKS_OF_WHOLE_PICTURES) "" else "${prediction.detections.size} objects, "
        val annotations = Annotations(prediction, width, height, "$found$tookMs ms on ${detector.accelerator}, $selfTest")
        overlay.post { overlay.show(annotations) }
    }

    private fun open(): Detector = Detector.create(assets).also { opened ->
        val differences = opened.selfTest(assets)
        selfTest = if (differences.isEmpty()) "golden vectors agree" else "golden vectors differ: ${differences.first()}"
    }

    private companion object {
        val TASKS_OF_WHOLE_PICTURES = listOf("classify", "semantic")
    }
}
