// Masks of objects and classes of pixels, out of the coarse maps that networks give.
package streamvision

import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.max
import kotlin.math.min

private const val CELL = 4
private const val PROTOTYPES = 32

/** The pixels of one object: [bits] row by row, one element a pixel of the picture, from column [left] and row [top] on. */
class Mask(val left: Int, val top: Int, val width: Int, val height: Int, val bits: BooleanArray)

/** The class of each cell, row by row: a grid over the part of the picture that the network sees. */
class ClassMap(val width: Int, val height: Int, val classIds: IntArray)

/** Intersection over union of two masks; two empty ones are the same. */
fun overlap(a: Mask, b: Mask): Float {
    var both = 0
    for (y in max(a.top, b.top) until min(a.top + a.height, b.top + b.height)) {
        for (x in max(a.left, b.left) until min(a.left + a.width, b.left + b.width)) {
            if (a.bits[(y - a.top) * a.width + x - a.left] && b.bits[(y - b.top) * b.width + x - b.left]) both++
        }
    }
    val either = a.bits.count { it } + b.bits.count { it } - both
    return if (either == 0) 1f else both.toFloat() / either
}

/** A sample as a weighted sum of neighbours, [first] and those behind it. */
private class Taps(val first: Int, val weights: DoubleArray) {
    val end get() = first + weights.size
}

/** Masks of objects: where the weighted sum of the prototypes, interpolated to the picture's own pixels, is above 0 (YOLACT,
 *  arXiv:1904.02689), within the box. */
class InstanceMasks(spec: ModelSpec, outputs: List<FloatArray>, place: Placement) {
    private val position = spec.outputShapes.indexOfFirst { it.size == 4 }
    private val prototypes = outputs[position]
    private val rows = spec.inputHeight / CELL
    private val columns = spec.inputWidth / CELL
    /** Whether the prototypes stand one after the other; in models of TensorFlow's converters their values are interleaved. */
    private val planar = spec.outputShapes[position].drop(1) == listOf(PROTOTYPES, rows, columns)
    private val down: List<Taps>
    private val across: List<Taps>

    init {
        val right = CELL * columns - place.contentWidth - place.left; val below = CELL * rows - place.contentHeight - place.top
        val step = listOf(place.left, place.top, right, below).fold(CELL, ::commonDivisor)
        down = contentTaps(rows, place.top, place.contentHeight, place.height, step)
        across = contentTaps(columns, place.left, place.contentWidth, place.width, step)
    }

    /** The mask within a [box] of the picture whose object has these [weights] of the prototypes. */
    fun of(box: Detection, weights: FloatArray): Mask {
        val left = ceil(box.left).toInt(); val top = ceil(box.top).toInt()
        val right = ceil(box.right).toInt(); val bottom = ceil(box.bottom).toInt()
        if (right <= left || bottom <= top) return Mask(left, top, 0, 0, BooleanArray(0))
        val row = down[top].first; val rowEnd = down.subList(top, bottom).maxOf { it.end }
        val column = across[left].first; val columnEnd = across.subList(left, right).maxOf { it.end }
        val cells = FloatArray((rowEnd - row) * (columnEnd - column))
        for (k in 0 until PROTOTYPES) {
            var at = 0
            for (y in row until rowEnd) for (x in column until columnEnd) {
                val cell = y * columns + x
                cells[at++] += weights[k] * prototypes[if (planar) k * rows * columns + cell else cell * PROTOTYPES + k]
            }
        }
        val width = right - left
        val wide = widened(cells, columnEnd - column, rowEnd - row, across.subList(left, right), column)
        val bits = BooleanArray(width * (bottom - top))
        for (y in top until bottom) for (x in 0 until width) {
            val taps = down[y]
            var sum = 0.0
            for (tap in taps.weights.indices) sum += taps.weights[tap] * wide[(taps.first - row + tap) * width + x]
            bits[(y - top) * width + x] = sum > 0
        }
        return Mask(left, top, width, bottom - top, bits)
    }
}

