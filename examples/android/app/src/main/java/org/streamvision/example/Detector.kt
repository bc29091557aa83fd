package org.streamvision.example

import android.content.res.AssetManager
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Matrix
import android.graphics.Paint
import android.util.Log
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.LiteRtException
import streamvision.Decoder
import streamvision.GOLDEN_TOLERANCE
import streamvision.Golden
import streamvision.MODEL
import streamvision.Placement
import streamvision.Prediction
import streamvision.differences

/** The bundle's model in LiteRT, and the bundle's decoder around it. One thread uses it at a time. */
class Detector private constructor(private val model: CompiledModel, val accelerator: Accelerator) : AutoCloseable {
    private val inputs = model.createInputBuffers()
    private val outputs = model.createOutputBuffers()
    private val decoder = Decoder(MODEL)
    private val paint = Paint(Paint.FILTER_BITMAP_FLAG)
    private var content = Bitmap.createBitmap(1, 1, Bitmap.Config.ARGB_8888)
    private var pixels = IntArray(1)

    /** What is on a picture that [rotationDegrees] clockwise bring upright, in pixels of the upright picture. */
    fun detect(picture: Bitmap, rotationDegrees: Int): Prediction {
        val sideways = rotationDegrees % 180 != 0
        val width = if (sideways) picture.height else picture.width
        val height = if (sideways) picture.width else picture.height
        val place = Placement(width, height, MODEL)
        if (content.width != place.contentWidth || content.height != place.contentHeight) {
            content = Bitmap.createBitmap(place.contentWidth, place.contentHeight, Bitmap.Config.ARGB_8888)
            pixels = IntArray(place.contentWidth * place.contentHeight)
        }
        val upright = Matrix().apply {
            postTranslate(-picture.width / 2f, -picture.height / 2f)
            postRotate(rotationDegrees.toFloat())
            postTranslate(width / 2f, height / 2f)
            postScale(place.contentWidth.toFloat() / width, place.contentHeight.toFloat() / height)
        }
        Canvas(content).drawBitmap(picture, upright, paint)
        content.getPixels(pixels, 0, content.width, 0, 0, content.width, content.height)
        return detect(decoder.toTensor(pixels, place), place)
    }

    /** What this device makes of the golden input, against the bundle's golden results; empty when it agrees. */
    fun selfTest(assets: AssetManager): List<String> {
        val golden = Golden { assets.open("golden/$it") }
        return differences(detect(golden.input, golden.place), golden.prediction, GOLDEN_TOLERANCE)
    }

    private fun detect(tensor: FloatArray, place: Placement): Prediction {
        if (MODEL.uint8Input) inputs[0].writeInt8(ByteArray(tensor.size) { tensor[it].toInt().toByte() })
        else inputs[0].writeFloat(tensor)
        model.run(inputs, outputs)
        return decoder.decode(outputs.map { it.readFloat() }, place)
    }

    override fun close() {
        (inputs + outputs).forEach { it.close() }
        model.close()
    }

    companion object {
        /** Opens the model on the GPU where that takes it, and else on the CPU; [accelerator] says which it was. */
        fun create(assets: AssetManager): Detector = try {
            create(assets, Accelerator.GPU)
        } catch (error: LiteRtException) {
            Log.w("Detector", "the GPU does not take this model", error)
            create(assets, Accelerator.CPU)
        }

        private fun create(assets: AssetManager, accelerator: Accelerator) =
            Detector(CompiledModel.create(assets, "model.tflite", CompiledModel.Options(accelerator)), accelerator)
    }
}
