// A chart: lines from 0 to 1 over shares from 0 to 1, with a mark on each at one place.

import { make } from "./controls.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [340, 236]; // of the drawing, in its own units
const [LEFT, RIGHT, TOP, BOTTOM] = [34, 322, 10, 190];
const COLORS = ["rgb(208 96 0)", "rgb(38 126 190)"]; // orange and blue: also for color-blind eyes

/** Make a chart with `xLabel` below it: returns {element, set(lines, place, words)}. */
export function chart(xLabel) {
  const svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const legend = make("div", { class: "cx-legend" });
  const marks = node("g", {});
  svg.append(...axes(xLabel), marks);
  return {
    element: make("div", { class: "cx-chart" }, legend, svg),
    /**
     * @param {{label: string, values: Float32Array}[]} lines Over equal steps; two of them at most.
     * @param {number} place Number of the step that is marked.
     * @param {string} words What the chart says, for those who do not see it.
     */
    set(lines, place, words) {
      svg.setAttribute("aria-label", words);
      legend.replaceChildren(
        ...lines.map(({ label }, i) =>
          make("span", {}, make("i", { style: `background: ${COLORS[i]}` }), label),
        ),
      );
      marks.replaceChildren(...drawLines(lines, place));
    },
  };
}

function at(x, y) {
  return [LEFT + x * (RIGHT - LEFT), BOTTOM - y * (BOTTOM - TOP)].map((v) => Number(v.toFixed(1)));
}

function drawLines(lines, place) {
  if (!lines.length) return [];
  const share = place / (lines[0].values.length - 1);
  const [[x1, y1], [x2, y2]] = [at(share, 0), at(share, 1)];
  const curves = lines.flatMap(({ values }, i) => {
    const points = Array.from(values, (value, step) => at(step / (values.length - 1), value));
    const [cx, cy] = points[place];
    return [
      node("polyline", { points: points.join(" "), stroke: COLORS[i], class: "cx-line" }),
      node("circle", { cx, cy, r: 5, fill: COLORS[i] }),
    ];
  });
  return [node("line", { x1, y1, x2, y2, class: "cx-place" }), ...curves];
}

function axes(xLabel) {
  const ticks = [0, 0.5, 1].flatMap((share) => {
    const [[x1, y1], [x2, y2]] = [at(0, share), at(1, share)];
    return [
      node("line", { x1, y1, x2, y2, class: "cx-grid" }),
      node("text", { x: LEFT - 6, y: y1 + 4, "text-anchor": "end" }, String(share)),
      node("text", { x: at(share, 0)[0], y: BOTTOM + 18, "text-anchor": "middle" }, `${100 * share}%`),
    ];
  });
  const label = { x: (LEFT + RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle" };
  return [...ticks, node("text", label, xLabel)];
}

function node(tag, attributes, text = "") {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}
