package org.streamvision.example

import android.content.Context
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.util.AttributeSet
import android.view.View
import kotlin.math.max
import streamvision.Detection
import streamvision.MODEL

/** Draws boxes over a preview that fills the view and is cut where its aspect differs (PreviewView's FILL_CENTER). */
class OverlayView @JvmOverloads constructor(context: Context, attributes: AttributeSet? = null) : View(context, attributes) {
    private val density = resources.displayMetrics.density
    private val frame = Paint(Paint.ANTI_ALIAS_FLAG).apply { style = Paint.Style.STROKE; strokeWidth = 2 * density }
    private val plate = Paint()
    private val text = Paint(Paint.ANTI_ALIAS_FLAG).apply { textSize = 14 * density }
    private var objects = emptyList<Detection>()
    private var pictureWidth = 1
    private var pictureHeight = 1
    private var status = ""

    /** Shows the objects of an upright picture of this size, and a line about how they came about. */
    fun show(objects: List<Detection>, pictureWidth: Int, pictureHeight: Int, status: String) {
        this.objects = objects
        this.pictureWidth = pictureWidth
        this.pictureHeight = pictureHeight
        this.status = status
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val scale = max(width.toFloat() / pictureWidth, height.toFloat() / pictureHeight)
        val left = (width - pictureWidth * scale) / 2
        val top = (height - pictureHeight * scale) / 2
        for (found in objects) {
            val color = Color.HSVToColor(floatArrayOf(found.classId * 137.5f % 360, 0.7f, 1f))
            frame.color = color
            plate.color = color
            val x = found.left * scale + left
            val y = found.top * scale + top
            canvas.drawRect(x, y, found.right * scale + left, found.bottom * scale + top, frame)
            label(canvas, "${MODEL.labels[found.classId]} ${(100 * found.score).toInt()} %", x, y)
        }
        plate.color = Color.argb(160, 0, 0, 0)
        label(canvas, status, 12 * density, height - 24 * density, Color.WHITE)
    }

    private fun label(canvas: Canvas, line: String, x: Float, y: Float, color: Int = Color.BLACK) {
        val bottom = max(y, text.textSize * 1.3f)
        canvas.drawRect(x, bottom - text.textSize * 1.3f, x + text.measureText(line) + 8 * density, bottom, plate)
        text.color = color
        canvas.drawText(line, x + 4 * density, bottom - text.textSize * 0.3f, text)
    }
}
