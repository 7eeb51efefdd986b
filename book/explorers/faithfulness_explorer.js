// Cover the hottest part of a picture, or show only that, and watch the class.

import { askCurves, askHeat, loadIndex, NeedsNetwork } from "./pictures.js";
import { Explorer } from "./base.js";
import { chart } from "./chart.js";
import { choices, make, paint, panel, slider } from "./controls.js";
import { areaUnder, backgroundOf, blindMaps, cover, pause, rankPixels } from "./covering.js";
import { network } from "./network.js";
import { brighten, drawHeat, opaque, stretch } from "./pixels.js";
import { className, describeClass, describeCovering, describeHeatmap, percent } from "./words.js";

const NUM_CLASSES = 20; // on the slider
const NUM_KEPT = 32; // results: half a megabyte each
const SMOOTH = 224; // pixels that a coarse map is stretched to
const OPACITY = 0.5;

class FaithfulnessExplorer extends Explorer {
  constructor(model, el, index) {
    super(model, el, index);
    const { maps, fills, steps, start, random } = index.covering;
    this.steps = steps;
    this.methods = new Map(index.methods.map((method) => [method.key, method]));
    this.titles = new Map(maps.map(({ value, title }) => [value, title]));
    this.blind = blindMaps({ values: Float32Array.from(random.flat()), height: 7, width: 7 });
    this.map = this.setting("map", [...this.titles.keys()]);
    this.fill = this.setting("fill", fills);
    this.covered = this.numberSetting("covered", steps, start);
    this.wantedClass = this.numberSetting("classes", index.classes.length - 1);
    this.results = new Map();
    const change = (name) => (value) => this.#choose(name, value);
    const row = (label, options, name) =>
      choices(label, options, { value: this[name], kind: "cx-methods", change: change(name) });
    this.rows = {
      map: row("Map", maps, "map"),
      fill: row("Fill", fills.map((value) => ({ value, title: value })), "fill"),
    };
    this.classSlider = slider("Class", {
      max: 0,
      value: 0,
      say: (place) => (this.options ? this.#nameOf(this.options[place]) : ""),
      change: (place) => this.#choose("chosen", this.options[place]),
    });
    this.pixelSlider = slider("Pixels", {
      max: steps,
      value: this.covered,
      say: (step) => `${Math.round((100 * step) / steps)}%`,
      change: change("covered"),
    });
    this.heat = make("canvas", { class: "cx-heat", role: "img", style: `opacity: ${OPACITY}` });
    this.mapBox = make("div", { class: "cx-frame" });
    this.canvases = {
      deletion: make("canvas", { role: "img" }),
      insertion: make("canvas", { role: "img" }),
    };
    this.boxes = Object.values(this.canvases).map((one) => make("div", { class: "cx-frame" }, one));
    this.chart = chart("pixels, hottest first");
    this.offer = this.makeOffer();
    this.table = make("tbody", {});
    const heads = ["Map", "Deletion: small is good", "Insertion: large is good"];
    const head = make("tr", {}, ...heads.map((title) => make("th", { scope: "col" }, title)));
    const rest = { type: "button", onclick: () => this.attempt(() => this.#measureAll()) };
    this.rest = make("button", rest, "Measure the rest");
    const caption = make("caption", { class: "cx-label" }, "Areas of all maps: who wins?");
    const table = make("table", {}, caption, make("thead", {}, head), this.table);
    this.comparison = make("div", { class: "cx-table" }, table, this.rest);
    this.credit = make("p", { class: "cx-hint" });
    this.inputBox = this.mapBox;
    this.frames = [this.mapBox, ...this.boxes];
    el.append(
      this.pictureRow.element,
      this.rows.map.element,
      this.classSlider.element,
      this.rows.fill.element,
      this.pixelSlider.element,
      make(
        "div",
        { class: "cx-covering" },
        panel("input", "Map", this.mapBox),
        panel("deletion", "Hottest covered", this.boxes[0]),
        panel("insertion", "Only the hottest shown", this.boxes[1]),
        panel("curves", "Probability", this.chart.element, this.offer),
      ),
      this.comparison,
      this.credit,
      this.colorRow.element,
      this.words,
      this.cameraRow.element,
      this.bar,
      this.status,
    );
  }

  async preparePicture(picture) {
    await Promise.all([picture.prepareClasses(), picture.seen(), this.prepareGray(picture)]);
  }

  async showPicture() {
    this.mapBox.replaceChildren(this.picture.gray, this.heat);
    this.fitFrames(...this.frames);
    this.credit.textContent = this.creditLine();
    this.chosen = this.wantedClass ?? this.picture.ranking[0];
    this.tell("classes", this.chosen);
    this.wantedClass = undefined; // of the first picture only
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
    this.tell(name === "chosen" ? "classes" : name, value);
    this.draw();
  }

  #nameOf(index) {
    const rank = this.picture.ranks[index] + 1;
    return `${rank}. ${className(this.index.classes[index])} ${percent(this.picture.probabilities[index])}`;
  }

  /** Show what the controls ask for: now, or when it is loaded or computed. */
  draw() {
    if (!this.picture || this.isLive) return;
    const { picture, map, fill, chosen: index } = this;
    const key = keyOf({ picture, map, fill, index });
    if (this.working && this.working.key !== key) this.#stop();
    this.wanted = key;
    const result = this.results.get(key) ?? { key, picture, map, fill, index };
    this.#show(result);
    if (!result.curves && !result.busy) this.finding = this.attempt(() => this.#find(result));
  }

  #stop() {
    this.working.cancel();
    this.working = null;
    this.showProgress(null);
    this.say("");
  }

  /** Find heatmap, covered pictures and curves one after the other, and show each at once. */
  async #find(result) {
    result.busy = true;
    const show = () => this.wanted === result.key && this.#show(result);
    try {
      result.heatmap ??= await this.#heatmap(result);
      const seen = await result.picture.seen();
      result.background ??= await this.#background(result.picture, result.fill);
      await pause();
      result.ranks ??= rankPixels(result.heatmap, seen.height);
      await pause();
      result.seen = seen;
      this.#keep(result);
      show();
      result.curves = await this.#curves(result);
      show();
    } catch (error) {
      result.busy = false;
      if (this.wanted !== result.key) return;
      if (error.cancelled) this.draw(); // wanted once more, while it came to its end
      else if (error instanceof NeedsNetwork) this.#offerNetwork(result);
      else this.report(error);
    }
  }

  #keep(result) {
    this.results.set(result.key, result);
    if (this.results.size > NUM_KEPT) this.results.delete(this.results.keys().next().value);
  }

