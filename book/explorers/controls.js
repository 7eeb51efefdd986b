// Sliders, buttons and panels of the explorers: plain elements that a keyboard reaches.

let count = 0;

/** Make an element: `make("button", {class: "big", onclick: go}, "Go")`. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Make a slider: a label, a range and what its value means in words. */
export function slider(label, { min = 0, max, step = 1, value, say = String, change }) {
  const id = `cx-${++count}`;
  const range = make("input", { id, type: "range", min, max, step });
  const words = make("output", { for: id });
  const element = make("div", { class: "cx-slider" }, make("label", { for: id }, label), range, words);
  const set = (number, most = range.max) => {
    range.max = most;
    range.value = number;
    words.textContent = say(Number(range.value));
    range.setAttribute("aria-valuetext", words.textContent);
    range.style.setProperty("--share", (range.value - min) / (range.max - min || 1));
  };
  range.addEventListener("input", () => {
    set(range.value);
    change(Number(range.value));
  });
  set(value, max);
  return { element, range, set };
}

/** Make a row of buttons to choose one from: options are [{value, title, picture?, swatch?}]. */
export function choices(label, options, { value, change, kind = "" }) {
  const id = `cx-${++count}`;
  const buttons = new Map();
  const set = (chosen) => {
    for (const [key, button] of buttons) button.setAttribute("aria-pressed", key === chosen);
  };
  const row = make("div", { class: "cx-options" });
  const add = ({ value: key, title, picture, swatch }) => {
    if (buttons.has(key)) return;
    const button = make("button", { type: "button", onclick: () => change(key) });
    if (picture) {
      button.title = title;
      button.append(picture);
    }
    if (swatch) button.append(make("span", { class: "cx-swatch", style: `background: ${swatch}` }));
    button.append(make("span", {}, title));
    buttons.set(key, button);
    row.append(button);
  };
  options.forEach(add);
  const element = make(
    "div",
    { class: `cx-choices ${kind}`, role: "group", "aria-labelledby": id },
    make("span", { id, class: "cx-label" }, label),
    row,
  );
  set(value);
  return { element, row, set, add };
}

/** Hand over the files that are dropped or pasted, with the element where; or a sentence instead. */
export function takeDrops(el, take, refuse) {
  const hand = ({ files }, place) => {
    if (files.length) take([...files], place);
    else refuse("That is not a file. Save the picture first, then drop the file.");
  };
  const over = (event) => {
    event.preventDefault();
    el.classList.toggle("cx-over", event.type === "dragover");
  };
  el.addEventListener("dragover", over);
  el.addEventListener("dragleave", over);
  el.addEventListener("drop", (event) => {
    over(event);
    hand(event.dataTransfer, event.target);
  });
  document.addEventListener("paste", (event) => {
    const { target, clipboardData } = event;
    const place = target === document.body ? [...el.querySelectorAll(":hover")].at(-1) : target;
    if (!el.contains(place) || !clipboardData.files.length) return; // text for a field
    event.preventDefault();
    hand(clipboardData, place);
  });
}

/** Make a panel: a caption over something. */
export function panel(name, caption, ...children) {
  const title = make("figcaption", {}, caption);
  return make("figure", { class: `cx-panel cx-${name}` }, title, ...children);
}

/** Show pixels (Uint32Array) on a canvas. */
export function paint(canvas, pixels, width, height) {
  canvas.width = width;
  canvas.height = height;
  const data = new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);
  canvas.getContext("2d").putImageData(data, 0, 0);
}

/** Return a CSS gradient of a color map. */
export function gradient(colors) {
  const stops = [0, 51, 102, 153, 204, 255].map((i) => {
    const color = colors[i];
    return `rgb(${color & 255} ${(color >> 8) & 255} ${(color >> 16) & 255})`;
  });
  return `linear-gradient(90deg, ${stops.join(", ")})`;
}
