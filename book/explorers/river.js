// The network drawn as a river: all its layers in a strip that one drags through.
//
// A layer is a slab, as high as its feature maps and as thick as its channels are many.

import { make } from "./controls.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [1000, 120]; // of the drawing, in its own units

/** Make the strip: `change(number)` is called with the layer that is dragged to. */
export function river(layers, { value, change }) {
  const range = make("input", {
    type: "range",
    min: 0,
    max: layers.length - 1,
    step: 1,
    "aria-label": "Layer",
  });
  const drawing = make("div", { class: "cx-water", "aria-hidden": "true" });
  const slabs = draw(layers, drawing);
  const words = make("output", { class: "cx-layer" });
  const set = (number) => {
    const { name, size } = layers[number];
    const [height, width, channels] = size;
    range.value = number;
    range.setAttribute("aria-valuetext", `${name}: ${channels} channels of ${height} x ${width}`);
    words.replaceChildren(
      make("b", {}, name),
      ` ${height} × ${width}, ${channels} channels · ${number + 1} of ${layers.length}`,
    );
    slabs.forEach((slab, i) => slab.setAttribute("class", slabClass(i, number)));
  };
  range.addEventListener("input", () => {
    set(Number(range.value));
    change(Number(range.value));
  });
  // A pointer goes to the slab under it: a range has its own idea of where its ends are.
  const point = (event) => {
    const box = drawing.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    const number = Math.min(Math.max(Math.floor(share * layers.length), 0), layers.length - 1);
    if (number === Number(range.value)) return;
    set(number);
    change(number);
  };
  drawing.addEventListener("pointerdown", (event) => {
    if (range.disabled || event.button !== 0) return;
    drawing.setPointerCapture(event.pointerId);
    range.focus({ preventScroll: true });
    event.preventDefault();
    point(event);
  });
  drawing.addEventListener("pointermove", (event) => {
    if (drawing.hasPointerCapture(event.pointerId)) point(event);
  });
  set(value);
  const head = make("div", { class: "cx-head" }, make("span", { class: "cx-label" }, "Layer"), words);
  const strip = make("div", { class: "cx-strip" }, range, drawing);
  return { element: make("div", { class: "cx-river", role: "group" }, head, strip), range, set };
}

function draw(layers, drawing) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  const step = WIDTH / layers.length;
  const heights = layers.map(({ size }) => size[0]);
  const tallest = Math.max(...heights);
  const most = Math.max(...layers.map(({ size }) => size[2]));
  const slabs = layers.map(({ size: [height, , channels] }, i) => {
    const slab = document.createElementNS(SVG, "rect");
    const high = HEIGHT * (0.12 + 0.88 * Math.sqrt(height / tallest));
    const thick = step * (0.16 + 0.7 * Math.sqrt(channels / most));
    slab.setAttribute("x", (i + 0.5) * step - thick / 2);
    slab.setAttribute("y", (HEIGHT - high) / 2);
    slab.setAttribute("width", thick);
    slab.setAttribute("height", high);
    slab.setAttribute("rx", 2);
    svg.append(slab);
    return slab;
  });
  const sizes = make("div", { class: "cx-sizes" });
  heights.forEach((height, i) => {
    if (height === heights[i - 1]) return;
    const end = heights.findIndex((other, k) => k > i && other !== height);
    const length = (end < 0 ? layers.length : end) - i;
    const left = (100 * i) / layers.length;
    const width = (100 * length) / layers.length;
    const style = `left: ${left}%; width: ${width}%`;
    sizes.append(make("span", { style }, String(height)));
  });
  drawing.append(svg, sizes);
  return slabs;
}

function slabClass(number, chosen) {
  return number === chosen ? "cx-here" : number < chosen ? "cx-before" : "cx-after";
}
