// Decodes a stream's JPEG pictures; where that cannot keep up, only the newest.

export class JpegDecoder {
  #onPicture;
  #next = null;
  #decoding = false;

  // `onPicture(bitmap, header)` must close the bitmap.
  constructor(onPicture) {
    this.#onPicture = onPicture;
  }

  take(header, data) {
    this.#next = { header, data };
    if (!this.#decoding) this.#decode();
  }

  close() {
    this.#next = null;
  }

  async #decode() {
    this.#decoding = true;
    while (this.#next) {
      const { header, data } = this.#next;
      this.#next = null;
      try {
        this.#onPicture(await createImageBitmap(new Blob([data], { type: "image/jpeg" })), header);
      } catch {
        // a damaged picture: the next one is on its way, and the age shows that this one is missing
      }
    }
    this.#decoding = false;
  }
}
