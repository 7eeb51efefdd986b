// Pictures as arrays: resizing as Pillow does, feature maps as tiles, colors. No DOM in here.

export const GAP = 2; // pixels between two feature maps, and around them
const SIDE = 464; // pixels of a page: 8 x 8 feature maps of 56, or fewer and larger ones

// Resizing

const PRECISION = 22; // bits of Pillow's fixed-point weights
const HALF = 1 << (PRECISION - 1);

/**
 * Resize a picture with the bicubic filter of Pillow, to the last bit.
 *
 * A canvas resizes with fewer samples, and the network answers 0.795 where it should say 0.771.
 *
 * @param {(top: number, count: number) => Uint8ClampedArray} readRows Returns RGBA rows: a large
 *   photograph is never in memory twice.
 * @param {number} width Of the picture.
 * @param {number} height Of the picture.
 * @param {number} newWidth
 * @param {number} newHeight
 * @returns {Uint8ClampedArray} RGB, newHeight x newWidth x 3.
 */
export function resizeBicubic(readRows, width, height, newWidth, newHeight) {
  const across = bicubicWeights(width, newWidth);
  const down = bicubicWeights(height, newHeight);
  const stripe = Math.max(1, Math.min(height, Math.floor(1_000_000 / width)));
  const stripes = function* () {
    for (let top = 0; top < height; top += stripe) {
      const count = Math.min(stripe, height - top);
      yield { top, count, pixels: readRows(top, count) };
    }
  };
  // Between the two passes are bytes, so their order matters. Pillow 13 begins with the columns
  // where they shrink more than the rows; before, it always began with the rows.
  if (height > newHeight && height / newHeight > width / newWidth) {
    const low = sumColumns(stripes(), width, down);
    return squeezeRows(low, 3, width, newHeight, across);
  }
  const narrow = function* () {
    for (const { top, count, pixels } of stripes()) {
      yield { top, count, pixels: squeezeRows(pixels, 4, width, count, across) };
    }
  };
  return sumColumns(narrow(), newWidth, down, 3);
}

/** Resize rows of pixels with `depth` bytes each: returns RGB. */
function squeezeRows(pixels, depth, width, count, weights) {
  const target = new Uint8ClampedArray(weights.length * count * 3);
  let at = 0;
  for (let row = 0; row < count; row++) {
    for (const { first, values } of weights) {
      let source = (row * width + first) * depth;
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let i = 0; i < values.length; i++, source += depth) {
        const weight = values[i];
        red += pixels[source] * weight;
        green += pixels[source + 1] * weight;
        blue += pixels[source + 2] * weight;
      }
      target[at++] = red >> PRECISION;
      target[at++] = green >> PRECISION;
      target[at++] = blue >> PRECISION;
    }
  }
  return target;
}

/** Resize columns, stripe by stripe: returns RGB. */
function sumColumns(stripes, width, weights, depth = 4) {
  const length = width * 3;
  const sums = new Int32Array(weights.length * length).fill(HALF);
  let next = 0; // the first new row that may still need what comes
  for (const { top, count, pixels } of stripes) {
    for (let row = top; row < top + count; row++) {
      while (weights[next]?.end <= row) next++;
      for (let i = next; weights[i]?.first <= row; i++) {
        const weight = weights[i].values[row - weights[i].first];
        let source = (row - top) * width * depth;
        for (let at = i * length; at < (i + 1) * length; at += 3, source += depth) {
          sums[at] += pixels[source] * weight;
          sums[at + 1] += pixels[source + 1] * weight;
          sums[at + 2] += pixels[source + 2] * weight;
        }
      }
    }
  }
  const target = new Uint8ClampedArray(sums.length);
  for (let i = 0; i < sums.length; i++) target[i] = sums[i] >> PRECISION;
  return target;
}

