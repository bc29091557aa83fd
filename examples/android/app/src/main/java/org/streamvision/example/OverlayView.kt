package org.streamvision.example

import android.content.Context
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.Path
import android.util.AttributeSet
import android.view.View
import kotlin.math.max
import streamvision.Detection
import streamvision.MODEL
import streamvision.Prediction

/** What was found on a picture of this size, ready to be drawn, and a line about how it came about. */
class Annotations(val prediction: Prediction, val pictureWidth: Int, val pictureHeight: Int, val status: String) {
    val layers = layersOf(prediction, pictureWidth, pictureHeight)

    /** Names of classes for the whole picture: the likeliest, or those that cover most of it. */
    val legend: List<Pair<Int, Float>> = prediction.classMap?.let { largestClasses(it.classIds, MOST_LINES) }
        ?: prediction.classScores.take(MOST_LINES).map { it.classId to it.score }

    private companion object {
        const val MOST_LINES = 5
    }
}

/** Draws annotations over a preview that fills the view and is cut where its aspect differs (PreviewView's FILL_CENTER). */
class OverlayView @JvmOverloads constructor(context: Context, attributes: AttributeSet? = null) : View(context, attributes) {
    private val density = resources.displayMetrics.density
    private val line = Paint(Paint.ANTI_ALIAS_FLAG).apply { style = Paint.Style.STROKE; strokeWidth = 2 * density }
    private val fill = Paint(Paint.ANTI_ALIAS_FLAG)
    private val text = Paint(Paint.ANTI_ALIAS_FLAG).apply { textSize = 14 * density }
    private val path = Path()
    private var annotations: Annotations? = null
    private var scale = 1f
    private var left = 0f
    private var top = 0f

    /** Shows what was found until the next picture. */
    fun show(annotations: Annotations) {
        this.annotations = annotations
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val annotations = annotations ?: return
        scale = max(width.toFloat() / annotations.pictureWidth, height.toFloat() / annotations.pictureHeight)
        left = (width - annotations.pictureWidth * scale) / 2
        top = (height - annotations.pictureHeight * scale) / 2
        canvas.save()
        canvas.translate(left, top)
        canvas.scale(scale, scale)
        for (layer in annotations.layers) canvas.drawBitmap(layer.bitmap, null, layer.area, null)
        canvas.restore()
        annotations.prediction.detections.forEach { drawObject(canvas, it) }
        annotations.legend.forEachIndexed { row, (classId, share) ->
            fill.color = colorOf(classId)
            label(canvas, named(classId, share), 12 * density, (row + 1) * 24 * density)
        }
        fill.color = Color.argb(160, 0, 0, 0)
        label(canvas, annotations.status, 12 * density, height - 24 * density, Color.WHITE)
    }

    private fun drawObject(canvas: Canvas, found: Detection) {
        line.color = colorOf(found.classId)
        fill.color = line.color
        val corners = found.oriented?.corners
        if (corners == null) canvas.drawRect(x(found.left), y(found.top), x(found.right), y(found.bottom), line)
        else {
            path.rewind()
            path.moveTo(x(corners[0].first), y(corners[0].second))
            corners.drop(1).forEach { (cornerX, cornerY) -> path.lineTo(x(cornerX), y(cornerY)) }
            path.close()
            canvas.drawPath(path, line)
        }
        val points = found.keypoints
        for ((from, to) in MODEL.skeleton) {
            val one = points.getOrNull(from) ?: continue
            val other = points.getOrNull(to) ?: continue
            if (minOf(one.score, other.score) >= LEAST_KEYPOINT_SCORE) canvas.drawLine(x(one.x), y(one.y), x(other.x), y(other.y), line)
        }
        points.filter { it.score >= LEAST_KEYPOINT_SCORE }.forEach { canvas.drawCircle(x(it.x), y(it.y), 4 * density, fill) }
        label(canvas, named(found.classId, found.score), x(found.left), y(found.top))
    }

    private fun x(picture: Float) = picture * scale + left

    private fun y(picture: Float) = picture * scale + top

    private fun named(classId: Int, share: Float) = "${MODEL.labels.getOrNull(classId) ?: classId} ${(100 * share).toInt()} %"

    private fun label(canvas: Canvas, words: String, x: Float, y: Float, color: Int = Color.BLACK) {
        val bottom = max(y, text.textSize * 1.3f)
        canvas.drawRect(x, bottom - text.textSize * 1.3f, x + text.measureText(words) + 8 * density, bottom, fill)
        text.color = color
        canvas.drawText(words, x + 4 * density, bottom - text.textSize * 0.3f, text)
    }

    private companion object {
        /** Points that are less sure are mostly hidden ones. */
        const val LEAST_KEYPOINT_SCORE = 0.5f
    }
}
