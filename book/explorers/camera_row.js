// The camera in an explorer: a button that starts it, and a row to freeze a frame and to stop.

import { openCamera } from "./camera.js";
import { make } from "./controls.js";
import { LivePicture } from "./pictures.js";

export class CameraRow {
  /** @param {Explorer} explorer Has showFrame(), `frames`, `credit`, and `inputBox` for the video. */
  constructor(explorer) {
    this.explorer = explorer;
    const button = (kind, action, ...inside) =>
      make("button", { type: "button", class: kind, onclick: () => explorer.attempt(action) }, ...inside);
    const titles = [make("b", {}, "Camera"), make("small", {}, "live")];
    this.button = button("cx-own", () => this.start(), ...titles);
    this.freezer = button("cx-own", () => this.freeze(), "Freeze");
    const stop = button("", () => this.camera?.stop(), "Stop");
    const choose = () => this.start(this.which.value);
    this.which = make("select", { "aria-label": "Which camera", onchange: choose });
    this.element = make("div", { class: "cx-camera", hidden: true }, this.freezer, stop, this.which);
  }

  /** Show what the camera sees until it stops or another picture is chosen; say why it stopped. */
  async start(which) {
    const { explorer } = this;
    const turn = ++explorer.turn;
    this.camera = null;
    const why = await this.#follow(turn, which).catch(({ message }) => message);
    if (turn !== explorer.turn) return;
    if (explorer.isLive || this.camera) await explorer.choosePicture(this.before);
    explorer.showProgress(null);
    explorer.say(why, Boolean(why));
  }

  async #follow(turn, which) {
    const { explorer } = this;
    const isWanted = () => turn === explorer.turn;
    const camera = await openCamera(explorer.el, which);
    try {
      if (!isWanted()) return "";
      this.#show(camera);
      const picture = new LivePicture(explorer.index, explorer.networkName);
      let isReady = false;
      const begin = () => {
        isReady = true;
        if (isWanted()) explorer.say("");
      };
      explorer.startNetwork().then(begin, ({ message }) => camera.stop(message));
      return await camera.follow(async (frame) => {
        if (!isReady) return frame.close();
        await picture.look(frame, explorer.wantOfFrame());
        if (isWanted()) requestAnimationFrame(() => isWanted() && this.#showFrame(picture));
        else camera.stop();
      });
    } finally {
      camera.stop();
      if (this.camera === camera) this.element.hidden = true;
    }
  }

  #show(camera) {
    const { explorer } = this;
    if (!explorer.isLive) this.before = explorer.picture.key;
    this.camera = camera;
    explorer.inputBox.firstElementChild.replaceWith(camera.video);
    const options = camera.cameras.map(({ deviceId, label }, i) =>
      make("option", { value: deviceId, selected: deviceId === camera.id }, label || `camera ${i + 1}`),
    );
    this.which.replaceChildren(...options);
    this.which.hidden = options.length < 2;
    this.freezer.disabled = true;
    this.element.hidden = false;
  }

  #showFrame(picture) {
    const { explorer } = this;
    explorer.takeUp(picture);
    this.freezer.disabled = false;
    explorer.showFrame();
  }

  /** Take the frame that is on the screen as a picture. */
  async freeze() {
    const { explorer } = this;
    if (this.freezer.disabled) return;
    this.freezer.disabled = true;
    explorer.turn++; // no other frame is shown
    this.camera?.stop();
    explorer.wantedClass = explorer.held;
    await explorer.takeFile(await explorer.picture.file());
  }
}
