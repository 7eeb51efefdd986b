// The camera in an explorer: a button that starts it, and a row to freeze a frame and to stop.

import { openCamera, UNSEEN } from "./camera.js";
import { make } from "./controls.js";
import { LivePicture } from "./pictures.js";

export class CameraRow {
  /** @param {Explorer} explorer Has showFrame() and `inputBox`, where the video is shown. */
  constructor(explorer) {
    this.explorer = explorer;
    const button = (kind, action, ...inside) =>
      make("button", { class: kind, onclick: () => explorer.attempt(action) }, ...inside);
    const start = () => this.start();
    this.button = button("cx-own", start, make("b", {}, "Camera"), make("small", {}, "live"));
    this.freezer = button("cx-own", () => this.freeze(), "Freeze");
    const stop = button("", () => this.camera?.stop(), "Stop");
    this.which = make("select", { "aria-label": "Which camera", onchange: start });
    const inside = [this.freezer, stop, this.which];
    this.element = make("div", { class: "cx-camera", hidden: true }, ...inside);
  }

  /** Show what the camera sees until it stops or another picture is chosen; say why it stopped. */
  async start() {
    const { explorer } = this;
    const turn = ++explorer.turn;
    const isWanted = () => turn === explorer.turn;
    this.camera = null;
    const why = await this.#follow(isWanted).catch(({ message }) => message);
    if (!isWanted()) return;
    if (explorer.isLive || this.camera) await explorer.choosePicture(this.before);
    explorer.showProgress(null);
    explorer.say(why, why !== UNSEEN);
  }

  async #follow(isWanted) {
    const { explorer } = this;
    const camera = await openCamera(explorer.el, this.which);
    try {
      if (!isWanted()) return "";
      this.#show(camera);
      const picture = new LivePicture(explorer.index, explorer.networkName);
      const use = async (frame) => {
        await picture.look(frame, explorer.wantOfFrame());
        if (isWanted()) requestAnimationFrame(() => isWanted() && this.#showFrame(picture));
        else camera.stop();
      };
      return await camera.follow(use, explorer.startNetwork());
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
    this.freezer.disabled = true;
    this.element.hidden = false;
    explorer.say("");
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
