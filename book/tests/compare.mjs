// Compute with the explorers' modules what test_explorers_arithmetic.py compares with Python.

import { readFileSync } from "node:fs";

import { backgroundOf, blindMaps, cover, rankPixels } from "../explorers/covering.js";
import { Convolution, digitsOf } from "../explorers/convolution.js";
import { trainHead } from "../explorers/head.js";
import { activationMap } from "../explorers/methods.js";
import { brighten, measureChannels, resizeBicubic, scaleToBytes, turnGray } from "../explorers/pixels.js";
import { describeChannel, describeCovering, describeHeatmap, describeLayer, describeProducts, explainNoClass, pageNames, searchClasses } from "../explorers/words.js";

const tasks = {
  resize({ pixels, width, height, newWidth, newHeight }) {
    const rgba = Uint8ClampedArray.from(pixels);
    const readRows = (top, count) => rgba.subarray(4 * width * top, 4 * width * (top + count));
    return resizeBicubic(readRows, width, height, newWidth, newHeight);
  },
  cam: ({ method, maps, gradients, positions }) =>
    activationMap(method, Float32Array.from(maps), Float32Array.from(gradients), positions),
  head({ averages, classes, count }) {
    const { kernel, bias } = trainHead(averages, classes, count);
    return [...kernel.map((row) => Array.from(row)), Array.from(bias)];
  },
  bytes: ({ maps, positions }) =>
    scaleToBytes(Float32Array.from(maps), positions),
  gray({ pixels }) {
    const bytes = Uint8ClampedArray.from(pixels);
    turnGray(bytes);
    return bytes;
  },
  brighten: ({ values }) => brighten(Float32Array.from(values)),
  layer({ layer, maps, channel }) {
    const [height, width] = layer.size;
    const numbers = measureChannels(Float32Array.from(maps), height * width);
    return [describeLayer(layer, numbers), describeChannel(layer, numbers, channel)];
  },
  convolution({ about, weights, pixels, height, width, places }) {
    const seen = { pixels: Uint8Array.from(pixels), height, width };
    const found = new Convolution(about, Float32Array.from(weights), seen);
    return places.map(([filter, row, column]) => {
      const numbers = found.at(filter, row, column);
      const [patch, products] = [numbers.patch, numbers.products].map((one) => Array.from(one));
      const map = Array.from(found.map(filter));
      return { patch, products, map, digits: digitsOf(products), words: describeProducts(found, numbers) };
    });
  },
  heatmap: ({ values, height, width }) =>
    describeHeatmap({ values: Float32Array.from(values), height, width }),
  blind: ({ map, pixels, height, width }) =>
    blindMaps()[map]({ pixels: Uint8Array.from(pixels), height, width }).values,
  async covered({ pixels, height, width, heatmap, size, fill, count, rest }) {
    const picture = { pixels: Uint8Array.from(pixels), height, width };
    const map = { values: Float32Array.from(heatmap), height: size[0], width: size[1] };
    return cover(picture, await backgroundOf(picture, fill), rankPixels(map, height), count, rest);
  },
  covering: ({ title, step, deletion, insertion }) =>
    describeCovering(title, step, { deletion, insertion }),
  none: ({ text, labels }) => explainNoClass(text, labels),
  pages: ({ channels, onPage }) => pageNames(channels, onPage),
  search: ({ text, labels }) => searchClasses(text, labels),
};

const asked = JSON.parse(readFileSync(0, "utf8"));
const answers = [];
for (const [task, options] of asked) {
  const answer = await tasks[task](options);
  answers.push(ArrayBuffer.isView(answer) ? Array.from(answer) : answer);
}
process.stdout.write(JSON.stringify(answers));
