// A bundle, opened: its decoder, its model, and what leads from a picture to what is on it.
import { openModel } from "./runtimes.js";

export class Detector {
  /** Opens the bundle at `base` and checks decoder and runtime against its golden vectors. */
  static async open(base, accelerator) {
    const detector = new Detector();
    const read = async (path) => {
      const response = await fetch(new URL(path, base));
      if (!response.ok) throw new Error(`${path} of the bundle cannot be read (${response.status}); make it with: npm run bundle`);
      return response.arrayBuffer();
    };
    await read("bundle.json");
    detector.decoder = await import(new URL("web/decoder.mjs", base));
    if (!detector.decoder.decode) throw new Error("the bundle is of an older StreamVision; make it again with: npm run bundle");
    const check = await import(new URL("web/self_test.mjs", base));
    const golden = await check.readGolden(read);
    detector.card = golden.card;
    detector.reading = golden.bundle.reading;
    detector.model = await openModel(new URL(golden.bundle.artefact, base), accelerator);
    const found = detector.decode(await detector.model.run(golden.input), golden.place);
    const { tolerance } = golden.bundle.golden, { score } = detector.reading;
    detector.differences = [...check.selfTest(golden), ...check.differences(found, golden.prediction, tolerance, score)];
    return detector;
  }

  /** What the model says of a picture, a canvas or a video of this size in pixels: {detections, classScores, classMap}. */
  async detect(source, width, height) {
    const place = new this.decoder.Placement(width, height, this.card.input);
    const { contentWidth, contentHeight } = place;
    if (this.small?.canvas.width !== contentWidth || this.small?.canvas.height !== contentHeight) {
      this.small = new OffscreenCanvas(contentWidth, contentHeight).getContext("2d", { willReadFrequently: true });
    }
    this.small.drawImage(source, 0, 0, contentWidth, contentHeight);
    const rgba = this.small.getImageData(0, 0, contentWidth, contentHeight).data;
    const data = this.decoder.toTensor(rgba, place, this.card.input);
    return this.decode(await this.model.run({ data, dims: this.dims }), place);
  }

  decode(outputs, place) {
    return this.decoder.decode(outputs, place, this.card, this.reading);
  }

  get dims() {
    const { width_px: width, height_px: height, layout } = this.card.input;
    return layout === "nchw" ? [1, 3, height, width] : [1, height, width, 3];
  }
}