  /** Return what covers a picture: the same for all maps. */
  async #background(picture, fill) {
    const kept = (picture.backgrounds ??= {});
    kept[fill] ??= await backgroundOf(await picture.seen(), fill);
    return kept[fill];
  }

  async #heatmap({ key, picture, map, index }) {
    if (this.blind[map]) return this.blind[map](await picture.seen());
    const layer = this.methods.get(map).atLayer ? this.layers.length - 1 : null;
    try {
      return await picture.heat(map, layer, index);
    } catch (error) {
      if (!(error instanceof NeedsNetwork) || network.state !== "ready") throw error;
      return this.#compute(key, (report) => askHeat(picture, map, layer, index, report));
    }
  }

  async #curves({ key, picture, map, fill, index, heatmap }) {
    try {
      return await picture.curves(map, index, fill);
    } catch (error) {
      if (!(error instanceof NeedsNetwork) || network.state !== "ready") throw error;
      return this.#compute(key, (report) => askCurves(picture, heatmap, index, fill, report));
    }
  }

  /** Ask the network, unless something else is wanted by now. */
  async #compute(key, ask) {
    const gone = Object.assign(new Error(), { cancelled: true });
    if (this.wanted !== key) throw gone;
    const working = { key, cancel: () => {} };
    this.working = working;
    this.say(`Covering by ${this.titles.get(this.map)} for ${this.#nameOf(this.chosen)} ...`);
    this.showProgress(0);
    try {
      const { answer, cancel } = await ask((share) => this.working === working && this.showProgress(share));
      working.cancel = cancel;
      if (this.working !== working) cancel();
      return await answer;
    } finally {
      if (this.working === working) this.#stop();
    }
  }

  #offerNetwork({ map, fill, index }) {
    const name = className(this.index.classes[index]);
    this.offerText.textContent =
      `${this.titles.get(map)} for ${name} with the fill ${fill} has to be computed: ` +
      `the network looks at ${2 * this.steps + 2} pictures.`;
    this.offer.hidden = false;
  }

  // What is seen

  #show(result) {
    this.offer.hidden = true;
    this.#showMap(result);
    this.#showCovered(result);
    this.#describe(result);
    const { picture, map, fill, index, curves } = result;
    this.comparison.hidden = this.isLive;
    if (!this.isLive) this.attempt(() => this.#compare(result));
    if (curves) this.el.dataset.shown = `${picture.name} ${map} ${fill} ${index} ${this.covered}`;
  }

  #showMap({ heatmap, map, index }) {
    if (!heatmap) {
      paint(this.heat, new Uint32Array(1), 1, 1);
      this.heat.setAttribute("aria-label", "No map yet");
      return;
    }
    const isFine = this.methods.get(map)?.atLayer === false;
    if (isFine) heatmap.bright ??= { ...heatmap, values: brighten(heatmap.values) };
    const shown = isFine ? heatmap.bright : heatmap;
    const { values, height, width } = stretch(shown, Math.ceil(SMOOTH / shown.height));
    paint(this.heat, drawHeat(values, this.tables[this.colors]), width, height);
    const name = this.blind[map] ? "" : ` for ${className(this.index.classes[index])}`;
    heatmap.words ??= describeHeatmap(heatmap);
    this.heat.setAttribute("aria-label", `${this.titles.get(map)}${name}: ${heatmap.words}`);
  }

  #showCovered({ seen, background, ranks }) {
    const share = Math.round((100 * this.covered) / this.steps);
    const says = {
      deletion: `The picture with the hottest ${share}% of its pixels covered`,
      insertion: `The picture's hottest ${share}% of the pixels, the rest covered`,
    };
    for (const [name, canvas] of Object.entries(this.canvases)) {
      if (!seen) {
        paint(canvas, Uint32Array.of(0xff808080), 1, 1);
        canvas.setAttribute("aria-label", "Not computed yet");
        continue;
      }
      const count = Math.round((this.covered / this.steps) * ranks.length);
      const covered = cover(seen, background, ranks, count, name === "insertion");
      paint(canvas, opaque(covered), seen.width, seen.height);
      canvas.setAttribute("aria-label", says[name]);
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
    const say = (area, i) => area + (Number(area) === best[i] ? ", the best" : "");
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

  #describe({ picture, map, index, curves }) {
    const { probabilities, ranks, logits } = picture;
    const label = this.index.classes[index];
    const words = describeClass(label, index, probabilities[index], ranks[index] + 1, logits.length);
    if (!curves) {
      this.chart.set([], this.covered, "No curves yet");
      this.words.textContent = words;
      return;
    }
    const said = describeCovering(this.titles.get(map), this.covered, curves);
    const named = { deletion: "hottest covered (deletion)", insertion: "only the hottest shown (insertion)" };
    const lines = Object.entries(named).map(([name, title]) => ({
      label: `${title}: area ${areaUnder(curves[name]).toFixed(2)}`,
      values: curves[name],
    }));
    this.chart.set(lines, this.covered, `Probability of ${className(label)}. ${said}`);
    this.words.textContent = `${words} ${said}`;
  }
}

function keyOf({ picture, map, fill, index }) {
  return `${picture.key} ${map} ${fill} ${index}`;
}

export async function render({ model, el }) {
  const explorer = new FaithfulnessExplorer(model, el, await loadIndex());
  await explorer.begin();
}
