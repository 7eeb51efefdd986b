// A chart: lines from 0 to 1 over shares from 0 to 1, with a mark on each at one place.

import { box, make, makeSvg } from "./controls.js";

const [WIDTH, HEIGHT] = [340, 236]; // of the drawing, in its own units
const [LEFT, RIGHT, TOP, BOTTOM] = [34, 322, 10, 190];
const COLORS = ["rgb(208 96 0)", "rgb(38 126 190)"]; // orange and blue: also for color-blind eyes

/** Make a chart with `xLabel` below it: returns {element, set(lines, place, words)}. */
export function chart(xLabel) {
  const legend = box("cx-legend");
  const marks = makeSvg("g", {});
  const size = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" };
  const svg = makeSvg("svg", size, ...axes(xLabel), marks);
  return {
    element: box("cx-chart", legend, svg),
    /**
     * @param {{label: string, values: Float32Array}[]} lines Over equal steps; two of them at most.
     * @param {number} place Number of the step that is marked.
     * @param {string} words What the chart says, for those who do not see it.
     */
    set(lines, place, words) {
      svg.setAttribute("aria-label", words);
      const keys = lines.map(({ label }, i) =>
        make("span", {}, make("i", { style: `background: ${COLORS[i]}` }), label),
      );
      legend.replaceChildren(...keys);
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
      makeSvg("polyline", { points: points.join(" "), stroke: COLORS[i], class: "cx-line" }),
      makeSvg("circle", { cx, cy, r: 5, fill: COLORS[i] }),
    ];
  });
  return [makeSvg("line", { x1, y1, x2, y2, class: "cx-place" }), ...curves];
}

function axes(xLabel) {
  const text = (x, y, anchor, words) => makeSvg("text", { x, y, "text-anchor": anchor }, words);
  const ticks = [0, 0.5, 1].flatMap((share) => {
    const [[x1, y1], [x2, y2]] = [at(0, share), at(1, share)];
    return [
      makeSvg("line", { x1, y1, x2, y2, class: "cx-grid" }),
      text(LEFT - 6, y1 + 4, "end", String(share)),
      text(at(share, 0)[0], BOTTOM + 18, "middle", `${100 * share}%`),
    ];
  });
  return [...ticks, text((LEFT + RIGHT) / 2, HEIGHT - 6, "middle", xLabel)];
}
