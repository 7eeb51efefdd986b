// Teach a network names of one's own, see where it looks, and catch it cheating.

import { openCamera, UNSEEN } from "./camera.js";
import { Collection } from "./collection.js";
import { box, choices, make, paint } from "./controls.js";
import { averagesOf, coverPart, farPart, hottestPart, logitsOf } from "./head.js";
import { softmax, weightedSum } from "./methods.js";
import { network } from "./network.js";
import { loadIndex } from "./pictures.js";
import { colorTable, opaque, stretch } from "./pixels.js";
import { percent } from "./words.js";

const PACE = 200; // milliseconds between two pictures of the camera
const VIEWS = [
  { value: "heat", title: "Heat" },
  { value: "signed", title: "For and against" },
  { value: "hottest", title: "Cover the hottest part", done: "The hottest part covered" },
  { value: "far", title: "Cover as much elsewhere", done: "The same area covered elsewhere" },
  { value: "unlabeled", title: "Take the label off", done: "Without the label" },
];
const NOWHERE =
  "Nothing changes an answer: the clue may be everywhere. Swap the things in front of the camera.";

class TeachExplorer extends Collection {
  head = null; // what was learned of the collection as it is
  changes = 0; // of the collection

  constructor(el, index) {
    super(el, index);
    el.classList.add("cx-teach");
    const { colors, colorNames } = index;
    this.tables = { heat: colorTable(colors[colorNames[0]]), signed: colorTable(colors.RdBu_r) };
    const change = (key) => this.attempt(() => this.#showView(key));
    this.views = choices("Show", VIEWS, { kind: "cx-views", change });
    this.words.before(this.views.element);
    this.which.addEventListener("change", () => this.attempt(() => this.startCamera()));
  }

  // Training

  /** The collection is another one now: what was learned is no longer about it. */
  changed() {
    this.changes++;
    this.head = null;
    this.results.hidden = true;
    this.grid.replaceChildren();
    this.bars.replaceChildren();
    for (const { thumb } of this.pictures) thumb.classList.remove("cx-wrong");
    if (this.results.contains(this.live)) this.closeStage();
    this.#showCounts();
  }

  async train() {
    await this.coming?.catch(() => {}); // whoever gave the pictures has been told
    this.check();
    await this.startNetwork();
    const { changes } = this;
    const learn = this.part(false);
    const averages = learn.map((picture) => picture.averages);
    const classes = learn.map(({ name }) => this.names.indexOf(name));
    const start = performance.now();
    const job = { kind: "train", averages, classes, count: this.names.length };
    const head = await network.ask(job).answer;
    if (changes !== this.changes) return this.train(); // with what has come meanwhile
    this.seconds.textContent = ((performance.now() - start) / 1000).toFixed(2);
    this.head = head;
    for (const picture of this.pictures) {
      picture.views = { heat: this.#judge(picture.averages) };
      picture.thumb.classList.toggle("cx-wrong", !this.#isRight(picture));
    }
    this.#showTraining();
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

  /** Save the names and the last layer as a file. */
  download() {
    this.check();
    const digits = (values) => Array.from(values, (value) => Number(value.toPrecision(7)));
    const { kernel, bias } = this.head;
    const head = {
      names: this.names.map(({ title }) => title),
      kernel: Array.from(kernel[0], (_, channel) => digits(kernel.map((row) => row[channel]))),
      bias: digits(bias),
    };
    const file = new Blob([JSON.stringify(head)], { type: "application/json" });
    const link = make("a", { href: URL.createObjectURL(file), download: "my_network.json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  // What the network says of the test

  #showTraining() {
    const tests = this.part(true);
    this.learned.textContent = this.#rate(this.part(false));
    this.tested.textContent = this.#rate(tests);
    const unlabel = this.views.element.querySelector("button:last-child");
    unlabel.hidden = !tests.some(({ unlabeled }) => unlabeled);
    this.view = VIEWS[0];
    this.held = undefined; // the name whose heat is shown, whatever the answer
    this.bars.replaceChildren(...this.names.map((_, k) => this.#makeBar(k)));
    this.results.hidden = false;
    this.#showTest();
    this.results.scrollIntoView({ behavior: "smooth" });
  }

  #showTest() {
    this.words.textContent = this.#words();
    this.grid.replaceChildren(...this.names.map((name) => this.#makeGroup(name)));
    this.views.set(this.view.value);
  }

  #words() {
    if (this.view.value === "signed") return "Red speaks for the answer, blue against it.";
    const tests = this.part(true);
    const isOther = (view) => ({ views }) => views[view].best !== views.heat.best;
    const tried = VIEWS.filter(({ value, done }) => done && tests[0].views[value]);
    const lines = tried.map(({ value, done }) => {
      const counts = this.names.map((name) => {
        const ofName = this.part(true, name);
        return `${name.title} ${ofName.filter(isOther(value)).length} of ${ofName.length}`;
      });
      return `${done}, answers change: ${counts.join(", ")}. Right: ${this.#rate(tests, value)}.`;
    });
    if (!lines.length) return "Hot places are evidence for the answer. Do they lie on the things?";
    if (tried.every(({ value }) => !tests.some(isOther(value)))) lines.push(NOWHERE);
    return lines.join("\n");
  }

  #makeGroup(name) {
    const cells = this.part(true, name).map((picture) => this.#makeCell(picture));
    const head = make("b", { dir: "auto" }, name.title);
    return box("cx-group", head, box("cx-grid", ...cells));
  }

  #makeCell(picture) {
    const seen = this.#seenOf(picture);
    const answer = this.names[seen.best];
    const isRight = answer === picture.name;
    const share = percent(seen.probabilities[seen.best]);
    const frame = make("span", { class: "cx-frame" }, makeCanvas(), makeCanvas("cx-heat"));
    this.#draw(frame, seen, seen.best);
    const about = {
      class: isRight ? "cx-test" : "cx-test cx-wrong",
      "data-logits": seen.logits.join(" "),
      "data-hottest": hottestPart(this.#evidence(picture.maps, seen.best)).join(" "),
      "aria-label": `${picture.name.title}, ${this.view.title}: it says ${answer.title} ${share}`,
      onclick: () => this.#openPicture(picture),
    };
    const words = make("span", { dir: "auto" }, isRight ? answer.title : `✗ ${answer.title}`);
    return make("button", about, frame, words, " ", make("span", {}, share));
  }

  /** Return a picture of the test as it is looked at now, and what the network says of it. */
  #seenOf({ pixels, maps, views }) {
    return this.view.done ? views[this.view.value] : { pixels, maps, ...views.heat };
  }

  /** Show the test in another way; covered pictures are looked at when they are first asked for. */
  async #showView(value) {
    const { head } = this;
    const view = VIEWS.find((one) => one.value === value);
    const tests = this.part(true).filter(({ views }) => view.done && !views[value]);
    await this.each(tests, async (picture) => {
      const { views } = picture;
      const pixels = this.#cover(picture, value);
      const { last } = await network.ask({ kind: "look", pixels }).answer;
      if (this.head === head) views[value] = { pixels, ...this.#judge(this.#average(last)) };
    });
    if (this.head !== head || tests.some(({ views }) => !views[value])) return;
    this.view = view;
    this.#showTest();
    if (this.shown) this.#openPicture(this.shown);
  }

  #cover({ pixels, unlabeled, maps, views }, view) {
    if (view === "unlabeled") return unlabeled ?? pixels;
    const hottest = hottestPart(this.#evidence(maps, views.heat.best));
    return coverPart(pixels, view === "far" ? farPart(hottest, this.side) : hottest, this.side);
  }

  #average(maps) {
    return averagesOf(maps, this.side ** 2);
  }

  /** Return what speaks for a name, or against it, at each place: the mean is logit less bias. */
  #evidence(maps, index) {
    return weightedSum(maps, this.head.kernel[index], this.side ** 2);
  }

  /** Show a picture (RGB bytes) and the heat of a name on it; without maps no heat, but colors. */
  #draw(frame, { pixels, maps }, index) {
    const [picture, heat] = frame.children;
    if (pixels) paint(picture, opaque(pixels), this.size, this.size);
    picture.classList.toggle("cx-gray", Boolean(maps));
    const isSigned = this.view?.value === "signed";
    const found = maps ? this.#evidence(maps, index) : new Float64Array(this.side ** 2);
    const shown = found.map((value) => (isSigned ? value : Math.max(value, 0)));
    const largest = Math.max(...shown.map(Math.abs)) || 1;
    const values = shown.map((value) => value / largest);
    const smooth = stretch({ values, height: this.side, width: this.side }, 8);
    const [table, least] = isSigned ? [this.tables.signed, -1] : [this.tables.heat, 0];
    const colors = Uint32Array.from(smooth.values, (value) => {
      const color = table[Math.round((255 * (value - least)) / (1 - least))];
      return (color & 0xffffff) | (Math.round(255 * Math.abs(value)) << 24);
    });
    paint(heat, colors, smooth.width, smooth.height);
  }

  // A closer look, at a picture or through the camera

  #makeBar(index) {
    const hold = () => {
      this.held = this.held === index ? undefined : index;
      this.#showSeen(this.seen);
    };
    const spans = [make("span", { dir: "auto" }), make("span")];
    return make("button", { onclick: hold }, ...spans);
  }

  /** Show what the network says of a picture, and the heat of its answer or of the name held. */
  #showSeen(seen) {
    this.seen = seen;
    const index = this.held ?? seen.best;
    for (const [k, button] of [...this.bars.children].entries()) {
      const [name, share] = button.children;
      name.textContent = this.names[k].title;
      share.textContent = percent(seen.probabilities[k]);
      button.style.setProperty("--share", seen.probabilities[k]);
      button.setAttribute("aria-pressed", k === index);
    }
    this.#draw(this.stage, seen, index);
  }

  #openStage(picture) {
    this.stage.firstElementChild.replaceWith(picture);
    this.live.hidden = false;
  }

  closeStage() {
    this.camera?.stop();
    this.shown = null;
    this.live.hidden = true;
    this.stage.firstElementChild.replaceWith(makeCanvas());
  }

  #openPicture(picture) {
    this.camera?.stop();
    this.shown = picture;
    this.grid.before(this.live);
    this.#openStage(makeCanvas());
    this.stage.style.setProperty("--ratio", 1);
    this.holders.hidden = this.which.hidden = true;
    this.#showSeen(this.#seenOf(picture));
    this.live.scrollIntoView({ behavior: "smooth", block: "nearest" });
  }

