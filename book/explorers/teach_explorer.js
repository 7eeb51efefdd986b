// Teach a network names of one's own, see where it looks, and catch it cheating.

import { loadBuffer } from "./assets.js";
import { openCamera } from "./camera.js";
import { Collection } from "./collection.js";
import { choices, make, paint, takeDrops } from "./controls.js";
import { averagesOf, coverPart, evidence, farPart, hottestPart, logitsOf } from "./head.js";
import { scaleToUnit, softmax } from "./methods.js";
import { checkFile, EMBEDDED, network, sizeOf } from "./network.js";
import { loadIndex } from "./pictures.js";
import { colorTable, opaque, stretch } from "./pixels.js";
import { megabytes, percent } from "./words.js";

const PACE = 200; // milliseconds between two pictures of the camera
const COURSE = "texture"; // where a picture of the course comes from
const COLLECT =
  "A name for each thing, and ten pictures or more of each: move it, turn it. The network is loaded with the first";
const HINT =
  "Click a picture for a closer look; Camera, above, shows the heat live. One hot place in all pictures of " +
  "a name may be a cheat: the label, the table, your hand, the light. To find out, cover it here; or put " +
  "one thing in the other's place, and point the camera at it.";
const VIEWS = [
  { value: "heat", title: "Heat" },
  { value: "signed", title: "For and against" },
  { value: "hottest", title: "Cover the hottest part", done: "The hottest part covered" },
  { value: "far", title: "Cover as much elsewhere", done: "The same area covered elsewhere" },
  { value: "unlabeled", title: "Take the label off", done: "Without the label" },
];

class TeachExplorer {
  view = "heat";
  turn = 0; // "Start over" makes what is still on its way stale

  constructor(el, index) {
    Object.assign(this, { el, index });
    const { layers, inputSize, live } = index.networks[EMBEDDED];
    [this.side] = layers.at(-1).size;
    [this.size] = inputSize;
    const [heat] = index.colorNames;
    this.tables = { heat: colorTable(index.colors[heat]), signed: colorTable(index.colors.RdBu_r) };
    el.classList.add("course-explorer", "cx-teach");
    const row = (...inside) => make("div", { class: "cx-row" }, ...inside);
    this.status = make("div", { class: "cx-status", role: "status" });
    this.bar = make("progress", { max: 1, value: 0, "aria-label": "Progress", hidden: true });
    this.input = make("input", { type: "file", accept: "image/*", multiple: true, hidden: true });
    this.input.addEventListener("change", () => {
      const files = [...this.input.files];
      this.input.value = ""; // the same files once more are a change again
      this.attempt(() => this.takeFiles(files, this.wanting));
    });
    this.stage = this.#makeLook();
    this.bars = make("div", { class: "cx-list", role: "group", "aria-label": "What it says" });
    this.holders = make("div", { class: "cx-row" });
    this.which = make("select", {
      "aria-label": "Which camera",
      onchange: () => this.attempt(() => this.startCamera(this.which.value)),
    });
    const seen = make("div", { class: "cx-classes" }, this.stage.element, this.bars);
    const close = this.#button("Close", () => this.closeStage());
    this.live = make("div", { class: "cx-live", hidden: true }, seen, this.holders, row(close, this.which));
    const choose = (name) => {
      this.wanting = name;
      this.input.click();
    };
    this.collection = new Collection({
      side: this.side,
      size: this.size,
      choose,
      attempt: (action) => this.attempt(action),
      changed: () => this.#forgetHead(),
      renamed: () => this.#showNames(),
    });
    this.results = make("div", { class: "cx-results", hidden: true });
    this.words = make("p", { role: "status" });
    this.grid = make("div", { class: "cx-results" });
    this.saver = this.#button("Download", () => this.download());
    const withLabel = this.#button("with a yellow label on gravel", () => this.takeTextures(true));
    const without = this.#button("without", () => this.takeTextures(false));
    const over = this.#button("Start over", () => this.startOver());
    el.append(
      make("h3", {}, "1. Collect"),
      make("p", {}, `${COLLECT} (${megabytes(sizeOf(live))}); no picture leaves your device.`),
      row(this.#button("Camera", () => this.startCamera(), "cx-own"), this.collection.more),
      this.live,
      this.collection.element,
      row("Nothing at hand? Take the course's textures:", withLabel, without),
      row(make("label", {}, this.collection.keeping, " Keep my pictures in this browser"), over),
      make("h3", {}, "2. Train"),
      row(this.#button("Train", () => this.train(), "cx-own"), "Only the last layer learns, not from the test."),
      this.results,
      this.input,
      this.bar,
      this.status,
    );
    const take = (files, place) => this.attempt(() => this.takeFiles(files, this.collection.nameAt(place)));
    takeDrops(el, take, (problem) => this.say(problem, true));
    addEventListener("beforeunload", (event) => {
      if (this.#hasOwn() && !this.collection.keeping.checked) event.preventDefault();
    });
  }

  get names() {
    return this.collection.names;
  }

  #hasOwn() {
    return this.collection.pictures.some(({ from }) => from !== COURSE);
  }

  #button(title, act, kind = "") {
    return make("button", { type: "button", class: kind, onclick: () => this.attempt(act) }, title);
  }

  // Pictures

  async #start() {
    if (network.state === "ready") return;
    const show = () => {
      this.bar.hidden = network.state !== "loading";
      this.bar.value = network.loaded / network.total;
    };
    network.addEventListener("change", show);
    this.say("Loading the network ...");
    await network.start().finally(() => network.removeEventListener("change", show));
    this.bar.hidden = true;
    this.say("");
  }

