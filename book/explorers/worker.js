// The network, in a thread of its own: the page never waits for it.
//
// Takes messages {id, kind, ...} and answers {id, result} or {id, problem}; meanwhile {id, share}
// of a slow method. A message {cancel: id} ends one.

import { loadKept } from "./assets.js";
import { backgroundOf, cover, rankPixels } from "./covering.js";
import { trainHead } from "./head.js";
import {
  activationMap,
  integratedMagnitude,
  normalNumbers,
  scaleMagnitude,
  softmax,
} from "./methods.js";
import { measureChannels, resizeBicubic, scaleToBytes, shrinkMaps } from "./pixels.js";

const MAX_PIXELS = 64_000_000;
const SIDE = 640; // pixels of the longer side of a picture for the screen

let live; // what index.json says of the network
let layers;
let inputSize;
let pages; // how many channels a page has, and so on
let options; // {method: its numbers}
let runtime;
let forward;
let both; // with gradients: made when it is first needed
let bytes; // of the network's files, until both sessions are there
let picture = {}; // the last one: {id, input, maps, gradients of a class}
const cancelled = new Set();

const jobs = {
  async load({ kept, ...index }, report) {
    ({ live, layers, inputSize, pages, options } = index);
    layers = layers.slice(0, live.layers);
    const names = Object.keys(live.files);
    const contents = await loadKept(Object.values(live.files), kept, report);
    bytes = Object.fromEntries(names.map((name, i) => [name, contents[i]]));
    const script = new Blob([bytes["runtime.mjs"]], { type: "text/javascript" });
    runtime = await import(URL.createObjectURL(script));
    runtime.env.wasm.numThreads = 1;
    runtime.env.wasm.wasmBinary = bytes["runtime.wasm.gz"];
    forward = await open(live.forward);
    delete runtime.env.wasm.wasmBinary; // 13 MB: it runs now
    delete bytes["runtime.wasm.gz"];
    if (!live.head) return {};
    await runForward(new Float32Array(3 * inputSize[0] * inputSize[1]), ["logits"]); // warm-up
    return { head: bytes["head.bin"].buffer };
  },

  async picture({ id, file }) {
    const bitmap = await decode(file);
    const { width, height } = bitmap;
    const screen = forScreen(bitmap);
    const seen = seenByNetwork(bitmap);
    bitmap.close();
    takeUp(id, seen);
    const found = live.head ? await classify(picture.input) : {};
    return { ...found, seen, screen, width, height };
  },

  /** Look at a camera's frame, which goes back with what the network says of it. */
  async frame({ bitmap, layer, page, pixels: alone }) {
    const pixels = seenByNetwork(bitmap);
    if (alone) return { bitmap, pixels }; // all that the explorer of kernels needs
    const start = performance.now();
    const input = toInput(pixels);
    const found = layer === undefined ? await classify(input) : await mapsOf(input, layer);
    const milliseconds = performance.now() - start;
    if (layer === undefined) return { bitmap, pixels, milliseconds, ...found };
    return { bitmap, milliseconds, ...pageOf(found, layer, page) };
  },

  /** Look at a picture that is as the network sees it, RGB bytes. */
  async look({ pixels }) {
    return { last: await mapsOf(toInput(pixels), layers.length - 1) };
  },

  async train({ averages, classes, count }) {
    return trainHead(averages, classes, count);
  },

  async page({ of, pixels, layer, page }) {
    takeUp(of, pixels);
    const names = layers.map(({ name }) => name);
    picture.maps ??= await runForward(picture.input, names);
    return pageOf(picture.maps[names[layer]].data, layer, page);
  },

  async heat({ of, pixels, method, layer, index }, report, check) {
    await check();
    takeUp(of, pixels);
    both ??= await open("gradients.onnx");
    bytes = null;
    if (layer === null) {
      const values = await pixelMethods[method](index, report, check);
      return { values, height: inputSize[0], width: inputSize[1] };
    }
    const { name, size: [height, width] } = layers[layer];
    if (picture.gradients?.index !== index) {
      const names = layers.flatMap((one) => [one.name, `${one.name}:gradient`]);
      picture.gradients = { index, outputs: await runBoth(picture.input, index, names) };
    }
    const { [name]: maps, [`${name}:gradient`]: slopes } = picture.gradients.outputs;
    return { values: activationMap(method, maps.data, slopes.data, height * width), height, width };
  },

  /** Follow a class while more and more is covered, and while more and more is shown. */
  async cover({ of, pixels, heatmap, fill, index, steps }, report, check) {
    takeUp(of, pixels);
    const [height, width] = inputSize;
    const seen = { pixels, height, width };
    const background = await backgroundOf(seen, fill);
    const ranks = rankPixels(heatmap, height);
    const curve = () => new Float32Array(steps + 1);
    const curves = { deletion: curve(), insertion: curve() };
    let done = 0;
    for (const [name, curve] of Object.entries(curves)) {
      for (let step = 0; step <= steps; step++) {
        await check();
        const count = Math.round((step / steps) * ranks.length);
        const covered = cover(seen, background, ranks, count, name === "insertion");
        const { logits } = await runForward(toInput(covered), ["logits"]);
        curve[step] = softmax(logits.data)[index];
        report(++done / (2 * steps + 2));
      }
    }
    return curves;
  },
};

function pageOf(maps, layer, page) {
  const [height, width, channels] = layers[layer].size;
  const first = page * pages.channels;
  const count = Math.min(pages.channels, channels - first);
  const numbers = measureChannels(maps, height * width);
  const some = maps.subarray(first * height * width, (first + count) * height * width);
  const small = shrinkMaps(some, height, width, Math.ceil(Math.max(height, width) / pages.largest));
  const cells = scaleToBytes(small.maps, small.height * small.width);
  return { cells, height: small.height, width: small.width, count, numbers };
}

