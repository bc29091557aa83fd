// What networks say of a picture as a whole: probabilities of classes, numbers, sentences, pictures, and how an object stands in space.
import Foundation

private let bins = 2, mostLog: Float = 10, mostWords = 256
private let special: Set<String> = ["<end>", "<unknown>"], noSpaceBefore: Set<String> = [",", ".", ";", ":", "!", "?", "%", ")"]

/// A number and what it is counted in.
struct NumberAnswer {
    let name: String, value: Float, unit: String?
}

/// A sentence about the picture, and how probable each of its words is.
struct Sentence {
    let text: String, wordScores: [Float]
}

/// How values of a picture that a network makes become levels.
struct PictureScaling {
    let bgr: Bool, scale: Float, mean: [Float]?, std: [Float]?
}

/// A picture, row by row.
struct MadePicture {
    let width: Int, height: Int, rgb: [UInt8]
}

/// How the object on a crop stands: sides in metres; `alpha`, the yaw against the ray to it, in radians; where its middle is, from
/// the box's middle in shares of its sides; `spread`, the standard deviation of the distance's logarithm (Mousavian et al., CVPR 2017).
struct Cuboid {
    let length: Float, width: Float, height: Float, alpha: Float, depthFactor: Float, offsetX: Float, offsetY: Float, spread: Float

    /// How far ahead its middle is in metres, by the height of its box on the picture and the camera's focal length in pixels.
    func distance(boxHeight: Float, focal: Float) -> Float { focal * height / boxHeight * depthFactor }
}

/// The probability of every class, the likeliest first.
func classScores(_ spec: ModelSpec, _ values: [Float]) -> [ClassScore] {
    let logits = spec.layout == "logits", highest = values.max() ?? 0
    let odds = logits ? values.map { exp($0 - highest) } : values
    let sum = logits ? odds.reduce(0, +) : 1
    return odds.enumerated().map { ClassScore(classId: $0.offset, score: $0.element / sum) }
        .sorted { ($0.score, $1.classId) > ($1.score, $0.classId) }
}

/// Numbers by name; outputs with more than one value are the probabilities of classes.
func numbers(_ spec: ModelSpec, _ outputs: [[Float]]) -> [NumberAnswer] {
    zip(outputs.filter { $0.count == 1 }, spec.numbers).map { NumberAnswer(name: $1.0, value: $0[0], unit: $1.1) }
}

/// A sentence out of the numbers of its words, 0 being the end, and their probabilities.
func sentence(_ spec: ModelSpec, _ outputs: [[Float]]) -> Sentence {
    let ids = outputs[0].map { Int($0.rounded()) }
    let count = min(ids.firstIndex(of: 0) ?? ids.count, mostWords)
    let words = ids.prefix(count).map { spec.labels[$0] }.filter { !special.contains($0) }
    let text = words.map { noSpaceBefore.contains($0) ? $0 : " " + $0 }.joined()
    return Sentence(text: text.trimmingCharacters(in: .whitespaces), wordScores: Array(outputs[1].prefix(count)))
}

/// How the object on the crop stands.
func cuboid(_ row: [Float]) -> Cuboid {
    func exponential(_ value: Float) -> Float { exp(min(max(value, -mostLog), mostLog)) }
    let best = row[4] > row[3] ? 1 : 0, at = 3 + bins + 2 * best, rest = 3 + 3 * bins
    let turn = 2 * Double.pi * Double(best) / Double(bins) + atan2(Double(row[at + 1]), Double(row[at]))
    return Cuboid(
        length: row[0], width: row[1], height: row[2], alpha: Float(wrapped(turn)), depthFactor: exponential(row[rest]),
        offsetX: row[rest + 1], offsetY: row[rest + 2], spread: exponential(row[rest + 3]))
}