/** The class of each pixel of the network's input that shows the picture. */
fun classMap(spec: ModelSpec, outputs: List<FloatArray>, place: Placement): ClassMap {
    val position = spec.outputShapes.indexOfFirst { it.size == 4 || it.size == 3 }
    val data = outputs[position]; val shape = spec.outputShapes[position]
    val left = max(place.left, 0); val right = min(place.left + place.contentWidth, spec.inputWidth)
    val top = max(place.top, 0); val bottom = min(place.top + place.contentHeight, spec.inputHeight)
    val width = right - left; val height = bottom - top
    if (shape.size == 3) return ClassMap(width, height, IntArray(width * height) { // (1, rows, columns) of class numbers
        val row = (top + it / width) * shape[1] / spec.inputHeight; val column = (left + it % width) * shape[2] / spec.inputWidth
        data[row * shape[2] + column].toInt()
    })
    val planar = shape[1] == spec.labels.size || (shape[1] == 1 && spec.labels.size == 2)
    val channels = if (planar) shape[1] else shape[3]
    val rows = shape[if (planar) 2 else 1]; val columns = shape[if (planar) 3 else 2]
    val down = bilinear(rows, spec.inputHeight).subList(top, bottom); val across = bilinear(columns, spec.inputWidth).subList(left, right)
    val classIds = IntArray(width * height)
    // A single channel holds the logit of class 1 against class 0.
    val best = FloatArray(width * height) { if (channels == 1) 0f else Float.NEGATIVE_INFINITY }
    for (channel in 0 until channels) {
        val cells = FloatArray(rows * columns) { data[if (planar) channel * rows * columns + it else it * channels + channel] }
        val wide = widened(cells, columns, rows, across, 0)
        for (y in 0 until height) for (x in 0 until width) {
            val taps = down[y]; val at = y * width + x
            var sum = 0.0
            for (tap in taps.weights.indices) sum += taps.weights[tap] * wide[(taps.first + tap) * width + x]
            if (sum.toFloat() > best[at]) { best[at] = sum.toFloat(); classIds[at] = if (channels == 1) 1 else channel }
        }
    }
    return ClassMap(width, height, classIds)
}

/** Bilinear interpolation of [source] samples to [target] ones, the middles laid onto each other. */
private fun bilinear(source: Int, target: Int) = List(target) {
    val position = max((it + 0.5) * (source.toDouble() / target) - 0.5, 0.0)
    val first = min(position.toInt(), source - 1); val share = position - first
    Taps(first, if (first == source - 1) doubleArrayOf(1.0) else doubleArrayOf(1 - share, share))
}

/** From cells to pixels of the picture: cells are refined until the border ends between two of them, the border is cut off, and
 *  what is left is interpolated. */
private fun contentTaps(cells: Int, border: Int, content: Int, picture: Int, step: Int): List<Taps> {
    val refined = bilinear(cells, cells * CELL / step).subList(border / step, (border + content) / step)
    return bilinear(refined.size, picture).map { pixel ->
        val first = refined[pixel.first].first
        val weights = DoubleArray(refined[pixel.end - 1].end - first)
        pixel.weights.forEachIndexed { next, weight ->
            val cell = refined[pixel.first + next]
            cell.weights.forEachIndexed { tap, share -> weights[cell.first - first + tap] += weight * share }
        }
        Taps(first, weights)
    }
}

/** Rows of cells, interpolated across; [offset] is the number of their first column. */
private fun widened(cells: FloatArray, columns: Int, rows: Int, taps: List<Taps>, offset: Int): FloatArray {
    val wide = FloatArray(rows * taps.size)
    for (y in 0 until rows) taps.forEachIndexed { x, pixel ->
        var sum = 0.0
        for (tap in pixel.weights.indices) sum += pixel.weights[tap] * cells[y * columns + pixel.first - offset + tap]
        wide[y * taps.size + x] = sum.toFloat()
    }
    return wide
}

private fun commonDivisor(a: Int, b: Int): Int = if (b == 0) abs(a) else commonDivisor(b, a % b)
