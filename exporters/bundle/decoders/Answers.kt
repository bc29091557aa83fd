// What networks say that is neither objects nor classes: numbers, sentences, pictures, and how an object stands in space.
package streamvision

import kotlin.math.abs
import kotlin.math.atan2
import kotlin.math.exp
import kotlin.math.max
import kotlin.math.min

private const val BINS = 2
private const val MOST_LOG = 10f
private const val MOST_WORDS = 256
private val SPECIAL = setOf("<end>", "<unknown>")

/** A number and what it is counted in. */
class NumberAnswer(val name: String, val value: Float, val unit: String?)

/** A sentence about the picture, and how probable each of its words is. */
class Sentence(val text: String, val wordScores: List<Float>)

/** How values of a picture that a network makes become levels. */
class PictureScaling(val bgr: Boolean, val scale: Float, val mean: FloatArray?, val std: FloatArray?)

/** A picture, as Bitmap.setPixels takes it. */
class MadePicture(val width: Int, val height: Int, val argb: IntArray)

/** How the object on a crop stands: sides in metres; [alpha], the yaw against the ray to it, in radians; where its middle is,
 *  from the box's middle in shares of its sides; [spread], the standard deviation of the distance's logarithm (Mousavian et al.,
 *  CVPR 2017). */
data class Cuboid(
    val length: Float, val width: Float, val height: Float, val alpha: Float, val depthFactor: Float,
    val offsetX: Float, val offsetY: Float, val spread: Float,
) {
    /** How far ahead its middle is in metres, by the height of its box on the picture and the camera's focal length in pixels. */
    fun distance(boxHeight: Float, focal: Float): Float = focal * height / boxHeight * depthFactor
}

/** Numbers by name; outputs with more than one value are the probabilities of classes. */
fun numbers(spec: ModelSpec, outputs: List<FloatArray>): List<NumberAnswer> =
    outputs.filter { it.size == 1 }.zip(spec.numbers) { values, (name, unit) -> NumberAnswer(name, values[0], unit) }

/** A sentence out of the numbers of its words, 0 being the end, and their probabilities. */
fun sentence(spec: ModelSpec, outputs: List<FloatArray>): Sentence {
    val ids = outputs[0].map { Math.rint(it.toDouble()).toInt() }
    val count = min(ids.indexOf(0).let { if (it < 0) ids.size else it }, MOST_WORDS)
    val words = ids.take(count).map { spec.labels[it] }.filter { it !in SPECIAL }
    val text = words.joinToString("") { if (it.length == 1 && it in ",.;:!?%)") it else " $it" }.trim()
    return Sentence(text, outputs[1].take(count))
}

/** How the object on the crop stands. */
fun cuboid(row: FloatArray): Cuboid {
    fun exponential(value: Float) = exp(value.coerceIn(-MOST_LOG, MOST_LOG))
    val best = if (row[4] > row[3]) 1 else 0; val at = 3 + BINS + 2 * best; val rest = 3 + 3 * BINS
    val alpha = wrapped(2 * Math.PI * best / BINS + atan2(row[at + 1].toDouble(), row[at].toDouble()))
    return Cuboid(row[0], row[1], row[2], alpha.toFloat(), exponential(row[rest]), row[rest + 1], row[rest + 2], exponential(row[rest + 3]))
}

/** The picture that was made, cut to the part that shows something. */
fun madePicture(spec: ModelSpec, outputs: List<FloatArray>, place: Placement): MadePicture {
    val shape = spec.outputShapes[0]; val data = outputs[0]; val planar = shape[1] == 3; val made = spec.made
    val rows = shape[if (planar) 2 else 1]; val columns = shape[if (planar) 3 else 2]
    fun edge(value: Int, cells: Int, pixels: Int) = Math.rint(value.toDouble() * cells / pixels).toInt()
    val top = edge(max(place.top, 0), rows, spec.inputHeight); val left = edge(max(place.left, 0), columns, spec.inputWidth)
    val height = edge(min(place.top + place.contentHeight, spec.inputHeight), rows, spec.inputHeight) - top
    val width = edge(min(place.left + place.contentWidth, spec.inputWidth), columns, spec.inputWidth) - left
    return MadePicture(width, height, IntArray(width * height) {
        val cell = (top + it / width) * columns + left + it % width
        (0 until 3).fold(0xFF shl 24) { pixel, channel ->
            val value = data[if (planar) channel * rows * columns + cell else 3 * cell + channel]
            val level = (value * (made.std?.get(channel) ?: 1f) + (made.mean?.get(channel) ?: 0f)) / made.scale
            pixel or (Math.rint(level.coerceIn(0f, 255f).toDouble()).toInt() shl if (made.bgr) 8 * channel else 16 - 8 * channel)
        }
    })
}

