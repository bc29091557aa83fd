// Made by StreamVision for the model of this bundle; another model brings its own.

let model = ModelSpec(
    task: "$task",
    inputWidth: $width, inputHeight: $height, planar: $planar,
    bgr: $bgr, resize: "$resize", cropShortSide: $crop_short_side, padValue: $pad,
    scale: $scale, mean: $mean, std: $std,
    layout: "$layout", normalizedBoxes: $normalized,
    nmsInside: $nms_inside,
    outputNames: [$output_names],
    outputShapes: $output_shapes,
    scoreThreshold: $score, iouThreshold: $iou, maxDetections: $max_detections,
    labels: [
        $labels,
    ],
    keypointNames: [$keypoint_names],
    skeleton: [$skeleton],
    numbers: [$numbers],
    made: PictureScaling(bgr: $made_bgr, scale: $made_scale, mean: $made_mean, std: $made_std)
)

let goldenPictureWidth = $picture_width
let goldenPictureHeight = $picture_height

/// Of the picture that the network makes; 0 where it makes none.
let goldenMadeWidth = $made_width
let goldenMadeHeight = $made_height

/// How near to the golden tensor the decoder comes.
let goldenTensor: Float = $tensor

/// How near to the golden results a runtime comes.
let goldenTolerance = Tolerance(
    iou: $golden_iou, score: $golden_score, maskIou: $golden_mask_iou,
    keypointShare: $golden_keypoint_share, classScore: $golden_class_score, samePixels: $golden_same_pixels,
    number: $golden_number, sameWords: $golden_same_words, levels: $golden_levels
)
