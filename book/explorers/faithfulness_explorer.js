// Cover the hottest part of a picture, or show only that, and watch the class.

import { renderOf } from "./base.js";
import { chart } from "./chart.js";
import { box, choices, frame, make, paint, panel, slider } from "./controls.js";
import { areaUnder, backgroundOf, blindMaps, cover, pause, rankPixels } from "./covering.js";
import { HeatExplorer } from "./heat.js";
import { askCurves, askHeat } from "./pictures.js";
import { opaque } from "./pixels.js";
import { describeCovering } from "./words.js";

const NUM_CLASSES = 20; // on the slider
const OPACITY = 0.5;

class FaithfulnessExplorer extends HeatExplorer {
  constructor(model, el, index) {
    super(model, el, index);
    const { maps, fills, steps, start, random } = index.covering;
    this.steps = steps;
    this.titles = new Map(maps.map(({ value, title }) => [value, title]));
    this.blind = blindMaps({ values: Float32Array.from(random.flat()), height: 7, width: 7 });
    this.map = this.setting("map", [...this.titles.keys()]);
    this.fill = this.setting("fill", fills);
    this.covered = this.numberSetting("covered", steps, start);
    this.wantedClass = this.numberSetting("classes", index.classes.length - 1);
    const change = (name) => (value) => this.#choose(name, value);
    const row = (label, options, name) =>
      choices(label, options, { value: this[name], change: change(name) });
    this.rows = {
      map: row("Map", maps, "map"),
      fill: row("Fill", fills.map((value) => ({ value, title: value })), "fill"),
    };
    this.classSlider = slider("Class", {
      say: (place) => (this.options ? this.titleOf(this.options[place]) : ""),
      change: (place) => this.#choose("chosen", this.options[place]),
    });
    this.pixelSlider = slider("Pixels", {
      max: steps,
      value: this.covered,
      say: (step) => `${Math.round((100 * step) / steps)}%`,
      change: change("covered"),
    });
    this.heat.style.opacity = OPACITY;
    this.overlayBox = this.inputBox;
    const canvas = () => make("canvas", { role: "img" });
    this.canvases = { deletion: canvas(), insertion: canvas() };
    const boxes = Object.values(this.canvases).map((canvas) => frame(canvas));
    this.frames = [this.inputBox, ...boxes];
    this.chart = chart("pixels, hottest first");
    const { classSlider, pixelSlider } = this;
    const controls = [this.rows.map, classSlider, this.rows.fill, pixelSlider];
    const covering = box(
      "cx-covering",
      panel("input", "Map", this.inputBox),
      panel("deletion", "Hottest covered", boxes[0]),
      panel("insertion", "Only the hottest shown", boxes[1]),
      panel("curves", "Probability", this.chart.element, this.offer),
    );
    const elements = controls.map(({ element }) => element);
    this.lay(...elements, covering, this.#makeComparison(), this.credit);
  }

  #makeComparison() {
    const titles = ["Map", "Deletion: small is good", "Insertion: large is good"];
    const heads = titles.map((title) => make("th", { scope: "col" }, title));
    const caption = make("caption", { class: "cx-label" }, "Areas of all maps: who wins?");
    this.table = make("tbody");
    const head = make("thead", {}, make("tr", {}, ...heads));
    const table = make("table", {}, caption, head, this.table);
    const measure = () => this.attempt(() => this.#measureAll());
    this.rest = make("button", { onclick: measure }, "Measure the rest");
    return (this.comparison = box("cx-table", table, this.rest));
  }

  showPicture() {
    super.showPicture();
    const first = this.picture.ranking.slice(0, NUM_CLASSES);
    this.options = first.includes(this.chosen) ? first : [...first, this.chosen];
    this.classSlider.set(this.options.indexOf(this.chosen), this.options.length - 1);
    this.draw();
  }

  /** Of a camera there is the video and the first name: curves of a frame take seconds. */
  showFrame() {
    this.heat.remove();
    this.#show({ picture: this.picture, index: this.picture.ranking[0] });
  }

  #choose(name, value) {
    this[name] = value;
    this.rows[name]?.set(value);
    this.model.set(name === "chosen" ? "classes" : name, value);
    this.draw();
  }

  /** Show what the controls ask for: now, or when it is loaded or computed. */
  draw() {
    if (!this.picture || this.isLive) return;
    const { picture, map, fill, chosen: index } = this;
    const key = keyOf({ picture, map, fill, index });
    this.want(key);
    if (!this.results.has(key)) this.keep(key, { key, picture, map, fill, index });
    const result = this.results.get(key);
    this.#show(result);
    if (!result.curves && !result.busy) this.finding = this.attempt(() => this.#find(result));
  }

  /** Find heatmap, covered pictures and curves one after the other, and show each at once. */
  async #find(result) {
    const { key, picture, map, fill, index } = result;
    const show = () => this.wanted === key && this.#show(result);
    result.busy = true;
    try {
      result.heatmap ??= await this.#heatmap(result);
      const seen = await picture.seen();
      const backgrounds = (picture.backgrounds ??= {}); // the same for all maps
      result.background = backgrounds[fill] ??= await backgroundOf(seen, fill);
      await pause();
      result.ranks ??= rankPixels(result.heatmap, seen.height);
      await pause();
      result.seen = seen;
      show();
      const ask = (options) => askCurves(picture, result.heatmap, index, fill, options);
      result.curves = await this.#findOrCompute(result, picture.curves(map, index, fill), ask);
      show();
    } catch (error) {
      if (this.wanted !== key) return;
      const what = `${this.titles.get(map)} for ${this.nameOf(index)} with the fill ${fill}`;
      const work = `the network looks at ${2 * this.steps + 2} pictures`;
      this.offerNetwork(error, `${what} has to be computed: ${work}.`);
    } finally {
      result.busy = false;
    }
  }

