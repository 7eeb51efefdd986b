// Choose a class, and see where on the picture a method finds it.

import { askHeat, loadIndex, NeedsNetwork, NUM_AVERAGED } from "./pictures.js";
import { Explorer } from "./base.js";
import { choices, make, paint, panel, slider } from "./controls.js";
import { network } from "./network.js";
import { brighten, drawHeat, drawMap, stretch } from "./pixels.js";
import { river } from "./river.js";
import {
  className,
  describeClass,
  describeHeatmap,
  explainNoClass,
  percent,
  searchClasses,
} from "./words.js";

const NUM_LISTED = 8; // classes in the list
const NUM_HEATMAPS = 64; // kept
const CAN_POINT = matchMedia("(hover: hover)");
const SMOOTH = 196; // pixels that a heatmap is stretched to, at least, before the browser does the rest

class ClassExplorer extends Explorer {
  constructor(model, el, index) {
    super(model, el, index);
    this.methods = new Map(index.methods.map((method) => [method.key, method]));
    const names = this.layers.map(({ name }) => name);
    this.layer = names.indexOf(this.setting("layer", names, names.at(-1)));
    this.method = this.setting("method", [...this.methods.keys()], "grad_cam");
    this.wantedClass = this.numberSetting("classes", index.classes.length - 1);
    this.preview = null; // the class under the pointer
    this.heatmaps = new Map();
    this.methodRow = choices(
      "Method",
      index.methods.map(({ key, title }) => ({ value: key, title })),
      { value: this.method, kind: "cx-methods", change: (key) => this.chooseMethod(key) },
    );
    this.river = river(this.layers, { value: this.layer, change: (n) => this.chooseLayer(n) });
    this.classSlider = slider("Class", {
      max: index.classes.length - 1,
      value: 0,
      say: (rank) => this.#titleOf(rank),
      change: (rank) => this.chooseClass(this.picture.ranking[rank]),
    });
    this.opacity = slider("Opacity", {
      max: 1,
      step: 0.05,
      value: model.get("alpha") ?? 0.5,
      say: (value) => `${Math.round(100 * value)}%`,
      change: () => this.#setOpacity(),
    });
    this.search = make("input", {
      type: "search",
      placeholder: "a part of a name, such as cat",
      "aria-label": "Search",
      oninput: () => this.#search(),
    });
    this.rows = Array.from({ length: NUM_LISTED }, () => this.#makeRow());
    this.hint = make("p", { class: "cx-hint" });
    this.list = make(
      "div",
      { class: "cx-list", role: "group", "aria-label": "Classes" },
      ...this.rows,
      this.hint,
    );
    this.list.addEventListener("pointerleave", () => this.#setPreview(null));
    this.inputBox = make("div", { class: "cx-frame" });
    this.map = make("canvas", { role: "img" });
    this.mapBox = make("div", { class: "cx-frame" }, this.map);
    this.heat = make("canvas", { class: "cx-heat", role: "img" });
    this.overlayBox = make("div", { class: "cx-frame" });
    this.frame = make("canvas", { class: "cx-gray", "aria-hidden": "true" });
    this.frames = [this.inputBox, this.mapBox, this.overlayBox];
    this.title = make("figcaption", {}, "Overlay");
    this.credit = make("p", { class: "cx-hint" });
    this.offer = this.makeOffer();
    const inside = [this.title, this.overlayBox, this.offer];
    const overlay = make("figure", { class: "cx-panel cx-overlay" }, ...inside);
    el.append(
      this.pictureRow.element,
      this.methodRow.element,
      make(
        "div",
        { class: "cx-classes" },
        make("div", {}, overlay, this.opacity.element),
        make("div", { class: "cx-choose" }, this.search, this.list, this.classSlider.element),
      ),
      make(
        "div",
        { class: "cx-below" },
        panel("input", "Input", this.inputBox, this.credit),
        panel("heatmap", "Heatmap", this.mapBox),
        make("div", { class: "cx-side" }, this.river.element),
      ),
      this.colorRow.element,
      this.words,
      this.cameraRow.element,
      this.bar,
      this.status,
    );
    this.#setOpacity();
  }

  async preparePicture(picture) {
    await Promise.all([picture.prepareClasses(), this.prepareGray(picture)]);
  }

  async showPicture() {
    this.inputBox.replaceChildren(this.makePicture());
    this.overlayBox.replaceChildren(this.picture.gray, this.heat);
    this.fitFrames(...this.frames);
    this.credit.textContent = this.creditLine();
    this.preview = null;
    this.search.value = "";
    this.chosen = this.wantedClass ?? this.picture.ranking[0];
    this.tell("classes", this.chosen);
    this.wantedClass = this.held = undefined; // of the first picture only
    this.classSlider.element.hidden = false;
    this.#list(this.#ranked());
    this.classSlider.set(this.picture.ranks[this.chosen]);
    this.#clear(); // nothing of the picture before stands beside the new one
    this.draw();
  }

  // The camera

  /** Show the newest frame: the heat follows the first name, or the one that the reader holds. */
  showFrame() {
    const { screen, ranking } = this.picture;
    if (!this.frame.isConnected) this.#beginLive();
    Object.assign(this.frame, { width: screen.width, height: screen.height });
    this.frame.getContext("2d").drawImage(screen, 0, 0);
    this.chosen = this.held ?? ranking[0];
    // No name moves away from under a pointer.
    const points = this.list.matches(CAN_POINT.matches ? ":hover, :has(:focus-visible)" : ":active");
    if (points || this.search.value.trim()) this.#list(...this.listed);
    else this.#list(this.#ranked());
    this.draw();
  }

  #beginLive() {
    this.overlayBox.replaceChildren(this.frame, this.heat);
    this.classSlider.element.hidden = true; // the ranks change with each frame
    this.search.value = "";
    this.preview = null;
    if (!this.methods.get(this.method).atLayer) this.method = "grad_cam";
    this.methodRow.set(this.method);
    this.tell("method", this.method);
    this.layer = this.layers.length - 1;
    this.river.set(this.layer);
    this.tell("layer", this.layers[this.layer].name);
  }

  // Classes

  chooseClass(index) {
    if (this.isLive) {
      this.held = this.held === index ? undefined : index;
      this.preview = null;
      return;
    }
    this.chosen = index;
    this.preview = null;
    this.tell("classes", index);
    this.classSlider.set(this.picture.ranks[index]);
    if (this.search.value.trim()) this.#markList();
    else this.#list(this.#ranked());
    this.draw();
  }

  #ranked() {
    const first = this.picture.ranking.slice(0, NUM_LISTED);
    if (!first.includes(this.chosen)) first[NUM_LISTED - 1] = this.chosen;
    return first;
  }

