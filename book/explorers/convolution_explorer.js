// Choose a kernel and a place, and see how a network's first convolution computes a number.

import { loadBuffer } from "./assets.js";
import { Explorer, renderOf } from "./base.js";
import { box, cellAt, followDrag, frame, make, paint, panel, slider } from "./controls.js";
import { Convolution, digitsOf } from "./convolution.js";
import { drawMap, scaleToBytes } from "./pixels.js";
import { describeProducts } from "./words.js";

const HINT = "Click or drag on a picture: another place. The numbers are shown rounded.";
const COLORS = ["red", "green", "blue"];
const TABLES = { patch: "patch", kernel: "× kernel", products: "= products" };

class ConvolutionExplorer extends Explorer {
  constructor(model, el, index) {
    super(model, el, index);
    const { convolution, live } = index.networks[this.networkName];
    const means = convolution.colors.map((color) => live.mean[COLORS.indexOf(color)]);
    this.about = { ...convolution, means, deviation: live.deviation };
    this.place = {};
    const [row, column] = convolution.places;
    const ends = { kernel: convolution.filters, row, column };
    this.sliders = {};
    for (const [name, count] of Object.entries(ends)) {
      this.place[name] = this.numberSetting(name, count - 1, name === "kernel" ? 0 : undefined);
      const change = (value) => this.choose({ [name]: value });
      const title = name[0].toUpperCase() + name.slice(1);
      this.sliders[name] = slider(title, { max: count - 1, value: this.place[name] ?? 0, change });
    }
    this.map = make("canvas", { role: "img" });
    this.marks = [0, 1].map(() => box("cx-cell"));
    this.mapBox = frame(this.map, this.marks[1]);
    this.frames = [this.inputBox, this.mapBox];
    const hint = make("p", { class: "cx-hint" }, HINT);
    const input = panel("input", "Input", this.inputBox, this.credit);
    const map = panel("channel", "Feature map", this.mapBox, hint);
    const sliders = box("cx-sliders", ...Object.values(this.sliders).map((s) => s.element));
    this.lay(box("cx-convolution", input, map, sliders, this.#makeTables()));
    for (const box of this.frames) followDrag(box, (event) => this.#point(event, box));
  }

  #makeTables() {
    const { colors, size: [rows, columns] } = this.about;
    this.cells = {};
    const tables = Object.entries(TABLES).map(([name, title]) => {
      const table = make("table", {}, make("caption", {}, title));
      const cells = (this.cells[name] = []);
      for (const [c, color] of colors.entries()) {
        const body = table.createTBody();
        body.setAttribute("aria-label", color);
        for (let y = 0; y < rows; y++) {
          const row = body.insertRow();
          for (let x = 0; x < columns; x++) {
            cells[(y * columns + x) * colors.length + c] = row.insertCell();
          }
        }
      }
      return table;
    });
    return box("cx-tables", ...tables);
  }

  async preparePicture(picture) {
    this.weights ??= new Float32Array(await loadBuffer(`${this.networkName}/convolution.bin`));
    picture.convolution ??= new Convolution(this.about, this.weights, await picture.seen());
  }

  wantOfFrame() {
    return { pixels: true };
  }

  async showFrame() {
    this.picture.convolution = null; // that of the frame before
    await this.preparePicture(this.picture);
    this.draw();
  }

  async showPicture() {
    this.inputBox.replaceChildren(this.makePicture(), this.marks[0]);
    if (this.place.row === undefined || this.place.column === undefined) this.#placeAtBrightest();
    this.draw();
  }

  #placeAtBrightest() {
    const values = this.picture.convolution.map(this.place.kernel);
    let best = 0;
    for (let i = 0; i < values.length; i++) if (values[i] > values[best]) best = i;
    const columns = this.about.places[1];
    this.choose({ row: Math.floor(best / columns), column: best % columns });
  }

  #point(event, box) {
    const [row, column] = cellAt(event, box, ...this.about.places);
    if (row !== this.place.row || column !== this.place.column) this.choose({ row, column });
  }

  choose(part) {
    Object.assign(this.place, part);
    for (const [name, value] of Object.entries(part)) this.model.set(name, value);
    this.draw();
  }

  draw() {
    if (!this.picture?.convolution) return;
    const { convolution } = this.picture;
    const { kernel, row, column } = this.place;
    const [rows, columns] = this.about.places;
    const sentence = `${this.about.name}, kernel ${kernel}, row ${row}, column ${column}.`;
    for (const [name, { set }] of Object.entries(this.sliders)) set(this.place[name]);
    const bytes = scaleToBytes(convolution.map(kernel), rows * columns);
    paint(this.map, drawMap(bytes, this.tables[this.colors]), columns, rows);
    this.map.setAttribute("aria-label", `Feature map of kernel ${kernel}`);
    const numbers = convolution.at(kernel, row, column);
    this.#fillTables(convolution, numbers);
    for (const mark of this.marks) {
      mark.style.left = `${(100 * (column + 0.5)) / columns}%`;
      mark.style.top = `${(100 * (row + 0.5)) / rows}%`;
    }
    this.words.textContent = `${sentence} ${describeProducts(convolution, numbers)}`;
    this.el.dataset.shown = `${this.picture.name} ${kernel} ${row} ${column}`;
  }

  #fillTables({ low, high, colors }, numbers) {
    const signed = this.tables.RdBu_r;
    for (const [name, cells] of Object.entries(this.cells)) {
      const values = numbers[name];
      const digits = digitsOf(values);
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
      values.forEach((value, i) => {
        const c = i % colors.length;
        const share = (value - low[c]) / (high[c] - low[c]);
        const color =
          name === "patch"
            ? tint(colors[c], Math.min(Math.max(share, 0), 1))
            : split(signed[Math.round(127.5 + (127.5 * value) / largest)]);
        cells[i].textContent = (Number(value.toFixed(digits)) + 0).toFixed(digits);
        const [red, green, blue] = color.map((part) => (part / 255) ** 2.2);
        const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        const ink = light > 0.18 ? "#000" : "#fff";
        cells[i].style.cssText = `background: rgb(${color}); color: ${ink}`;
      });
    }
  }
}

function tint(color, share) {
  return COLORS.map((name) => (color === name ? Math.trunc(255 * share) : 0));
}

function split(color) {
  return [color & 255, (color >> 8) & 255, (color >> 16) & 255];
}

export const render = renderOf(ConvolutionExplorer);
