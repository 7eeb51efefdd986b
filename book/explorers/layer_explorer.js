// Drag through a network's layers and channels, and see what each makes of a picture.

import { Explorer, renderOf } from "./base.js";
import { box, cellAt, frame, make, paint, panel, slider } from "./controls.js";
import { drawMap, drawPage, GAP } from "./pixels.js";
import { river } from "./river.js";
import { describeChannel, describeLayer, megabytes, pageNames } from "./words.js";

const LENS = 0.32; // of the page's width
const PAUSE = 100; // milliseconds until what comes next is loaded, too

class LayerExplorer extends Explorer {
  constructor(model, el, index) {
    super(model, el, index);
    const names = this.layers.map(({ name }) => name);
    this.layer = names.indexOf(this.setting("layer", names));
    this.channel = this.numberSetting("channel", this.layers[this.layer].size[2] - 1, 0);
    this.onPage = index.pages.channels;
    const chooseLayer = (layer) => this.choose(layer, this.channel);
    this.river = river(this.layers, { value: this.layer, change: chooseLayer });
    this.pageSlider = slider("Channels", {
      say: (page) => pageNames(this.layers[this.layer].size[2], this.onPage)[page],
      change: (page) => this.choose(this.layer, page * this.onPage + this.place),
    });
    this.channelSlider = slider("Channel", { change: (n) => this.choose(this.layer, n) });
    this.page = make("canvas", { role: "img" });
    this.mark = box("cx-mark");
    this.lens = make("canvas");
    this.lensName = make("span");
    const about = { class: "cx-lens", "aria-hidden": "true" };
    this.lensBox = make("div", about, this.lens, this.lensName);
    this.pageBox = box("cx-page-box", this.page, this.mark, this.lensBox);
    this.field = make("div", { class: "cx-field", hidden: true });
    this.map = make("canvas", { role: "img" });
    this.cell = make("div", { class: "cx-cell", hidden: true });
    this.mapBox = frame(this.map, this.cell);
    this.value = make("p", { class: "cx-hint" });
    this.frames = [this.inputBox, this.mapBox];
    const sliders = [this.pageSlider.element, this.channelSlider.element];
    const page = panel("page", "Feature maps", this.pageBox);
    const input = panel("input", "Input", this.inputBox, this.credit);
    const channel = panel("channel", "One channel", this.mapBox, this.value);
    const main = box("cx-main", page, box("cx-sliders", ...sliders));
    this.lay(this.river.element, box("cx-layers", main, input, channel));
    this.#followPointer();
  }

  /** The page that the channel is on, and the channel's place there. */
  get pageNumber() {
    return Math.floor(this.channel / this.onPage);
  }

  get place() {
    return this.channel % this.onPage;
  }

  async showPicture() {
    this.inputBox.replaceChildren(this.makePicture(), this.field);
    this.shown = null; // nothing of the picture before stands beside the new one
    await this.show();
  }

  wantOfFrame() {
    const layer = Math.min(this.layer, (this.live.layers ?? this.layers.length) - 1);
    return { layer, page: this.pageNumber };
  }

  showFrame() {
    this.attempt(() => this.show());
  }

  choose(layer, channel) {
    this.#goTo(layer, channel);
    this.attempt(() => this.show());
  }

