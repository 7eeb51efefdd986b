// The sentences of the explorers, word for word those of course_utils/display/words.py: a test
// compares them.

import { areaUnder } from "./covering.js";

/** Return what to call the pages of a layer: "0 to 63", "64 to 127" and so on. */
export function pageNames(channels, onPage) {
  const count = Math.ceil(channels / onPage);
  return Array.from(
    { length: count },
    (_, page) => `${page * onPage} to ${Math.min((page + 1) * onPage, channels) - 1}`,
  );
}

export function describeLayer({ name, kind, size: [height, width, channels], field }, numbers) {
  const sees = field ? `${field[0]} x ${field[1]} pixels` : "not defined";
  const silent = numbers.high.filter((value) => value <= 0).length;
  const strongest = numbers.mean.indexOf(Math.max(...numbers.mean));
  return (
    `${name} (${kind}): ${channels} channels of ${height} x ${width}, receptive field ${sees}, ` +
    `${silent} of ${channels} channels silent (${percent0(silent / channels)}), ` +
    `strongest on average: channel ${strongest} (mean ${numbers.mean[strongest].toFixed(1)}).`
  );
}

export function describeChannel({ size: [height, width] }, numbers, channel) {
  const { low, high, peak, ties } = numbers;
  if (high[channel] <= 0) return `Channel ${channel} is silent: no value of it is above zero.`;
  const where =
    ties[channel] === 1
      ? `the largest ${describePlace(peak[channel], height, width)} the picture`
      : `the largest at ${ties[channel]} of ${height * width} positions`;
  const range = `${low[channel].toFixed(1)} to ${high[channel].toFixed(1)}`;
  return `Channel ${channel}: values from ${range}, ${where}.`;
}

function describePlace(position, height, width) {
  const down = (Math.floor(position / width) + 0.5) / height;
  const across = ((position % width) + 0.5) / width;
  return `${percent0(down)} down and ${percent0(across)} across`;
}

/** Say how a convolution makes the number at one place of one of its maps. */
export function describeProducts({ bias: biases, relu }, { products, total, bias }) {
  const sums = [total, bias, total + bias, Math.max(total + bias, 0)];
  const say = (number) => number.toFixed(Math.abs(number) >= 10 ? 1 : 2);
  const [add, by, end, after] = sums.map(say);
  const words = `The ${products.length} products sum to ${add}`;
  const sum = biases.some((value) => value !== 0) ? `; the bias, ${by}, makes it ${end}` : "";
  return `${words}${sum}${relu ? `, and the ReLU ${after}` : ""}.`;
}

/** Say where a heatmap has its peak, and on how little area half of its heat. */
export function describeHeatmap({ values, height, width }) {
  const total = values.reduce((sum, value) => sum + value, 0);
  if (total <= 0) return "the heatmap is zero everywhere, nothing speaks for this class.";
  let peak = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > values[peak]) peak = i;
  const sorted = Float32Array.from(values).sort();
  let [sum, count] = [0, 0];
  while (sum < total / 2 && count < sorted.length) sum += sorted[sorted.length - ++count];
  return (
    `peak ${describePlace(peak, height, width)} the picture; ` +
    `half of the heat lies on ${percent0(count / values.length)} of the area.`
  );
}

/** Say what covering, or showing, a map's hottest pixels does to the class. */
export function describeCovering(title, step, { deletion, insertion }) {
  const share = percent0(step / (deletion.length - 1));
  return (
    `By ${title}, the hottest ${share} of the pixels covered: ${percent(deletion[step])}; only ` +
    `these shown: ${percent(insertion[step])}. Area: deletion ${areaUnder(deletion).toFixed(2)} ` +
    `(small is good), insertion ${areaUnder(insertion).toFixed(2)} (large is good).`
  );
}

// Classes

/** Return the classes' indices, most probable first. */
export function rankClasses(logits) {
  return Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b);
}

export function className(label) {
  return label.replaceAll("_", " ");
}

export function describeClass(label, index, probability, rank, count) {
  return (
    `${className(label)} (class ${index}): probability ${percent(probability)}, ` +
    `rank ${rank} of ${count}.`
  );
}

/** Find the classes whose label contains a text, in any spelling; whole words come first. */
export function searchClasses(text, labels) {
  const wanted = simplify(text);
  if (!wanted) return [];
  const found = [...labels.keys()].filter((i) => simplify(labels[i]).includes(wanted));
  const join = (name) => name.toLowerCase().replaceAll(" ", "_");
  const part = join(text.trim()).replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  const word = new RegExp(`(?<!\\p{L})${part}(?!\\p{L})`, "u");
  const isWhole = (i) => word.test(join(labels[i]));
  return [...found.filter(isWhole), ...found.filter((i) => !isWhole(i))];
}

export function explainNoClass(text, labels) {
  const none = `None of the ${labels.length} classes has "${text}" in its name.`;
  return `${none} Try a shorter part of it.`;
}

function simplify(text) {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

// Numbers

export function percent(probability) {
  return probability >= 0.001 ? `${(100 * probability).toFixed(1)}%` : "under 0.1%";
}

function percent0(share) {
  return `${Math.round(100 * share)}%`;
}

export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
