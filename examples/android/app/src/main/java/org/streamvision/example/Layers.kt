package org.streamvision.example

import android.graphics.Bitmap
import android.graphics.Color
import android.graphics.RectF
import kotlin.math.max
import kotlin.math.min
import streamvision.MODEL
import streamvision.Placement
import streamvision.Prediction

/** A picture that lies over [area], in pixels of the camera's. */
class Layer(val bitmap: Bitmap, val area: RectF)

/** The colour of a class, the same in every frame. */
fun colorOf(classId: Int, alpha: Int = 255): Int =
    Color.HSVToColor(alpha, floatArrayOf(classId * 137.5f % 360, 0.7f, 1f))

/** Masks of objects and the classes of pixels as pictures. They are made where the model runs: views only draw. */
fun layersOf(prediction: Prediction, pictureWidth: Int, pictureHeight: Int): List<Layer> {
    val masks = prediction.detections.mapNotNull { found ->
        val mask = found.mask ?: return@mapNotNull null
        if (mask.width == 0 || mask.height == 0) return@mapNotNull null
        val color = colorOf(found.classId, MASK_ALPHA)
        val colors = IntArray(mask.width * mask.height) { if (mask.bits[it]) color else 0 }
        val left = mask.left.toFloat()
        val top = mask.top.toFloat()
        Layer(bitmap(colors, mask.width, mask.height), RectF(left, top, left + mask.width, top + mask.height))
    }
    val map = prediction.classMap ?: return masks
    val colorOfClass = IntArray((map.classIds.maxOrNull() ?: 0) + 1) { colorOf(it, MASK_ALPHA) }
    val colors = IntArray(map.width * map.height) { colorOfClass[map.classIds[it]] }
    return masks + Layer(bitmap(colors, map.width, map.height), seenArea(pictureWidth, pictureHeight))
}

/** The part of the picture that the network sees: all of it, unless its card cuts the middle out. */
private fun seenArea(pictureWidth: Int, pictureHeight: Int): RectF {
    val place = Placement(pictureWidth, pictureHeight, MODEL)
    val right = min(place.left + place.contentWidth, MODEL.inputWidth)
    val bottom = min(place.top + place.contentHeight, MODEL.inputHeight)
    return RectF(
        place.x(max(place.left, 0).toFloat()), place.y(max(place.top, 0).toFloat()),
        place.x(right.toFloat()), place.y(bottom.toFloat()),
    )
}

/** The classes that cover most of a scene, the largest first, with their shares. */
fun largestClasses(classIds: IntArray, most: Int): List<Pair<Int, Float>> {
    val counts = IntArray((classIds.maxOrNull() ?: 0) + 1)
    for (classId in classIds) counts[classId]++
    return counts.indices.filter { counts[it] > 0 }.sortedByDescending { counts[it] }.take(most)
        .map { it to counts[it].toFloat() / classIds.size }
}

private const val MASK_ALPHA = 110

private fun bitmap(colors: IntArray, width: Int, height: Int) =
    Bitmap.createBitmap(colors, width, height, Bitmap.Config.ARGB_8888)