/** For each pixel of the new picture: where it begins and ends to read, and integer weights. */
export function bicubicWeights(length, newLength) {
  const scale = length / newLength;
  const stretch = Math.max(scale, 1);
  return Array.from({ length: newLength }, (_, position) => {
    const center = (position + 0.5) * scale;
    const first = Math.max(Math.trunc(center - 2 * stretch + 0.5), 0);
    const end = Math.min(Math.trunc(center + 2 * stretch + 0.5), length);
    const values = [];
    let sum = 0;
    for (let i = first; i < end; i++) {
      const value = bicubic((i - center + 0.5) / stretch);
      values.push(value);
      sum += value;
    }
    return {
      first,
      end,
      values: Int32Array.from(values, (value) => {
        const whole = (value / sum) * (1 << PRECISION);
        return Math.trunc(whole + (whole < 0 ? -0.5 : 0.5));
      }),
    };
  });
}

function bicubic(x) {
  const a = -0.5;
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}

// Feature maps

/** Scale channels of `size` numbers to bytes: in each 0 is the smallest value, 255 the largest. */
export function scaleToBytes(maps, size) {
  const bytes = new Uint8Array(maps.length);
  const { low, high } = measureChannels(maps, size);
  low.forEach((least, channel) => {
    const factor = high[channel] > least ? 255 / (high[channel] - least) : 0;
    const start = channel * size;
    for (let i = start; i < start + size; i++) bytes[i] = (maps[i] - least) * factor + 0.5;
  });
  return bytes;
}

/** Average maps (channels first) down by a whole factor: returns {maps, height, width}. */
export function shrinkMaps(maps, height, width, factor) {
  if (factor === 1) return { maps, height, width };
  const [rows, columns] = [Math.ceil(height / factor), Math.ceil(width / factor)];
  const channels = maps.length / (height * width);
  const small = new Float32Array(channels * rows * columns);
  let at = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < height; y += factor) {
      for (let x = 0; x < width; x += factor) {
        let sum = 0;
        let count = 0;
        for (let v = y; v < Math.min(y + factor, height); v++) {
          for (let u = x; u < Math.min(x + factor, width); u++) {
            sum += maps[(channel * height + v) * width + u];
            count++;
          }
        }
        small[at++] = sum / count;
      }
    }
  }
  return { maps: small, height: rows, width: columns };
}

/** Return about each channel: smallest, largest and mean value, where and how often the largest. */
export function measureChannels(maps, size) {
  const channels = maps.length / size;
  const [low, high, mean] = Array.from({ length: 3 }, () => new Float32Array(channels));
  const [peak, ties] = Array.from({ length: 2 }, () => new Uint16Array(channels));
  for (let channel = 0; channel < channels; channel++) {
    const start = channel * size;
    let least = Infinity;
    let most = -Infinity;
    let sum = 0;
    for (let i = start; i < start + size; i++) {
      const value = maps[i];
      sum += value;
      if (value < least) least = value;
      if (value > most) {
        most = value;
        peak[channel] = i - start;
        ties[channel] = 0;
      }
      if (value === most) ties[channel]++;
    }
    low[channel] = least;
    high[channel] = most;
    mean[channel] = sum / size;
  }
  return { low, high, mean, peak, ties };
}

/** Take the cells of a tile apart: gray RGBA rows of cells become bytes, cell by cell. */
export function cutTile(pixels, tileWidth, height, width, count) {
  const columns = tileWidth / width;
  const cells = new Uint8Array(count * height * width);
  let at = 0;
  for (let cell = 0; cell < count; cell++) {
    const left = (cell % columns) * width;
    const top = Math.floor(cell / columns) * height;
    for (let y = 0; y < height; y++) {
      let source = ((top + y) * tileWidth + left) * 4;
      for (let x = 0; x < width; x++, source += 4) cells[at++] = pixels[source];
    }
  }
  return cells;
}

/**
 * Draw a page of feature maps with clear gaps between and around them: a square, always.
 *
 * @param {{cells: Uint8Array, height: number, width: number, count: number}} page
 * @param {Uint32Array} colors 256 of them, as `colorTable` gives them.
 * @returns {{pixels: Uint32Array, width: number, height: number, columns: number}}
 */