  /** Show the camera below the button that starts it. */
  async startCamera(button) {
    this.say("");
    const camera = await openCamera(this.el, this.which);
    this.camera = camera;
    this.shown = null;
    button?.parentElement.after(this.live);
    this.#openStage(camera.video);
    this.#draw(this.stage, {});
    this.holders.hidden = this.results.contains(this.live);
    try {
      const use = (frame) => this.#lookAt(frame, camera);
      const why = await camera.follow(use, this.startNetwork());
      this.say(why, why !== UNSEEN);
    } finally {
      camera.stop();
      if (this.camera === camera && !this.shown) this.closeStage();
    }
  }

  async #lookAt(frame, camera) {
    const { answer } = network.ask({ kind: "frame", bitmap: frame });
    const { bitmap, pixels, last } = await answer;
    this.stage.style.setProperty("--ratio", bitmap.width / bitmap.height);
    bitmap.close();
    if (camera.stopped) return;
    this.#takeFrame(pixels, last);
    if (this.head) this.#showSeen({ maps: last, ...this.#judge(this.#average(last)) });
    else this.#draw(this.stage, {});
  }

  /** Take the frame if a name is `wanted`, and go on as long as its button is held. */
  #takeFrame(pixels, last) {
    const name = this.wanted;
    if (!name) return;
    this.wanted = null;
    setTimeout(() => (this.wanted ??= this.holding), PACE);
    this.attempt(() => this.add(name, pixels, last));
  }

  /** Make a button for each name, which takes pictures as long as it is held. */
  renamed() {
    const buttons = this.names.map((name) => {
      const about = {
        class: "cx-own cx-hold",
        onpointerdown: ({ target, pointerId }) => {
          target.setPointerCapture(pointerId);
          this.wanted = this.holding = name;
        },
        onlostpointercapture: () => (this.holding = null),
        onclick: ({ detail }) => detail || (this.wanted = name), // by keyboard
        oncontextmenu: (event) => event.preventDefault(), // a long press on a phone
      };
      return make("button", about);
    });
    this.holders.replaceChildren(...buttons);
    this.#showCounts();
    if (this.head) this.#showTest();
  }

  #showCounts() {
    for (const [k, name] of this.names.entries()) {
      this.holders.children[k].textContent = `Hold: ${name.title} (${this.of(name).length})`;
    }
  }
}

function makeCanvas(kind) {
  return make("canvas", { class: kind, "aria-hidden": "true" });
}

export async function render({ el }) {
  const explorer = new TeachExplorer(el, await loadIndex());
  await explorer.restore();
}
