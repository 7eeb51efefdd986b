// The reader's collection: names, and pictures of each, shown small on a card. The browser's own
// storage keeps them if the reader wants that: nothing leaves the device.
//
// The elements stand in the page, in a template (teach.md): data-part="more" is `this.more` here,
// and a button with data-do="startOver" calls the method of that name.

import { clear, createStore, get, set } from "./assets/idb-keyval.js";
import { loadBuffer } from "./assets.js";
import { CAN_POINT, make, paint, takeDrops } from "./controls.js";
import { averagesOf } from "./head.js";
import { checkFile, EMBEDDED, network, sizeOf } from "./network.js";
import { opaque } from "./pixels.js";
import { Reporter } from "./reporter.js";
import { megabytes } from "./words.js";

const MOST_NAMES = 5;
const MOST_PICTURES = 500;
const SMALL = 92; // pixels of a picture on its card: a phone has little memory for canvases
const CALM = 300; // milliseconds without a change, before all is kept
const COURSE = "texture"; // where a picture of the course comes from
const NONE = `No pictures yet: camera${CAN_POINT ? ", files, drag or paste" : " or files"}.`;
const THROW = "Throw this picture out";
const REFUSED =
  "This browser keeps nothing for this page: its storage is full, or the window is a private " +
  "one. The pictures are gone when the page is closed.";

const isOwn = ({ from }) => from !== COURSE;
const store = createStore("course-teach", "course-teach");
const KEY = "collection";

/** For subclasses: `changed()`, when names or pictures have come or gone, and `renamed()`. */
export class Collection extends Reporter {
  names = []; // {title, card}
  pictures = []; // {name, pixels, averages, maps of a test picture, thumb, ...}
  turn = 0; // "Start over" makes what is still on its way stale

