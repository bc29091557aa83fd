// One stream, live on a canvas, with what was found on another one above it.

import { checkedFormat, checkedNotice, checkedPacket, checkedResult, checkedScene } from "./checked.js";
import { canDecode, PictureDecoder } from "./decoder.js";
import { FoundLayer } from "./found-layer.js";
import { JpegDecoder } from "./jpeg.js";
import { LayerChoice } from "./layers.js";
import { canPlay, MsePlayer } from "./mse.js";
import { now } from "./repeated.js";
import { Schedule } from "./schedule.js";
import { canHear, Sound } from "./sound.js";
import { told } from "./told.js";

const SILENT_S = 8; // that packets come and no picture does, before it is done another way

export class LivePicture {
  #picture;
  #pen;
  #found;
  #onShown;
  #onChange;
  #layers = new LayerChoice();
  #schedule = new Schedule();
  #jpeg = new JpegDecoder((bitmap, header) => this.#showJpeg(bitmap, header));
  #By = canDecode() ? PictureDecoder : canPlay() ? MsePlayer : null;
  #decoder = null;
  #sound = new Sound({ onFailed: (reason) => this.#mute(reason) });
  #format = null; // of the video that comes; null while JPEG pictures do
  #scene = null;
  #style;
  #shown = null; // {captured_s, boxes_captured_s, result, width_px, height_px, format}
  #awaited = null; // the id of the next animation frame
  #said = ""; // why the server gives another video than the best one
  #unheard = ""; // why there is no sound
  #awaits_since_s = null; // when the first packet came, until a picture does
  #again = new Set(); // timers by which layers are asked for again

