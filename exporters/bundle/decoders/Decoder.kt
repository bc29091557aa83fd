// From a picture to the network's input, and from its raw outputs to boxes on the picture.
// Plain Kotlin: no Android classes, no libraries. ModelSpec.kt holds the model of this bundle.
package streamvision

import kotlin.math.exp
import kotlin.math.max
import kotlin.math.min

/** How a network is fed and read. */
class ModelSpec(
    val inputWidth: Int, val inputHeight: Int, val planar: Boolean, val uint8Input: Boolean, val bgr: Boolean,
    val resize: String, val padValue: Int, val scale: Double, val mean: FloatArray?, val std: FloatArray?,
    val layout: String, val normalizedBoxes: Boolean, val nmsInside: Boolean, val outputShapes: List<IntArray>,
    val scoreThreshold: Float, val iouThreshold: Float, val maxDetections: Int, val labels: List<String>,
)

/** An object; edges in pixels. */
class Detection(val left: Float, val top: Float, val right: Float, val bottom: Float, val score: Float, val classId: Int)

/** Where a picture lies in the network's input, and the way back. */
class Placement(private val width: Int, private val height: Int, spec: ModelSpec) {
    val contentWidth: Int
    val contentHeight: Int
    var left = 0; private set
    var top = 0; private set
    private var scaleX = spec.inputWidth.toDouble() / width
    private var scaleY = spec.inputHeight.toDouble() / height

    init {
        val ratio = min(scaleX, scaleY)
        when (spec.resize) {
            "stretch" -> { contentWidth = spec.inputWidth; contentHeight = spec.inputHeight }
            "letterbox_top_left" -> {
                contentWidth = max((width * ratio).toInt(), 1); contentHeight = max((height * ratio).toInt(), 1)
                scaleX = ratio; scaleY = ratio
            }
            "letterbox_center" -> { // Math.rint rounds halves to even
                contentWidth = max(Math.rint(width * ratio).toInt(), 1)
                contentHeight = max(Math.rint(height * ratio).toInt(), 1)
                left = Math.rint((spec.inputWidth - contentWidth) / 2.0 - 0.1).toInt()
                top = Math.rint((spec.inputHeight - contentHeight) / 2.0 - 0.1).toInt()
                scaleX = contentWidth.toDouble() / width; scaleY = contentHeight.toDouble() / height
            }
            else -> throw IllegalArgumentException("no rule for resize ${spec.resize}")
        }
    }

    /** A box of the network's input in the picture's own pixels, cut at its edges. */
    fun toPicture(box: Detection): Detection {
        fun x(value: Float) = ((value - left) / scaleX).toFloat().coerceIn(0f, width.toFloat())
        fun y(value: Float) = ((value - top) / scaleY).toFloat().coerceIn(0f, height.toFloat())
        return Detection(x(box.left), y(box.top), x(box.right), y(box.bottom), box.score, box.classId)
    }
}

/** Intersection over union. */
fun overlap(a: Detection, b: Detection): Float {
    val width = max(0f, min(a.right, b.right) - max(a.left, b.left))
    val height = max(0f, min(a.bottom, b.bottom) - max(a.top, b.top))
    val both = (a.right - a.left) * (a.bottom - a.top) + (b.right - b.left) * (b.bottom - b.top)
    return width * height / (both - width * height)
}

class Decoder(private val spec: ModelSpec) {
    /** The input tensor. [argb] is the picture resized to the placement's content size, as Bitmap.getPixels gives it. */
    fun toTensor(argb: IntArray, place: Placement): FloatArray {
        val width = spec.inputWidth; val area = width * spec.inputHeight
        val divisor = (1 / spec.scale).toFloat()
        val tensor = FloatArray(3 * area)
        for (channel in 0 until 3) {
            val shift = if (spec.bgr) 8 * channel else 16 - 8 * channel
            val values = FloatArray(256) { ((it / divisor) - (spec.mean?.get(channel) ?: 0f)) / (spec.std?.get(channel) ?: 1f) }
            val start = if (spec.planar) channel * area else channel
            val step = if (spec.planar) 1 else 3
            for (at in 0 until area) tensor[start + at * step] = values[spec.padValue]
            for (y in 0 until place.contentHeight) for (x in 0 until place.contentWidth) {
                val level = argb[y * place.contentWidth + x] shr shift and 0xFF
                tensor[start + ((y + place.top) * width + x + place.left) * step] = values[level]
            }
        }
        return tensor
    }

    /** Objects on the picture, best first. [outputs] are the network's, flat, in its own order. */
    fun detect(outputs: List<FloatArray>, place: Placement): List<Detection> {
        val found = candidates(outputs).sortedByDescending { it.score }
        val kept = if (spec.nmsInside) found.take(spec.maxDetections) else suppress(found)
        return kept.map(place::toPicture).filter { it.right > it.left && it.bottom > it.top }
    }

