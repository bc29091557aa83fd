// Compares the decoder, or a whole app, with the golden vectors of the bundle.
package streamvision

import java.io.File
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.abs
import kotlin.system.exitProcess

/** The golden vectors; [open] gives a file of the bundle's golden folder by its name. */
class Golden(private val open: (String) -> InputStream) {
    val place = Placement(GOLDEN_PICTURE_WIDTH, GOLDEN_PICTURE_HEIGHT, MODEL)

    /** What the network is fed, as levels 0..255 where its input is uint8. */
    val input: FloatArray get() = if (MODEL.uint8Input) bytes("input.u8").toLevels() else floats("input.f32")
    val outputs: List<FloatArray> get() = MODEL.outputShapes.indices.map { floats("output_$it.f32") }
    val detections: List<Detection> get() = floats("detections.f32").asList().chunked(6) { (left, top, right, bottom, score, id) ->
        Detection(left, top, right, bottom, score, id.toInt())
    }

    /** The picture at the placement's content size, as Bitmap.getPixels would give it. */
    val content: IntArray get() = bytes("content.rgb").toLevels().let { levels ->
        IntArray(levels.size / 3) { (levels[3 * it].toInt() shl 16) or (levels[3 * it + 1].toInt() shl 8) or levels[3 * it + 2].toInt() }
    }

    private fun bytes(name: String): ByteArray = open(name).use { it.readBytes() }
    private fun ByteArray.toLevels() = FloatArray(size) { (this[it].toInt() and 0xFF).toFloat() }
    private fun floats(name: String): FloatArray {
        val buffer = ByteBuffer.wrap(bytes(name)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
        return FloatArray(buffer.remaining()).also { buffer.get(it) }
    }
    private operator fun <T> List<T>.component6() = this[5]
}

/** What differs between two sets of objects, one sentence each. Objects are the same when they have one class, overlap by
 *  [iou] or more and score within [score] of each other; what lies that near to the threshold may be on one side only. */
fun differences(found: List<Detection>, expected: List<Detection>, iou: Float, score: Float): List<String> {
    fun lacking(from: List<Detection>, those: List<Detection>, word: String) = from
        .filter { one -> one.score >= MODEL.scoreThreshold + score && those.none { it.classId == one.classId &&
            overlap(it, one) >= iou && abs(it.score - one.score) <= score } }
        .map { "$word: class ${it.classId}, score ${it.score}, at ${it.left}, ${it.top}, ${it.right}, ${it.bottom}" }
    return lacking(expected, found, "missing") + lacking(found, expected, "not expected")
}

/** What differs between the decoder and the golden vectors, one sentence each. */
fun selfTest(golden: Golden): List<String> {
    val decoder = Decoder(MODEL)
    val tensor = decoder.toTensor(golden.content, golden.place)
    val expected = golden.input
    val off = expected.indices.maxOf { abs(expected[it] - tensor[it]) }
    val wrongTensor = if (off > 1e-5f) listOf("the input tensor is off by up to $off") else emptyList()
    return wrongTensor + differences(decoder.detect(golden.outputs, golden.place), golden.detections, 0.99f, 1e-4f)
}

/** Run with the path of the golden folder; the exit code is 0 when nothing differs. */
fun main(arguments: Array<String>) {
    val folder = File(arguments.firstOrNull() ?: "../golden")
    val found = selfTest(Golden { File(folder, it).inputStream() })
    found.forEach(::println)
    println(if (found.isEmpty()) "ok: the decoder agrees with the golden vectors" else "FAILED")
    exitProcess(if (found.isEmpty()) 0 else 1)
}
