// Drag through a network's layers and channels, and see what each makes of a picture.

import { loadIndex } from "./pictures.js";
import { Explorer } from "./base.js";
import { make, paint, panel, slider } from "./controls.js";
import { drawMap, drawPage, GAP } from "./pixels.js";
import { river } from "./river.js";
import { describeChannel, describeLayer, megabytes, pageNames } from "./words.js";

const LENS = 0.32; // of the page's width

class LayerExplorer extends Explorer {
  constructor(model, el, index) {
    super(model, el, index);
    const names = this.layers.map(({ name }) => name);
    this.layer = names.indexOf(this.setting("layer", names));
    this.channel = this.numberSetting("channel", this.layers[this.layer].size[2] - 1, 0);
    this.onPage = index.pages.channels;
    this.river = river(this.layers, { value: this.layer, change: (n) => this.chooseLayer(n) });
    this.pageSlider = slider("Channels", {
      max: 0,
      value: 0,
      say: (page) => pageNames(this.layers[this.layer].size[2], this.onPage)[page],
      change: (page) => this.chooseChannel(page * this.onPage + (this.channel % this.onPage)),
    });
    this.channelSlider = slider("Channel", {
      max: 0,
      value: 0,
      change: (channel) => this.chooseChannel(channel),
    });
    this.page = make("canvas", { role: "img" });
    this.mark = make("div", { class: "cx-mark" });
    this.lens = make("canvas", {});
    this.lensName = make("span", {});
    this.lensBox = make("div", { class: "cx-lens", "aria-hidden": "true" }, this.lens, this.lensName);
    this.pageBox = make("div", { class: "cx-page-box" }, this.page, this.mark, this.lensBox);
    this.inputBox = make("div", { class: "cx-frame" });
    this.field = make("div", { class: "cx-field", hidden: true });
    this.map = make("canvas", { role: "img" });
    this.cell = make("div", { class: "cx-cell", hidden: true });
    this.mapBox = make("div", { class: "cx-frame" }, this.map, this.cell);
    this.value = make("p", { class: "cx-hint" });
    this.credit = make("p", { class: "cx-hint" });
    this.frames = [this.inputBox, this.mapBox];
    el.append(
      this.pictureRow.element,
      this.river.element,
      make(
        "div",
        { class: "cx-layers" },
        make(
          "div",
          { class: "cx-main" },
          panel("page", "Feature maps", this.pageBox),
          make("div", { class: "cx-controls" }, this.pageSlider.element, this.channelSlider.element),
        ),
        panel("input", "Input", this.inputBox, this.credit),
        panel("channel", "One channel", this.mapBox, this.value),
      ),
      this.colorRow.element,
      this.words,
      this.cameraRow.element,
      this.bar,
      this.status,
    );
    this.#followPointer();
  }

  async preparePicture() {}

  async showPicture() {
    this.inputBox.replaceChildren(this.makePicture(), this.field);
    this.fitFrames(...this.frames);
    this.credit.textContent = this.creditLine();
    this.shown = null; // nothing of the picture before stands beside the new one
    await this.show();
  }

  wantOfFrame() {
    const layer = Math.min(this.layer, (this.live.layers ?? this.layers.length) - 1);
    return { layer, page: Math.floor(this.channel / this.onPage) };
  }

  showFrame() {
    this.attempt(() => this.show());
  }

  chooseLayer(layer) {
    this.layer = layer;
    this.channel = Math.min(this.channel, this.layers[layer].size[2] - 1);
    this.tell("layer", this.layers[layer].name);
    this.tell("channel", this.channel);
    this.attempt(() => this.show());
  }

  chooseChannel(channel) {
    this.channel = Math.min(channel, this.layers[this.layer].size[2] - 1);
    this.tell("channel", this.channel);
    this.attempt(() => this.show());
  }

