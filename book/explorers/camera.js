// The camera: its newest frame, one at a time, and a sentence for whatever goes wrong.
//
//   const camera = await openCamera(element, select); // asks the reader
//   const why = await camera.follow(async (frame) => { ...; frame.close(); }, network.start());

import { make } from "./controls.js";

const SIDE = 448; // pixels of a frame's longer side: twice what the network sees
const SIZE = { width: { ideal: 640 }, height: { ideal: 480 } };
const FRONT = /front|facetime|integrated|built-?in/i; // of cameras that do not say where they face
const AGAIN = "then click Camera again. Pictures from files work all the same.";
const MISSING =
  "A browser opens a camera only for a page whose address begins with https://, and an old one " +
  "for none. Pictures from files work all the same.";
const REFUSALS = {
  NotAllowedError:
    "The camera is not allowed on this page. Allow it beside the page's address, or in the " +
    `settings of your device; ${AGAIN}`,
  NotFoundError: `No camera was found. Plug one in, ${AGAIN}`,
  NotReadableError:
    `The camera does not start: another program may be using it. Close that one, ${AGAIN}`,
};
const LOST =
  "The camera is gone: it was unplugged, or another program has taken it. Get it back, " + AGAIN;
export const UNSEEN = "The camera went off when it was out of sight. Click Camera to go on.";

let running; // one camera a page

/**
 * Open a camera; the reader is asked, unless the browser remembers the answer.
 *
 * @param {HTMLElement} place The camera stops when this leaves the screen.
 * @param {HTMLSelectElement} select Offers the cameras, where there are several. Without a choice
 *   it is the one at the back, if there is one.
 * @returns {Promise<Camera>}
 * @throws {Error} With a sentence for the reader: no camera, not allowed, taken.
 */
export async function openCamera(place, select) {
  const { mediaDevices } = navigator;
  if (!mediaDevices?.getUserMedia || !HTMLVideoElement.prototype.requestVideoFrameCallback) {
    throw new Error(MISSING);
  }
  running?.stop(); // a phone opens one at a time
  const which = select.value ? { deviceId: select.value } : { facingMode: "environment" };
  const asked = mediaDevices.getUserMedia({ video: { ...SIZE, ...which } });
  const stream = await asked.catch(({ name }) => {
    const other = `The camera did not start (${name}). Try again, or use a file.`;
    throw new Error(REFUSALS[name] ?? other);
  });
  running?.stop(); // another click may have opened one meanwhile
  running = new Camera(stream, place);
  const devices = await mediaDevices.enumerateDevices();
  const cameras = devices.filter(({ kind }) => kind === "videoinput");
  const options = cameras.map(
    ({ deviceId, label }, i) => new Option(label || `camera ${i + 1}`, deviceId),
  );
  select.replaceChildren(...options);
  select.value = running.id;
  select.hidden = cameras.length < 2;
  return running;
}

/** Has `video` to show, and tells whether it is `mirrored` and has `stopped`. */
class Camera {
  #off = new AbortController();
  #canvas = new OffscreenCanvas(1, 1);
  #newest = null; // frame that nobody has looked at
  #wake = () => {};

  constructor(stream, place) {
    [this.track] = stream.getVideoTracks();
    const { deviceId, facingMode } = this.track.getSettings();
    this.id = deviceId;
    this.mirrored = facingMode ? facingMode === "user" : FRONT.test(this.track.label);
    this.video = make("video", { playsinline: true, "aria-label": "What the camera sees" });
    Object.assign(this.video, { muted: true, srcObject: stream });
    this.video.style.transform = this.mirrored ? "scaleX(-1)" : "";
    this.video.play().catch(() => {}); // stopped before it began
    this.#watch();
    const { signal } = this.#off;
    const look = () => document.hidden && this.stop(UNSEEN);
    document.addEventListener("visibilitychange", look, { signal });
    this.track.addEventListener("ended", () => this.stop(LOST), { signal });
    const observer = new IntersectionObserver(([{ isIntersecting: isSeen }]) => {
      if (!isSeen) this.stop(UNSEEN);
    });
    observer.observe(place);
    signal.addEventListener("abort", () => observer.disconnect());
    look();
  }

  /** Have the newest frame at hand: the network gets it the moment it is done with the last one. */
  #watch() {
    this.video.requestVideoFrameCallback(() => {
      if (this.stopped) return;
      this.#newest?.close();
      this.#newest = this.#grab();
      this.#wake();
      this.#watch();
    });
  }

  /**
   * Hand the newest frame to an async function, and the next newest one when that has come to its
   * end: nothing queues up. A front camera's frames are mirrored, as the reader sees them.
   *
   * @param {(frame: ImageBitmap) => Promise} use Closes the frame, or hands it on.
   * @param {Promise} ready When the first frame is wanted; if that fails, the camera stops.
   * @returns {Promise<string>} Why the camera stopped, for the reader; "" after `stop()`.
   */
  async follow(use, ready) {
    let isReady = false;
    ready.then(() => (isReady = true), ({ message }) => this.stop(message));
    try {
      while (!this.stopped) {
        if (!isReady || !this.#newest) await new Promise((go) => (this.#wake = go));
        else {
          const frame = this.#newest;
          this.#newest = null;
          await use(frame);
        }
      }
      return this.why;
    } finally {
      this.stop();
    }
  }

  #grab() {
    const { videoWidth, videoHeight } = this.video;
    const factor = SIDE / Math.max(videoWidth, videoHeight);
    const [width, height] = [videoWidth, videoHeight].map((length) => Math.round(factor * length));
    const canvas = this.#canvas;
    const fits = canvas.width === width && canvas.height === height;
    if (!fits) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.setTransform(this.mirrored ? -1 : 1, 0, 0, 1, this.mirrored ? width : 0, 0);
    context.drawImage(this.video, 0, 0, width, height);
    return canvas.transferToImageBitmap();
  }

  /** Switch the camera off: its light goes out. */
  stop(why = "") {
    if (this.stopped) return;
    Object.assign(this, { stopped: true, why });
    this.#off.abort();
    this.track.stop();
    this.#newest?.close();
    this.#wake();
  }
}