export function drawPage({ cells, height, width, count }, colors) {
  const inRow = Math.ceil(Math.sqrt(count));
  const room = Math.floor(SIDE / inRow) - GAP;
  const shrink = Math.ceil(Math.max(height, width) / room);
  const small = shrinkMaps(cells, height, width, shrink);
  const [rows, columns] = [small.height, small.width];
  const shown = shrink === 1 ? cells : scaleToBytes(small.maps, rows * columns);
  const zoom = Math.max(Math.floor(room / Math.max(rows, columns)), 1);
  const pageWidth = inRow * (columns * zoom + GAP) + GAP;
  const pageHeight = inRow * (rows * zoom + GAP) + GAP;
  const pixels = new Uint32Array(pageWidth * pageHeight);
  for (let cell = 0; cell < count; cell++) {
    const left = (cell % inRow) * (columns * zoom + GAP) + GAP;
    const top = Math.floor(cell / inRow) * (rows * zoom + GAP) + GAP;
    for (let y = 0; y < rows * zoom; y++) {
      const row = (cell * rows + Math.floor(y / zoom)) * columns;
      let at = (top + y) * pageWidth + left;
      for (let x = 0; x < columns; x++) {
        const color = colors[shown[row + x]];
        for (let i = 0; i < zoom; i++) pixels[at++] = color;
      }
    }
  }
  return { pixels, width: pageWidth, height: pageHeight, columns: inRow };
}

/** Color the cells of one map. */
export function drawMap(values, colors) {
  return Uint32Array.from(values, (value) => colors[value]);
}

// Heat

/** Stretch a map (h, w) by a whole factor: bilinear, with half-pixel centers, as Pillow does. */
export function stretch({ values, height, width }, factor) {
  if (factor === 1) return { values, height, width };
  const stretched = new Float32Array(height * width * factor * factor);
  const across = bilinearPlaces(width, factor);
  const down = bilinearPlaces(height, factor);
  let at = 0;
  for (const { low: top, high: bottom, share: v } of down) {
    for (const { low: left, high: right, share: u } of across) {
      const above = values[top * width + left] * (1 - u) + values[top * width + right] * u;
      const below = values[bottom * width + left] * (1 - u) + values[bottom * width + right] * u;
      stretched[at++] = above * (1 - v) + below * v;
    }
  }
  return { values: stretched, height: height * factor, width: width * factor };
}

function bilinearPlaces(length, factor) {
  return Array.from({ length: length * factor }, (_, position) => {
    const place = Math.min(Math.max((position + 0.5) / factor - 0.5, 0), length - 1);
    const low = Math.floor(place);
    return { low, high: Math.min(low + 1, length - 1), share: place - low };
  });
}

/** Color a heatmap in [0, 1]; its opacity follows the heat, so the picture behind shows through. */
export function drawHeat(values, colors) {
  return Uint32Array.from(values, (value) => {
    const heat = Math.round(255 * value);
    return (colors[heat] & 0x00ffffff) | (heat << 24);
  });
}

/** Turn RGBA bytes gray in their place, as Pillow does. */
export function turnGray(bytes) {
  for (let at = 0; at < bytes.length; at += 4) {
    const gray = (19595 * bytes[at] + 38470 * bytes[at + 1] + 7471 * bytes[at + 2] + 0x8000) >> 16;
    bytes[at] = bytes[at + 1] = bytes[at + 2] = gray;
  }
}

/** Turn RGB bytes to pixels of a canvas. */
export function opaque(bytes) {
  const pixels = new Uint32Array(bytes.length / 3);
  for (let i = 0, at = 0; i < pixels.length; i++, at += 3) {
    pixels[i] = (255 << 24) | (bytes[at + 2] << 16) | (bytes[at + 1] << 8) | bytes[at];
  }
  return pixels;
}

/** Scale a map of pixels for the eye: its brightest 1 % are all 1. */
export function brighten(values) {
  const sorted = Float32Array.from(values).sort();
  const place = 0.99 * (sorted.length - 1);
  const low = Math.floor(place);
  const next = sorted[Math.min(low + 1, sorted.length - 1)];
  const top = sorted[low] + (next - sorted[low]) * (place - low) || sorted[sorted.length - 1];
  return top > 0 ? values.map((value) => Math.min(value / top, 1)) : values;
}

/** Decode a color map, base64 of 256 x 3 bytes, to pixels of a canvas. */
export function colorTable(text) {
  return opaque(Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0)));
}
