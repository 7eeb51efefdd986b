// What tells a reader how things stand: a status line and a bar.

import { make } from "./controls.js";
import { megabytes } from "./words.js";

const STARTING = "Starting the network ...";

export class Reporter {
  /**
   * @param {HTMLElement} el Where `status` and `bar` will stand.
   * @param {Network} network What it may wait for.
   */
  constructor(el, network) {
    Object.assign(this, { el, network });
    el.classList.add("course-explorer");
    this.status = make("div", { class: "cx-status", role: "status" });
    this.bar = make("progress", { max: 1, value: 0, "aria-label": "Progress", hidden: true });
    network.addEventListener("change", () => {
      if (network.state === "loading" && this.waits) this.#showLoading(network);
    });
  }

  #showLoading({ loaded, total }) {
    const words = `Loading the network: ${megabytes(loaded)} of ${megabytes(total)} ...`;
    this.say(loaded < total ? words : STARTING);
    this.showProgress(loaded / total);
  }

  /** Load the network, with a bar; resolves when it can be asked. */
  async startNetwork(ready = "") {
    if (this.network.state === "ready") return;
    this.waits = true;
    try {
      await this.network.start();
      if (this.status.textContent === STARTING) this.say(ready); // or else something has begun
    } finally {
      this.waits = false;
      this.showProgress(null);
    }
  }

  say(text, problem = false) {
    this.status.textContent = text;
    this.status.classList.toggle("cx-problem", problem);
  }

  showProgress(share) {
    this.bar.hidden = share === null;
    this.bar.value = share ?? 0;
  }

  /** Do something; what goes wrong ends in the status line, and the page goes on. */
  async attempt(action) {
    try {
      await action();
    } catch (error) {
      this.showProgress(null);
      this.say(error.message, true);
    }
  }
}
