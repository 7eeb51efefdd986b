// The page's side of a network: one worker for all explorers, started when a reader asks for it.

import { loadJson } from "./assets.js";

export const EMBEDDED = "efficientnet_lite0"; // the one with classes
const MAX_BYTES = 60_000_000;
const BROKEN =
  "The network stopped, or does not run in this browser. The course's own pictures work.";

class Network extends EventTarget {
  state = "off"; // "off", "loading", "ready"
  loaded = 0; // bytes
  total = 0;
  #worker;
  #jobs = new Map();
  #count = 0;
  #loading;

  constructor(name) {
    super();
    this.name = name;
  }

  /** Load the network; the second caller waits for what the first has begun. */
  start() {
    this.#loading ??= this.#load().catch((error) => {
      this.#end(error);
      throw error;
    });
    return this.#loading;
  }

  async #load() {
    if (typeof WebAssembly === "undefined" || typeof DecompressionStream === "undefined") {
      throw new Error(
        "This browser has no WebAssembly, so the network cannot run in it. " +
          "The course's own pictures work all the same.",
      );
    }
    const { networks, pages, options } = await loadJson("index.json");
    const { live, layers, inputSize } = networks[this.name];
    const kept = Object.values(networks).flatMap((one) => Object.values(one.live.files));
    this.total = sizeOf(live);
    this.#set("loading");
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.#worker.addEventListener("message", ({ data }) => this.#hear(data));
    this.#worker.addEventListener("error", () => this.#end(new Error(BROKEN)));
    const job = { kind: "load", live, layers, inputSize, pages, options, kept };
    const report = (size) => {
      this.loaded = size;
      this.#set("loading");
    };
    const { head } = await this.ask(job, { report }).answer;
    if (head) this.head = new Head(head, live.head);
    this.#set("ready");
  }

  /** Send a job, whose bitmaps are handed over; `signal` may end it: returns {id, answer}. */
  ask(job, { report = () => {}, signal } = {}) {
    signal?.throwIfAborted();
    if (!this.#worker) throw new Error(BROKEN);
    const id = ++this.#count;
    const answer = new Promise((resolve, reject) => {
      this.#jobs.set(id, { resolve, reject, report });
      signal?.addEventListener("abort", () => {
        this.#worker?.postMessage({ cancel: id });
        reject(signal.reason);
      });
    });
    const bitmaps = Object.values(job).filter((value) => value instanceof ImageBitmap);
    this.#worker.postMessage({ id, ...job }, bitmaps);
    return { id, answer };
  }

  #hear({ id, share, result, problem }) {
    const job = this.#jobs.get(id);
    if (share !== undefined) {
      job.report(share);
      return;
    }
    this.#jobs.delete(id);
    if (result) job.resolve(result);
    else job.reject(new Error(problem));
  }

  /** Give the worker up, and all that it was asked: the next one begins at the start. */
  #end(error) {
    this.#loading = null;
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject } of this.#jobs.values()) reject(error);
    this.#jobs.clear();
    this.#set("off");
  }

  #set(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

/** The last layer: the kernel of each class. */
export class Head {
  constructor(buffer, { classes, channels, kernel, scale }) {
    this.channels = channels;
    this.whole = new Int16Array(buffer, kernel, classes * channels);
    this.scales = new Float32Array(buffer, scale, classes);
  }

  kernel(index) {
    const row = this.whole.subarray(index * this.channels, (index + 1) * this.channels);
    return Float32Array.from(row, (value) => value * this.scales[index]);
  }
}

const networks = new Map();

/** Return the network of this name: the same one for all explorers. */
export function networkOf(name) {
  if (!networks.has(name)) networks.set(name, new Network(name));
  return networks.get(name);
}

export const network = networkOf(EMBEDDED);

/** Return how many bytes the network takes over the wire. */
export function sizeOf(live) {
  return Object.values(live.files).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Refuse what no browser should be asked to decode. */
export function checkFile(file) {
  if (file.size === 0) throw new Error(`${file.name} is empty (0 bytes). Get a fresh copy.`);
  if (file.size > MAX_BYTES) {
    throw new Error(
      `${file.name} has ${Math.round(file.size / 1e6)} MB; ${MAX_BYTES / 1e6} MB are allowed. ` +
        "Save a smaller copy.",
    );
  }
}
