// Teach a network names of one's own, see where it looks, and catch it cheating.

import { loadBuffer } from "./assets.js";
import { openCamera } from "./camera.js";
import { choices, make, paint, takeDrops } from "./controls.js";
import { averagesOf, coverPart, evidence, farPart, hottestPart, logitsOf } from "./head.js";
import { scaleToUnit, softmax } from "./methods.js";
import { checkFile, EMBEDDED, network, sizeOf } from "./network.js";
import { loadIndex } from "./pictures.js";
import { colorTable, opaque, stretch } from "./pixels.js";
import * as shelf from "./shelf.js";
import { megabytes, percent } from "./words.js";

const MOST_NAMES = 5;
const MOST_PICTURES = 500;
const FEWEST = 3; // pictures of a name: every third is for the test
const PACE = 200; // milliseconds between two pictures of the camera
const COURSE = "texture"; // where a picture of the course comes from
const COLLECT =
  "A name for each thing, and ten pictures or more of each: move it, turn it. The network is loaded with the first";
const HINT =
  "Click a picture for a closer look; Camera, above, shows the heat live. One hot place in all pictures of a name may " +
  "be a cheat: the label, the table, your hand, the light. To find out, cover it here; or put one thing in the other's " +
  "place, and point the camera at it.";
const VIEWS = [
  { value: "heat", title: "Heat" },
  { value: "signed", title: "For and against" },
  { value: "hottest", title: "Cover the hottest part", done: "The hottest part covered" },
  { value: "far", title: "Cover as much elsewhere", done: "The same area covered elsewhere" },
  { value: "unlabeled", title: "Take the label off", done: "Without the label" },
];

class TeachExplorer {
  names = []; // {key, title, card, holder, sets: {learn, test}}
  pictures = []; // {key, name, pixels, averages, maps of a test picture, from, unlabeled}
  view = "heat";
  lastKey = 0;
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
    this.cards = make("div", { class: "cx-cards" });
    this.more = this.#button("Another name", () => this.addName());
    const forget = () => this.attempt(() => this.keepOrForget());
    this.keeping = make("input", { type: "checkbox", onchange: forget });
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
      row(this.#button("Camera", () => this.startCamera(), "cx-own"), this.more),
      this.live,
      this.cards,
      row("Nothing at hand? Take the course's textures:", withLabel, without),
      row(make("label", {}, this.keeping, " Keep my pictures in this browser"), over),
      make("h3", {}, "2. Train"),
      row(this.#button("Train", () => this.train(), "cx-own"), "Only the last layer learns, not from the test."),
      this.results,
      this.input,
      this.bar,
      this.status,
    );
    const nameAt = (place) => this.names.find(({ card }) => card.contains(place)) ?? this.names[0];
    const take = (files, place) => this.attempt(() => this.takeFiles(files, nameAt(place)));
    takeDrops(el, take, (problem) => this.say(problem, true));
    addEventListener("beforeunload", (event) => {
      const own = this.pictures.some(({ from }) => from !== COURSE);
      if (own && !this.keeping.checked) event.preventDefault();
    });
  }

  /** Bring back what the reader has kept. */
  async begin() {
    const kept = await shelf.readAll().catch(() => []);
    const names = kept.filter(({ title }) => title !== undefined);
    for (const { key, title } of names) this.addName(title, key);
    for (const { of, ...picture } of kept.filter(({ pixels }) => pixels)) {
      this.#place({ ...picture, name: this.names.find(({ key }) => key === of) });
    }
    this.keeping.checked = kept.length > 0;
    while (this.names.length < 2) this.addName();
  }

