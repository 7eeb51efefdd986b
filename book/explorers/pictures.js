// What explorers show of a picture: of a sample from files, of the reader's own from the network.

import { addressOf, loadBuffer, loadJson } from "./assets.js";
import { activationMapAtLast, softmax } from "./methods.js";
import { EMBEDDED, Head, network, networkOf } from "./network.js";
import { cutTile } from "./pixels.js";
import { rankClasses } from "./words.js";

const NUM_PAGES = 24; // kept of a picture
export const NUM_AVERAGED = 5; // frames: with fewer, the first name still changes in a still scene

/** Something has to be computed, and only the network can do that. */
export class NeedsNetwork extends Error {}

/** Keep something under a key; where there are more than `most`, the oldest goes. */
export function keep(kept, key, value, most) {
  kept.set(key, value);
  if (kept.size > most) kept.delete(kept.keys().next().value);
}

/** A subclass has `kernel(index)` of a class, `loadPage(layer, page)`, and `file()`. */
class Picture {
  #pages = new Map();

  constructor(name, index, networkName) {
    this.key = name; // what no other picture has
    this.name = name;
    this.index = index;
    this.layers = index.networks[networkName].layers;
    this.inputSize = index.networks[networkName].inputSize;
    this.numLayers = this.layers.length;
  }

  /** Make everything ready that the explorers of classes need at once. */
  async prepareClasses() {}

  /** Tell whether the class's heatmap at the last layer needs no further file. */
  knows() {
    return true;
  }

  /** Take logits of all classes, and with them probabilities, indices in order, and ranks. */
  setLogits(logits) {
    this.logits = logits;
    this.probabilities = softmax(logits);
    this.ranking = rankClasses(logits);
    this.ranks = new Int32Array(logits.length);
    this.ranking.forEach((index, rank) => (this.ranks[index] = rank));
  }

  /** Return a page of feature maps with the layer's numbers, now if it is there, else a promise. */
  page(layer, page) {
    const key = `${layer}/${page}`;
    if (!this.#pages.has(key)) {
      const loading = this.loadPage(layer, page);
      keep(this.#pages, key, loading, NUM_PAGES);
      loading.then(
        (result) => this.#pages.set(key, result),
        () => this.#pages.delete(key),
      );
    }
    return this.#pages.get(key);
  }

  /** Return a heatmap {values, height, width}, or a promise: at a layer, or of pixels (null). */
  heat(method, layer, index) {
    if (layer !== this.layers.length - 1) return this.slowHeat(method, layer, index);
    const [height, width] = this.layers[layer].size;
    const finish = (weights) => {
      const values = activationMapAtLast(method, this.last, weights, height * width);
      return { values, height, width };
    };
    const kernel = this.kernel(index);
    return kernel instanceof Promise ? kernel.then(finish) : finish(kernel);
  }

  async slowHeat() {
    throw new NeedsNetwork();
  }

  /** Return the curves of a class while a map covers the picture: {deletion, insertion}. */
  async curves() {
    throw new NeedsNetwork();
  }

  /** Return the picture as the network sees it: {pixels, height, width}, RGB bytes. */
  async seen() {
    const [height, width] = this.inputSize;
    return { pixels: this.pixels, height, width };
  }
}

export class SamplePicture extends Picture {
  constructor(name, index, networkName) {
    super(name, index, networkName);
    this.folder = `${networkName}/${name}`;
    this.about = index.networks[networkName].samples[name];
    const { title, alt, credit } = index.samples[name];
    const { width, height } = this.about;
    Object.assign(this, { title, alt, credit, width, height });
    this.address = addressOf(`${this.folder}/picture.jpg`);
    this.thumbnail = addressOf(`${this.folder}/thumbnail.jpg`);
  }

  async prepareClasses() {
    if (this.last) return;
    const paths = ["logits.bin", "last.gz", "kernels.gz"];
    const load = (path) => loadBuffer(`${this.folder}/${path}`);
    const [logits, last, kernels] = await Promise.all(paths.map(load));
    this.setLogits(new Float32Array(logits));
    this.last = Float32Array.from(new Uint16Array(last), (value) => value * this.about.lastScale);
    this.kernels = new Float32Array(kernels);
  }

  async loadPage(layer, page) {
    const { size } = this.layers[layer];
    const { channels, largest } = this.index.pages;
    const [numbers, tile] = await Promise.all([
      loadBuffer(`${this.folder}/layers/${layer}.bin`),
      loadPixels(`${this.folder}/tiles/${layer}_${page}.webp`),
    ]);
    const shrink = Math.ceil(Math.max(size[0], size[1]) / largest);
    const [height, width] = [Math.ceil(size[0] / shrink), Math.ceil(size[1] / shrink)];
    const count = Math.min(channels, size[2] - page * channels);
    const cells = cutTile(tile.data, tile.width, height, width, count);
    return { cells, height, width, count, numbers: readNumbers(numbers, size[2]) };
  }

  kernel(index) {
    const place = this.about.first.indexOf(index);
    const channels = this.layers.at(-1).size[2];
    if (place >= 0) return this.kernels.subarray(place * channels, (place + 1) * channels);
    return network.head?.kernel(index) ?? loadHead(this.index).then((head) => head.kernel(index));
  }

  knows(index) {
    return this.about.first.includes(index) || Boolean(network.head);
  }