const pixelMethods = {
  async saliency(index) {
    return scaleMagnitude(await inputGradient(picture.input, index));
  },

  async smooth_grad(index, report, check) {
    const { input } = picture;
    const { num_samples, noise_level } = options.smooth_grad;
    const sorted = input.toSorted();
    const spread = noise_level * (sorted.at(-1) - sorted[0]);
    const normal = normalNumbers(0);
    const weights = new Float64Array(num_samples).fill(1 / num_samples);
    const sample = () => input.map((value) => value + spread * normal());
    return scaleMagnitude(await averageGradient(weights, index, report, check, sample));
  },

  async integrated_gradients(index, report, check) {
    const { input } = picture;
    const black = (0 - live.mean[0]) / live.deviation; // all colors have one mean
    const { positions, weights } = options.integrated_gradients;
    const point = (step) => input.map((value) => black + positions[step] * (value - black));
    const average = await averageGradient(weights, index, report, check, point);
    return integratedMagnitude(average.map((value, i) => value * (input[i] - black)));
  },
};

async function averageGradient(weights, index, report, check, point) {
  const average = new Float64Array(picture.input.length);
  for (const [step, weight] of weights.entries()) {
    await check();
    const gradient = await inputGradient(point(step), index);
    for (let i = 0; i < average.length; i++) average[i] += weight * gradient[i];
    report((step + 1) / weights.length);
  }
  return average;
}

async function inputGradient(input, index) {
  const outputs = await runBoth(input, index, ["image:gradient"]);
  return outputs["image:gradient"].data;
}

// Running

function open(name) {
  const externalData = live.weights.map((path) => ({ path, data: bytes[path] }));
  return runtime.InferenceSession.create(bytes[name], { externalData });
}

function runForward(input, names) {
  return forward.run({ image: asImage(input) }, names);
}

async function classify(input) {
  const last = layers.at(-1).name;
  const outputs = await runForward(input, ["logits", last]);
  return { logits: outputs.logits.data, last: outputs[last].data };
}

async function mapsOf(input, layer) {
  const { name } = layers[layer];
  return (await runForward(input, [name]))[name].data;
}

function runBoth(input, index, names) {
  const oneHot = new Float32Array(live.head.classes);
  oneHot[index] = 1;
  const one_hot = new runtime.Tensor("float32", oneHot, [1, oneHot.length]);
  return both.run({ image: asImage(input), one_hot }, names);
}

function asImage(input) {
  return new runtime.Tensor("float32", input, [1, 3, ...inputSize]);
}

// Pictures

/** Take up a picture, RGB bytes, unless it is the one that was looked at last. */
function takeUp(id, pixels) {
  if (picture.id !== id) picture = { id, input: toInput(pixels) };
}

async function decode(file) {
  let bitmap;
  try {
    // Colors as they stand in the file, which is what Pillow reads.
    bitmap = await createImageBitmap(file, {
      imageOrientation: "from-image",
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
  } catch {
    throw new Error(
      "This browser cannot read it as a picture: another kind of file (HEIC, SVG, text), " +
        "damaged, or too large. Save it as JPEG or PNG.",
    );
  }
  if (bitmap.width * bitmap.height > MAX_PIXELS) {
    const size = Math.round((bitmap.width * bitmap.height) / 1e6);
    bitmap.close();
    throw new Error(
      `The picture has ${size} megapixels; ${MAX_PIXELS / 1e6} are allowed. Save a smaller copy.`,
    );
  }
  return bitmap;
}

let canvas; // for each frame of a camera the same

function seenByNetwork(bitmap) {
  const { width, height } = bitmap;
  const readRows = (top, count) => {
    const fits = canvas?.width === width && canvas.height === count;
    if (!fits) canvas = new OffscreenCanvas(width, count);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    onWhite(context);
    context.drawImage(bitmap, 0, -top);
    return context.getImageData(0, 0, width, count).data;
  };
  return resizeBicubic(readRows, width, height, inputSize[1], inputSize[0]);
}

function onWhite(context) {
  context.fillStyle = "white";
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
}

function toInput(pixels) {
  const size = pixels.length / 3;
  const input = new Float32Array(pixels.length);
  for (let i = 0; i < size; i++) {
    for (let color = 0; color < 3; color++) {
      input[color * size + i] = (pixels[3 * i + color] - live.mean[color]) / live.deviation;
    }
  }
  return input;
}

function forScreen(bitmap) {
  const factor = Math.min(SIDE / Math.max(bitmap.width, bitmap.height), 1);
  const width = Math.max(Math.round(bitmap.width * factor), 1);
  const height = Math.max(Math.round(bitmap.height * factor), 1);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  onWhite(context);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas.transferToImageBitmap();
}

// Messages, one after the other

let last = Promise.resolve();
self.addEventListener("message", ({ data }) => {
  if (data.cancel) cancelled.add(data.cancel);
  else last = last.then(() => work(data));
});

async function work(job) {
  const { id, kind } = job;
  const check = async () => {
    await new Promise((go) => setTimeout(go)); // lets messages in
    if (cancelled.has(id)) throw new Error("cancelled");
  };
  try {
    const result = await jobs[kind](job, (share) => self.postMessage({ id, share }), check);
    const bitmaps = Object.values(result).filter((value) => value instanceof ImageBitmap);
    self.postMessage({ id, result }, bitmaps);
  } catch (error) {
    const isOurs = error.name === "Error"; // what the browser throws has a name of its own
    const problem = isOurs ? error.message : `Unexpected ${error.name}: ${error.message}`;
    self.postMessage({ id, problem });
  }
  cancelled.delete(id);
}