    /** Boxes in pixels of the network's input whose score reaches the threshold. */
    fun candidates(outputs: List<FloatArray>): List<Detection> {
        val found = ArrayList<Detection>()
        val unitX = if (spec.normalizedBoxes) spec.inputWidth.toFloat() else 1f
        val unitY = if (spec.normalizedBoxes) spec.inputHeight.toFloat() else 1f
        fun add(left: Float, top: Float, right: Float, bottom: Float, score: Float, classId: Int) {
            val box = Detection(left * unitX, top * unitY, right * unitX, bottom * unitY, score, classId)
            val sound = (box.left + box.top + box.right + box.bottom).let { !it.isNaN() && !it.isInfinite() }
            if (sound && score >= spec.scoreThreshold) found.add(box)
        }
        fun centred(x: Float, y: Float, w: Float, h: Float, score: Float, id: Int) =
            add(x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, id)
        fun bestClass(data: FloatArray, start: Int, step: Int): Int {
            var best = 0
            for (id in 1 until spec.labels.size) if (data[start + id * step] > data[start + best * step]) best = id
            return best
        }
        val position = max(spec.outputShapes.indexOfFirst { it.size == 3 }, 0)
        val data = outputs[position]
        val rows = spec.outputShapes[position][1]
        val columns = spec.outputShapes[position].last()
        when (spec.layout) {
            "yolo_v8" -> for (box in 0 until columns) { // (1, 4 + classes, boxes): centre, size, a score for each class
                val id = bestClass(data, 4 * columns + box, columns)
                val score = data[(4 + id) * columns + box]
                if (score < spec.scoreThreshold) continue
                centred(data[box], data[columns + box], data[2 * columns + box], data[3 * columns + box], score, id)
            }
            "yolo_end2end" -> for (at in 0 until rows * columns step columns) { // (1, boxes, 6): corners, score, class
                val id = data[at + 5].toInt()
                if (data[at + 5] >= 0 && id < spec.labels.size) add(data[at], data[at + 1], data[at + 2], data[at + 3], data[at + 4], id)
            }
            "tflite_detection" -> { // boxes (1, rows, 4) as top, left, bottom, right; classes; scores; number of rows
                val (_, ids, scores, count) = outputs
                for (row in 0 until min(count[0].toInt(), rows)) {
                    val id = ids[row].toInt()
                    val at = 4 * row
                    if (ids[row] >= 0 && id < spec.labels.size) add(data[at + 1], data[at], data[at + 3], data[at + 2], scores[row], id)
                }
            }
            "vision_objects" -> { // coordinates (boxes, 4): centre, size; confidence (boxes, classes)
                val scores = outputs[1]
                for (box in 0 until data.size / 4) {
                    val first = box * (scores.size / (data.size / 4))
                    val id = bestClass(scores, first, 1)
                    centred(data[4 * box], data[4 * box + 1], data[4 * box + 2], data[4 * box + 3], scores[first + id], id)
                }
            }
            "yolo_v5", "yolox" -> { // (1, boxes, 5 + classes), with an objectness
                val cells = if (spec.layout == "yolox") gridCells() else null
                for (box in 0 until rows) {
                    val at = box * columns
                    if (data[at + 4] < spec.scoreThreshold) continue
                    val id = bestClass(data, at + 5, 1)
                    val score = data[at + 4] * data[at + 5 + id]
                    if (cells == null) { centred(data[at], data[at + 1], data[at + 2], data[at + 3], score, id); continue }
                    val (column, row, stride) = cells[box]
                    val w = exp(data[at + 2]) * stride; val h = exp(data[at + 3]) * stride
                    centred((data[at] + column) * stride, (data[at + 1] + row) * stride, w, h, score, id)
                }
            }
            else -> throw IllegalArgumentException("no decoder for the layout ${spec.layout}")
        }
        return found
    }

    /** Greedy non-maximum suppression within each class; [found] is sorted, the best score first. */
    fun suppress(found: List<Detection>): List<Detection> {
        val kept = ArrayList<Detection>()
        for (box in found) {
            if (kept.size == spec.maxDetections) break
            if (box.right - box.left < 0.01f || box.bottom - box.top < 0.01f) continue
            if (kept.all { it.classId != box.classId || overlap(it, box) <= spec.iouThreshold }) kept.add(box)
        }
        return kept
    }

    private fun gridCells(): List<Triple<Int, Int, Int>> = listOf(8, 16, 32).flatMap { stride ->
        (0 until spec.inputHeight / stride).flatMap { row ->
            (0 until spec.inputWidth / stride).map { column -> Triple(column, row, stride) }
        }
    }
}
