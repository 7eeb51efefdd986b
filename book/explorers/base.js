// What all explorers have: a chooser of pictures, the reader's own, a camera, colors, words, a
// status line.

import { CameraRow } from "./camera_row.js";
import { choices, gradient, make, takeDrops } from "./controls.js";
import { linkTo, nearest } from "./links.js";
import { checkFile, EMBEDDED, networkOf, sizeOf } from "./network.js";
import { colorTable, turnGray } from "./pixels.js";
import { LivePicture, OwnPicture, SamplePicture } from "./pictures.js";
import { Reporter } from "./reporter.js";
import { megabytes } from "./words.js";

const DEFAULT = "great_white_shark";
const STARTING = "Starting the network ...";
const NAME_LENGTH = 28; // characters of a picture's name on its button

export class Explorer extends Reporter {
  /**
   * @param {object} model With get(name) and set(name, value) of its settings.
   * @param {HTMLElement} el Where to show it.
   * @param {object} index What assets/index.json holds.
   */
  constructor(model, el, index) {
    super(el);
    Object.assign(this, { model, index });
    this.networkName = model.get("network") ?? EMBEDDED;
    this.layers = index.networks[this.networkName].layers;
    this.tables = Object.fromEntries(
      Object.entries(index.colors).map(([name, text]) => [name, colorTable(text)]),
    );
    this.misfits = []; // what a link asks for and is not here
    this.colors = this.setting("colors", index.colorNames);
    this.pictures = new Map();
    this.turn = 0; // a newer one makes what an older one computes stale
    this.live = index.networks[this.networkName].live;
    this.network = networkOf(this.networkName);
    this.words = make("p", { class: "cx-words" });
    this.cameraRow = new CameraRow(this);
    this.pictureRow = this.#makePictureRow();
    this.colorRow = choices(
      "Colors",
      index.colorNames.map((value) => ({
        value,
        title: value,
        swatch: gradient(this.tables[value]),
      })),
      { value: this.colors, kind: "cx-colors", change: (name) => this.chooseColors(name) },
    );
    const link = { type: "button", class: "cx-link", onclick: () => this.#copyLink() };
    this.colorRow.element.append(make("button", link, "Link to this view"));
    takeDrops(el, ([file]) => this.attempt(() => this.takeFile(file)), (problem) => this.say(problem, true));
  }

  /** Show the first picture: resolves when it is there. */
  async begin() {
    await this.choosePicture(this.setting("picture", [...this.pictures.keys()], DEFAULT));
    const misfits = this.misfits.join(" and ");
    if (misfits) this.say(`The link asks for ${misfits}: not here. What you see is the nearest.`, true);
  }

  // Settings: a link may ask for what is not here

  /** Return a setting that is one of some options, or the nearest of them. */
  setting(name, options, otherwise = options[0]) {
    const wanted = this.model.get(name) ?? otherwise;
    if (!options.includes(wanted)) this.misfits.push(`${name} ${wanted}`);
    this.tell(name, nearest(wanted, [otherwise, ...options]));
    return this.model.get(name);
  }

  /** Return a setting that is a whole number from 0 to `most`, or the nearest one. */
  numberSetting(name, most, otherwise) {
    const wanted = this.model.get(name) ?? otherwise;
    if (wanted === undefined) return wanted;
    const number = Math.min(Math.max(Math.round(wanted), 0), most);
    if (number !== Number(wanted)) this.misfits.push(`${name} ${wanted}`);
    this.tell(name, number >= 0 ? number : otherwise);
    return this.model.get(name);
  }

  async #copyLink() {
    const isOwn = !(this.model.get("picture") in this.index.networks[this.networkName].samples);
    history.replaceState(null, "", linkTo(this.el.parentElement, this.model, isOwn && "picture"));
    const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
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

  // Pictures

  #makePictureRow() {
    const { samples } = this.index.networks[this.networkName];
    for (const name of Object.keys(samples)) {
      this.pictures.set(name, new SamplePicture(name, this.index, this.networkName));
    }
    const options = [...this.pictures.values()].map((picture) => ({
      value: picture.name,
      title: picture.title,
      picture: make("img", { src: picture.thumbnail, alt: "", width: 56, height: 42, loading: "lazy" }),
    }));
    const row = choices("Picture", options, {
      value: null,
      kind: "cx-pictures",
      change: (name) => this.attempt(() => this.choosePicture(name)),
    });
    row.element.append(this.#makeOwn());
    return row;
  }

  #makeOwn() {
    const size = megabytes(sizeOf(this.live));
    const input = make("input", { type: "file", accept: "image/*", hidden: true, tabindex: -1 });
    const title = make("b", {});
    const note = make("small", {});
    const button = make("button", { type: "button", class: "cx-own" }, title, note);
    const { network, live } = this;
    const what = live.layers ? `the first ${live.layers} layers` : "the network";
    const show = () => {
      const ready = network.state === "ready";
      title.textContent = ready ? "Your own picture" : `Use ${what} on your own picture`;
      note.textContent = ready
        ? "choose it, drop it here, or paste it"
        : `${size}; nothing leaves your computer`;
      if (network.state === "loading") {
        this.say(
          network.loaded < network.total
            ? `Loading the network: ${megabytes(network.loaded)} of ${megabytes(network.total)} ...`
            : STARTING,
        );
        this.showProgress(network.loaded / network.total);
      }
    };
    button.addEventListener("click", () => {
      input.click();
      this.attempt(() => this.startNetwork());
    });
    input.addEventListener("change", () => {
      if (input.files[0]) this.attempt(() => this.takeFile(input.files[0]));
      input.value = ""; // the same file once more is a change again
    });
    network.addEventListener("change", () => {
      if (this.waits || network.state !== "loading") show();
    });
    show();
    const camera = this.showFrame ? [this.cameraRow.button] : [];
    return make("div", { class: "cx-take" }, button, input, ...camera);
  }