  // `picture` and `overlay` are canvases, one over the other; `onShown()` is told of each picture, `onChange()` when
  // another layer is to be asked for; `onSeen` is that of found-layer.js.
  constructor({ picture, overlay, onShown = () => {}, onChange = () => {}, onSeen = () => null }) {
    this.#picture = picture;
    this.#pen = picture.getContext("2d", { alpha: false });
    this.#found = new FoundLayer(overlay, { picture, onSeen });
    this.#onShown = onShown;
    this.#onChange = onChange;
    if (!this.#By) this.#layers.bar("h264", { by: "browser", reason: "This browser decodes no live video." }, now());
  }

  // The layer to ask the server for.
  get layer() {
    return this.#layers.at(now());
  }

  set preferred(layer) {
    this.#layers.preferred = layer;
  }

  set mode(mode) {
    this.#schedule.mode = mode;
  }

  set style(style) {
    this.#style = style;
    this.#drawFound();
  }

  // Whether there is sound to be heard.
  get hasSound() {
    return Boolean(this.#format?.sound && !this.#unheard);
  }

  get isHeard() {
    return this.#sound.isOn && this.hasSound;
  }

  // Lets the sound be heard, or not; to be called when somebody has clicked.
  hear(on) {
    this.#sound.turn(on);
  }

  // What is on the canvas: {captured_s, boxes_captured_s, result, width_px, height_px, format}; null before the first.
  get shown() {
    return this.#shown;
  }

  // What was found, above the picture.
  get found() {
    return this.#found;
  }

  // What shows the picture.
  get picture() {
    return this.#picture;
  }

  // Whether what was found is in the picture already.
  get isDrawn() {
    return this.#shown?.format?.is_drawn ?? true;
  }

  get scene() {
    return this.#scene;
  }

  // The newest result, of whatever picture; null before the first.
  get newest() {
    return this.#schedule.newest;
  }

  // How the picture comes, in words; `over` is "websocket" or "http".
  told(over) {
    if (!this.#shown) return "";
    const { format } = this.#shown;
    const by = format && this.#By.means;
    const why = [this.#layers.why(now()) || this.#said, format?.sound ? this.#unheard : ""];
    return told({ by, format, why: why.filter(Boolean), over, yields: by && this.#schedule.yields });
  }

  // Takes one of the stream's records; `offset_s` is what the page's clock shows more than the server's.
  take(header, data, offset_s) {
    if (header.packet) this.#takePacket(checkedPacket(header.packet), data, offset_s);
    else if (header.result) this.#takeResult(checkedResult(header.result), offset_s);
    else if (header.format) this.#begin(checkedFormat(header.format));
    else if (header.scene) this.#takeScene(checkedScene(header.scene));
    else if (header.notice) this.#takeNotice(checkedNotice(header.notice));
    else if (header.jpeg_bytes && (!this.#format || this.layer === "jpeg")) {
      this.#jpeg.take({ ...header, captured_s: header.sent_at_s - header.age_s + offset_s }, data);
    }
  }

  // Forgets what waits and what was found, since the connection is over or the stream is not in sight; the picture stays.
  pause() {
    this.#endVideo();
    this.#schedule.forget();
    this.#jpeg.close();
  }

  close() {
    this.pause();
    for (const timer of this.#again) clearTimeout(timer);
    this.#found.close();
    this.#sound.close();
  }

  #begin(format) {
    if (!this.#By || !format) return; // it was asked for before that was known
    this.#schedule.begin(format);
    this.#format = format;
    this.#awaits_since_s = null;
    this.#said = "";
    this.#decoder ??= new this.#By({
      onPicture: (frame, packet) => {
        this.#awaits_since_s = Infinity;
        this.#schedule.addPicture(frame, packet, packet.captured_s, now());
        this.#await();
      },
      onFailed: (reason) => this.#giveUp(reason),
    });
    this.#decoder.begin(format);
    this.#unheard = this.#By === PictureDecoder && canHear() ? "" : `Without sound, since by ${this.#By.means} pictures alone are played here.`;
    this.#sound.begin(this.#unheard ? null : format.sound, format.generation);
  }

  #mute(reason) {
    this.#unheard = reason;
    this.#sound.begin(null);
  }

  #takePacket(packet, data, offset_s) {
    if (!packet) return;
    if (packet.track === "sound") return this.#sound.take(packet, data);
    if (!this.#format) return;
    this.#awaits_since_s ??= now();
    if (now() - this.#awaits_since_s > SILENT_S) return this.#giveUp(`By ${this.#By.means} no picture came of ${this.#format.codec}.`);
    this.#decoder.take({ ...packet, captured_s: packet.captured_us / 1e6 + offset_s }, data);
  }

  #giveUp(reason) {
    const { layer } = this.#format;
    this.#endVideo();
    this.#bar(layer, "decoder", reason);
  }

  #takeResult(result, offset_s) {
    if (!result) return;
    this.#schedule.addResult(result, result.captured_us / 1e6 + offset_s, now());
    this.#await();
  }

  #takeScene(scene) {
    this.#scene = scene;
    this.#drawFound();
  }

  #takeNotice({ layer, reason }) {
    if (this.#layers.isAsked(layer, now())) this.#bar(layer, "server", reason);
    else this.#said = reason;
  }

  // Asks for the next layer, for a while.
  #bar(layer, by, reason) {
    const seconds = this.#layers.bar(layer, { by, reason }, now());
    const timer = setTimeout(() => {
      this.#again.delete(timer);
      this.#onChange();
    }, 1000 * seconds + 100);
    this.#again.add(timer);
    this.#onChange();
  }

  #endVideo() {
    this.#decoder?.close();
    this.#sound.begin(null);
    this.#schedule.clear();
    this.#format = null;
    cancelAnimationFrame(this.#awaited);
    this.#awaited = null;
  }

  // --- showing ------------------------------------------------------------------------------------------------------

  #await() {
    if (this.#awaited === null && !this.#schedule.isEmpty) this.#awaited = requestAnimationFrame(() => this.#present());
  }

  #present() {
    this.#awaited = null;
    const due = this.#schedule.due(now());
    if (due) {
      const { picture, packet, captured_s, result, boxes_captured_s } = due;
      const [width_px, height_px] = [picture.displayWidth ?? picture.width, picture.displayHeight ?? picture.height];
      this.#paint(picture, ...this.#fitted(width_px, height_px));
      picture.close();
      this.#sound.follow(packet.time_us);
      this.#show({ captured_s, boxes_captured_s, result, width_px, height_px, format: this.#format });
    }
    this.#await();
  }

  #showJpeg(bitmap, header) {
    if (this.#format && this.layer !== "jpeg") return bitmap.close(); // a video has begun meanwhile
    this.#endVideo();
    this.#paint(bitmap, bitmap.width, bitmap.height);
    bitmap.close();
    const { captured_s, width_px, height_px } = header;
    const result = this.#schedule.resultOf(header.frame); // what can be pointed at; it is in the picture already
    this.#show({ captured_s, boxes_captured_s: captured_s, result, width_px, height_px, format: null });
  }

  // How large a picture is painted: no larger than it is shown, which costs half of the time of 1920 x 1080 pixels.
  #fitted(width_px, height_px) {
    const { width, height } = this.#found.size;
    const scale = Math.min(width / width_px, height / height_px) * (window.devicePixelRatio || 1);
    return scale > 0 && scale < 1 ? [Math.round(width_px * scale), Math.round(height_px * scale)] : [width_px, height_px];
  }

  #paint(picture, width_px, height_px) {
    if (this.#picture.width !== width_px || this.#picture.height !== height_px) {
      this.#picture.width = width_px;
      this.#picture.height = height_px;
    }
    this.#pen.drawImage(picture, 0, 0, width_px, height_px);
  }

  #show(shown) {
    this.#shown = shown;
    this.#drawFound();
    this.#onShown(shown);
  }

  #drawFound() {
    if (!this.#shown) return;
    const [scene, style, shape] = [this.#scene, this.#style, [this.#picture.width, this.#picture.height]];
    this.#found.draw({ result: this.#shown.result, scene, style, shape, isDrawn: this.isDrawn });
  }
}
