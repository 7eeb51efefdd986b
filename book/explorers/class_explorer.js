// Choose a class, and see where on the picture a method finds it.

import { renderOf } from "./base.js";
import { box, CAN_POINT, choices, frame, make, paint, panel, slider } from "./controls.js";
import { HeatExplorer } from "./heat.js";
import { askHeat, NeedsNetwork, NUM_AVERAGED } from "./pictures.js";
import { drawMap } from "./pixels.js";
import { river } from "./river.js";
import { explainNoClass, percent, searchClasses } from "./words.js";

const NUM_LISTED = 8; // classes in the list
const LOADING = "Loading ...";

class ClassExplorer extends HeatExplorer {
  constructor(model, el, index) {
    super(model, el, index);
    const names = this.layers.map(({ name }) => name);
    this.layer = names.indexOf(this.setting("layer", names, names.at(-1)));
    this.method = this.setting("method", [...this.methods.keys()], "grad_cam");
    this.wantedClass = this.numberSetting("classes", index.classes.length - 1);
    this.preview = null; // the class under the pointer
    this.methodRow = choices(
      "Method",
      index.methods.map(({ key, title }) => ({ value: key, title })),
      { value: this.method, change: (key) => this.#choose(key, this.layer) },
    );
    const chooseLayer = (layer) => this.#choose(this.method, layer);
    this.river = river(this.layers, { value: this.layer, change: chooseLayer });
    this.classSlider = slider("Class", {
      max: index.classes.length - 1,
      say: (rank) => (this.picture ? this.titleOf(this.picture.ranking[rank]) : ""),
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
    const about = { class: "cx-list", role: "group", "aria-label": "Classes" };
    this.list = make("div", about, ...this.rows, this.hint);
    this.list.addEventListener("pointerleave", () => this.#setPreview(null));
    this.map = make("canvas", { role: "img" });
    this.mapBox = frame(this.map);
    this.overlayBox = frame();
    this.frame = make("canvas", { class: "cx-gray", "aria-hidden": "true" });
    this.frames = [this.inputBox, this.mapBox, this.overlayBox];
    const overlay = panel("overlay", "Overlay", this.overlayBox, this.offer);
    this.title = overlay.firstChild;
    const shown = make("div", {}, overlay, this.opacity.element);
    const choose = box("cx-choose", this.search, this.list, this.classSlider.element);
    const input = panel("input", "Input", this.inputBox, this.credit);
    const map = panel("heatmap", "Heatmap", this.mapBox);
    const side = box("cx-side", this.river.element);
    const below = box("cx-below", input, map, side);
    this.lay(this.methodRow.element, box("cx-classes", shown, choose), below);
    this.#setOpacity();
  }

  showPicture() {
    super.showPicture();
    this.inputBox.replaceChildren(this.makePicture());
    this.preview = null;
    this.search.value = "";
    this.held = undefined;
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
    const pointed = CAN_POINT ? ":hover, :has(:focus-visible)" : ":active";
    const isStill = this.list.matches(pointed) || this.search.value.trim();
    if (isStill) this.#list(...this.listed);
    else this.#list(this.#ranked());
    this.draw();
  }

  #beginLive() {
    this.overlayBox.replaceChildren(this.frame, this.heat);
    this.classSlider.element.hidden = true; // the ranks change with each frame
    this.search.value = "";
    const { atLayer } = this.methods.get(this.method);
    this.#goTo(atLayer ? this.method : "grad_cam", this.layers.length - 1);
  }

  // Classes

  chooseClass(index) {
    this.preview = null;
    if (this.isLive) {
      this.held = this.held === index ? undefined : index;
      return;
    }
    this.chosen = index;
    this.model.set("classes", index);
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
    const index = () => Number(row.dataset.index);
    const act = {
      onclick: () => this.chooseClass(index()),
      onpointerenter: (event) => event.pointerType !== "touch" && this.#setPreview(index()),
      onfocus: () => this.#setPreview(index()),
      onblur: () => this.#setPreview(null),
    };
    const row = make("button", act, make("span"), make("span"));
    return row;
  }

  #list(indices, found = indices.length) {
    this.listed = [indices, found];
    for (const [i, row] of this.rows.entries()) {
      const index = indices[i];
      row.hidden = index === undefined;
      if (row.hidden) continue;
      const share = this.picture.probabilities[index];
      row.dataset.index = index;
      row.style.setProperty("--share", share);
      const [name, number] = row.children;
      name.textContent = this.rankedName(index);
      number.textContent = percent(share);
    }
    const rest = found - indices.length;
    this.hint.textContent = rest > 0 ? `and ${rest} more: type on` : this.#hintOf();
    this.#markList();
  }

  #hintOf() {
    const point = "Point at a name for its heat; a click keeps it.";
    if (!this.isLive) return CAN_POINT ? point : "";
    const hold =
      this.held === undefined
        ? "The heat follows the first name. Click a name to hold it fast."
        : `The heat stays with ${this.nameOf(this.held)}. Click it again to let go.`;
    const mean = `Names are the mean of the last ${NUM_AVERAGED} frames, or they would jitter.`;
    return `${hold} ${mean} Another layer, or a slow method, freezes the picture.`;
  }

  #markList() {
    const marked = this.isLive ? this.held : this.chosen;
    for (const row of this.rows) {
      row.setAttribute("aria-pressed", Number(row.dataset.index) === marked);
    }
  }