  /** Show the page of feature maps that the controls ask for: now, or when it is loaded. */
  async show() {
    const { picture } = this;
    if (this.wentBack) this.say("");
    this.wentBack = this.layer >= picture.numLayers;
    if (this.wentBack) this.#goBack();
    const { layer } = this;
    const channels = this.layers[layer].size[2];
    const page = Math.floor(this.channel / this.onPage);
    this.river.set(layer);
    this.pageSlider.set(page, Math.ceil(channels / this.onPage) - 1);
    this.channelSlider.set(this.channel, channels - 1);
    let shown = picture.page(layer, page);
    if (shown instanceof Promise) shown = await shown;
    const isWanted = () =>
      picture === this.picture && layer === this.layer && page === Math.floor(this.channel / this.onPage);
    if (!isWanted()) return;
    this.shown = shown;
    this.shownPage = page;
    this.draw();
    this.el.dataset.shown = `${picture.name} ${this.layers[layer].name} ${this.channel}`;
    idle(() => isWanted() && this.#fetchNeighbors(picture, layer));
  }

  /** Go back to the last layer that is there for a reader's own picture, and say so. */
  #goBack() {
    this.layer = this.picture.numLayers - 1;
    const { name, size } = this.layers[this.layer];
    this.channel = Math.min(this.channel, size[2] - 1);
    this.tell("layer", name);
    this.say(
      `Your own picture goes up to ${name}: ` +
        `the layers behind it would be another ${megabytes(this.live.restBytes)}.`,
    );
  }