  #search() {
    const text = this.search.value.trim();
    const labels = this.index.classes;
    const hits = text ? searchClasses(text, labels) : this.#ranked();
    this.say(text && !hits.length ? explainNoClass(text, labels) : "", Boolean(text));
    this.#list(hits.slice(0, NUM_LISTED), hits.length);
  }

  /** A row of the list stays where it is when its class changes: one can click on it. */
  #makeRow() {
    const indexOf = () => Number(button.dataset.index);
    const button = make(
      "button",
      {
        type: "button",
        onclick: () => this.chooseClass(indexOf()),
        onpointerenter: (event) => event.pointerType !== "touch" && this.#setPreview(indexOf()),
        onfocus: () => this.#setPreview(indexOf()),
        onblur: () => this.#setPreview(null),
      },
      make("span", {}),
      make("span", {}),
    );
    return button;
  }

  #list(indices, found = indices.length) {
    this.listed = [indices, found];
    const { probabilities, ranks } = this.picture;
    for (const [row, button] of this.rows.entries()) {
      const index = indices[row];
      button.hidden = index === undefined;
      if (button.hidden) continue;
      button.dataset.index = index;
      button.style.setProperty("--share", probabilities[index]);
      const [name, share] = button.children;
      name.textContent = `${ranks[index] + 1}. ${className(this.index.classes[index])}`;
      share.textContent = percent(probabilities[index]);
    }
    const rest = found - indices.length;
    this.hint.textContent = rest > 0 ? `and ${rest} more: type on` : this.#hintOf();
    this.#markList();
  }

  #hintOf() {
    if (!this.isLive) return CAN_POINT.matches ? "Point at a name for its heat; a click keeps it." : "";
    const hold =
      this.held === undefined
        ? "The heat follows the first name. Click a name to hold it fast."
        : `The heat stays with ${className(this.index.classes[this.held])}. Click it again to let go.`;
    return `${hold} Names are the mean of the last ${NUM_AVERAGED} frames, or they would jitter.`;
  }

  #markList() {
    const marked = this.isLive ? this.held : this.chosen;
    for (const button of this.rows) {
      button.setAttribute("aria-pressed", Number(button.dataset.index) === marked);
    }
  }

  /** The heat follows the class under the pointer; nothing slow begins for that. */
  #setPreview(index) {
    if (this.preview === index) return;
    this.preview = index;
    this.draw();
  }

  #titleOf(rank) {
    if (!this.picture) return "";
    const index = this.picture.ranking[rank];
    const name = className(this.index.classes[index]);
    return `${rank + 1}. ${name} ${percent(this.picture.probabilities[index])}`;
  }

  // Heatmaps

  chooseMethod(key) {
    this.method = key;
    this.methodRow.set(key);
    this.tell("method", key);
    this.draw();
  }

  chooseLayer(layer) {
    this.layer = layer;
    this.tell("layer", this.layers[layer].name);
    this.draw();
  }

  #setOpacity() {
    this.heat.style.opacity = this.opacity.range.value;
    this.tell("alpha", Number(this.opacity.range.value));
  }

  /** Show the heatmap that the controls ask for: now, or when it is loaded or computed. */
  draw() {
    if (!this.picture || (this.preview !== null && !this.picture.knows(this.preview))) return;
    const atLayer = this.methods.get(this.method).atLayer;
    if (this.isLive && !(atLayer && this.layer === this.layers.length - 1)) {
      this.attempt(() => this.cameraRow.freeze()); // what needs gradients is too slow for a camera
      return;
    }
    this.river.element.classList.toggle("cx-off", !atLayer);
    this.river.element.setAttribute("aria-disabled", !atLayer);
    this.river.range.disabled = !atLayer;
    const wanted = {
      picture: this.picture,
      method: this.method,
      layer: atLayer ? this.layer : null,
      index: this.preview ?? this.chosen,
    };
    const key = keyOf(wanted);
    this.wanted = key;
    const heatmap = this.heatmaps.get(key) ?? this.#quick(wanted);
    if (heatmap instanceof Promise) this.#await(heatmap, wanted);
    else this.#show(heatmap, wanted);
  }

  #quick({ picture, method, layer, index }) {
    try {
      return picture.heat(method, layer, index);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #await(promise, wanted) {
    const slow = setTimeout(() => this.wanted === keyOf(wanted) && this.say("Loading ..."), 300);
    try {
      const heatmap = await promise;
      if (this.status.textContent === "Loading ...") this.say("");
      if (this.wanted === keyOf(wanted)) this.#show(heatmap, wanted);
    } catch (error) {
      if (this.wanted !== keyOf(wanted)) return;
      if (!(error instanceof NeedsNetwork)) this.report(error);
      else if (this.preview === null) this.#compute(wanted);
    } finally {
      clearTimeout(slow);
    }
  }

  /** Ask the network, if it is there; else offer it. */
  async #compute(wanted) {
    const key = keyOf(wanted);
    if (this.shownPicture !== wanted.picture) this.#clear();
    if (network.state !== "ready") {
      this.#clear();
      this.#makeSure(wanted);
      return;
    }
    if (this.working?.key === key) return;
    this.working?.cancel();
    const method = this.methods.get(wanted.method);
    const name = className(this.index.classes[wanted.index]);
    this.say(`Computing ${method.title} for ${name} ...`);
    this.offer.hidden = true;
    if (method.gradients > 1) this.showProgress(0);
    const working = { key, cancel: () => {} };
    this.working = working;
    try {
      const report = (share) => this.working === working && this.showProgress(share);
      const { answer, cancel } = await askHeat(
        wanted.picture,
        wanted.method,
        wanted.layer,
        wanted.index,
        report,
      );
      working.cancel = cancel;
      if (this.working !== working) cancel();
      const heatmap = await answer;
      this.#keep(key, heatmap);
      if (this.wanted === key) {
        this.say("");
        this.#show(heatmap, wanted);
      }
    } catch (error) {
      if (this.working === working) this.report(error);
    } finally {
      if (this.working === working) {
        this.working = null;
        this.showProgress(null);
      }
    }
  }

  #makeSure({ method, layer, index }) {
    const what = this.methods.get(method).title;
    const where = layer === null ? "" : ` at ${this.layers[layer].name}`;
    const name = className(this.index.classes[index]);
    this.offerText.textContent = `${what} for ${name}${where} has to be computed.`;
    this.offer.hidden = false;
    this.#describe(index);
  }

  #keep(key, heatmap) {
    this.heatmaps.set(key, heatmap);
    if (this.heatmaps.size > NUM_HEATMAPS) this.heatmaps.delete(this.heatmaps.keys().next().value);
  }

  /** Show no heat. */
  #clear() {
    this.shownPicture = this.picture;
    paint(this.heat, new Uint32Array(1), 1, 1);
    paint(this.map, Uint32Array.of(this.tables[this.colors][0]), 1, 1);
    this.title.textContent = "Overlay";
    this.heat.setAttribute("aria-label", "No heatmap yet");
    this.map.setAttribute("aria-label", "No heatmap yet");
  }

  #show(heatmap, wanted) {
    this.#keep(keyOf(wanted), heatmap);
    if (this.working && this.working.key !== keyOf(wanted) && this.preview === null) {
      this.working.cancel();
      this.working = null;
      this.showProgress(null);
      this.say("");
    }
    this.offer.hidden = true;
    this.shownPicture = wanted.picture;
    const { height, width } = heatmap;
    const shown = wanted.layer === null ? brightened(heatmap) : heatmap;
    const bytes = Uint8Array.from(shown.values, (value) => Math.round(255 * value));
    paint(this.map, drawMap(bytes, this.tables[this.colors]), width, height);
    const factor = Math.max(1, Math.ceil(SMOOTH / Math.max(height, width)));
    const smooth = stretch(shown, factor);
    paint(this.heat, drawHeat(smooth.values, this.tables[this.colors]), smooth.width, smooth.height);
    this.#describe(wanted.index, heatmap, wanted);
    this.el.dataset.shown = `${wanted.picture.name} ${wanted.method} ${wanted.layer} ${wanted.index}`;
  }

  #describe(index, heatmap = null, wanted = null) {
    const { probabilities, ranks, logits } = this.picture;
    const label = this.index.classes[index];
    const words = [
      describeClass(label, index, probabilities[index], ranks[index] + 1, logits.length),
    ];
    if (heatmap) {
      const { title } = this.methods.get(wanted.method);
      const where = wanted.layer === null ? "" : ` at ${this.layers[wanted.layer].name}`;
      heatmap.words ??= describeHeatmap(heatmap);
      words.push(`${title}${where}: ${heatmap.words}`);
      const kind = this.preview === null ? "Overlay" : "Preview";
      this.title.textContent = `${kind}: ${className(label)}, ${title}`;
      this.heat.setAttribute("aria-label", `${className(label)}, ${title}: ${heatmap.words}`);
      this.map.setAttribute("aria-label", `Heatmap of ${className(label)}: ${heatmap.words}`);
    }
    this.words.textContent = words.join(" ");
  }
}

function brightened(heatmap) {
  heatmap.bright ??= { ...heatmap, values: brighten(heatmap.values) };
  return heatmap.bright;
}

function keyOf({ picture, method, layer, index }) {
  return `${picture.key} ${method} ${layer} ${index}`;
}

export async function render({ model, el }) {
  const explorer = new ClassExplorer(model, el, await loadIndex());
  await explorer.begin();
}
