// Compares the decoder, or a whole app, with the golden vectors of the bundle.
package streamvision

import java.io.File
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.abs
import kotlin.math.hypot
import kotlin.math.max
import kotlin.math.sqrt
import kotlin.system.exitProcess

/** How near to the golden vectors the decoder itself comes: nothing but rounding is between them. */
private val EXACT = Tolerance(0.99f, 1e-4f, 0.99f, 2e-3f, 1e-4f, 0.999f, 1e-5f, 1f, 0.01f)

/** Keypoints that the golden vectors are less sure of are anywhere. */
private const val CERTAIN_KEYPOINT = 0.5f

/** The golden vectors; [open] gives a file of the bundle's golden folder by its name. */
class Golden(private val open: (String) -> InputStream) {
    val place = Placement(GOLDEN_PICTURE_WIDTH, GOLDEN_PICTURE_HEIGHT, MODEL)

    /** What the network is fed, as levels 0..255 where its input is uint8. */
    val input: FloatArray get() = if (MODEL.uint8Input) bytes("input.u8").toLevels() else floats("input.f32")
    val outputs: List<FloatArray> get() = MODEL.outputShapes.indices.map { floats("output_$it.f32") }

    /** What the runtime found. */
    val prediction: Prediction get() = when (MODEL.task) {
        "classify" -> {
            val scores = if (MODEL.layout == "several" && MODEL.outputShapes.size == MODEL.numbers.size) FloatArray(0) else floats("classes.f32")
            val values = if (MODEL.layout == "several") floats("numbers.f32") else FloatArray(0)
            val numbers = MODEL.numbers.zip(values.asList()) { (name, unit), value -> NumberAnswer(name, value, unit) }
            Prediction(classScores = scores.mapIndexed(::ClassScore).sortedByDescending { it.score }, numbers = numbers)
        }
        "caption" -> Prediction(sentence = Sentence(bytes("sentence.txt").decodeToString(), floats("words.f32").asList()))
        "cuboid" -> Prediction(cuboid = floats("cuboid.f32").let { Cuboid(it[0], it[1], it[2], it[3], it[4], it[5], it[6], it[7]) })
        "image" -> Prediction(picture = MadePicture(GOLDEN_MADE_WIDTH, GOLDEN_MADE_HEIGHT, packed(bytes("made.u8"))))
        "semantic" -> {
            val left = max(place.left, 0); val right = minOf(place.left + place.contentWidth, MODEL.inputWidth)
            val levels = bytes("class_map.u8").toLevels()
            Prediction(classMap = ClassMap(right - left, levels.size / (right - left), IntArray(levels.size) { levels[it].toInt() }))
        }
        else -> Prediction(detections = detections())
    }

    /** The picture at the placement's content size, as Bitmap.getPixels would give it. */
    val content: IntArray get() = packed(bytes("content.rgb"))

    private fun packed(rgb: ByteArray) = rgb.toLevels().let { levels ->
        IntArray(levels.size / 3) { (levels[3 * it].toInt() shl 16) or (levels[3 * it + 1].toInt() shl 8) or levels[3 * it + 2].toInt() }
    }

    private fun detections(): List<Detection> {
        val rows = floats("detections.f32").asList().chunked(6)
        val masks = if (MODEL.task == "segment") masks() else null
        val points = if (MODEL.task == "pose") floats("keypoints.f32").asList().chunked(3 * MODEL.keypointNames.size) else null
        val oriented = if (MODEL.task == "obb") floats("oriented.f32").asList().chunked(5) else null
        return rows.mapIndexed { at, row ->
            Detection(
                row[0], row[1], row[2], row[3], row[4], row[5].toInt(), masks?.get(at),
                points?.get(at)?.chunked(3) { (x, y, score) -> Keypoint(x, y, score) } ?: emptyList(),
                oriented?.get(at)?.let { orientedOf(it.toFloatArray()) },
            )
        }
    }

    /** Masks out of runs: left, top, width, height, the number of runs, and their lengths along the rows, zeros first. */
    private fun masks(): List<Mask> {
        val values = buffer("masks.u32").asIntBuffer()
        val found = ArrayList<Mask>()
        while (values.hasRemaining()) {
            val mask = Mask(values.get(), values.get(), values.get(), values.get(), BooleanArray(0))
            val bits = BooleanArray(mask.width * mask.height)
            var pixel = 0
            repeat(values.get()) { run -> repeat(values.get()) { bits[pixel++] = run % 2 == 1 } }
            found.add(Mask(mask.left, mask.top, mask.width, mask.height, bits))
        }
        return found
    }

