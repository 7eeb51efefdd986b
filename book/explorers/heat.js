// What the explorers of heatmaps share: a class, heat on the gray picture, what is computed.

import { Explorer } from "./base.js";
import { make, paint } from "./controls.js";
import { network } from "./network.js";
import { keep, NeedsNetwork } from "./pictures.js";
import { brighten, drawHeat, stretch } from "./pixels.js";
import { className, describeClass, describeHeatmap, percent } from "./words.js";

const NUM_KEPT = 48; // results: half a megabyte each, where pictures are covered
const SMOOTH = 196; // pixels that a heatmap is stretched to, at least; the browser does the rest

/** A subclass has `overlayBox`, what is `chosen`, and `wantedClass` as the link asks for it. */
export class HeatExplorer extends Explorer {
  results = new Map();

  constructor(model, el, index) {
    super(model, el, index);
    this.methods = new Map(index.methods.map((method) => [method.key, method]));
    this.heat = make("canvas", { class: "cx-heat", role: "img" });
    this.offer = this.makeOffer();
  }

  async preparePicture(picture) {
    await Promise.all([picture.prepareClasses(), this.prepareGray(picture)]);
  }

  showPicture() {
    this.overlayBox.replaceChildren(this.picture.gray, this.heat);
    this.chosen = this.wantedClass ?? this.picture.ranking[0];
    this.model.set("classes", this.chosen);
    this.wantedClass = undefined; // of the first picture only
  }

  // Classes

  nameOf(index) {
    return className(this.index.classes[index]);
  }

  rankedName(index) {
    return `${this.picture.ranks[index] + 1}. ${this.nameOf(index)}`;
  }

  titleOf(index) {
    return `${this.rankedName(index)} ${percent(this.picture.probabilities[index])}`;
  }

  describeClass(index) {
    const { probabilities, ranks, logits } = this.picture;
    const label = this.index.classes[index];
    return describeClass(label, index, probabilities[index], ranks[index] + 1, logits.length);
  }

  // Heatmaps

  /** Lay a heatmap over the picture: one of single pixels is brightened. Return what is shown. */
  showHeat(heatmap, ofPixels, title) {
    if (ofPixels) heatmap.bright ??= { ...heatmap, values: brighten(heatmap.values) };
    heatmap.words ??= describeHeatmap(heatmap);
    const shown = ofPixels ? heatmap.bright : heatmap;
    const factor = Math.max(1, Math.ceil(SMOOTH / Math.max(shown.height, shown.width)));
    const { values, height, width } = stretch(shown, factor);
    paint(this.heat, drawHeat(values, this.tables[this.colors]), width, height);
    this.heat.setAttribute("aria-label", `${title}: ${heatmap.words}`);
    return shown;
  }

  showNoHeat() {
    paint(this.heat, new Uint32Array(1), 1, 1);
    this.heat.setAttribute("aria-label", "No heatmap yet");
  }

  // What is computed: `wanted` is the key of what the controls ask for

  /** Note what the controls ask for; what is computed for something else is given up. */
  want(key) {
    this.wanted = key;
    if (!this.work || this.work.key === key) return;
    this.work.ends.abort();
    this.#endWork();
  }

  keep(key, result) {
    keep(this.results, key, result, NUM_KEPT);
  }

  /** Return what is found, or what the network computes: `ask` takes {report, signal}. */
  async findOrCompute(key, finding, words, ask) {
    try {
      return await finding;
    } catch (error) {
      if (!(error instanceof NeedsNetwork) || network.state !== "ready") throw error;
      if (this.wanted !== key) throw error;
    }
    if (this.work?.key !== key) this.#beginWork(key, words, ask);
    return this.work.answer;
  }

  #beginWork(key, words, ask) {
    const ends = new AbortController();
    const work = (this.work = { key, ends });
    const isThis = () => this.work === work;
    const report = (share) => isThis() && this.showProgress(share);
    work.answer = ask({ report, signal: ends.signal }).finally(() => isThis() && this.#endWork());
    this.offer.hidden = true;
    this.say(words);
  }

  #endWork() {
    this.work = null;
    this.showProgress(null);
    this.say("");
  }

  /** Offer the network where something needs it; any other error goes on. */
  offerNetwork(error, words) {
    if (!(error instanceof NeedsNetwork)) throw error;
    this.offerText.textContent = words;
    this.offer.hidden = false;
  }
}
