// Covering a part of a picture, the hottest pixels of a map first, as course_utils/methods does it:
// what is laid over, in which order, and the maps that have never seen the network. No DOM in here.
//
// A picture is {pixels, height, width}, its pixels RGB bytes, row by row.

import { scaleToUnit } from "./methods.js";
import { stretch } from "./pixels.js";

const BLUR = 1 / 20; // the blur's standard deviation, as a share of the picture's shorter side
const LUMA = [0.2125, 0.7154, 0.0721];

// Maps that have seen a picture at most

/** Return the maps that know nothing of the network: functions of a picture. */
export function blindMaps(random) {
  return { edges: edgeMap, center: centerMap, random: () => random };
}

/** How strong the edges are, by Sobel's filter. */
function edgeMap({ pixels, height, width }) {
  const gray = new Float64Array(height * width);
  for (let i = 0, at = 0; i < gray.length; i++, at += 3) {
    gray[i] = (LUMA[0] * pixels[at] + LUMA[1] * pixels[at + 1] + LUMA[2] * pixels[at + 2]) / 255;
  }
  const values = new Float32Array(gray.length);
  for (let y = 0; y < height; y++) {
    const above = Math.max(y - 1, 0) * width;
    const below = Math.min(y + 1, height - 1) * width;
    for (let x = 0; x < width; x++) {
      const left = Math.max(x - 1, 0);
      const right = Math.min(x + 1, width - 1);
      const sum = (row) => gray[row + left] + 2 * gray[row + x] + gray[row + right];
      const step = (row) => gray[row + right] - gray[row + left];
      const across = step(above) + 2 * step(y * width) + step(below);
      values[y * width + x] = Math.hypot(sum(below) - sum(above), across);
    }
  }
  return { values: scaleToUnit(values), height, width };
}

/** How near each pixel is to the middle. */
function centerMap({ height, width }) {
  const far = (i, length) => Math.abs((2 * (i + 0.5)) / length - 1);
  const values = Float32Array.from({ length: height * width }, (_, i) => {
    const [down, across] = [far(Math.floor(i / width), height), far(i % width, width)];
    return 1 - Math.hypot(down, across) / Math.SQRT2;
  });
  return { values, height, width };
}

// Which pixels come first

/**
 * Return the place of each pixel in the order from hot to cold; of equal ones the first is first.
 *
 * @param {{values: Float32Array, height: number, width: number}} heatmap Nowhere negative; its size
 *   goes into the picture's without a rest.
 * @returns {Uint16Array} A place for each of the picture's pixels.
 */
export function rankPixels(heatmap, height) {
  const { values } = stretch(heatmap, height / heatmap.height);
  // The bits of floats that are not negative rise as they do; behind them the pixel's own number.
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  const keys = Float64Array.from(bits, (bit, i) => (0xffffffff - bit) * 0x10000 + i).sort();
  const ranks = new Uint16Array(values.length);
  keys.forEach((key, rank) => {
    ranks[key % 0x10000] = rank;
  });
  return ranks;
}

// What is laid over

/** Let the page answer in between: what is computed here takes some ten milliseconds a part. */
export const pause = () => new Promise((go) => setTimeout(go));

/** Return what covers a picture: "blur" (itself, blurred), "mean" (its mean color) or "black". */
export async function backgroundOf(picture, fill) {
  if (fill === "blur") return blurred(picture);
  const background = new Uint8Array(picture.pixels.length);
  if (fill === "mean") {
    const sums = [0, 0, 0];
    picture.pixels.forEach((value, i) => (sums[i % 3] += value));
    const mean = sums.map((sum) => roundEven((3 * sum) / background.length));
    background.forEach((_, i) => (background[i] = mean[i % 3]));
  }
  return background;
}

async function blurred({ pixels, height, width }) {
  const weights = gaussian(BLUR * Math.min(height, width));
  const row = 3 * width;
  const tall = smooth(Float32Array.from(pixels), weights, height, row, row);
  const both = new Float32Array(tall.length);
  for (let start = 0; start < tall.length; start += row) {
    if (start % (64 * row) === 0) await pause();
    both.set(smooth(tall.subarray(start, start + row), weights, width, 3, row), start);
  }
  await pause();
  return Uint8Array.from(both, roundEven);
}

/** Half of a Gaussian of this deviation, cut at four of them: the weights of 0, 1, 2 ... pixels. */
function gaussian(deviation) {
  const radius = Math.trunc(4 * deviation + 0.5);
  const bell = (_, i) => Math.exp((-i * i) / (2 * deviation ** 2));
  const weights = Array.from({ length: radius + 1 }, bell);
  const sum = weights.reduce((total, weight) => total + 2 * weight, -weights[0]);
  return weights.map((weight) => weight / sum);
}

/**
 * Smooth along `length` places that are `step` numbers apart, mirrored at both ends.
 *
 * It goes through `chunk` numbers at a time, which lie side by side: the processor likes that.
 */
function smooth(values, weights, length, step, chunk) {
  const radius = weights.length - 1;
  const wide = new Float32Array(values.length + 2 * radius * step);
  for (let place = -radius; place < length + radius; place++) {
    const inside = place < 0 ? -1 - place : place < length ? place : 2 * length - 1 - place;
    wide.set(values.subarray(inside * step, (inside + 1) * step), (place + radius) * step);
  }
  const result = new Float32Array(values.length);
  const sums = new Float64Array(chunk);
  for (let start = 0; start < values.length; start += chunk) {
    const middle = start + radius * step;
    for (let i = 0; i < chunk; i++) sums[i] = weights[0] * wide[middle + i];
    for (let away = 1; away <= radius; away++) {
      const weight = weights[away];
      const [before, after] = [middle - away * step, middle + away * step];
      for (let i = 0; i < chunk; i++) sums[i] += weight * (wide[before + i] + wide[after + i]);
    }
    result.set(sums, start);
  }
  return result;
}

function roundEven(value) {
  const whole = Math.floor(value);
  const rest = value - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2) ? whole + 1 : whole;
}

/**
 * Return a picture's pixels with its `count` hottest ones covered, or all but these.
 *
 * @param {{pixels: Uint8Array}} picture
 * @param {Uint8Array} background From `backgroundOf`.
 * @param {Uint16Array} ranks From `rankPixels`.
 * @param {number} count
 * @param {boolean} rest Whether to cover the rest instead.
 */
export function cover({ pixels }, background, ranks, count, rest) {
  const covered = Uint8Array.from(pixels);
  for (let i = 0; i < ranks.length; i++) {
    if (ranks[i] < count === rest) continue;
    for (let at = 3 * i; at < 3 * i + 3; at++) covered[at] = background[at];
  }
  return covered;
}

/** Return the area under a curve over equal steps from 0 to 1, by trapezoids. */
export function areaUnder(curve) {
  const ends = (curve[0] + curve.at(-1)) / 2;
  return (curve.reduce((sum, value) => sum + value, 0) - ends) / (curve.length - 1);
}