    private fun bytes(name: String): ByteArray = open(name).use { it.readBytes() }
    private fun buffer(name: String) = ByteBuffer.wrap(bytes(name)).order(ByteOrder.LITTLE_ENDIAN)
    private fun ByteArray.toLevels() = FloatArray(size) { (this[it].toInt() and 0xFF).toFloat() }
    private fun floats(name: String): FloatArray {
        val values = buffer(name).asFloatBuffer()
        return FloatArray(values.remaining()).also { values.get(it) }
    }
}

/** What differs between two predictions, one sentence each. Objects are the same when they have one class, overlap and score
 *  nearly the same; what lies that near to the threshold may be on one side only. */
fun differences(found: Prediction, expected: Prediction, tolerance: Tolerance): List<String> {
    fun same(one: Detection, other: Detection) = other.classId == one.classId && overlap(other, one) >= tolerance.iou &&
        abs(other.score - one.score) <= tolerance.score
    fun told(it: Detection) = "class ${it.classId}, score ${it.score}, at ${it.left}, ${it.top}, ${it.right}, ${it.bottom}"
    fun lacking(from: List<Detection>, those: List<Detection>, word: String) = from
        .filter { one -> one.score >= MODEL.scoreThreshold + tolerance.score && those.none { same(one, it) } }
        .map { "$word: ${told(it)}" }
    val changed = expected.detections.mapNotNull { one ->
        val partners = found.detections.filter { same(one, it) }.map { unlike(it, one, tolerance) }
        partners.firstOrNull()?.takeIf { null !in partners }?.let { "$it differs: ${told(one)}" }
    }
    return lacking(expected.detections, found.detections, "missing") + lacking(found.detections, expected.detections, "not expected") +
        changed + differentClasses(found.classScores, expected.classScores, tolerance) +
        differentMap(found.classMap, expected.classMap, tolerance) + differentAnswers(found, expected, tolerance)
}

/** Which of the values that a task adds to a box differs; null where none does. */
private fun unlike(found: Detection, expected: Detection, tolerance: Tolerance): String? {
    fun <T> far(one: T?, other: T?, least: Float, overlap: (T, T) -> Float) =
        other != null && (one == null || !(overlap(one, other) >= least))
    if (far(found.mask, expected.mask, tolerance.maskIou) { a, b -> overlap(a, b) }) return "mask"
    if (far(found.oriented, expected.oriented, tolerance.iou) { a, b -> overlap(a, b) }) return "rotation"
    val size = sqrt(max(expected.right - expected.left, 1f) * max(expected.bottom - expected.top, 1f))
    val shares = expected.keypoints.mapIndexedNotNull { at, point ->
        val other = found.keypoints.getOrNull(at)
        if (point.score < CERTAIN_KEYPOINT) null
        else if (other == null) Float.POSITIVE_INFINITY
        else hypot(point.x - other.x, point.y - other.y) / size
    }
    return if (shares.isEmpty() || shares.average() <= tolerance.keypointShare) null else "pose"
}

private fun differentClasses(found: List<ClassScore>, expected: List<ClassScore>, tolerance: Tolerance): List<String> {
    val scores = found.associate { it.classId to it.score }
    return expected.filter { !(abs((scores[it.classId] ?: Float.POSITIVE_INFINITY) - it.score) <= tolerance.classScore) }
        .map { "class ${it.classId} has the probability ${scores[it.classId]}, not ${it.score}" }
}

private fun differentMap(found: ClassMap?, expected: ClassMap?, tolerance: Tolerance): List<String> {
    if (expected == null) return emptyList()
    if (found?.width != expected.width || found.height != expected.height) return listOf("the map of classes has another size")
    val same = expected.classIds.indices.count { expected.classIds[it] == found.classIds[it] }.toFloat() / expected.classIds.size
    return if (same >= tolerance.samePixels) emptyList() else listOf("the class of ${100 * (1 - same)} % of the cells differs")
}

/** What differs between the decoder and the golden vectors, one sentence each. */
fun selfTest(golden: Golden): List<String> {
    val decoder = Decoder(MODEL)
    val tensor = decoder.toTensor(golden.content, golden.place)
    val expected = golden.input
    val off = expected.indices.maxOf { abs(expected[it] - tensor[it]) }
    val wrongTensor = if (off > GOLDEN_TENSOR) listOf("the input tensor is off by up to $off") else emptyList()
    return wrongTensor + differences(decoder.decode(golden.outputs, golden.place), golden.prediction, EXACT)
}

/** Run with the path of the golden folder; the exit code is 0 when nothing differs. */
fun main(arguments: Array<String>) {
    val folder = File(arguments.firstOrNull() ?: "../golden")
    val found = selfTest(Golden { File(folder, it).inputStream() })
    found.forEach(::println)
    println(if (found.isEmpty()) "ok: the decoder agrees with the golden vectors" else "FAILED")
    exitProcess(if (found.isEmpty()) 0 else 1)
}
