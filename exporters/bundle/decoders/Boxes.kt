// Boxes in the raw outputs of networks, and suppression of duplicates.
package streamvision

import kotlin.math.exp
import kotlin.math.max
import kotlin.math.min

/** Most boxes that are compared, the best by score: the time grows with the square. */
const val MOST_COMPARED = 5000

/** An object in pixels of the network's input. In [extra] stands what the task adds: weights of masks, keypoints, or centre x
 *  and y, width, height and angle of an oriented box. */
class Candidate(val box: Detection, val extra: FloatArray)

/** Intersection over union. */
fun overlap(a: Detection, b: Detection): Float {
    val width = max(0f, min(a.right, b.right) - max(a.left, b.left))
    val height = max(0f, min(a.bottom, b.bottom) - max(a.top, b.top))
    val both = (a.right - a.left) * (a.bottom - a.top) + (b.right - b.left) * (b.bottom - b.top)
    return width * height / (both - width * height)
}

/** Objects whose score reaches the threshold. */
fun candidates(spec: ModelSpec, outputs: List<FloatArray>): List<Candidate> {
    val found = ArrayList<Candidate>()
    val classes = spec.labels.size; val none = FloatArray(0)
    val unitX = if (spec.normalizedBoxes) spec.inputWidth.toFloat() else 1f
    val unitY = if (spec.normalizedBoxes) spec.inputHeight.toFloat() else 1f
    fun keep(box: Detection, extra: FloatArray) {
        val sound = (box.left + box.top + box.right + box.bottom + box.score).isFinite() && extra.all { it.isFinite() }
        if (sound && box.score >= spec.scoreThreshold) found.add(Candidate(box, extra))
    }
    fun add(left: Float, top: Float, right: Float, bottom: Float, score: Float, id: Int, extra: FloatArray = none) =
        keep(Detection(left * unitX, top * unitY, right * unitX, bottom * unitY, score, id), extra)
    fun centred(x: Float, y: Float, w: Float, h: Float, score: Float, id: Int, extra: FloatArray = none) {
        if (spec.task != "obb") { add(x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, id, extra); return }
        val oriented = floatArrayOf(x * unitX, y * unitY, w * unitX, h * unitY, extra[0])
        keep(orientedOf(oriented).upright(score, id), oriented)
    }
    fun bestClass(data: FloatArray, start: Int, step: Int): Int {
        var best = 0
        for (id in 1 until classes) if (data[start + id * step] > data[start + best * step]) best = id
        return best
    }
    val position = max(spec.outputShapes.indexOfFirst { it.size == 3 }, 0)
    val data = outputs[position]
    val rows = spec.outputShapes[position][1]
    val columns = spec.outputShapes[position].last()
    when (spec.layout) {
        "yolo_v8" -> for (box in 0 until columns) { // (1, 4 + classes + extra, boxes): centre, size, a score for each class
            val id = bestClass(data, 4 * columns + box, columns)
            val score = data[(4 + id) * columns + box]
            if (score < spec.scoreThreshold) continue
            val extra = FloatArray(rows - 4 - classes) { data[(4 + classes + it) * columns + box] }
            centred(data[box], data[columns + box], data[2 * columns + box], data[3 * columns + box], score, id, extra)
        }
        "yolo_end2end" -> for (at in 0 until rows * columns step columns) { // (1, boxes, 6 + extra): corners, score, class
            val id = data[at + 5].toInt()
            if (!(data[at + 4] >= spec.scoreThreshold && data[at + 5] >= 0) || id >= classes) continue
            val extra = data.copyOfRange(at + 6, at + columns)
            if (spec.task == "obb") centred(data[at], data[at + 1], data[at + 2], data[at + 3], data[at + 4], id, extra) // centre, size
            else add(data[at], data[at + 1], data[at + 2], data[at + 3], data[at + 4], id, extra)
        }
        "tflite_detection" -> { // boxes (1, rows, 4) as top, left, bottom, right; classes; scores; number of rows
            val (_, ids, scores, count) = outputs
            for (row in 0 until min(count[0].toInt(), rows)) {
                val id = ids[row].toInt()
                val at = 4 * row
                if (ids[row] >= 0 && id < classes) add(data[at + 1], data[at], data[at + 3], data[at + 2], scores[row], id)
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
            val cells = if (spec.layout == "yolox") gridCells(spec) else null
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
fun suppress(spec: ModelSpec, found: List<Candidate>): List<Candidate> {
    val kept = ArrayList<Candidate>()
    for (one in found.take(MOST_COMPARED)) {
        val box = one.box
        if (kept.size == spec.maxDetections) break
        if (box.right - box.left < 0.01f || box.bottom - box.top < 0.01f) continue
        if (kept.all { it.box.classId != box.classId || overlap(it.box, box) <= spec.iouThreshold }) kept.add(one)
    }
    return kept
}

private fun gridCells(spec: ModelSpec): List<Triple<Int, Int, Int>> = listOf(8, 16, 32).flatMap { stride ->
    (0 until spec.inputHeight / stride).flatMap { row ->
        (0 until spec.inputWidth / stride).map { column -> Triple(column, row, stride) }
    }
}
