// From a picture to the network's input, and from its raw outputs to what is on the picture.
// Plain Kotlin: no Android classes, no libraries. ModelSpec.kt holds the model of this bundle.
package streamvision

import kotlin.math.exp
import kotlin.math.max
import kotlin.math.min

/** How a network is fed and read. */
class ModelSpec(
    val task: String,
    val inputWidth: Int, val inputHeight: Int, val planar: Boolean, val uint8Input: Boolean, val bgr: Boolean,
    val resize: String, val cropShortSide: Int, val padValue: Int, val scale: Double, val mean: FloatArray?, val std: FloatArray?,
    val layout: String, val normalizedBoxes: Boolean, val nmsInside: Boolean, val outputShapes: List<IntArray>,
    val scoreThreshold: Float, val iouThreshold: Float, val maxDetections: Int, val labels: List<String>,
    val keypointNames: List<String>, val skeleton: List<Pair<Int, Int>>,
    val numbers: List<Pair<String, String?>>, val made: PictureScaling,
)

/** An object; edges in pixels. Mask, keypoints and oriented box are there where the model's task gives them. */
data class Detection(
    val left: Float, val top: Float, val right: Float, val bottom: Float, val score: Float, val classId: Int,
    val mask: Mask? = null, val keypoints: List<Keypoint> = emptyList(), val oriented: OrientedBox? = null,
)

/** A point of an object, in pixels; [score] says how sure it is, 1 where the network does not. */
class Keypoint(val x: Float, val y: Float, val score: Float)

/** How probable a class is for the whole picture. */
class ClassScore(val classId: Int, val score: Float)

/** What a network says of a picture: objects, or every class with the likeliest first, the class of each pixel, numbers, a sentence,
 *  how the object on a crop stands, or another picture. */
class Prediction(
    val detections: List<Detection> = emptyList(), val classScores: List<ClassScore> = emptyList(), val classMap: ClassMap? = null,
    val numbers: List<NumberAnswer> = emptyList(), val sentence: Sentence? = null, val cuboid: Cuboid? = null,
    val picture: MadePicture? = null,
)

/** Where a picture lies in the network's input, and the way back. */
class Placement(val width: Int, val height: Int, spec: ModelSpec) {
    val contentWidth: Int
    val contentHeight: Int
    var left = 0; private set
    var top = 0; private set
    var scaleX = spec.inputWidth.toDouble() / width; private set
    var scaleY = spec.inputHeight.toDouble() / height; private set

    init {
        val ratio = min(scaleX, scaleY)
        when (spec.resize) {
            "stretch" -> { contentWidth = spec.inputWidth; contentHeight = spec.inputHeight }
            "letterbox_top_left" -> {
                contentWidth = max((width * ratio).toInt(), 1); contentHeight = max((height * ratio).toInt(), 1)
                scaleX = ratio; scaleY = ratio
            }
            "letterbox_center" -> {
                contentWidth = max(halfEven(width * ratio), 1); contentHeight = max(halfEven(height * ratio), 1)
                left = halfEven((spec.inputWidth - contentWidth) / 2.0 - 0.1)
                top = halfEven((spec.inputHeight - contentHeight) / 2.0 - 0.1)
                scaleX = contentWidth.toDouble() / width; scaleY = contentHeight.toDouble() / height
            }
            "crop_center" -> { // the middle of the picture; left and top are below 0 by what is cut off
                val shorter = spec.cropShortSide; val least = min(width, height)
                contentWidth = if (width == least) shorter else (shorter.toDouble() * width / least).toInt()
                contentHeight = if (height == least) shorter else (shorter.toDouble() * height / least).toInt()
                left = middle(contentWidth, spec.inputWidth); top = middle(contentHeight, spec.inputHeight)
                scaleX = contentWidth.toDouble() / width; scaleY = contentHeight.toDouble() / height
            }
            else -> throw IllegalArgumentException("no rule for resize ${spec.resize}")
        }
    }

    /** A column of the network's input in pixels of the picture, not cut at its edges. */
    fun x(value: Float): Float = ((value - left) / scaleX).toFloat()

    /** A row of the network's input in pixels of the picture, not cut at its edges. */
    fun y(value: Float): Float = ((value - top) / scaleY).toFloat()

    /** A box of the network's input in the picture's own pixels, cut at its edges. */
    fun toPicture(box: Detection): Detection =
        cut(box.copy(left = x(box.left), top = y(box.top), right = x(box.right), bottom = y(box.bottom)))

