// What tells a reader how things stand: a status line and a bar.

import { make } from "./controls.js";

export class Reporter {
  /** @param {HTMLElement} el Where `status` and `bar` will stand. */
  constructor(el) {
    this.el = el;
    el.classList.add("course-explorer");
    this.status = make("div", { class: "cx-status", role: "status" });
    this.bar = make("progress", { max: 1, value: 0, "aria-label": "Progress", hidden: true });
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