  constructor(el, index) {
    super(el, network);
    const { layers, inputSize, live } = index.networks[EMBEDDED];
    [this.side] = layers.at(-1).size;
    [this.size] = inputSize;
    this.textures = index.textures;
    el.append(document.getElementById("teach").content.cloneNode(true), this.bar, this.status);
    for (const part of el.querySelectorAll("[data-part]")) this[part.dataset.part] = part;
    this.megabytes.textContent = megabytes(sizeOf(live));
    el.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-do]");
      if (button) this.attempt(() => this[button.dataset.do](button));
    });
    this.files.addEventListener("change", () => {
      const files = [...this.files.files];
      this.files.value = ""; // the same files once more are a change again
      this.attempt(() => this.#takeFiles(files, this.wanting));
    });
    this.keeping.addEventListener("change", () => this.attempt(() => this.#keepOrForget()));
    const take = (files, place) => this.attempt(() => this.#takeFiles(files, this.#nameAt(place)));
    takeDrops(el, take, (problem) => this.say(problem, true));
    addEventListener("beforeunload", (event) => {
      if (this.pictures.some(isOwn) && !this.keeping.checked) event.preventDefault();
    });
  }

  // Names

  addName() {
    this.#placeName(`thing ${this.names.length + 1}`);
  }

  #placeName(title) {
    const { content } = document.getElementById("teach-card");
    const card = content.firstElementChild.cloneNode(true);
    const name = { title, card };
    const field = card.querySelector("input");
    field.value = title;
    field.addEventListener("input", () => {
      name.title = field.value.trim();
      this.renamed();
      this.#keepSoon();
    });
    this.names.push(name);
    this.cards.append(card);
    this.renamed();
    this.#change(name);
  }

  removeName(button) {
    const name = this.#nameAt(button);
    if (this.#mayDrop(this.of(name))) this.#dropName(name);
  }

  /** Ask before pictures go that the reader has made. */
  #mayDrop(pictures) {
    const count = pictures.filter(isOwn).length;
    return !count || confirm(`Throw ${count === 1 ? "a picture" : `${count} pictures`} away?`);
  }

  #dropName(name) {
    for (const picture of this.of(name)) this.#dropPicture(picture);
    this.names.splice(this.names.indexOf(name), 1);
    name.card.remove();
    this.renamed();
    this.#change(name);
  }

  /** Return the name on whose card an element is, or else the first. */
  #nameAt(element) {
    return this.names.find(({ card }) => card.contains(element)) ?? this.names[0];
  }

  /** Show how much there is of a name, now that it is more or less. */
  #change({ card }) {
    const [learn, test] = card.querySelectorAll(".cx-thumbs");
    const [learning, testing] = [learn, test].map(({ children }) => children.length);
    learn.previousElementSibling.textContent = learning ? `${learning} to learn from` : NONE;
    test.previousElementSibling.textContent = testing ? `${testing} for the test` : "";
    this.more.disabled = this.names.length >= MOST_NAMES;
    this.cards.classList.toggle("cx-few", this.names.length <= 2);
    this.changed();
    this.#keepSoon();
  }

  /** Refuse to train from too little, or with names that no one can tell apart. */
  check() {
    const titles = this.names.map(({ title }) => title.normalize("NFKC").toLowerCase());
    const twin = titles.findIndex((title, i) => titles.indexOf(title) !== i);
    if (titles.includes("")) throw new Error("A name is empty. Write one.");
    if (twin >= 0) throw new Error(`Two names are alike: ${this.names[twin].title}. Change one.`);
    for (const name of this.names) {
      if (this.part(false, name).length >= 2 && this.part(true, name).length >= 1) continue;
      const count = this.of(name).length;
      const has = count === 0 ? "no pictures" : count === 1 ? "1 picture" : `${count} pictures`;
      throw new Error(
        `${name.title} has ${has}. Each name needs three at least, two to learn from and one for ` +
          "the test. Ten or more are better.",
      );
    }
  }

  // Pictures

  of(name) {
    return this.pictures.filter((picture) => picture.name === name);
  }

  /** The pictures of the test, which have maps, or those to learn from: all, or of a name. */
  part(isTest, name) {
    return (name ? this.of(name) : this.pictures).filter(({ maps }) => Boolean(maps) === isTest);
  }

  chooseFiles(button) {
    this.wanting = this.#nameAt(button);
    this.files.click();
  }

  async #takeFiles(files, name) {
    this.coming = this.each(files, async (file) => {
      checkFile(file);
      try {
        const { seen, last } = await network.ask({ kind: "picture", file }).answer;
        this.add(name, seen, last);
      } catch (error) {
        throw new Error(`${file.name}: ${error.message}`);
      }
    });
    await this.coming;
  }

  /** Take the course's textures: the button's value says whether gravel has its label. */
  async takeTextures({ value }) {
    if (!this.#mayDrop(this.pictures)) return;
    const { names, count } = this.textures;
    const file = new Blob([await loadBuffer("textures.jpg")]);
    const sheet = await createImageBitmap(file, { colorSpaceConversion: "none" });
    const cut = (row, column) => cutSquare(sheet, row, column, this.size);
    this.#begin(names);
    const crops = this.names.flatMap((name, row) =>
      Array.from({ length: count }, (_, column) => ({ name, row, column })),
    );
    this.coming = this.each(crops, async ({ name, row, column }) => {
      const isLabeled = value === "labeled" && row === names.length - 1; // in a row of their own
      const plain = cut(row, column);
      const pixels = isLabeled ? cut(row + 1, column) : plain;
      const { last } = await network.ask({ kind: "look", pixels }).answer;
      this.add(name, pixels, last, { from: COURSE, unlabeled: value === "labeled" && plain });
    });
    await this.coming;
  }

  /** Throw all pictures out, also what is kept of them. */
  startOver() {
    if (this.#mayDrop(this.pictures)) this.#begin(this.names.map(({ title }) => title));
  }

  #begin(titles) {
    this.turn++;
    this.showProgress(null);
    this.say("");
    for (const name of [...this.names]) this.#dropName(name);
    for (const title of titles) this.#placeName(title);
  }

  /** Do something with each of many, in turn; what goes wrong with one is said in the end. */
  async each(things, act) {
    const { turn } = this;
    await this.startNetwork();
    const faults = [];
    for (const [i, thing] of things.entries()) {
      if (turn !== this.turn) return;
      this.say(`Looking at picture ${i + 1} of ${things.length} ...`);
      this.showProgress(things.length > 1 ? i / things.length : null);
      await act(thing).catch(({ message }) => faults.push(message));
    }
    if (turn !== this.turn) return;
    this.showProgress(null);
    const [first = "", ...others] = faults;
    const rest = ` (and ${others.length} more of ${things.length}, left out as well)`;
    this.say(others.length ? first + rest : first, faults.length > 0);
  }

  /** Add a picture (RGB bytes) with its last feature maps; every third of a name is for testing. */
  add(name, pixels, maps, more = {}) {
    if (!this.names.includes(name)) return; // it has been taken away
    if (this.pictures.length >= MOST_PICTURES) {
      throw new Error(`There are ${MOST_PICTURES} pictures, the most. Throw some out first.`);
    }
    const twin = this.pictures.find((one) => one.pixels.every((value, i) => value === pixels[i]));
    if (twin) throw new Error(`This picture is there already, as ${twin.name.title}.`);
    const isTest = this.part(false, name).length >= 2 * (this.part(true, name).length + 1);
    const averages = averagesOf(maps, this.side ** 2);
    this.#placePicture({ name, pixels, averages, maps: isTest && maps, ...more });
  }

  #placePicture(picture) {
    const { name, pixels, maps } = picture;
    const whole = new OffscreenCanvas(this.size, this.size);
    paint(whole, opaque(pixels), this.size, this.size);
    const small = make("canvas", { width: SMALL, height: SMALL, "aria-hidden": "true" });
    small.getContext("2d").drawImage(whole, 0, 0, SMALL, SMALL);
    const onclick = () => this.#dropPicture(picture);
    const about = { title: THROW, "aria-label": THROW, onclick };
    picture.thumb = make("button", about, small);
    name.card.querySelectorAll(".cx-thumbs")[maps ? 1 : 0].append(picture.thumb);
    this.pictures.push(picture);
    this.#change(name);
  }

  #dropPicture(picture) {
    this.pictures.splice(this.pictures.indexOf(picture), 1);
    picture.thumb.remove();
    this.#change(picture.name);
  }

  // What stays in the browser

  /** Bring back what the reader has kept. */
  async restore() {
    const kept = await this.#ask(() => get(KEY, store)).catch(() => {});
    const { titles = ["thing 1", "thing 2"], pictures = [] } = kept ?? {};
    for (const title of titles) this.#placeName(title);
    for (const one of pictures) this.#placePicture({ ...one, name: this.names[one.name] });
    this.keeping.checked = Boolean(kept);
  }

  /** Keep what there is, if the reader wants that, when it has not changed for a moment. */
  #keepSoon() {
    clearTimeout(this.timer);
    if (!this.keeping.checked) return;
    this.timer = setTimeout(() => this.attempt(() => this.#keepOrForget()), CALM);
  }

  async #keepOrForget() {
    if (!this.keeping.checked) return this.#ask(() => clear(store));
    const titles = this.names.map(({ title }) => title);
    const pictures = this.pictures.map(({ thumb, views, name, ...one }) => {
      return { ...one, name: this.names.indexOf(name) };
    });
    await this.#ask(() => set(KEY, { titles, pictures }, store));
  }

  /** Ask something of the storage; a browser that refuses is not asked again. */
  async #ask(act) {
    try {
      return await act();
    } catch {
      this.keeping.checked = false;
      throw new Error(REFUSED);
    }
  }
}

/** Cut one square out of a sheet of them: RGB bytes. */
function cutSquare(sheet, row, column, size) {
  const context = new OffscreenCanvas(size, size).getContext("2d");
  context.drawImage(sheet, -column * size, -row * size);
  return Uint8Array.from(context.getImageData(0, 0, size, size).data.filter((_, i) => i % 4 < 3));
}
