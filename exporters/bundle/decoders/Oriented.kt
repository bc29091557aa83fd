// Oriented boxes: their corners, the way back to the picture, and suppression of duplicates.
package streamvision

import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.atan2
import kotlin.math.cos
import kotlin.math.exp
import kotlin.math.floor
import kotlin.math.hypot
import kotlin.math.ln
import kotlin.math.max
import kotlin.math.sin
import kotlin.math.sqrt

/** An oriented box in pixels; [angle] is that of the width in radians, clockwise on the picture. */
class OrientedBox(val centerX: Float, val centerY: Float, val width: Float, val height: Float, val angle: Float) {
    /** The four corners as x and y, in turn around the box. */
    val corners: List<Pair<Float, Float>> get() {
        val cos = cos(angle) / 2; val sin = sin(angle) / 2
        return listOf(-1 to -1, 1 to -1, 1 to 1, -1 to 1).map { (along, across) ->
            Pair(centerX + along * width * cos - across * height * sin, centerY + along * width * sin + across * height * cos)
        }
    }

    /** The upright box around it. */
    fun upright(score: Float, classId: Int): Detection {
        val cos = abs(cos(angle)); val sin = abs(sin(angle))
        val halfX = (width * cos + height * sin) / 2; val halfY = (width * sin + height * cos) / 2
        return Detection(centerX - halfX, centerY - halfY, centerX + halfX, centerY + halfY, score, classId)
    }

    /** A box of the network's input in the picture's own pixels. Where the two axes were scaled differently, the rectangle keeps
     *  its area and the direction of its width. */
    fun toPicture(place: Placement): OrientedBox {
        val across = cos(angle.toDouble()) / place.scaleX; val down = sin(angle.toDouble()) / place.scaleY
        val stretch = hypot(across, down)
        val turned = atan2(down, across) - angle + PI
        return OrientedBox(
            place.x(centerX), place.y(centerY), (width * stretch).toFloat(),
            (height / (stretch * place.scaleX * place.scaleY)).toFloat(),
            (angle + turned - 2 * PI * floor(turned / (2 * PI)) - PI).toFloat(),
        )
    }
}

/** The oriented box of centre x and y, width, height and angle. */
fun orientedOf(values: FloatArray) = OrientedBox(values[0], values[1], values[2], values[3], values[4])

/** Suppression within each class; [found] is sorted, the best score first. A box goes when any better one of its class overlaps
 *  it too much, whether that one stays or not, as in ultralytics (fast NMS, arXiv:1904.02689). */
fun suppressOriented(spec: ModelSpec, found: List<Candidate>): List<Candidate> {
    val solid = found.filter { it.extra[2] >= 0.01f && it.extra[3] >= 0.01f }.take(MOST_COMPARED)
    val normals = solid.map { Normal(orientedOf(it.extra)) }
    val kept = ArrayList<Candidate>()
    for (at in solid.indices) {
        if (kept.size == spec.maxDetections) break
        val stays = (0 until at).all { better ->
            solid[better].box.classId != solid[at].box.classId || normals[better].alike(normals[at]) <= spec.iouThreshold
        }
        if (stays) kept.add(solid[at])
    }
    return kept
}

/** Overlap of two oriented boxes. */
fun overlap(a: OrientedBox, b: OrientedBox): Float = Normal(a).alike(Normal(b)).toFloat()

/** The normal distribution with a box's centre, direction and second moments. */
private class Normal(box: OrientedBox) {
    private val x = box.centerX.toDouble()
    private val y = box.centerY.toDouble()
    private val xx: Double
    private val yy: Double
    private val xy: Double
    private val area: Double

    init {
        val along = box.width.toDouble() * box.width / 12; val across = box.height.toDouble() * box.height / 12
        val cos = cos(box.angle.toDouble()); val sin = sin(box.angle.toDouble())
        xx = along * cos * cos + across * sin * sin
        yy = along * sin * sin + across * cos * cos
        xy = (along - across) * cos * sin
        area = sqrt(max(xx * yy - xy * xy, 0.0))
    }

    /** Probabilistic intersection over union (arXiv:2106.06072): one minus the Hellinger distance of two distributions. */
    fun alike(other: Normal): Double {
        val xx = xx + other.xx; val yy = yy + other.yy; val xy = xy + other.xy
        val dx = x - other.x; val dy = y - other.y; val joint = xx * yy - xy * xy
        val apart = (xx * dy * dy + yy * dx * dx - 2 * xy * dx * dy) / (4 * (joint + FLOOR))
        val shape = joint / (4 * area * other.area + FLOOR) + FLOOR
        return 1 - sqrt(1 - exp(-(apart + ln(shape) / 2).coerceIn(FLOOR, 100.0)) + FLOOR)
    }

    private companion object { const val FLOOR = 1e-7 }
}
