// Made by StreamVision for the model of this bundle; another model brings its own.
package streamvision

val MODEL = ModelSpec(
    task = "$task",
    inputWidth = $width, inputHeight = $height, planar = $planar,
    uint8Input = $uint8, bgr = $bgr, resize = "$resize", cropShortSide = $crop_short_side,
    padValue = $pad, scale = $scale, mean = $mean, std = $std,
    layout = "$layout", normalizedBoxes = $normalized,
    nmsInside = $nms_inside,
    outputShapes = listOf($output_shapes),
    scoreThreshold = ${score}f, iouThreshold = ${iou}f, maxDetections = $max_detections,
    labels = listOf(
        $labels,
    ),
    keypointNames = listOf($keypoint_names),
    skeleton = listOf($skeleton),
    numbers = listOf($numbers),
    made = PictureScaling(bgr = $made_bgr, scale = ${made_scale}f, mean = $made_mean, std = $made_std),
)

const val GOLDEN_PICTURE_WIDTH = $picture_width
const val GOLDEN_PICTURE_HEIGHT = $picture_height

/** Of the picture that the network makes; 0 where it makes none. */
const val GOLDEN_MADE_WIDTH = $made_width
const val GOLDEN_MADE_HEIGHT = $made_height

/** How near to the golden tensor the decoder comes. */
const val GOLDEN_TENSOR = $tensor

/** How near to the golden results a runtime comes. */
val GOLDEN_TOLERANCE = Tolerance(
    iou = ${golden_iou}f, score = ${golden_score}f, maskIou = ${golden_mask_iou}f,
    keypointShare = ${golden_keypoint_share}f, classScore = ${golden_class_score}f, samePixels = ${golden_same_pixels}f,
    number = ${golden_number}f, sameWords = ${golden_same_words}f, levels = ${golden_levels}f,
)