/** How much two predictions may differ: overlap and score of objects, overlap of masks, mean distance of keypoints as a share of
 *  the object's size, probability of classes and words, share of cells with the same class, numbers as a share of themselves, share of
 *  words, and mean of a picture's levels. */
class Tolerance(
    val iou: Float, val score: Float, val maskIou: Float, val keypointShare: Float, val classScore: Float, val samePixels: Float,
    val number: Float, val sameWords: Float, val levels: Float,
)

/** What differs between two answers, one sentence each. */
fun differentAnswers(found: Prediction, expected: Prediction, tolerance: Tolerance): List<String> {
    val numbers = expected.numbers.mapIndexedNotNull { at, one ->
        val other = found.numbers.getOrNull(at)?.value ?: Float.NaN
        if (off(other, one.value, tolerance)) "the number ${one.name} is $other, not ${one.value}" else null
    }
    return numbers + (expected.sentence?.let { differentSentence(found.sentence, it, tolerance) } ?: emptyList()) +
        (expected.cuboid?.let { differentCuboid(found.cuboid, it, tolerance) } ?: emptyList()) +
        (expected.picture?.let { differentPicture(found.picture, it, tolerance) } ?: emptyList())
}

private fun off(one: Float, other: Float, tolerance: Tolerance) = !(abs(one - other) <= tolerance.number * max(abs(other), 1f))

private fun differentSentence(found: Sentence?, expected: Sentence, tolerance: Tolerance): List<String> {
    val ours = (found?.text ?: "").split(" "); val theirs = expected.text.split(" ")
    val same = theirs.indices.count { ours.getOrNull(it) == theirs[it] }.toFloat() / max(ours.size, theirs.size)
    if (same < tolerance.sameWords) return listOf("the sentence is \"${found?.text}\"")
    return expected.wordScores.mapIndexedNotNull { at, score ->
        val other = found?.wordScores?.getOrNull(at) ?: Float.NaN
        if (same == 1f && !(abs(other - score) <= tolerance.classScore)) "word $at has the probability $other" else null
    }
}

private fun differentCuboid(found: Cuboid?, expected: Cuboid, tolerance: Tolerance): List<String> {
    fun values(one: Cuboid) = listOf(one.length, one.width, one.height, one.depthFactor, one.offsetX, one.offsetY, one.spread)
    val turned = if (found == null) Float.NaN else wrapped((found.alpha - expected.alpha).toDouble()).toFloat()
    val differs = off(turned, 0f, tolerance) || found == null ||
        values(found).zip(values(expected)).any { (one, other) -> off(one, other, tolerance) }
    return if (differs) listOf("the cuboid is $found, not $expected") else emptyList()
}

private fun differentPicture(found: MadePicture?, expected: MadePicture, tolerance: Tolerance): List<String> {
    if (found?.width != expected.width || found.height != expected.height) return listOf("the picture has another size")
    val total = expected.argb.indices.sumOf { at ->
        listOf(0, 8, 16).sumOf { abs((expected.argb[at] shr it and 0xFF) - (found.argb[at] shr it and 0xFF)) }.toLong()
    }
    val mean = total / (3.0 * expected.argb.size)
    return if (mean <= tolerance.levels) emptyList() else listOf("the picture is off by $mean levels on average")
}

private fun wrapped(angle: Double): Double = angle - 2 * Math.PI * Math.rint(angle / (2 * Math.PI))