  /** Load the network, with a bar; resolves when it can be asked. */
  async startNetwork() {
    if (this.network.state === "ready") return;
    this.waits = true;
    try {
      await this.network.start();
      if (this.status.textContent !== STARTING) return; // what waited for it has begun
      this.say("The network is ready: choose a picture, drop one here, or paste it (Ctrl+V).");
    } finally {
      this.waits = false;
      this.showProgress(null);
    }
  }

  /** Make a place that offers the network where something has to be computed: see `offerText`. */
  makeOffer() {
    this.offerText = make("p", {});
    const start = () => this.attempt(() => this.startNetwork());
    const offer = make(
      "div",
      { class: "cx-offer", hidden: true },
      this.offerText,
      make(
        "button",
        { type: "button", class: "cx-own", onclick: start },
        make("b", {}, "Run the network here"),
        make("small", {}, `${megabytes(sizeOf(this.live))}; nothing leaves your computer`),
      ),
    );
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
    const name = shorten(file.name || "pasted picture");
    this.say(`Reading ${name} ...`);
    const picture = new OwnPicture(name, file, this.index, this.networkName);
    try {
      await picture.prepare();
    } catch (error) {
      error.message = `${name}: ${error.message}`;
      if (turn === this.turn) throw error;
      return;
    }
    if (turn !== this.turn) return;
    this.pictures.set(picture.key, picture);
    this.pictureRow.add({ value: picture.key, title: name, picture: thumbnailOf(picture) });
    await this.choosePicture(picture.key);
  }

  async choosePicture(key) {
    const turn = ++this.turn;
    const picture = this.pictures.get(key);
    await this.preparePicture(picture);
    if (turn !== this.turn) return;
    this.picture = picture;
    this.pictureRow.set(key);
    this.tell("picture", picture.name);
    this.say("");
    await this.showPicture();
  }

  /** Return an element that shows the picture, with its text. */
  makePicture(picture = this.picture) {
    if (picture.screen) {
      const { width, height } = picture.screen;
      const canvas = make("canvas", { width, height, role: "img", "aria-label": picture.alt });
      canvas.getContext("2d").drawImage(picture.screen, 0, 0);
      return canvas;
    }
    return make("img", { src: picture.address, alt: picture.alt, draggable: "false" });
  }

  /** Make the picture's gray copy, `picture.gray`: its colors would mix with a heatmap's. */
  async prepareGray(picture) {
    if (picture.gray) return;
    const shown = this.makePicture(picture);
    await shown.decode?.();
    const [width, height] = [shown.naturalWidth ?? shown.width, shown.naturalHeight ?? shown.height];
    const canvas = make("canvas", { width, height, "aria-hidden": "true" });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(shown, 0, 0);
    const pixels = context.getImageData(0, 0, width, height);
    turnGray(pixels.data);
    context.putImageData(pixels, 0, 0);
    picture.gray = canvas;
  }

  /** Give frames the picture's proportions, within reason. */
  fitFrames(...frames) {
    const { width, height } = this.picture;
    const ratio = Math.min(Math.max(width / height, 0.4), 3);
    for (const frame of frames) frame.style.aspectRatio = ratio;
  }

  creditLine() {
    const { credit } = this.picture;
    return credit ? `Picture: ${credit}.` : "Your own picture: it has not left this computer.";
  }

  // Colors

  chooseColors(name) {
    this.colors = name;
    this.colorRow.set(name);
    this.tell("colors", name);
    this.draw();
  }

  tell(name, value) {
    this.model.set(name, value);
  }
}

function thumbnailOf({ screen }) {
  const canvas = make("canvas", { width: 112, height: 84, "aria-hidden": "true" });
  const factor = Math.max(112 / screen.width, 84 / screen.height);
  const [width, height] = [screen.width * factor, screen.height * factor];
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(screen, (112 - width) / 2, (84 - height) / 2, width, height);
  return canvas;
}

function shorten(name) {
  return name.length > NAME_LENGTH ? `${name.slice(0, NAME_LENGTH - 9)}…${name.slice(-8)}` : name;
}