  #button(inside, act, kind = "", label = null) {
    const about = { type: "button", class: kind, title: label, "aria-label": label };
    return make("button", { ...about, onclick: () => this.attempt(act) }, inside);
  }

  // Names

  addName(title, key = ++this.lastKey) {
    this.lastKey = Math.max(this.lastKey, key);
    const name = { key, title: title ?? `thing ${this.names.length + 1}` };
    const about = { value: name.title, maxlength: 40, dir: "auto", "aria-label": "Name" };
    const field = make("input", { type: "text", ...about, oninput: () => this.#rename(name, field.value) });
    const files = this.#button("Files", () => {
      this.wanting = name;
      this.input.click();
    });
    const away = this.#button("×", () => this.#removeName(name), "", "Take this name away");
    const set = (title) => ({ count: make("small", {}, title), row: make("div", { class: "cx-thumbs" }) });
    name.sets = { learn: set("No pictures yet: camera, files, drag or paste."), test: set("") };
    const { learn, test } = name.sets;
    const inside = [make("div", { class: "cx-row" }, field, files, away), learn.count, learn.row, test.count, test.row];
    name.card = make("section", { class: "cx-card" }, ...inside);
    const hold = {
      onpointerdown: () => (this.holding = { name, isHeld: true, count: 0 }),
      oncontextmenu: (event) => event.preventDefault(), // a long press on a phone
      onclick: ({ detail }) => detail || (this.holding = { name, count: 0 }), // by keyboard
    };
    name.holder = make("button", { type: "button", class: "cx-own cx-hold", ...hold });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
      name.holder.addEventListener(end, () => this.holding && (this.holding.isHeld = false));
    }
    this.names.push(name);
    this.cards.append(name.card);
    this.holders.append(name.holder);
    this.#rename(name, name.title);
    this.#forgetHead();
  }

  #rename(name, title) {
    name.title = title.trim();
    name.holder.textContent = `Hold: ${name.title}`;
    if (this.keeping.checked) this.attempt(() => shelf.keep(name.key, { key: name.key, title }));
    if (this.head) this.#showTest();
  }

  #removeName(name) {
    for (const picture of this.#of(name)) this.#throwOut(picture);
    this.names.splice(this.names.indexOf(name), 1);
    name.card.remove();
    name.holder.remove();
    if (this.keeping.checked) this.attempt(() => shelf.drop(name.key));
    this.#forgetHead();
  }

  // Pictures

  #of(name) {
    return this.pictures.filter((picture) => picture.name === name);
  }

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
        if (isWanted()) this.#add(name, seen, last);
      } catch (error) {
        throw new Error(`${file.name}: ${error.message}`);
      }
    });
  }

  async takeTextures(labeled) {
    if (this.pictures.some(({ from }) => from !== COURSE)) {
      throw new Error("Textures do not go with pictures of yours: click Start over first.");
    }
    const { names, count } = this.index.textures;
    const file = new Blob([await loadBuffer("textures.jpg")]);
    const sheet = await createImageBitmap(file, { colorSpaceConversion: "none" });
    this.startOver();
    [...this.names].forEach((name) => this.#removeName(name));
    names.forEach((title) => this.addName(title));
    const crops = names.flatMap((_, row) => Array.from({ length: count }, (_, column) => [row, column]));
    await this.#each(crops, async ([row, column], isWanted) => {
      const unlabeled = cutSquare(sheet, column, row, this.size);
      const hasLabel = labeled && row === names.length - 1; // these stand in a row of their own
      const pixels = hasLabel ? cutSquare(sheet, column, row + 1, this.size) : unlabeled;
      const { last } = await network.ask({ kind: "look", pixels }).answer;
      const more = { from: COURSE, unlabeled: labeled && unlabeled };
      if (isWanted()) this.#add(this.names[row], pixels, last, more);
    });
  }

  /** Add a picture; every third of a name is for the test. */
  #add(name, pixels, maps, more = {}) {
    if (!this.names.includes(name)) return;
    if (this.pictures.length >= MOST_PICTURES) {
      throw new Error(`There are ${MOST_PICTURES} pictures, and no more are taken: throw some out first.`);
    }
    const twin = this.pictures.find((one) => one.pixels.every((value, i) => value === pixels[i]));
    if (twin) throw new Error(`This picture is there already, as ${twin.name.title}.`);
    const tests = this.#of(name).filter((picture) => picture.maps).length;
    const isTest = this.#of(name).length - tests >= (FEWEST - 1) * (tests + 1);
    const averages = averagesOf(maps, this.side ** 2);
    const picture = { key: ++this.lastKey, name, pixels, averages, maps: isTest && maps, ...more };
    this.#place(picture);
    if (this.keeping.checked) return this.#keep(picture);
  }

  #place(picture) {
    this.lastKey = Math.max(this.lastKey, picture.key);
    const canvas = make("canvas", { "aria-hidden": "true" });
    paint(canvas, opaque(picture.pixels), this.size, this.size);
    picture.thumb = this.#button(canvas, () => this.#throwOut(picture), "", "Throw this picture out");
    picture.name.sets[picture.maps ? "test" : "learn"].row.append(picture.thumb);
    this.pictures.push(picture);
    this.#count(picture.name);
  }

  #throwOut(picture) {
    this.pictures.splice(this.pictures.indexOf(picture), 1);
    picture.thumb.remove();
    if (this.keeping.checked) this.attempt(() => shelf.drop(picture.key));
    this.#count(picture.name);
  }

  #count({ sets: { learn, test } }) {
    learn.count.textContent = `${learn.row.children.length} to learn from`;
    test.count.textContent = test.row.children.length ? `${test.row.children.length} for the test` : "";
    this.#forgetHead();
  }

  /** Throw everything out, also what is kept. */
  startOver() {
    this.turn++;
    this.bar.hidden = true;
    this.say("");
    for (const picture of [...this.pictures]) this.#throwOut(picture);
  }

  async keepOrForget() {
    if (!this.keeping.checked) return shelf.clear();
    try {
      for (const { key, title } of this.names) await shelf.keep(key, { key, title });
      for (const picture of this.pictures) await this.#keep(picture);
    } catch (error) {
      this.keeping.checked = false;
      throw error;
    }
  }

  #keep({ name, thumb, views, ...picture }) {
    return shelf.keep(picture.key, { ...picture, of: name.key });
  }

  // Training

  /** The collection is another one now: what was learned is no longer about it. */
  #forgetHead() {
    this.more.disabled = this.names.length >= MOST_NAMES;
    this.el.classList.toggle("cx-few", this.names.length <= 2);
    this.head = this.training = null;
    this.held = undefined;
    this.results.hidden = true;
    for (const { thumb } of this.pictures) thumb.classList.remove("cx-wrong");
    if (this.shown) this.closeStage();
    this.grid.replaceChildren();
    this.bars.replaceChildren();
  }

  #check() {
    const titles = this.names.map(({ title }) => title.normalize("NFKC").toLowerCase());
    const twin = titles.findIndex((title, i) => titles.indexOf(title) !== i);
    if (titles.includes("")) throw new Error("A name is empty. Write one.");
    if (twin >= 0) throw new Error(`Two names are alike: ${this.names[twin].title}. Change one of them.`);
    const few = this.names.find((name) => this.#of(name).length < FEWEST);
    const count = few && this.#of(few).length;
    if (!few) return;
    throw new Error(
      `${few.title} has ${count || "no"} picture${count === 1 ? "" : "s"}. Each name needs ${FEWEST} at least: two to ` +
        "learn from, one for the test. Ten or more are better.",
    );
  }

  async train() {
    this.#check();
    await this.#start();
    const learn = this.pictures.filter(({ maps }) => !maps);
    const averages = learn.map((picture) => picture.averages);
    const classes = learn.map(({ name }) => this.names.indexOf(name));
    const start = performance.now();
    const training = (this.training = {});
    const head = await network.ask({ kind: "train", averages, classes, count: this.names.length }).answer;
    if (this.training !== training) return; // something was added meanwhile
    const seconds = ((performance.now() - start) / 1000).toFixed(2);
    this.head = head;
    this.view = "heat";
    for (const picture of this.pictures) {
      picture.views = { heat: this.#judge(picture.averages) };
      picture.thumb.classList.toggle("cx-wrong", !this.#isRight(picture));
    }
    this.#showTraining(this.pictures.filter(({ maps }) => maps), seconds);
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
  #showTraining(tests, seconds) {
    const learn = this.pictures.filter(({ maps }) => !maps);
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
    this.words.textContent = this.#wordsOf(this.pictures.filter(({ maps }) => maps));
    this.grid.replaceChildren(...this.names.map((name) => this.#makeGroup(name)));
    this.views.set(this.view);
  }

  #makeGroup(name) {
    const tests = this.#of(name).filter(({ maps }) => maps);
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
    if (words.length) return words.join(" ");
    if (this.view === "signed") return "Red speaks for the answer, blue against it.";
    return "Each picture of the test, and where the network finds evidence for its answer. Do the hot places lie on the things?";
  }

  /** Show the test in another way; covered pictures are looked at when they are first asked for. */
  async #showView(view) {
    const tests = this.pictures.filter(({ maps, views }) => maps && !views[view]);
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
    this.stage.element.style.aspectRatio = 1;
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
    this.cards.before(this.live);
    this.holders.hidden = this.live.hidden = false;
    try {
      await this.#start();
      const why = await camera.follow(async (frame) => {
        const { answer } = network.ask({ kind: "frame", bitmap: frame }, undefined, [frame]);
        const { bitmap, pixels, last } = await answer;
        element.style.aspectRatio = bitmap.width / bitmap.height;
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

  #takeFrame(pixels, last) {
    const { holding } = this;
    if (!holding || performance.now() - (this.tookAt ?? 0) < PACE) return;
    if (!holding.isHeld) this.holding = null;
    if (!holding.isHeld && holding.count) return;
    holding.count++;
    this.tookAt = performance.now();
    this.attempt(() => this.#add(holding.name, pixels, last));
  }

  // Words

  /** Save the names and the last layer as a file. */
  download() {
    this.#check();
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
  await explorer.begin();
}

export default { render };
