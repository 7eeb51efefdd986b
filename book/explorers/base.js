// What all explorers have: a chooser of pictures, the reader's own, a camera, colors, words, a
// status line.

import { CameraRow } from "./camera_row.js";
import { box, CAN_POINT, choices, frame, make, paint, takeDrops } from "./controls.js";
import { linkTo, nearest } from "./links.js";
import { checkFile, EMBEDDED, networkOf, sizeOf } from "./network.js";
import { colorTable, turnGray } from "./pixels.js";
import { LivePicture, loadIndex, OwnPicture, SamplePicture } from "./pictures.js";
import { Reporter } from "./reporter.js";
import { megabytes } from "./words.js";

const DEFAULT = "great_white_shark";
const READY = "The network is ready for your picture.";

/** Make the function that shows an explorer: it resolves when the picture is there. */
export const renderOf = (Kind) => async ({ model, el }) => {
  await new Kind(model, el, await loadIndex()).begin();
};

export class Explorer extends Reporter {
  /**
   * @param {object} model With get(name) and set(name, value) of its settings.
   * @param {HTMLElement} el Where to show it.
   * @param {object} index What assets/index.json holds.
   */
  constructor(model, el, index) {
    const networkName = model.get("network") ?? EMBEDDED;
    super(el, networkOf(networkName));
    Object.assign(this, { model, index, networkName });
    const { layers, live, samples } = index.networks[this.networkName];
    Object.assign(this, { layers, live, samples });
    this.tables = Object.fromEntries(
      Object.entries(index.colors).map(([name, text]) => [name, colorTable(text)]),
    );
    this.misfits = []; // what a link asks for and is not here
    this.colors = this.setting("colors", index.colorNames);
    this.pictures = new Map();
    this.turn = 0; // a newer one makes what an older one computes stale
    this.words = make("p", { class: "cx-words" });
    this.inputBox = frame();
    this.credit = make("p", { class: "cx-hint" });
    this.cameraRow = new CameraRow(this);
    this.pictureRow = this.#makePictureRow();
    this.colorRow = this.#makeColorRow();
    const take = ([file]) => this.attempt(() => this.takeFile(file));
    takeDrops(el, take, (problem) => this.say(problem, true));
  }

  /** Lay it out: a subclass has its own parts between the pictures and the colors. */
  lay(...parts) {
    const { pictureRow, colorRow, words, cameraRow, bar, status } = this;
    const below = [colorRow.element, words, cameraRow.element, bar, status];
    this.el.append(pictureRow.element, ...parts, ...below);
  }

  /** Show the first picture: resolves when it is there. */
  async begin() {
    await this.choosePicture(this.setting("picture", [...this.pictures.keys()], DEFAULT));
    if (!this.misfits.length) return;
    const misfits = this.misfits.join(" and ");
    this.say(`The link asks for ${misfits}: not here. What you see is the nearest.`, true);
  }

  // Settings: a link may ask for what is not here

  /** Return a setting that is one of some options, or the nearest of them. */
  setting(name, options, otherwise = options[0]) {
    const wanted = this.model.get(name) ?? otherwise;
    if (!options.includes(wanted)) this.misfits.push(`${name} ${wanted}`);
    this.model.set(name, nearest(wanted, [otherwise, ...options]));
    return this.model.get(name);
  }

  /** Return a setting that is a whole number from 0 to `most`, or the nearest one. */
  numberSetting(name, most, otherwise) {
    const wanted = this.model.get(name) ?? otherwise;
    if (wanted === undefined) return wanted;
    const number = Math.min(Math.max(Math.round(wanted), 0), most);
    if (number !== Number(wanted)) this.misfits.push(`${name} ${wanted}`);
    this.model.set(name, number >= 0 ? number : otherwise);
    return this.model.get(name);
  }

