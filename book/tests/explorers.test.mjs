// The explorers' arithmetic and words, on numbers worked out by hand: node --test book/tests

import assert from "node:assert/strict";
import test from "node:test";

import { areaUnder, backgroundOf, cover, rankPixels } from "../explorers/covering.js";
import { averagesOf, coverPart, farPart, hottestPart, logitsOf, trainHead } from "../explorers/head.js";
import { activationMap, activationMapAtLast, normalNumbers, softmax, weightedSum } from "../explorers/methods.js";
import { networkOf } from "../explorers/network.js";
import { bicubicWeights, brighten, cutTile, drawHeat, drawPage, measureChannels, stretch } from "../explorers/pixels.js";
import { pageNames, percent, searchClasses } from "../explorers/words.js";

const close = (found, wanted, error = 1e-6) =>
  wanted.forEach((value, i) => assert.ok(Math.abs(found[i] - value) < error, `${found}`));

test("bicubic weights of a picture that keeps its size copy it", () => {
  for (const [i, { first, values }] of bicubicWeights(5, 5).entries()) {
    assert.equal(values[i - first], 1 << 22);
    assert.equal(values.reduce((sum, value) => sum + value), 1 << 22);
  }
});

test("each class activation map of two channels, by hand", () => {
  // Channel 0: maps 1, 2 and gradients 1, 3; channel 1: maps 4, 0 and gradients -2, 0.
  const [maps, gradients] = [Float32Array.of(1, 2, 4, 0), Float32Array.of(1, 3, -2, 0)];
  // Grad-CAM: means 2 and -1: (2 - 4, 4 - 0), and only the second is positive.
  close(activationMap("grad_cam", maps, gradients, 2), [0, 1]);
  // Grad-CAM++: the weight of channel 0 is 1 / (2 + 3) + 3 / (2 + 9), of channel 1 it is 0.
  close(activationMap("grad_cam++", maps, gradients, 2), [0.5, 1]);
  close(activationMap("layer_cam", maps, gradients, 2), [1 / 6, 1]);
  close(activationMap("hires_cam", maps, gradients, 2), [0, 1]); // (1 - 8, 6)
});

test("at the last layer the gradient is the kernel over the number of positions", () => {
  const maps = Float32Array.of(1, 2, 4, 0);
  const gradients = Float32Array.of(0.5, 0.5, -1, -1);
  for (const method of ["grad_cam", "grad_cam++", "layer_cam", "hires_cam"]) {
    const wanted = activationMap(method, maps, gradients, 2);
    close(activationMapAtLast(method, maps, Float32Array.of(1, -2), 2), [...wanted]);
  }
});

test("a map without anything positive is zero, not NaN", () => {
  close(activationMap("grad_cam", Float32Array.of(1, 1), Float32Array.of(-1, -1), 2), [0, 0]);
  close(brighten(new Float32Array(4)), [0, 0, 0, 0]);
});

test("channels: range, mean, peak and how often it stands", () => {
  const numbers = measureChannels(Float32Array.of(0, 3, 3, 1, -2, -2, -4, -2), 4);
  assert.deepEqual([...numbers.low], [0, -4]);
  assert.deepEqual([...numbers.high], [3, -2]);
  close(numbers.mean, [1.75, -2.5]);
  assert.deepEqual([...numbers.peak], [1, 0]);
  assert.deepEqual([...numbers.ties], [2, 3]);
});