  /** Do something with each of many, in turn; what goes wrong with one is said in the end. */
  async #each(things, act) {
    const turn = this.turn;
    await this.#start();
    const faults = [];
    for (const [i, thing] of things.entries()) {
      if (turn !== this.turn) return;
      this.say(`Looking at picture ${i + 1} of ${things.length} ...`);
      this.bar.hidden = things.length < 2;
      this.bar.value = i / things.length;
      await act(thing, () => turn === this.turn).catch((error) => faults.push(error.message));
    }
    if (turn !== this.turn) return;
    this.bar.hidden = true;
    const rest = faults.length > 1 ? ` (and ${faults.length - 1} more of ${things.length}, left out as well)` : "";
    this.say(faults.length ? `${faults[0]}${rest}` : "", faults.length > 0);
  }

  async takeFiles(files, name) {
    await this.#each(files, async (file, isWanted) => {
      checkFile(file);
      try {
        const { seen, last } = await network.ask({ kind: "picture", file }).answer;
        if (isWanted()) await this.collection.add(name, seen, last);
      } catch (error) {
        throw new Error(`${file.name}: ${error.message}`);
      }
    });
  }

  async takeTextures(labeled) {
    if (this.#hasOwn()) {
      throw new Error("Textures do not go with pictures of yours: click Start over first.");
    }
    const { names, count } = this.index.textures;
    const file = new Blob([await loadBuffer("textures.jpg")]);
    const sheet = await createImageBitmap(file, { colorSpaceConversion: "none" });
    this.startOver();
    [...this.names].forEach((name) => this.collection.removeName(name));
    names.forEach((title) => this.collection.addName(title));
    const crops = names.flatMap((_, row) => Array.from({ length: count }, (_, column) => [row, column]));
    await this.#each(crops, async ([row, column], isWanted) => {
      const unlabeled = cutSquare(sheet, column, row, this.size);
      const hasLabel = labeled && row === names.length - 1; // these stand in a row of their own
      const pixels = hasLabel ? cutSquare(sheet, column, row + 1, this.size) : unlabeled;
      const { last } = await network.ask({ kind: "look", pixels }).answer;
      const more = { from: COURSE, unlabeled: labeled && unlabeled };
      if (isWanted()) await this.collection.add(this.names[row], pixels, last, more);
    });
  }

  /** Throw everything out, also what is kept. */
  startOver() {
    this.turn++;
    this.bar.hidden = true;
    this.say("");
    this.collection.clear();
  }

  // Training

  /** The collection is another one now: what was learned is no longer about it. */
  #forgetHead() {
    this.head = this.training = null;
    this.held = undefined;
    this.results.hidden = true;
    for (const { thumb } of this.collection.pictures) thumb.classList.remove("cx-wrong");
    if (this.shown) this.closeStage();
    this.grid.replaceChildren();
    this.bars.replaceChildren();
  }

  async train() {
    this.collection.check();
    await this.#start();
    const learn = this.collection.part(false);
    const averages = learn.map((picture) => picture.averages);
    const classes = learn.map(({ name }) => this.names.indexOf(name));
    const start = performance.now();
    const training = (this.training = {});
    const head = await network.ask({ kind: "train", averages, classes, count: this.names.length }).answer;
    if (this.training !== training) return; // something was added meanwhile
    const seconds = ((performance.now() - start) / 1000).toFixed(2);
    this.head = head;
    this.view = "heat";
    for (const picture of this.collection.pictures) {
      picture.views = { heat: this.#judge(picture.averages) };
      picture.thumb.classList.toggle("cx-wrong", !this.#isRight(picture));
    }
    this.#showTraining(seconds);
    this.results.scrollIntoView({ behavior: "smooth" });
  }

  /** Return what the head says of a picture: {logits, probabilities, best}. */
  #judge(averages) {
    const logits = logitsOf(this.head, averages);
    return { logits, probabilities: softmax(logits), best: logits.indexOf(Math.max(...logits)) };
  }

  #isRight({ name, views }, view = "heat") {
    return this.names[views[view].best] === name;
  }

  #rate(pictures, view) {
    const right = pictures.filter((picture) => this.#isRight(picture, view)).length;
    return `${(right / pictures.length).toFixed(2)} (${right} of ${pictures.length})`;
  }

  // Results

  /** Show what came out, and the ways to look at the test. */
  #showTraining(seconds) {
    const [learn, tests] = [this.collection.part(false), this.collection.part(true)];
    const options = VIEWS.filter(({ value }) => value !== "unlabeled" || tests.some((one) => one.unlabeled));
    const change = (view) => this.attempt(() => this.#showView(view));
    this.views = choices("Show", options, { value: this.view, kind: "cx-views", change });
    const rates = [learn, tests].map((pictures) => make("b", {}, this.#rate(pictures)));
    const score = ["Right in training: ", rates[0], ", in the test: ", rates[1], `. Trained in ${seconds} seconds.`];
    this.results.replaceChildren(
      make("p", { class: "cx-score" }, ...score),
      make("h3", {}, "3. Look inside"),
      this.views.element,
      this.words,
      this.grid,
      make("p", { class: "cx-hint" }, HINT),
      make("div", { class: "cx-row" }, this.saver, "your network, for the notebook of chapter 8."),
    );
    this.results.hidden = false;
    this.#showTest();
  }

  #showTest() {
    this.words.textContent = this.#wordsOf(this.collection.part(true));
    this.grid.replaceChildren(...this.names.map((name) => this.#makeGroup(name)));
    this.views.set(this.view);
  }

  #makeGroup(name) {
    const tests = this.collection.of(name).filter(({ maps }) => maps);
    const { title, done } = VIEWS.find(({ value }) => value === this.view);
    const cells = tests.map((picture) => {
      const shown = picture.views[this.view] ?? picture.views.heat;
      const { best, probabilities, logits } = shown;
      const isRight = this.names[best] === name;
      const answer = `${this.names[best].title} ${percent(probabilities[best])}`;
      const look = this.#makeLook();
      this.#drawLook(look, shown.pixels ?? picture.pixels, !done && picture.maps, best);
      return make(
        "button",
        {
          type: "button",
          class: isRight ? "cx-test" : "cx-test cx-wrong",
          "data-logits": logits.join(" "),
          "data-hottest": hottestPart(this.#evidence(picture.maps, best)).join(" "),
          "aria-label": `${name.title}, ${title}: it says ${answer}`,
          onclick: () => this.#openPicture(picture),
        },
        look.element,
        make("span", { dir: "auto" }, isRight ? answer : `✗ ${answer}`),
      );
    });
    const head = make("b", { dir: "auto" }, name.title);
    return make("div", { class: "cx-group" }, head, make("div", { class: "cx-grid" }, ...cells));
  }

  #wordsOf(tests) {
    const words = VIEWS.filter(({ value, done }) => done && tests[0].views[value]).map(({ value, done }) => {
      const changed = tests.filter(({ views }) => views[value].best !== views.heat.best).length;
      return `${done}: ${changed} of ${tests.length} answers change, right ${this.#rate(tests, value)}.`;
    });
    if (this.view === "signed") return "Red speaks for the answer, blue against it.";
    if (words.length) return words.join(" ");
    return "Where the network finds evidence for its answer. Do the hot places lie on the things?";
  }

  /** Show the test in another way; covered pictures are looked at when they are first asked for. */
  async #showView(view) {
    const tests = this.collection.part(true).filter(({ views }) => !views[view]);
    const { done } = VIEWS.find(({ value }) => value === view);
    const { head } = this;
    if (done) {
      await this.#each(tests, async (picture) => {
        const pixels = this.#changed(picture, view);
        const { last } = await network.ask({ kind: "look", pixels }).answer;
        if (this.head === head) picture.views[view] = { pixels, ...this.#judge(averagesOf(last, this.side ** 2)) };
      });
    }
    if (this.head !== head) return;
    this.view = view;
    this.#showTest();
    if (this.shown) this.#openPicture(this.shown);
  }

  #changed({ pixels, unlabeled, maps, views }, view) {
    if (view === "unlabeled") return unlabeled ?? pixels;
    const hottest = hottestPart(this.#evidence(maps, views.heat.best));
    return coverPart(pixels, view === "far" ? farPart(hottest, this.side) : hottest, this.side);
  }

  #evidence(maps, index) {
    return evidence(maps, this.head.kernel[index], this.side ** 2);
  }

  // A closer look, and the camera

  #makeLook() {
    const picture = make("canvas", { class: "cx-gray", "aria-hidden": "true" });
    const heat = make("canvas", { class: "cx-heat", "aria-hidden": "true" });
    return { element: make("span", { class: "cx-frame" }, picture, heat), picture, heat };
  }

  /** Show a picture (RGB bytes) and the heat of a name on it; without maps no heat, but colors. */
  #drawLook({ picture, heat }, pixels, maps, index) {
    if (pixels) paint(picture, opaque(pixels), this.size, this.size);
    picture.classList.toggle("cx-gray", Boolean(maps));
    const signed = maps ? this.#evidence(maps, index) : new Float64Array(this.side ** 2);
    const isSigned = this.view === "signed";
    const found = scaleToUnit(signed.map(isSigned ? Math.abs : (value) => Math.max(value, 0)));
    const values = found.map((value, i) => (signed[i] < 0 ? -value : value));
    const smooth = stretch({ values, height: this.side, width: this.side }, 8);
    const table = this.tables[isSigned ? "signed" : "heat"];
    const color = (value) => table[Math.round(isSigned ? 127.5 * (1 + value) : 255 * value)] & 0xffffff;
    const colored = Uint32Array.from(smooth.values, (v) => color(v) | (Math.round(255 * Math.abs(v)) << 24));
    paint(heat, colored, smooth.width, smooth.height);
  }

  #openPicture(picture) {
    this.camera?.stop();
    this.shown = picture;
    this.live.hidden = false;
    this.grid.before(this.live);
    this.stage.element.style.setProperty("--ratio", 1);
    this.holders.hidden = this.which.hidden = true;
    this.#showSeen({ pixels: picture.pixels, maps: picture.maps, ...picture.views.heat });
    this.live.scrollIntoView({ behavior: "smooth", block: "nearest" });
  }

  /** Show what the network says of a picture or a frame, and the heat of its answer or of the name held. */
  #showSeen(seen) {
    const { probabilities, best } = seen;
    const index = this.held ?? best;
    if (this.bars.children.length !== this.names.length) {
      const buttons = this.names.map((_, k) => {
        const hold = () => {
          this.held = this.held === k ? undefined : k;
          this.#showSeen(this.seen);
        };
        return make("button", { type: "button", onclick: hold }, make("span", { dir: "auto" }), make("span", {}));
      });
      this.bars.replaceChildren(...buttons);
    }
    this.seen = seen;
    for (const [k, button] of [...this.bars.children].entries()) {
      const [name, share] = button.children;
      name.textContent = this.names[k].title;
      share.textContent = percent(probabilities[k]);
      button.style.setProperty("--share", probabilities[k]);
      button.setAttribute("aria-pressed", k === index);
    }
    this.#drawLook(this.stage, seen.pixels, seen.maps, index);
  }

  closeStage() {
    this.camera?.stop();
    this.shown = null;
    this.live.hidden = true;
  }

  async startCamera(which) {
    this.say("");
    const camera = await openCamera(this.el, which);
    this.camera = camera;
    this.shown = null;
    const { picture, element, heat } = this.stage;
    element.firstChild.replaceWith(camera.video);
    paint(heat, new Uint32Array(1), 1, 1);
    this.which.replaceChildren(
      ...camera.cameras.map(({ deviceId, label }, i) =>
        make("option", { value: deviceId, selected: deviceId === camera.id }, label || `camera ${i + 1}`),
      ),
    );
    this.which.hidden = camera.cameras.length < 2;
    this.collection.element.before(this.live);
    this.holders.hidden = this.live.hidden = false;
    try {
      await this.#start();
      const why = await camera.follow(async (frame) => {
        const { answer } = network.ask({ kind: "frame", bitmap: frame }, undefined, [frame]);
        const { bitmap, pixels, last } = await answer;
        element.style.setProperty("--ratio", bitmap.width / bitmap.height);
        bitmap.close();
        if (camera.stopped) return;
        camera.video.classList.toggle("cx-gray", Boolean(this.head));
        this.#takeFrame(pixels, last);
        if (this.head) this.#showSeen({ maps: last, ...this.#judge(averagesOf(last, this.side ** 2)) });
        else paint(heat, new Uint32Array(1), 1, 1);
      });
      if (why) this.say(why, true);
    } finally {
      camera.stop();
      if (this.camera === camera) {
        element.firstChild.replaceWith(picture);
        this.camera = null;
        if (!this.shown) this.closeStage();
      }
    }
  }

  /** Make a button for each name that takes pictures as long as it is held. */
  #showNames() {
    const end = () => this.holding && (this.holding.isHeld = false);
    const holders = this.names.map((name) => {
      const holder = this.#button(`Hold: ${name.title}`, () => {}, "cx-own cx-hold");
      holder.addEventListener("pointerdown", () => (this.holding = { name, isHeld: true, count: 0 }));
      for (const kind of ["pointerup", "pointercancel", "pointerleave"]) holder.addEventListener(kind, end);
      holder.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press on a phone
      holder.addEventListener("click", ({ detail }) => detail || (this.holding = { name, count: 0 })); // by keyboard
      return holder;
    });
    this.holders.replaceChildren(...holders);
    if (this.head) this.#showTest();
  }

  #takeFrame(pixels, last) {
    const { holding } = this;
    if (!holding || performance.now() - (this.tookAt ?? 0) < PACE) return;
    if (!holding.isHeld) this.holding = null;
    if (!holding.isHeld && holding.count) return;
    holding.count++;
    this.tookAt = performance.now();
    this.attempt(() => this.collection.add(holding.name, pixels, last));
  }

  // Words

  /** Save the names and the last layer as a file. */
  download() {
    this.collection.check();
    const digits = (values) => Array.from(values, (value) => Number(value.toPrecision(7)));
    const { kernel, bias } = this.head;
    const columns = Array.from(kernel[0], (_, channel) => digits(kernel.map((row) => row[channel])));
    const head = { names: this.names.map(({ title }) => title), kernel: columns, bias: digits(bias) };
    const file = new Blob([JSON.stringify(head)], { type: "application/json" });
    const link = make("a", { href: URL.createObjectURL(file), download: "my_network.json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  say(text, problem = false) {
    this.status.textContent = text;
    this.status.classList.toggle("cx-problem", problem);
  }

  /** Do something; what goes wrong ends in the status line, and the page goes on. */
  async attempt(action) {
    try {
      await action();
    } catch (error) {
      this.bar.hidden = true;
      this.say(error.message, true);
    }
  }
}

/** Cut one square out of a sheet of them: RGB bytes. */
function cutSquare(sheet, column, row, size) {
  const context = new OffscreenCanvas(size, size).getContext("2d");
  context.drawImage(sheet, -column * size, -row * size);
  return Uint8Array.from(context.getImageData(0, 0, size, size).data.filter((_, i) => i % 4 < 3));
}

export async function render({ el }) {
  const explorer = new TeachExplorer(el, await loadIndex());
  await explorer.collection.restore();
}

export default { render };