  /** The heat follows the class under the pointer; nothing slow begins for that. */
  #setPreview(index) {
    if (this.preview === index) return;
    this.preview = index;
    this.draw();
  }

  // Heatmaps

  #choose(method, layer) {
    this.#goTo(method, layer);
    this.draw();
  }

  #goTo(method, layer) {
    const preview = null; // a mouse may rest on a name while the keyboard is used
    Object.assign(this, { method, layer, preview });
    this.methodRow.set(method);
    this.river.set(layer);
    this.model.set("method", method);
    this.model.set("layer", this.layers[layer].name);
  }

  #setOpacity() {
    this.heat.style.opacity = this.opacity.range.value;
    this.model.set("alpha", Number(this.opacity.range.value));
  }

  /** Show the heatmap that the controls ask for: now, or when it is loaded or computed. */
  draw() {
    const { picture, method, preview } = this;
    if (!picture || (preview !== null && !picture.knows(preview))) return;
    const { atLayer } = this.methods.get(method);
    if (this.isLive && !(atLayer && this.layer === this.layers.length - 1)) {
      this.attempt(() => this.cameraRow.freeze()); // what needs gradients is too slow for a camera
      return;
    }
    this.river.element.classList.toggle("cx-off", !atLayer);
    this.river.element.setAttribute("aria-disabled", !atLayer);
    this.river.range.disabled = !atLayer;
    const [layer, index] = [atLayer ? this.layer : null, preview ?? this.chosen];
    const key = `${picture.key} ${method} ${layer} ${index}`;
    const wanted = { key, picture, method, layer, index, isPreview: preview !== null };
    if (wanted.isPreview) this.wanted = key;
    else this.want(key);
    const heatmap = this.results.get(key) ?? picture.heat(method, layer, index);
    if (heatmap instanceof Promise) this.attempt(() => this.#find(wanted, heatmap));
    else this.#show(heatmap, wanted);
  }

  /** Show a heatmap that is loaded, or has to be computed. */
  async #find(wanted, loading) {
    const { key, picture, method, layer, index, isPreview } = wanted;
    const isWanted = () => this.wanted === key;
    const slow = setTimeout(() => isWanted() && !this.work && this.say(LOADING), 300);
    const loaded = loading.finally(() => {
      clearTimeout(slow);
      if (this.status.textContent === LOADING) this.say("");
    });
    const what = `${this.methods.get(method).title} for ${this.nameOf(index)}`;
    const ask = (options) => askHeat(picture, method, layer, index, options);
    try {
      const compute = () => this.findOrCompute(key, loaded, `Computing ${what} ...`, ask);
      const heatmap = await (isPreview ? loaded : compute());
      this.keep(key, heatmap);
      if (isWanted()) this.#show(heatmap, wanted);
    } catch (error) {
      if (!isWanted() || (isPreview && error instanceof NeedsNetwork)) return;
      this.offerNetwork(error, `${what}${this.#placeOf(layer)} has to be computed.`);
      this.#clear();
      this.words.textContent = this.describeClass(index);
    }
  }

  #placeOf(layer) {
    return layer === null ? "" : ` at ${this.layers[layer].name}`;
  }

  /** Show no heat. */
  #clear() {
    this.showNoHeat();
    paint(this.map, Uint32Array.of(this.tables[this.colors][0]), 1, 1);
    this.map.setAttribute("aria-label", "No heatmap yet");
    this.title.textContent = "Overlay";
  }

  #show(heatmap, { picture, method, layer, index, isPreview }) {
    const { title } = this.methods.get(method);
    const name = this.nameOf(index);
    const { values, height, width } = this.showHeat(heatmap, layer === null, `${name}, ${title}`);
    const bytes = Uint8Array.from(values, (value) => Math.round(255 * value));
    paint(this.map, drawMap(bytes, this.tables[this.colors]), width, height);
    this.map.setAttribute("aria-label", `Heatmap of ${name}: ${heatmap.words}`);
    this.offer.hidden = true;
    this.title.textContent = `${isPreview ? "Preview" : "Overlay"}: ${name}, ${title}`;
    const words = `${title}${this.#placeOf(layer)}: ${heatmap.words}`;
    this.words.textContent = `${this.describeClass(index)} ${words}`;
    this.el.dataset.shown = `${picture.name} ${method} ${layer} ${index}`;
  }
}

export const render = renderOf(ClassExplorer);
