// A last layer for the reader's own names, and the parts of a picture that its answers rest on. No
// DOM in here.
//
// Feature maps are channels first, `positions` numbers for each channel; a head is {kernel, bias},
// a row of channels and a number for each class.

import { channelSums, softmax } from "./methods.js";

const PENALTY = 1; // on the kernel's squares: that of scikit-learn's LogisticRegression
const PRECISION = 1e-6; // of the slopes, at the end
const MAX_STEPS = 5000;
const PART = 3; // cells: the side of what is covered

/** Return the averages of feature maps: what the last layer reads. */
export function averagesOf(maps, positions) {
  return Float32Array.from(channelSums(maps, positions), (sum) => sum / positions);
}

export function logitsOf({ kernel, bias }, averages) {
  return kernel.map((row, k) => bias[k] + dot(row, averages));
}

/**
 * Train a head: multinomial logistic regression, at its optimum.
 *
 * The sum of all cross-entropies, and half of the kernel's squares, has one minimum, so the same
 * pictures give the same head. There each row of the kernel is a weighted sum of the pictures, and
 * there are fewer pictures than channels: what we look for are the pictures' weights. The way down
 * is Nesterov's accelerated gradient (1983); step and momentum follow from the least and the
 * largest curvature that the sum can have.
 *
 * @param {Float32Array[]} averages Of each picture.
 * @param {number[]} classes Of each picture.
 * @param {number} count How many classes there are.
 */
export function trainHead(averages, classes, count) {
  const number = averages.length;
  const center = weightedSum(averages, averages.map(() => 1 / number));
  const points = averages.map((picture) => center.map((mean, i) => picture[i] - mean));
  const products = points.map((one) => points.map((other) => dot(one, other)));
  const largest = Math.max(...products.map((row) => row.reduce((sum, v) => sum + Math.abs(v), 0)));
  const curvature = PENALTY + largest / 2;
  const ratio = Math.sqrt(PENALTY / curvature);
  const momentum = (1 - ratio) / (1 + ratio);
  // A class's weights times a row of inputs are its logit. The last weight, its bias, is free.
  const inputs = products.map((row) => Float64Array.of(...row, 1));
  let weights = Array.from({ length: count }, () => new Float64Array(number + 1));
  let before = weights;
  for (let step = 0; step < MAX_STEPS; step++) {
    const ahead = weights.map((row, k) => row.map((w, i) => w + momentum * (w - before[k][i])));
    const slopes = ahead.map((row) => row.map((w, i) => (i < number ? PENALTY * w : 0)));
    inputs.forEach((input, i) => {
      const probabilities = softmax(ahead.map((row) => dot(row, input)));
      slopes.forEach((slope, k) => {
        const error = probabilities[k] - (classes[i] === k);
        slope[i] += error;
        slope[number] += (error * largest) / number; // the bias is as steep as a channel may be
      });
    });
    before = weights;
    weights = ahead.map((row, k) => row.map((w, i) => w - slopes[k][i] / curvature));
    if (slopes.every((row) => row.every((slope) => Math.abs(slope) <= PRECISION))) break;
  }
  const kernel = weights.map((row) => Float32Array.from(weightedSum(points, row)));
  const bias = Float32Array.from(kernel, (row, k) => weights[k][number] - dot(row, center));
  return { kernel, bias };
}

function weightedSum(vectors, weights) {
  const sum = new Float64Array(vectors[0].length);
  for (const [k, vector] of vectors.entries()) {
    for (let i = 0; i < sum.length; i++) sum[i] += weights[k] * vector[i];
  }
  return sum;
}

function dot(one, other) {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += one[i] * other[i];
  return sum;
}

// Parts of a picture: [row, column] of the first of three by three cells

/** Return the part around the largest value of a square map. */
export function hottestPart(values) {
  const side = Math.sqrt(values.length);
  const peak = values.indexOf(Math.max(...values));
  const within = (cell) => Math.min(Math.max(cell - 1, 0), side - PART);
  return [within(Math.floor(peak / side)), within(peak % side)];
}

/** Return a part that is far from another one. */
export function farPart(part, side) {
  return part.map((cell) => (2 * cell < side - PART ? side - PART : 0));
}

/** Return a square picture, RGB bytes, with its mean color on a part of `side` x `side` cells. */
export function coverPart(pixels, [row, column], side) {
  const size = Math.sqrt(pixels.length / 3);
  const cell = size / side;
  const covered = pixels.slice();
  const mean = [0, 0, 0];
  pixels.forEach((value, i) => (mean[i % 3] += value / (size * size)));
  for (let y = row * cell; y < (row + PART) * cell; y++) {
    const first = y * size + column * cell;
    for (let at = first; at < first + PART * cell; at++) covered.set(mean, 3 * at);
  }
  return covered;
}