  /** Load what comes next while nothing else is to be done. */
  #fetchNeighbors(picture, layer) {
    for (const next of [layer + 1, layer - 1]) {
      if (next < 0 || next >= picture.numLayers) continue;
      const channel = Math.min(this.channel, this.layers[next].size[2] - 1);
      const loading = picture.page(next, Math.floor(channel / this.onPage));
      if (loading instanceof Promise) loading.catch(() => {}); // said when it is asked for
    }
  }

  draw() {
    if (!this.shown) return;
    const { shown, tables, colors, channel } = this;
    const layer = this.layers[this.layer];
    const { pixels, width, height, columns } = drawPage(shown, tables[colors], 0);
    paint(this.page, pixels, width, height);
    this.columns = columns;
    this.#drawChannel(this.map, channel % this.onPage);
    this.mark.style.cssText = this.#placeOf(channel % this.onPage);
    const last = this.shownPage * this.onPage + shown.count - 1;
    this.page.setAttribute(
      "aria-label",
      `Feature maps of ${layer.name}, channels ${this.shownPage * this.onPage} to ${last}`,
    );
    const sentence = describeChannel(layer, shown.numbers, channel);
    this.map.setAttribute("aria-label", sentence);
    this.words.textContent = `${describeLayer(layer, shown.numbers)} ${sentence}`;
    this.#leaveMap();
  }

  #drawChannel(canvas, position) {
    const { cells, height, width } = this.shown;
    const values = cells.subarray(position * height * width, (position + 1) * height * width);
    paint(canvas, drawMap(values, this.tables[this.colors]), width, height);
  }

  /** Return where a feature map stands on the page, in percent: a page is as wide as its place. */
  #placeOf(position) {
    const [row, column] = [Math.floor(position / this.columns), position % this.columns];
    const gap = (100 * GAP) / this.page.width;
    const step = (100 - gap) / this.columns;
    const size = step - gap;
    const [left, top] = [column * step + gap, row * step + gap];
    return `left: ${left}%; top: ${top}%; width: ${size}%; height: ${size}%`;
  }

  // What a pointer does

  #followPointer() {
    const position = (event) => {
      const box = this.page.getBoundingClientRect();
      const column = Math.floor(((event.clientX - box.left) / box.width) * this.columns);
      const row = Math.floor(((event.clientY - box.top) / box.height) * this.columns);
      const place = row * this.columns + column;
      const inside = column >= 0 && column < this.columns && row >= 0 && place < this.shown.count;
      return inside ? place : null;
    };
    this.pageBox.addEventListener("pointermove", (event) => {
      if (this.shown && event.pointerType !== "touch") this.#magnify(position(event));
    });
    this.pageBox.addEventListener("pointerleave", () => this.#magnify(null));
    this.pageBox.addEventListener("click", (event) => {
      const place = this.shown && position(event);
      if (place !== null) this.chooseChannel(this.shownPage * this.onPage + place);
    });
    for (const kind of ["pointermove", "pointerdown"]) {
      this.mapBox.addEventListener(kind, (event) => this.#point(event));
    }
    this.mapBox.addEventListener("pointerleave", () => this.#leaveMap());
  }

  /** A feature map grows under the pointer. */
  #magnify(place) {
    if (place === this.magnified && this.lensShown === this.shown) return;
    this.magnified = place;
    this.lensShown = this.shown;
    this.lensBox.classList.toggle("cx-open", place !== null);
    if (place === null) return;
    const channel = this.shownPage * this.onPage + place;
    this.#drawChannel(this.lens, place);
    const { low, high } = this.shown.numbers;
    this.lensName.textContent =
      high[channel] <= 0
        ? `channel ${channel}: silent`
        : `channel ${channel}: ${low[channel].toFixed(1)} to ${high[channel].toFixed(1)}`;
    const column = ((place % this.columns) + 0.5) / this.columns;
    const row = (Math.floor(place / this.columns) + 0.5) / this.columns;
    const left = Math.min(Math.max(column, LENS / 2), 1 - LENS / 2);
    const places = `left: ${100 * left}%; top: ${100 * row}%; width: ${100 * LENS}%`;
    this.lensBox.style.cssText = places;
    this.lens.style.aspectRatio = this.shown.width / this.shown.height;
  }

  /** Point at a value of the large map: what does it see of the picture? */
  #point(event) {
    if (!this.shown) return;
    const { cells, height, width, numbers } = this.shown;
    const box = this.mapBox.getBoundingClientRect();
    const column = clamp(Math.floor(((event.clientX - box.left) / box.width) * width), width);
    const row = clamp(Math.floor(((event.clientY - box.top) / box.height) * height), height);
    const place = (this.channel % this.onPage) * height * width + row * width + column;
    const { low, high } = numbers;
    const share = cells[place] / 255;
    const value = low[this.channel] + share * (high[this.channel] - low[this.channel]);
    const layer = this.layers[this.layer];
    this.value.textContent = layer.field
      ? `${value.toFixed(1)} here: it sees ${layer.field[0]} x ${layer.field[1]} pixels of the input`
      : `${value.toFixed(1)} here`;
    cover(this.cell, column / width, row / height, 1 / width, 1 / height);
    if (!layer.field) return;
    const [down, across] = layer.field.map((pixels, i) => pixels / this.picture.inputSize[i]);
    const [x, y] = [(column + 0.5) / width, (row + 0.5) / height];
    cover(this.field, x - across / 2, y - down / 2, across, down);
  }

  #leaveMap() {
    this.cell.hidden = this.field.hidden = true;
    this.value.textContent = "Point at a place: what does it see?";
  }
}

function cover(element, left, top, width, height) {
  element.hidden = false;
  const percent = [left, top, width, height].map((share) => `${100 * share}%`);
  const [x, y, w, h] = percent;
  element.style.cssText = `left: ${x}; top: ${y}; width: ${w}; height: ${h}`;
}

function clamp(value, length) {
  return Math.min(Math.max(value, 0), length - 1);
}

function idle(action) {
  if (window.requestIdleCallback) requestIdleCallback(action, { timeout: 500 });
  else setTimeout(action, 50);
}

export async function render({ model, el }) {
  const explorer = new LayerExplorer(model, el, await loadIndex());
  await explorer.begin();
}