  async #heatmap(result) {
    const { picture, map, index } = result;
    if (this.blind[map]) return this.blind[map](await picture.seen());
    const layer = this.methods.get(map).atLayer ? this.layers.length - 1 : null;
    const ask = (options) => askHeat(picture, map, layer, index, options);
    return this.#findOrCompute(result, picture.heat(map, layer, index), ask);
  }

  #findOrCompute({ key, map, index }, finding, ask) {
    const words = `Covering by ${this.titles.get(map)} for ${this.titleOf(index)} ...`;
    return this.findOrCompute(key, finding, words, ask);
  }

  // What is seen

  #show(result) {
    const { picture, map, fill, index, curves } = result;
    this.offer.hidden = true;
    this.#showMap(result);
    this.#showCovered(result);
    this.#describe(result);
    this.comparison.hidden = this.isLive;
    if (!this.isLive) this.attempt(() => this.#compare(result));
    if (curves) this.el.dataset.shown = `${picture.name} ${map} ${fill} ${index} ${this.covered}`;
  }

  #showMap({ heatmap, map, index }) {
    if (!heatmap) return this.showNoHeat();
    const name = this.blind[map] ? "" : ` for ${this.nameOf(index)}`;
    const ofPixels = this.methods.get(map)?.atLayer === false;
    this.showHeat(heatmap, ofPixels, `${this.titles.get(map)}${name}`);
  }

  #showCovered({ seen, background, ranks }) {
    const share = Math.round((100 * this.covered) / this.steps);
    const says = {
      deletion: `The picture with the hottest ${share}% of its pixels covered`,
      insertion: `The picture's hottest ${share}% of the pixels, the rest covered`,
    };
    for (const [name, canvas] of Object.entries(this.canvases)) {
      canvas.setAttribute("aria-label", seen ? says[name] : "Not computed yet");
      if (!seen) {
        paint(canvas, Uint32Array.of(0xff808080), 1, 1);
        continue;
      }
      const count = Math.round((this.covered / this.steps) * ranks.length);
      const covered = cover(seen, background, ranks, count, name === "insertion");
      paint(canvas, opaque(covered), seen.width, seen.height);
    }
  }

  /** List the areas of all maps, as far as they are measured. */
  async #compare({ picture, fill, index }) {
    const key = (map) => keyOf({ picture, map, fill, index });
    const maps = [...this.titles.keys()];
    const curves = (map) => this.results.get(key(map))?.curves ?? picture.curves(map, index, fill);
    const found = await Promise.allSettled(maps.map(async (map) => curves(map)));
    if (this.wanted !== key(this.map)) return;
    const round = (curve) => areaUnder(curve).toFixed(2);
    const areas = found.map(({ value }) => value && [value.deletion, value.insertion].map(round));
    const known = areas.filter(Boolean);
    const best = [Math.min, Math.max].map((pick, i) => pick(...known.map((area) => area[i])));
    const wins = (area, i) => known.length > 1 && Number(area) === best[i];
    const say = (area, i) => area + (wins(area, i) ? ", the best" : "");
    const rows = maps.map((map, row) => {
      const cells = areas[row]?.map(say) ?? ["not measured", ""];
      const title = make("th", { scope: "row" }, this.titles.get(map));
      const tr = { "aria-current": map === this.map && "true" };
      return make("tr", tr, title, ...cells.map((text) => make("td", {}, text)));
    });
    this.table.replaceChildren(...rows);
    this.missing = maps.filter((_, row) => !areas[row]);
    this.rest.hidden = !this.missing.length;
  }

  /** Measure one map after the other, as long as nothing else is chosen. */
  async #measureAll() {
    await this.startNetwork();
    for (const map of this.missing) {
      this.#choose("map", map);
      const { wanted } = this;
      await this.finding;
      if (this.wanted !== wanted) return;
    }
  }

  #describe({ map, index, curves }) {
    this.words.textContent = this.describeClass(index);
    if (!curves) {
      this.chart.set([], this.covered, "No curves yet");
      return;
    }
    const said = describeCovering(this.titles.get(map), this.covered, curves);
    const line = (title, values) => ({
      label: `${title}: area ${areaUnder(values).toFixed(2)}`,
      values,
    });
    const lines = [
      line("hottest covered (deletion)", curves.deletion),
      line("only the hottest shown (insertion)", curves.insertion),
    ];
    this.chart.set(lines, this.covered, `Probability of ${this.nameOf(index)}. ${said}`);
    this.words.append(` ${said}`);
  }
}

function keyOf({ picture, map, fill, index }) {
  return `${picture.key} ${map} ${fill} ${index}`;
}

export const render = renderOf(FaithfulnessExplorer);
