// Made by StreamVision for the model of this bundle; another model brings its own.

let model = ModelSpec(
    inputWidth: $width, inputHeight: $height, planar: $planar,
    bgr: $bgr, resize: "$resize", padValue: $pad,
    scale: $scale, mean: $mean, std: $std,
    layout: "$layout", normalizedBoxes: $normalized,
    nmsInside: $nms_inside,
    outputNames: [$output_names],
    outputShapes: $output_shapes,
    scoreThreshold: $score, iouThreshold: $iou, maxDetections: $max_detections,
    labels: [
        $labels,
    ]
)

let goldenPictureWidth = $picture_width
let goldenPictureHeight = $picture_height

/// How near to the golden objects a runtime comes.
let goldenIou: Float = $golden_iou
let goldenScore: Float = $golden_score
