// Sliders, buttons and panels of the explorers: plain elements that a keyboard reaches.

/** Tells whether the reader points with a mouse, which also drags and drops. */
export const CAN_POINT = matchMedia("(hover: hover)").matches;

let count = 0;

/** Make an element: `make("button", {class: "big", onclick: go}, "Go")`. */
export function make(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** Make an element of a drawing. */
export function makeSvg(tag, properties, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

function fill(element, properties, children) {
  if (element.localName === "button") element.type = "button"; // it sends no form
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Make a slider from 0: a label, a range and what its value means in words. */
export function slider(label, { max = 0, step = 1, value = 0, say = String, change }) {
  const id = `cx-${++count}`;
  const range = make("input", { id, type: "range", min: 0, max, step });
  const words = make("output", { for: id });
  const name = make("label", { for: id }, label);
  const element = box("cx-slider", name, range, words);
  const set = (number, most = range.max) => {
    range.max = most;
    range.value = number;
    words.textContent = say(Number(range.value));
    range.setAttribute("aria-valuetext", words.textContent);
  };
  range.addEventListener("input", () => {
    set(range.value);
    change(Number(range.value));
  });
  set(value);
  return { element, range, set };
}

/** Make a row of buttons to choose one from: options are [{value, title, picture?}]. */
export function choices(label, options, { value, change, kind = "" }) {
  const buttons = new Map();
  const set = (chosen) => {
    for (const [key, button] of buttons) button.setAttribute("aria-pressed", key === chosen);
  };
  const row = box("cx-options");
  const add = ({ value: key, title, picture }) => {
    const inside = picture ? [picture, make("span", {}, title)] : [title];
    const about = { title: picture && title, onclick: () => change(key) };
    const button = make("button", about, ...inside);
    buttons.set(key, button);
    row.append(button);
  };
  options.forEach(add);
  const about = { class: `cx-choices ${kind}`, role: "group", "aria-label": label };
  const element = make("div", about, make("span", { class: "cx-label" }, label), row);
  set(value);
  return { element, set, add };
}

/** Hand over the files that are dropped or pasted, and where; or a sentence instead. */
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

/** Return the [row, column] at which an event points, of a grid that an element is. */
export function cellAt({ clientX, clientY }, element, rows, columns) {
  const { left, top, width, height } = element.getBoundingClientRect();
  const cell = (share, length) => Math.min(Math.max(Math.floor(share * length), 0), length - 1);
  return [cell((clientY - top) / height, rows), cell((clientX - left) / width, columns)];
}

/** Hand over each event of a pointer that is pressed on an element, until it is let go. */
export function followDrag(element, use) {
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    use(event);
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) use(event);
  });
}

/** Make a box, whose kind the styles know. */
export function box(kind, ...children) {
  return make("div", { class: kind }, ...children);
}

/** Make a frame, which has the proportions of the picture in it. */
export const frame = (...children) => box("cx-frame", ...children);

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
