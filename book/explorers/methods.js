// The methods' arithmetic: what class activation maps make of feature maps and gradients.
//
// Arrays are channels first: `maps` and `gradients` hold `positions` numbers for each channel.

const formulas = {
  /** Weight each channel by its mean gradient and sum. */
  grad_cam: (maps, gradients, positions) => {
    const weights = channelSums(gradients, positions).map((sum) => sum / positions);
    return weightedSum(maps, weights, positions);
  },
  /** Weight each channel by its positive gradients, each times the paper's alpha, and sum. */
  "grad_cam++": (maps, gradients, positions) => {
    const positive = maps.map((value) => Math.max(value, 0));
    const weights = channelSums(positive, positions).map((sum, channel) => {
      let weight = 0;
      for (let i = channel * positions; i < (channel + 1) * positions; i++) {
        const gradient = gradients[i];
        if (gradient > 0) weight += gradient / (2 + sum * gradient);
      }
      return weight;
    });
    return weightedSum(maps, weights, positions);
  },
  /** Weight each position of each channel by its positive gradient and sum. */
  layer_cam: (maps, gradients, positions) =>
    sumOverChannels(maps, positions, (value, i) => value * Math.max(gradients[i], 0)),
  /** Multiply each position of each channel by its gradient and sum. */
  hires_cam: (maps, gradients, positions) =>
    sumOverChannels(maps, positions, (value, i) => value * gradients[i]),
};

/** Return a class activation map (positions,) in [0, 1]: what is positive, scaled. */
export function activationMap(method, maps, gradients, positions) {
  const signed = formulas[method](maps, gradients, positions);
  return scaleToUnit(signed.map((value) => Math.max(value, 0)));
}

/**
 * Return a class activation map at the last feature maps, where gradients have a closed form.
 *
 * The network averages these maps and multiplies by the last layer's kernel, so the gradient of a
 * logit at each position of a channel is the kernel's weight divided by the number of positions.
 */
export function activationMapAtLast(method, maps, kernel, positions) {
  const gradients = new Float32Array(maps.length);
  kernel.forEach((weight, channel) => {
    gradients.fill(weight / positions, channel * positions, (channel + 1) * positions);
  });
  return activationMap(method, maps, gradients, positions);
}

export function channelSums(values, positions) {
  const sums = new Float64Array(values.length / positions);
  for (let i = 0; i < values.length; i++) sums[Math.floor(i / positions)] += values[i];
  return sums;
}

export function weightedSum(maps, weights, positions) {
  return sumOverChannels(maps, positions, (value, i) => value * weights[Math.floor(i / positions)]);
}

function sumOverChannels(maps, positions, term) {
  const sums = new Float64Array(positions);
  for (let i = 0; i < maps.length; i++) sums[i % positions] += term(maps[i], i);
  return sums;
}

/** Divide a map that is nowhere negative by its largest value; all zeros stay zeros. */
export function scaleToUnit(values) {
  let largest = 0;
  for (const value of values) if (value > largest) largest = value;
  return Float32Array.from(values, (value) => value / (largest || 1));
}

/** Turn a gradient (3 x positions) into a map in [0, 1]: the largest magnitude of a pixel. */
export function scaleMagnitude(gradient) {
  return scaleColors(gradient, (...colors) => Math.max(...colors.map(Math.abs)));
}

/** Turn Integrated Gradients (3 x positions) into a map in [0, 1]: a pixel's sum's magnitude. */
export function integratedMagnitude(attributions) {
  return scaleColors(attributions, (red, green, blue) => Math.abs(red + green + blue));
}

function scaleColors(values, combine) {
  const size = values.length / 3;
  const pixel = (_, i) => combine(values[i], values[size + i], values[2 * size + i]);
  return scaleToUnit(Float32Array.from({ length: size }, pixel));
}

/** Return a generator of normal numbers, the same for the same seed (not those of NumPy). */
export function normalNumbers(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Return the probabilities of logits. */
export function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