  async #copyLink() {
    const isOwn = !(this.model.get("picture") in this.samples);
    history.replaceState(null, "", linkTo(this.el.parentElement, this.model, isOwn && "picture"));
    const copying = navigator.clipboard?.writeText(location.href);
    const copied = await copying?.then(() => true, () => false);
    const own = isOwn ? " It leaves your own picture out: that stays with you." : "";
    this.say(`The link is ${copied ? "copied" : "in the address bar"}.${own}`);
  }

  // For subclasses: preparePicture(picture), showPicture(), showFrame() of a camera, draw();
  // `inputBox`, where the camera is seen, and `frames`, which have the picture's proportions.

  get isLive() {
    return this.picture instanceof LivePicture;
  }

  /** Say what to ask of a camera's frame: {} is what classes need, or {layer, page}. */
  wantOfFrame() {
    return {};
  }

  async preparePicture() {}

  // Pictures

  #makePictureRow() {
    for (const name of Object.keys(this.samples)) {
      this.pictures.set(name, new SamplePicture(name, this.index, this.networkName));
    }
    const options = [...this.pictures.values()].map(({ name, title, thumbnail: src }) => {
      const picture = make("img", { src, alt: "", width: 56, height: 42, loading: "lazy" });
      return { value: name, title, picture };
    });
    const change = (key) => this.attempt(() => this.choosePicture(key));
    const row = choices("Picture", options, { value: null, kind: "cx-pictures", change });
    const camera = this.showFrame ? [this.cameraRow.button] : [];
    row.element.append(box("cx-take", ...this.#makeOwn(), ...camera));
    return row;
  }

  /** Make a button for the reader's own picture, and what it opens. */
  #makeOwn() {
    const { network, live } = this;
    const input = make("input", { type: "file", accept: "image/*", hidden: true });
    input.addEventListener("change", () => {
      const [file] = input.files;
      input.value = ""; // the same file once more is a change again
      if (file) this.attempt(() => this.takeFile(file));
    });
    const what = live.layers ? `the first ${live.layers} layers` : "the network";
    const choose = () => {
      input.click();
      this.attempt(() => this.startNetwork(READY));
    };
    const button = this.#makeStart(`Use ${what} on your own picture`, choose);
    const show = () => {
      if (network.state !== "ready") return;
      const how = CAN_POINT ? "choose it, drop it here, or paste it" : "choose it, or take one";
      button.replaceChildren(make("b", {}, "Your own picture"), make("small", {}, how));
    };
    network.addEventListener("change", show);
    show();
    return [button, input];
  }

  #makeStart(title, act) {
    const note = `${megabytes(sizeOf(this.live))}; nothing leaves your device`;
    const inside = [make("b", {}, title), make("small", {}, note)];
    return make("button", { class: "cx-own", onclick: act }, ...inside);
  }

  /** Make a place that offers the network where something has to be computed: see `offerText`. */
  makeOffer() {
    this.offerText = make("p", {});
    const start = () => this.attempt(() => this.startNetwork(READY));
    const button = this.#makeStart("Run the network here", start);
    const offer = make("div", { class: "cx-offer", hidden: true }, this.offerText, button);
    const { network } = this;
    network.addEventListener("change", () => {
      if (network.state === "ready" && !offer.hidden) this.draw();
    });
    return offer;
  }

  /** Show the reader's own picture. A newer choice wins over one that still computes. */
  async takeFile(file) {
    checkFile(file);
    const turn = ++this.turn;
    await this.startNetwork();
    if (turn !== this.turn) return;
    const name = file.name || "pasted picture";
    this.say(`Reading ${name} ...`);
    const picture = new OwnPicture(name, file, this.index, this.networkName);
    try {
      await picture.prepare();
    } catch (error) {
      error.message = `${name}: ${error.message}`;
      if (turn === this.turn) throw error;
    }
    if (turn !== this.turn) return;
    this.pictures.set(picture.key, picture);
    const thumbnail = this.makePicture(picture);
    thumbnail.setAttribute("aria-hidden", "true");
    this.pictureRow.add({ value: picture.key, title: name, picture: thumbnail });
    await this.choosePicture(picture.key);
    const { overlayBox = this.inputBox } = this; // on a phone it may be below the screen
    overlayBox.scrollIntoView({ behavior: "smooth", block: "nearest" });
  }

  async choosePicture(key) {
    const turn = ++this.turn;
    const picture = this.pictures.get(key);
    await this.preparePicture(picture);
    if (turn !== this.turn) return;
    this.takeUp(picture);
    this.say("");
    await this.showPicture();
  }

  /** Make a picture, or what a camera sees, the one that is looked at. */
  takeUp(picture) {
    this.picture = picture;
    this.pictureRow.set(picture.key);
    this.model.set("picture", picture.name);
    const ratio = Math.min(Math.max(picture.width / picture.height, 0.4), 3); // within reason
    for (const frame of this.frames) frame.style.aspectRatio = ratio;
    const { credit } = picture;
    const own = "Your own picture: it has not left this device.";
    this.credit.textContent = credit ? `Picture: ${credit}.` : own;
  }

  /** Return an element that shows the picture, with its text. */
  makePicture(picture = this.picture) {
    const { screen, address, alt } = picture;
    if (!screen) return make("img", { src: address, alt, draggable: "false" });
    const { width, height } = screen;
    const canvas = make("canvas", { width, height, role: "img", "aria-label": alt });
    canvas.getContext("2d").drawImage(screen, 0, 0);
    return canvas;
  }

  /** Make the picture's gray copy, `picture.gray`: its colors would mix with a heatmap's. */
  async prepareGray(picture) {
    if (picture.gray) return;
    const shown = this.makePicture(picture);
    await shown.decode?.();
    const { naturalWidth: width = shown.width, naturalHeight: height = shown.height } = shown;
    const canvas = make("canvas", { width, height, "aria-hidden": "true" });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(shown, 0, 0);
    const pixels = context.getImageData(0, 0, width, height);
    turnGray(pixels.data);
    context.putImageData(pixels, 0, 0);
    picture.gray = canvas;
  }

  // Colors

  #makeColorRow() {
    const options = this.index.colorNames.map((value) => {
      const swatch = make("canvas", { class: "cx-swatch", "aria-hidden": "true" });
      paint(swatch, this.tables[value], 256, 1);
      return { value, title: value, picture: swatch };
    });
    const change = (name) => this.chooseColors(name);
    const row = choices("Colors", options, { value: this.colors, change });
    const link = { class: "cx-link", onclick: () => this.#copyLink() };
    row.element.append(make("button", link, "Link to this view"));
    return row;
  }

  chooseColors(name) {
    this.colors = name;
    this.colorRow.set(name);
    this.model.set("colors", name);
    this.draw();
  }
}
