// The network drawn as a river: all its layers in a strip that one drags through.
//
// A layer is a slab, as high as its feature maps and as thick as its channels are many.

import { box, cellAt, followDrag, make, makeSvg } from "./controls.js";

const [WIDTH, HEIGHT] = [1000, 120]; // of the drawing, in its own units

/** Make the strip: `change(number)` is called with the layer that is dragged to. */
export function river(layers, { value, change }) {
  const about = { type: "range", min: 0, max: layers.length - 1, step: 1, "aria-label": "Layer" };
  const range = make("input", about);
  const slabs = makeSlabs(layers);
  const size = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" };
  const svg = makeSvg("svg", size, ...slabs);
  const drawing = make("div", { class: "cx-water", "aria-hidden": "true" }, svg, makeSizes(layers));
  const words = make("output", { class: "cx-layer" });
  const set = (number) => {
    const { name, size: [height, width, channels] } = layers[number];
    range.value = number;
    range.setAttribute("aria-valuetext", `${name}: ${channels} channels of ${height} x ${width}`);
    words.replaceChildren(
      make("b", {}, name),
      ` ${height} × ${width}, ${channels} channels · ${number + 1} of ${layers.length}`,
    );
    slabs.forEach((slab, i) => {
      slab.setAttribute("class", i === number ? "cx-here" : i < number ? "cx-before" : "cx-after");
    });
  };
  const choose = (number) => {
    set(number);
    change(number);
  };
  range.addEventListener("input", () => choose(Number(range.value)));
  // A pointer goes to the slab under it: a range has its own idea of where its ends are.
  followDrag(drawing, (event) => {
    if (range.disabled) return;
    range.focus({ preventScroll: true });
    event.preventDefault();
    const [, number] = cellAt(event, drawing, 1, layers.length);
    if (number !== Number(range.value)) choose(number);
  });
  set(value);
  const label = make("span", { class: "cx-label" }, "Layer");
  const head = box("cx-head", label, words);
  const strip = box("cx-strip", range, drawing);
  return { element: make("div", { class: "cx-river", role: "group" }, head, strip), range, set };
}

function makeSlabs(layers) {
  const step = WIDTH / layers.length;
  const tallest = Math.max(...layers.map(({ size }) => size[0]));
  const most = Math.max(...layers.map(({ size }) => size[2]));
  return layers.map(({ size: [height, , channels] }, i) => {
    const high = HEIGHT * (0.12 + 0.88 * Math.sqrt(height / tallest));
    const thick = step * (0.16 + 0.7 * Math.sqrt(channels / most));
    const [x, y] = [(i + 0.5) * step - thick / 2, (HEIGHT - high) / 2];
    return makeSvg("rect", { x, y, width: thick, height: high, rx: 2 });
  });
}

/** Name the size of the feature maps once under all layers that have it. */
function makeSizes(layers) {
  const counts = new Map();
  for (const { size: [height] } of layers) counts.set(height, (counts.get(height) ?? 0) + 1);
  const sizes = Array.from(counts, ([height, count]) =>
    make("span", { style: `flex-grow: ${count}` }, String(height)),
  );
  return box("cx-sizes", ...sizes);
}
