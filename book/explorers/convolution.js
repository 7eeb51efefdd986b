// A network's first convolution, place by place, as course_utils/methods/convolution.py does it. No
// DOM in here.

/** A picture as the first convolution reads it, and what it makes of that. */
export class Convolution {
  /**
   * @param {object} about What index.json says: {size: [height, width], start, step, places: [rows,
   *   columns], colors, filters, relu, name, means, deviation}.
   * @param {Float32Array} weights Kernels (filters, height, width, channels), and then the bias.
   * @param {{pixels: Uint8Array, height: number, width: number}} seen RGB.
   */
  constructor(about, weights, seen) {
    Object.assign(this, about);
    const [high, wide] = about.size;
    this.channels = about.colors.length;
    this.numbers = high * wide * this.channels;
    this.kernels = weights.subarray(0, about.filters * this.numbers);
    this.bias = weights.subarray(about.filters * this.numbers);
    this.#read(seen);
  }

  /** Prepare the numbers as Keras does, in float32, with a rim of zeros where patches reach out. */
  #read({ pixels, height, width }) {
    const { start, step, size, places, channels } = this;
    const [rows, columns] = places.map((count, i) => (count - 1) * step + size[i]);
    const from = this.colors.map((color) => ["red", "green", "blue"].indexOf(color));
    this.inputs = new Float32Array(rows * columns * channels);
    this.width = columns;
    const means = Float32Array.from(this.means);
    const prepare = (level, c) => Math.fround((level - means[c]) / this.deviation);
    [this.low, this.high] = [0, 255].map((level) => this.colors.map((_, c) => prepare(level, c)));
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < channels; c++) {
          const [row, column] = [y - start, x - start];
          if (row >= rows || column >= columns) continue;
          const level = pixels[(y * width + x) * 3 + from[c]];
          this.inputs[(row * columns + column) * channels + c] = prepare(level, c);
        }
      }
    }
  }

  /** Return {patch, kernel, products, total, bias}; the three are (height, width, channels). */
  at(filter, row, column) {
    const [high, wide] = this.size;
    const patch = new Float32Array(this.numbers);
    const length = wide * this.channels;
    for (let y = 0; y < high; y++) {
      const first = ((row * this.step + y) * this.width + column * this.step) * this.channels;
      patch.set(this.inputs.subarray(first, first + length), y * length);
    }
    const kernel = this.kernels.subarray(filter * this.numbers, (filter + 1) * this.numbers);
    const products = patch.map((value, i) => value * kernel[i]);
    const total = products.reduce((sum, value) => sum + value, 0);
    return { patch, kernel, products, total, bias: this.bias[filter] };
  }

  /** Return the feature map of a filter, row by row. */
  map(filter) {
    const { inputs, channels, step, relu } = this;
    const [rows, columns] = this.places;
    const kernel = this.kernels.subarray(filter * this.numbers, (filter + 1) * this.numbers);
    const values = new Float32Array(rows * columns);
    const [high, length] = [this.size[0], this.size[1] * channels];
    let at = 0;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        let sum = this.bias[filter];
        let place = 0;
        for (let y = 0; y < high; y++) {
          let source = ((row * step + y) * this.width + column * step) * channels;
          for (let i = 0; i < length; i++) sum += inputs[source++] * kernel[place++];
        }
        values[at++] = relu && sum < 0 ? 0 : sum;
      }
    }
    return values;
  }
}

/** Return how many digits the numbers of a table have behind the point. */
export function digitsOf(values) {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  return 2 - Math.trunc(Math.min(Math.max(Math.log10(largest), 0), 2));
}