/// The picture that was made, cut to the part that shows something.
func madePicture(_ spec: ModelSpec, _ outputs: [[Float]], place: Placement) -> MadePicture {
    let shape = spec.outputShapes[0], data = outputs[0], planar = shape[1] == 3, made = spec.made
    let rows = shape[planar ? 2 : 1], columns = shape[planar ? 3 : 2]
    func edge(_ value: Int, _ cells: Int, _ pixels: Int) -> Int {
        Int((Double(value) * Double(cells) / Double(pixels)).rounded(.toNearestOrEven))
    }
    let top = edge(max(place.top, 0), rows, spec.inputHeight), left = edge(max(place.left, 0), columns, spec.inputWidth)
    let height = edge(min(place.top + place.contentHeight, spec.inputHeight), rows, spec.inputHeight) - top
    let width = edge(min(place.left + place.contentWidth, spec.inputWidth), columns, spec.inputWidth) - left
    var rgb = [UInt8](repeating: 0, count: 3 * width * height)
    for channel in 0..<3 {
        let std = made.std?[channel] ?? 1, mean = made.mean?[channel] ?? 0, to = made.bgr ? 2 - channel : channel
        for at in 0..<width * height {
            let cell: Int = (top + at / width) * columns + left + at % width
            let value: Float = data[planar ? channel * rows * columns + cell : 3 * cell + channel]
            let level: Float = (value * std + mean) / made.scale
            rgb[3 * at + to] = UInt8(Float.minimum(Float.maximum(level, 0), 255).rounded(.toNearestOrEven))
        }
    }
    return MadePicture(width: width, height: height, rgb: rgb)
}

/// What differs between two answers, one sentence each.
func differentAnswers(_ found: Prediction, _ expected: Prediction, _ tolerance: Tolerance) -> [String] {
    var wrong: [String] = []
    for (at, one) in expected.numbers.enumerated() {
        let other = at < found.numbers.count ? found.numbers[at].value : .nan
        if off(other, one.value, tolerance) { wrong.append("the number \(one.name) is \(other), not \(one.value)") }
    }
    if let one = expected.sentence { wrong += differentSentence(found.sentence, one, tolerance) }
    if let one = expected.cuboid { wrong += differentCuboid(found.cuboid, one, tolerance) }
    if let one = expected.picture { wrong += differentPicture(found.picture, one, tolerance) }
    return wrong
}

private func off(_ one: Float, _ other: Float, _ tolerance: Tolerance) -> Bool {
    !(abs(one - other) <= tolerance.number * max(abs(other), 1))
}

private func differentSentence(_ found: Sentence?, _ expected: Sentence, _ tolerance: Tolerance) -> [String] {
    let ours = (found?.text ?? "").components(separatedBy: " "), theirs = expected.text.components(separatedBy: " ")
    let equal = zip(ours, theirs).filter { $0 == $1 }.count
    let same = Float(equal) / Float(max(ours.count, theirs.count))
    if same < tolerance.sameWords { return ["the sentence is \"\(found?.text ?? "")\""] }
    guard same == 1, let scores = found?.wordScores, scores.count == expected.wordScores.count else { return [] }
    return zip(scores, expected.wordScores).filter { !(abs($0 - $1) <= tolerance.classScore) }
        .map { "a word has the probability \($0), not \($1)" }
}

private func differentCuboid(_ found: Cuboid?, _ expected: Cuboid, _ tolerance: Tolerance) -> [String] {
    guard let found else { return ["the cuboid is missing"] }
    func values(_ one: Cuboid) -> [Float] {
        [one.length, one.width, one.height, one.depthFactor, one.offsetX, one.offsetY, one.spread]
    }
    let turned = Float(wrapped(Double(found.alpha - expected.alpha)))
    let differs = off(turned, 0, tolerance) || zip(values(found), values(expected)).contains { off($0, $1, tolerance) }
    return differs ? ["the cuboid is \(found), not \(expected)"] : []
}

private func differentPicture(_ found: MadePicture?, _ expected: MadePicture, _ tolerance: Tolerance) -> [String] {
    guard let found, found.width == expected.width, found.height == expected.height else { return ["the picture has another size"] }
    let total = zip(found.rgb, expected.rgb).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
    let mean = Float(total) / Float(expected.rgb.count)
    return mean <= tolerance.levels ? [] : ["the picture is off by \(mean) levels on average"]
}

private func wrapped(_ angle: Double) -> Double { angle - 2 * Double.pi * (angle / (2 * Double.pi)).rounded(.toNearestOrEven) }