    /** A box of the picture, cut at its edges. */
    fun cut(box: Detection): Detection = box.copy(
        left = box.left.coerceIn(0f, width.toFloat()), top = box.top.coerceIn(0f, height.toFloat()),
        right = box.right.coerceIn(0f, width.toFloat()), bottom = box.bottom.coerceIn(0f, height.toFloat()),
    )

    private fun middle(content: Int, input: Int) = if (input > content) (input - content) / 2 else -halfEven((content - input) / 2.0)
    private fun halfEven(value: Double) = Math.rint(value).toInt()
}

class Decoder(private val spec: ModelSpec) {
    /** The input tensor. [argb] is the whole picture resized to the placement's content size, as Bitmap.getPixels gives it. */
    fun toTensor(argb: IntArray, place: Placement): FloatArray {
        val width = spec.inputWidth; val area = width * spec.inputHeight
        val divisor = (1 / spec.scale).toFloat()
        val tensor = FloatArray(3 * area)
        val rows = max(place.top, 0) until min(place.top + place.contentHeight, spec.inputHeight)
        val columns = max(place.left, 0) until min(place.left + place.contentWidth, width)
        for (channel in 0 until 3) {
            val shift = if (spec.bgr) 8 * channel else 16 - 8 * channel
            val values = FloatArray(256) { ((it / divisor) - (spec.mean?.get(channel) ?: 0f)) / (spec.std?.get(channel) ?: 1f) }
            val start = if (spec.planar) channel * area else channel
            val step = if (spec.planar) 1 else 3
            for (at in 0 until area) tensor[start + at * step] = values[spec.padValue]
            for (y in rows) for (x in columns) {
                val level = argb[(y - place.top) * place.contentWidth + x - place.left] shr shift and 0xFF
                tensor[start + (y * width + x) * step] = values[level]
            }
        }
        return tensor
    }

    /** What the network says of the picture. [outputs] are the network's, flat, in its own order. */
    fun decode(outputs: List<FloatArray>, place: Placement): Prediction = when (spec.task) {
        "classify" -> {
            val scores = outputs.firstOrNull { spec.layout != "several" || it.size > 1 }
            val numbers = if (spec.layout == "several") numbers(spec, outputs) else emptyList()
            Prediction(classScores = scores?.let { classScores(it) } ?: emptyList(), numbers = numbers)
        }
        "semantic" -> Prediction(classMap = classMap(spec, outputs, place))
        "caption" -> Prediction(sentence = sentence(spec, outputs))
        "cuboid" -> Prediction(cuboid = cuboid(outputs[0]))
        "image" -> Prediction(picture = madePicture(spec, outputs, place))
        else -> Prediction(detections = detect(outputs, place))
    }

    /** Objects on the picture, best first. */
    fun detect(outputs: List<FloatArray>, place: Placement): List<Detection> {
        val found = candidates(spec, outputs).sortedByDescending { it.box.score }
        val kept = when {
            spec.nmsInside -> found.take(spec.maxDetections)
            spec.task == "obb" -> suppressOriented(spec, found)
            else -> suppress(spec, found)
        }
        val masks = if (spec.task == "segment") InstanceMasks(spec, outputs, place) else null
        return kept.map { one ->
            val box = place.toPicture(one.box)
            when (spec.task) {
                "segment" -> box.copy(mask = masks?.of(box, one.extra))
                "pose" -> box.copy(keypoints = keypoints(one.extra, place))
                "obb" -> orientedOf(one.extra).toPicture(place).let { place.cut(it.upright(box.score, box.classId)).copy(oriented = it) }
                else -> box
            }
        }.filter { it.right > it.left && it.bottom > it.top }
    }

    private fun keypoints(values: FloatArray, place: Placement): List<Keypoint> {
        val count = spec.keypointNames.size; val each = values.size / count
        val unitX = if (spec.normalizedBoxes) spec.inputWidth else 1; val unitY = if (spec.normalizedBoxes) spec.inputHeight else 1
        return List(count) { point ->
            val at = point * each
            val x = place.x(values[at] * unitX).coerceIn(0f, place.width.toFloat())
            val y = place.y(values[at + 1] * unitY).coerceIn(0f, place.height.toFloat())
            Keypoint(x, y, if (each == 3) values[at + 2] else 1f)
        }
    }

    /** The probability of every class, the likeliest first. */
    private fun classScores(values: FloatArray): List<ClassScore> {
        val logits = spec.layout == "logits"; val highest = values.max()
        val odds = FloatArray(values.size) { if (logits) exp(values[it] - highest) else values[it] }
        val sum = if (logits) odds.sum() else 1f
        return odds.mapIndexed { classId, value -> ClassScore(classId, value / sum) }.sortedByDescending { it.score }
    }
}
