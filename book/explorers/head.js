// A new last layer: how it is trained, what it answers, and what its answers rest on. No DOM in here.
//
// Feature maps are channels first, `positions` numbers for each channel; a head is {kernel, bias}, a
// row of channels and a number for each class.

const PENALTY = 1; // on the kernel's squares: that of scikit-learn's LogisticRegression
const PRECISION = 1e-6; // of the gradient, at the end
const MAX_STEPS = 2000;
const MEMORY = 10; // steps that L-BFGS remembers
const PART = 3; // cells: the side of what is covered

/** Return the averages of feature maps: what the last layer reads. */
export function averagesOf(maps, positions) {
  return Float32Array.from({ length: maps.length / positions }, (_, channel) => {
    let sum = 0;
    for (let i = channel * positions; i < (channel + 1) * positions; i++) sum += maps[i];
    return sum / positions;
  });
}

export function logitsOf({ kernel, bias }, averages) {
  return kernel.map((row, k) => bias[k] + dot(row, averages));
}

/** Return what speaks for a class, or against it, at each position: the mean is its logit without bias. */
export function evidence(maps, row, positions) {
  const sums = new Float64Array(positions);
  for (let i = 0; i < maps.length; i++) sums[i % positions] += row[Math.floor(i / positions)] * maps[i];
  return sums;
}

/**
 * Train a head: multinomial logistic regression, at its optimum.
 *
 * The sum of all cross-entropies, and half of the kernel's squares, have one minimum, so the same
 * pictures give the same head. It lies in the space that the pictures span, which has fewer
 * dimensions than there are channels; L-BFGS (Liu & Nocedal, 1989) looks for it there.
 *
 * @param {Float32Array[]} averages Of each picture.
 * @param {number[]} classes Of each picture.
 * @param {number} count How many classes there are.
 */
export function trainHead(averages, classes, count) {
  const { center, basis, points } = span(averages);
  const rank = basis.length;
  const loss = (theta) => crossEntropy(theta, points, classes, count, rank);
  const theta = minimize(loss, new Float64Array(count * (rank + 1)));
  const kernel = Array.from({ length: count }, (_, k) => {
    const row = new Float64Array(center.length);
    basis.forEach((axis, j) => addTo(row, theta[k * rank + j], axis));
    return Float32Array.from(row);
  });
  const bias = Float32Array.from(kernel, (row, k) => theta[count * rank + k] - dot(row, center));
  return { kernel, bias };
}

/** Return orthonormal axes of what the vectors span around their center, and the vectors along these. */
function span(vectors) {
  const center = new Float64Array(vectors[0].length);
  for (const vector of vectors) addTo(center, 1 / vectors.length, vector);
  const basis = [];
  const points = vectors.map((vector) => {
    const rest = center.map((value, i) => vector[i] - value);
    const whole = Math.sqrt(dot(rest, rest));
    const point = basis.map((axis) => {
      const along = dot(rest, axis);
      addTo(rest, -along, axis);
      return along;
    });
    const length = Math.sqrt(dot(rest, rest));
    if (length > 1e-6 * whole) {
      basis.push(rest.map((value) => value / length));
      point.push(length);
    }
    return point;
  });
  return { center, basis, points };
}

function crossEntropy(theta, points, classes, count, rank) {
  const gradient = theta.map((value, i) => (i < count * rank ? PENALTY * value : 0));
  let value = dot(gradient, theta) / 2;
  points.forEach((point, i) => {
    const rows = Array.from({ length: count }, (_, k) => theta.subarray(k * rank, (k + 1) * rank));
    const logits = rows.map((row, k) => theta[count * rank + k] + dot(point, row));
    const largest = Math.max(...logits);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    value += largest + Math.log(total) - logits[classes[i]];
    logits.forEach((logit, k) => {
      const error = Math.exp(logit - largest) / total - (k === classes[i]);
      for (let j = 0; j < point.length; j++) gradient[k * rank + j] += error * point[j];
      gradient[count * rank + k] += error;
    });
  });
  return { value, gradient };
}

/** Minimize a smooth convex function of a vector: L-BFGS, each step halved until it leads down. */
function minimize(f, theta) {
  let here = f(theta);
  let memory = [];
  for (let step = 0; step < MAX_STEPS; step++) {
    if (here.gradient.every((slope) => Math.abs(slope) <= PRECISION)) break;
    const direction = here.gradient.map((slope) => -slope);
    const weights = memory.map(({ moved, bent, curve }) => {
      const weight = dot(moved, direction) / curve;
      addTo(direction, -weight, bent);
      return weight;
    });
    const [{ bent, curve } = { bent: here.gradient, curve: Math.sqrt(dot(here.gradient, here.gradient)) }] = memory;
    const scale = curve / dot(bent, bent);
    direction.forEach((value, i) => (direction[i] = scale * value));
    for (const [i, one] of [...memory.entries()].reverse()) {
      addTo(direction, weights[i] - dot(one.bent, direction) / one.curve, one.moved);
    }
    const slope = dot(direction, here.gradient);
    let length = 1;
    let next;
    let there;
    do {
      next = theta.map((value, i) => value + length * direction[i]);
      there = f(next);
      length /= 2;
    } while (there.value > here.value + 2e-4 * length * slope && length > 1e-12);
    const moved = next.map((value, i) => value - theta[i]);
    const bend = there.gradient.map((value, i) => value - here.gradient[i]);
    const newest = { moved, bent: bend, curve: dot(moved, bend) };
    if (newest.curve <= 0) break; // as low as numbers go
    memory = [newest, ...memory].slice(0, MEMORY);
    [theta, here] = [next, there];
  }
  return theta;
}

function dot(one, other) {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += one[i] * other[i];
  return sum;
}

function addTo(target, factor, vector) {
  for (let i = 0; i < target.length; i++) target[i] += factor * vector[i];
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
    for (let x = column * cell; x < (column + PART) * cell; x++) covered.set(mean, 3 * (y * size + x));
  }
  return covered;
}