test("a tile is cut into its cells, row by row", () => {
  // Nine cells of one pixel, eight in a row.
  const gray = (value) => [value, value, value, 255];
  const pixels = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0, 0].flatMap(gray);
  assert.deepEqual([...cutTile(pixels, 8, 1, 1, 9)], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("a page is a square, and every map stands at its place", () => {
  const colors = Uint32Array.from({ length: 256 }, (_, i) => i);
  const cells = Uint8Array.of(10, 20, 30);
  const { pixels, width, height, columns } = drawPage({ cells, height: 1, width: 1, count: 3 }, colors);
  assert.deepEqual([columns, width], [2, height]);
  const at = (x, y) => pixels[Math.floor(y * height) * width + Math.floor(x * width)];
  assert.deepEqual([at(0.25, 0.25), at(0.75, 0.25), at(0.25, 0.75), at(0.75, 0.75)], [10, 20, 30, 0]);
});

test("heat is stretched with half-pixel centers, and shows through where it is zero", () => {
  const { values } = stretch({ values: Float32Array.of(0, 1), height: 1, width: 2 }, 2);
  close(values, [0, 0.25, 0.75, 1, 0, 0.25, 0.75, 1]);
  const colors = new Uint32Array(256).fill(0xff112233);
  const opacity = [...drawHeat(Float32Array.of(0, 1), colors)].map((pixel) => pixel >>> 24);
  assert.deepEqual(opacity, [0, 255]);
});

test("the hottest pixels come first, of equal ones the first", async () => {
  const ranks = rankPixels({ values: Float32Array.of(0, 1, 0, 0.5), height: 2, width: 2 }, 2);
  assert.deepEqual([...ranks], [2, 0, 3, 1]);
  const picture = { pixels: Uint8Array.from({ length: 12 }, (_, i) => i + 1), height: 2, width: 2 };
  const black = await backgroundOf(picture, "black");
  assert.deepEqual([...cover(picture, black, ranks, 2, false)], [1, 2, 3, 0, 0, 0, 7, 8, 9, 0, 0, 0]);
  assert.deepEqual([...cover(picture, black, ranks, 1, true)], [0, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0, 0]);
  const mean = await backgroundOf(picture, "mean"); // 5.5, 6.5, 7.5: halves go to the even number
  assert.deepEqual([...mean.subarray(0, 3)], [6, 6, 8]);
  close([areaUnder([1, 0.5, 0])], [0.5]);
});

test("classes are found in any spelling, whole words first", () => {
  const labels = ["catamaran", "tiger_cat", "Egyptian_cat", "great_white_shark"];
  assert.deepEqual(searchClasses("cat", labels), [1, 2, 0]);
  assert.deepEqual(searchClasses("Great White", labels), [3]);
  assert.deepEqual(searchClasses("  ", labels), []);
});

test("numbers in words", () => {
  assert.deepEqual(pageNames(80, 64), ["0 to 63", "64 to 79"]);
  assert.deepEqual([percent(0.1964), percent(0.0009)], ["19.6%", "under 0.1%"]);
  close(softmax([1000, 1000]), [0.5, 0.5]);
});

test("noise is normal, and the same for the same seed", () => {
  const [one, other] = [normalNumbers(7), normalNumbers(7)];
  const values = Array.from({ length: 20000 }, one);
  assert.equal(values[0], other());
  const mean = values.reduce((sum, value) => sum + value) / values.length;
  const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(variance - 1) < 0.05, `${mean} ${variance}`);
});

test("a head of two pictures, by hand", () => {
  // Channels 5 and 3, and the other way round: with w and -w in the rows the loss is
  // 2 log(1 + exp(-4 w)) + 2 w^2, and its slope is zero where w (1 + exp(4 w)) = 2.
  const { kernel, bias } = trainHead([Float32Array.of(5, 3), Float32Array.of(3, 5)], [0, 1], 2);
  const [w] = kernel[0];
  close([w * (1 + Math.exp(4 * w))], [2], 1e-5);
  close([...kernel[0], ...kernel[1]], [w, -w, -w, w]);
  close(bias, [0, 0]);
  close(logitsOf({ kernel, bias }, [5, 3]), [2 * w, -2 * w]);
});

test("what speaks for a class has its logit as its mean", () => {
  const maps = Float32Array.of(1, 3, 4, 0);
  close(averagesOf(maps, 2), [2, 2]);
  close(weightedSum(maps, [2, -1], 2), [-2, 6]);
});

test("the hottest part and the one far from it stay within the picture", () => {
  const values = new Float64Array(49);
  values[48] = 1;
  assert.deepEqual(hottestPart(values), [4, 4]);
  values[8] = 2;
  assert.deepEqual(hottestPart(values), [0, 0]);
  assert.deepEqual([farPart([4, 4], 7), farPart([0, 3], 7)], [[0, 0], [4, 0]]);
  const pixels = new Uint8Array(7 * 7 * 3).fill(50);
  pixels.fill(99, 0, 3);
  assert.deepEqual([...coverPart(pixels, [0, 0], 7).subarray(0, 3)], [51, 51, 51]);
  assert.deepEqual([...coverPart(pixels, [4, 4], 7).subarray(0, 3)], [99, 99, 99]);
});

test("a worker that breaks off ends what it was asked, and another one can be started", async () => {
  const workers = [];
  class Worker extends EventTarget {
    constructor() {
      super();
      workers.push(this);
    }
    postMessage({ id, kind }) {
      if (kind !== "load") return;
      const message = new MessageEvent("message", { data: { id, result: {} } });
      queueMicrotask(() => this.dispatchEvent(message));
    }
    terminate() {}
  }
  const index = { networks: { any: { live: { files: {} } } } };
  Object.assign(globalThis, { Worker, ImageBitmap: class {}, fetch: async () => Response.json(index) });
  const network = networkOf("any");
  await network.start();
  const { answer } = network.ask({ kind: "look" });
  workers[0].dispatchEvent(new Event("error"));
  await assert.rejects(answer, /The network stopped/);
  assert.throws(() => network.ask({ kind: "look" }), /The network stopped/);
  await network.start();
  assert.deepEqual([network.state, workers.length], ["ready", 2]);
});
