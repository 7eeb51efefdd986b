// What a reader has collected: names, and pictures of each, shown small on a card.

import { make, paint } from "./controls.js";
import { averagesOf } from "./head.js";
import { opaque } from "./pixels.js";
import * as shelf from "./shelf.js";

const MOST_NAMES = 5;
const MOST_PICTURES = 500;
const SMALL = 92; // pixels of a picture on its card: a phone has little memory for canvases

export class Collection {
  names = []; // {key, title, card, sets: {learn, test}}
  pictures = []; // {key, name, pixels, averages, maps of a test picture, ...}
  #lastKey = 0;

  /**
   * @param {object} options `size` of a picture and `side` of the last feature maps; what to call:
   *   `attempt(action)`, `choose(name)` when files are wanted, `changed()`, `renamed()`.
   */
  constructor(options) {
    Object.assign(this, options);
    this.element = make("div", { class: "cx-cards" });
    this.more = this.#button("Another name", () => this.addName());
    const keep = () => this.attempt(() => this.#keepOrForget());
    this.keeping = make("input", { type: "checkbox", onchange: keep });
  }

  #button(inside, act, label = null) {
    const about = { type: "button", title: label, "aria-label": label };
    return make("button", { ...about, onclick: () => this.attempt(act) }, inside);
  }

  // Names

  addName(title = `thing ${this.names.length + 1}`, key = ++this.#lastKey) {
    this.#lastKey = Math.max(this.#lastKey, key);
    const name = { key, title };
    const rename = () => this.#rename(name, field.value);
    const about = { type: "text", value: title, maxlength: 40, dir: "auto", "aria-label": "Name" };
    const field = make("input", { ...about, oninput: rename });
    const files = this.#button("Files", () => this.choose(name));
    const away = this.#button("×", () => this.removeName(name), "Take this name away");
    const set = (words) => ({ count: make("small", {}, words), row: make("div", { class: "cx-thumbs" }) });
    const [learn, test] = [set("No pictures yet: camera, files, drag or paste."), set("")];
    const head = make("div", { class: "cx-row" }, field, files, away);
    name.card = make("section", { class: "cx-card" }, head, learn.count, learn.row, test.count, test.row);
    name.sets = { learn, test };
    this.names.push(name);
    this.element.append(name.card);
    rename();
    this.#change();
  }

  #rename(name, title) {
    name.title = title.trim();
    if (this.keeping.checked) this.attempt(() => shelf.keep(name.key, { key: name.key, title }));
    this.renamed();
  }

  removeName(name) {
    for (const picture of this.of(name)) this.#throwOut(picture);
    this.names.splice(this.names.indexOf(name), 1);
    name.card.remove();
    if (this.keeping.checked) this.attempt(() => shelf.drop(name.key));
    this.renamed();
    this.#change();
  }

  /** Return the name on whose card an element is, or else the first. */
  nameAt(element) {
    return this.names.find(({ card }) => card.contains(element)) ?? this.names[0];
  }

  #change() {
    this.more.disabled = this.names.length >= MOST_NAMES;
    this.element.classList.toggle("cx-few", this.names.length <= 2);
    this.changed();
  }

  /** Refuse to train from too little, or with names that no one can tell apart. */
  check() {
    const titles = this.names.map(({ title }) => title.normalize("NFKC").toLowerCase());
    const twin = titles.findIndex((title, i) => titles.indexOf(title) !== i);
    if (titles.includes("")) throw new Error("A name is empty. Write one.");
    if (twin >= 0) throw new Error(`Two names are alike: ${this.names[twin].title}. Change one of them.`);
    for (const name of this.names) {
      const count = this.of(name).length;
      const tests = this.of(name).filter(({ maps }) => maps).length;
      if (tests > 0 && count - tests > 1) continue;
      const has = count === 0 ? "no pictures" : count === 1 ? "1 picture" : `${count} pictures`;
      throw new Error(
        `${name.title} has ${has}. Each name needs three at least, two to learn from and one for the test. ` +
          "Ten or more are better.",
      );
    }
  }

  // Pictures

  of(name) {
    return this.pictures.filter((picture) => picture.name === name);
  }

  /** The pictures of the test, which have maps, or those to learn from. */
  part(isTest) {
    return this.pictures.filter(({ maps }) => Boolean(maps) === isTest);
  }

  /** Add a picture (RGB bytes) with its last feature maps; every third of a name is for the test. */
  async add(name, pixels, maps, more = {}) {
    if (!this.names.includes(name)) return;
    if (this.pictures.length >= MOST_PICTURES) {
      throw new Error(`There are ${MOST_PICTURES} pictures, and no more are taken: throw some out first.`);
    }
    const twin = this.pictures.find((one) => one.pixels.every((value, i) => value === pixels[i]));
    if (twin) throw new Error(`This picture is there already, as ${twin.name.title}.`);
    const tests = this.of(name).filter((picture) => picture.maps).length;
    const isTest = this.of(name).length - tests >= 2 * (tests + 1);
    const averages = averagesOf(maps, this.side ** 2);
    const picture = { key: ++this.#lastKey, name, pixels, averages, maps: isTest && maps, ...more };
    this.#place(picture);
    if (this.keeping.checked) await this.#keep(picture);
  }

  #place(picture) {
    this.#lastKey = Math.max(this.#lastKey, picture.key);
    const whole = new OffscreenCanvas(this.size, this.size);
    paint(whole, opaque(picture.pixels), this.size, this.size);
    const canvas = make("canvas", { width: SMALL, height: SMALL, "aria-hidden": "true" });
    canvas.getContext("2d").drawImage(whole, 0, 0, SMALL, SMALL);
    picture.thumb = this.#button(canvas, () => this.#throwOut(picture), "Throw this picture out");
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
    this.#change();
  }

  /** Throw everything out, also what is kept. */
  clear() {
    for (const picture of [...this.pictures]) this.#throwOut(picture);
  }

  // What stays in the browser

  /** Bring back what the reader has kept. */
  async restore() {
    const kept = await shelf.readAll().catch(() => []);
    for (const { key, title } of kept.filter(({ title }) => title !== undefined)) this.addName(title, key);
    for (const { of, ...picture } of kept.filter(({ pixels }) => pixels)) {
      this.#place({ ...picture, name: this.names.find(({ key }) => key === of) });
    }
    this.keeping.checked = kept.length > 0;
    while (this.names.length < 2) this.addName();
  }

  async #keepOrForget() {
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
}