  async slowHeat(method, layer, index) {
    if (layer !== null && this.about.atLayers.includes(index)) {
      const buffer = await loadBuffer(`${this.folder}/heat/${index}.gz`);
      return cutHeat(buffer, this.layers, this.index.methods, method, layer);
    }
    if (layer === null && this.about.atPixels[method].includes(index)) {
      const buffer = await loadBuffer(`${this.folder}/heat/${index}_${method}.gz`);
      const [height, width] = this.inputSize;
      return { values: fromBytes(new Uint8Array(buffer)), height, width };
    }
    throw new NeedsNetwork();
  }

  async seen() {
    if (!this.pixels) {
      const { data } = await loadPixels(`${this.folder}/input.webp`);
      this.pixels = data.filter((_, i) => i % 4 < 3);
    }
    return super.seen();
  }

  async curves(map, index, fill) {
    const { fills, steps, maps } = this.index.covering;
    if (fill !== fills[0] || !this.about.curves.includes(index)) throw new NeedsNetwork();
    const values = new Float32Array(await loadBuffer(`${this.folder}/curves/${index}.bin`));
    const row = maps.findIndex(({ value }) => value === map);
    const curve = (number) => values.subarray(number * (steps + 1), (number + 1) * (steps + 1));
    return { deletion: curve(2 * row), insertion: curve(2 * row + 1) };
  }
}

export class OwnPicture extends Picture {
  constructor(name, file, index, networkName = EMBEDDED) {
    super(name, index, networkName);
    this.network = networkOf(networkName);
    this.numLayers = index.networks[networkName].live.layers ?? this.layers.length;
    this.blob = file;
    this.alt = `Your own picture, ${name}`;
  }

  /**
   * Let the network see it: `screen` is there afterwards, of a network with classes also logits and
   * the last feature maps.
   */
  async prepare() {
    const { answer, id } = this.network.ask({ kind: "picture", file: this.blob });
    this.key = id;
    const { logits, last, seen, screen, width, height } = await answer;
    Object.assign(this, { last, screen, width, height, pixels: seen });
    if (logits) this.setLogits(logits);
  }

  loadPage(layer, page) {
    const { key: of, pixels } = this;
    return this.network.ask({ kind: "page", of, pixels, layer, page }).answer;
  }

  kernel(index) {
    return network.head.kernel(index);
  }
}

/** What the camera shows: one picture, whose contents each frame replaces. */
export class LivePicture extends OwnPicture {
  #recent = [];

  constructor(index, networkName) {
    super("camera", null, index, networkName);
    this.alt = "What the camera sees";
  }

  /**
   * Look at a frame; `want` is {layer, page} for a page of feature maps, {} for classes,
   * {pixels: true} for what the network sees.
   */
  async look(bitmap, want) {
    const { answer, id } = this.network.ask({ kind: "frame", bitmap, ...want });
    const { bitmap: screen, logits, last, ...shown } = await answer;
    this.screen?.close();
    const { width, height } = screen;
    Object.assign(this, { key: id, screen, width, height, last, pixels: shown.pixels });
    this.shown = { ...want, ...shown };
    if (!logits) return;
    const recent = (this.#recent = [logits, ...this.#recent].slice(0, NUM_AVERAGED));
    const mean = (_, i) => recent.reduce((sum, one) => sum + one[i], 0) / recent.length;
    this.setLogits(logits.map(mean));
  }

  /** Return the page of the newest frame; one that it has not got comes with the next. */
  page(layer, page) {
    const { shown } = this;
    return shown?.layer === layer && shown.page === page ? shown : new Promise(() => {});
  }

  /** Return the newest frame as a file, its colors as they are. */
  async file() {
    const canvas = new OffscreenCanvas(this.width, this.height);
    canvas.getContext("2d").drawImage(this.screen, 0, 0);
    return new File([await canvas.convertToBlob()], `camera ${++LivePicture.files}.png`);
  }

  static files = 0;
}

/** Ask the network for a heatmap of any picture: `options` are {report, signal}. */
export async function askHeat(picture, method, layer, index, options) {
  const { pixels } = await picture.seen();
  const job = { kind: "heat", of: picture.key, pixels, method, layer, index };
  return network.ask(job, options).answer;
}

/** Ask the network for a class's curves while a map covers a picture: {deletion, insertion}. */
export async function askCurves(picture, heatmap, index, fill, options) {
  const { steps } = picture.index.covering;
  const { pixels } = await picture.seen();
  const job = { kind: "cover", of: picture.key, pixels, heatmap, index, fill, steps };
  return network.ask(job, options).answer;
}

// Files

/** Load a picture's RGBA bytes, with its size. */
async function loadPixels(path) {
  const file = new Blob([await loadBuffer(path)], { type: "image/webp" });
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

function readNumbers(buffer, channels) {
  const float = (block) => new Float32Array(buffer, 4 * block * channels, channels);
  const whole = (block) => new Uint16Array(buffer, (12 + 2 * block) * channels, channels);
  return { low: float(0), high: float(1), mean: float(2), peak: whole(0), ties: whole(1) };
}

function cutHeat(buffer, layers, methods, method, layer) {
  const sizes = layers.map(({ size: [height, width] }) => height * width);
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const number = methods.filter(({ atLayer }) => atLayer).findIndex(({ key }) => key === method);
  const start = number * sum(sizes) + sum(sizes.slice(0, layer));
  const [height, width] = layers[layer].size;
  const values = fromBytes(new Uint8Array(buffer, start, sizes[layer]));
  return { values, height, width };
}

function fromBytes(bytes) {
  return Float32Array.from(bytes, (value) => value / 255);
}

/** Load the last layer alone. */
async function loadHead({ networks }) {
  const { live } = networks[EMBEDDED];
  return (network.head ??= new Head(await loadBuffer(live.files["head.bin"].path), live.head));
}

export const loadIndex = () => loadJson("index.json");
