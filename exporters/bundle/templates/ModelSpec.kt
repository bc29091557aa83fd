// Made by StreamVision for the model of this bundle; another model brings its own.
package streamvision

val MODEL = ModelSpec(
    inputWidth = $width, inputHeight = $height, planar = $planar,
    uint8Input = $uint8, bgr = $bgr, resize = "$resize",
    padValue = $pad, scale = $scale, mean = $mean, std = $std,
    layout = "$layout", normalizedBoxes = $normalized,
    nmsInside = $nms_inside,
    outputShapes = listOf($output_shapes),
    scoreThreshold = ${score}f, iouThreshold = ${iou}f, maxDetections = $max_detections,
    labels = listOf(
        $labels,
    ),
)

const val GOLDEN_PICTURE_WIDTH = $picture_width
const val GOLDEN_PICTURE_HEIGHT = $picture_height

/** How near to the golden objects a runtime comes. */
const val GOLDEN_IOU = ${golden_iou}f
const val GOLDEN_SCORE = ${golden_score}f