  #goTo(layer, channel) {
    const { name, size } = this.layers[layer];
    this.layer = layer;
    this.channel = Math.min(channel, size[2] - 1);
    this.model.set("layer", name);
    this.model.set("channel", this.channel);
  }

  /** Show the page of feature maps that the controls ask for: now, or when it is loaded. */
  async show() {
    const { picture } = this;
    if (this.wentBack) this.say("");
    this.wentBack = this.layer >= picture.numLayers;
    if (this.wentBack) this.#goBack();
    const { layer, pageNumber } = this;
    const channels = this.layers[layer].size[2];
    this.river.set(layer);
    this.pageSlider.set(pageNumber, Math.ceil(channels / this.onPage) - 1);
    this.channelSlider.set(this.channel, channels - 1);
    let shown = picture.page(layer, pageNumber);
    if (shown instanceof Promise) {
      this.shown = null; // what is still seen is of another page
      shown = await shown;
    }
    const isWanted = () =>
      picture === this.picture && layer === this.layer && pageNumber === this.pageNumber;
    if (!isWanted()) return;
    this.shown = shown;
    this.draw();
    this.el.dataset.shown = `${picture.name} ${this.layers[layer].name} ${this.channel}`;
    if (!this.isLive) setTimeout(() => isWanted() && this.#fetchNeighbors(picture, layer), PAUSE);
  }

  /** Go back to the last layer that is there for a reader's own picture, and say so. */
  #goBack() {
    this.#goTo(this.picture.numLayers - 1, this.channel);
    this.say(
      `Your own picture goes up to ${this.layers[this.layer].name}: ` +
        `the layers behind it would be another ${megabytes(this.live.restBytes)}.`,
    );
  }

  /** Load what the reader may go to next. */
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
    const { pixels, width, height, columns } = drawPage(shown, tables[colors]);
    paint(this.page, pixels, width, height);
    this.columns = columns;
    this.#drawChannel(this.map, this.place);
    this.#placeMark(width);
    const first = channel - this.place;
    const range = `channels ${first} to ${first + shown.count - 1}`;
    this.page.setAttribute("aria-label", `Feature maps of ${layer.name}, ${range}`);
    const sentence = describeChannel(layer, shown.numbers, channel);
    this.map.setAttribute("aria-label", sentence);
    this.words.textContent = `${describeLayer(layer, shown.numbers)} ${sentence}`;
    this.#leaveMap();
  }

  #drawChannel(canvas, place) {
    const { cells, height, width } = this.shown;
    const values = cells.subarray(place * height * width, (place + 1) * height * width);
    paint(canvas, drawMap(values, this.tables[this.colors]), width, height);
  }

  /** Mark the channel's feature map on the page, which is as wide as its place. */
  #placeMark(width) {
    const { place, columns } = this;
    const gap = GAP / width;
    const step = (1 - gap) / columns;
    const left = (place % columns) * step + gap;
    const top = Math.floor(place / columns) * step + gap;
    cover(this.mark, left, top, step - gap, step - gap);
  }

  // What a pointer does

  #followPointer() {
    const placeAt = (event) => {
      const [row, column] = cellAt(event, this.page, this.columns, this.columns);
      const place = row * this.columns + column;
      return place < this.shown.count ? place : null;
    };
    this.pageBox.addEventListener("pointermove", (event) => {
      if (this.shown && event.pointerType !== "touch") this.#magnify(placeAt(event));
    });
    this.pageBox.addEventListener("pointerleave", () => this.#magnify(null));
    this.pageBox.addEventListener("click", (event) => {
      const place = this.shown ? placeAt(event) : null;
      if (place !== null) this.choose(this.layer, this.channel - this.place + place);
    });
    for (const kind of ["pointermove", "pointerdown"]) {
      this.mapBox.addEventListener(kind, (event) => this.shown && this.#point(event));
    }
    this.mapBox.addEventListener("pointerleave", () => this.#leaveMap());
  }

  /** A feature map grows under the pointer. */
  #magnify(place) {
    this.lensBox.classList.toggle("cx-open", place !== null);
    if (place === null) return;
    this.#drawChannel(this.lens, place);
    const channel = this.channel - this.place + place;
    const { low, high } = this.shown.numbers;
    const range = `${low[channel].toFixed(1)} to ${high[channel].toFixed(1)}`;
    this.lensName.textContent = `channel ${channel}: ${high[channel] <= 0 ? "silent" : range}`;
    const column = ((place % this.columns) + 0.5) / this.columns;
    const row = (Math.floor(place / this.columns) + 0.5) / this.columns;
    const left = Math.min(Math.max(column, LENS / 2), 1 - LENS / 2);
    this.lensBox.style.cssText = `left: ${100 * left}%; top: ${100 * row}%; width: ${100 * LENS}%`;
    this.lens.style.aspectRatio = this.shown.width / this.shown.height;
  }

  /** Point at a value of the large map: what does it see of the picture? */
  #point(event) {
    const { cells, height, width, numbers } = this.shown;
    const [row, column] = cellAt(event, this.mapBox, height, width);
    const share = cells[(this.place * height + row) * width + column] / 255;
    const [low, high] = [numbers.low[this.channel], numbers.high[this.channel]];
    const value = (low + share * (high - low)).toFixed(1);
    const { field } = this.layers[this.layer];
    const sees = field ? `: it sees ${field[0]} x ${field[1]} pixels of the input` : "";
    this.value.textContent = `${value} here${sees}`;
    cover(this.cell, column / width, row / height, 1 / width, 1 / height);
    if (!field) return;
    const [down, across] = field.map((pixels, i) => pixels / this.picture.inputSize[i]);
    const [x, y] = [(column + 0.5) / width, (row + 0.5) / height];
    cover(this.field, x - across / 2, y - down / 2, across, down);
  }

  #leaveMap() {
    this.cell.hidden = this.field.hidden = true;
    this.value.textContent = "Point at a place: what does it see?";
  }
}

/** Lay an element over a part of what it stands in; the four are shares of that. */
function cover(element, ...shares) {
  element.hidden = false;
  const [left, top, width, height] = shares.map((share) => `${100 * share}%`);
  Object.assign(element.style, { left, top, width, height });
}

export const render = renderOf(LayerExplorer);
