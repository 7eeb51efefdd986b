// A reader's own picture, made small in the browser: a plain ES module without a framework.
// A notebook's server closes the connection at a message over 10 MB, without a word.

const LONG_SIDE = 1024; // pixels; a JPEG then has fewer than MAX_BYTES even of noise
const MAX_BYTES = 5_000_000;
const QUALITY = 0.92; // of a JPEG

/**
 * Make a picture small, upright and opaque (transparency on white).
 *
 * @param {Blob} file What was chosen, dropped or pasted.
 * @returns {Promise<Blob>} A JPEG or PNG under MAX_BYTES, its long side at most LONG_SIDE. A JPEG
 *   or PNG that is small already comes back as it is, with its orientation tag.
 * @throws {Error} With a sentence for the reader.
 */
async function shrink(file) {
  if (file.size === 0) throw new Error("The file is empty (0 bytes). Get a fresh copy.");
  const bitmap = await decode(file);
  const factor = LONG_SIDE / Math.max(bitmap.width, bitmap.height);
  if (factor >= 1 && file.size <= MAX_BYTES && /^image\/(jpeg|png)$/.test(file.type)) return file;
  const scale = (length) => Math.max(Math.round(length * Math.min(factor, 1)), 1);
  const canvas = new OffscreenCanvas(scale(bitmap.width), scale(bitmap.height));
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
}

async function decode(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Error(
      "This browser cannot read it as a picture: another kind of file (HEIC, SVG, text), damaged, " +
        "or too large. Save it as JPEG or PNG.",
    );
  }
}

/**
 * Show a button that takes a picture by choosing, dropping or pasting.
 *
 * Sets `value` of the model to a list of one: {name, number, content: DataView}, or
 * {name, number, problem: string} of what cannot be read. `number` tells two of a name apart.
 */
function render({ model, el }) {
  const button = document.createElement("button");
  const input = document.createElement("input");
  button.className = "jupyter-button widget-button";
  button.title = "Choose a file, drop one here, or press Ctrl+V here";
  button.textContent = model.get("description");
  Object.assign(input, { type: "file", accept: "image/*", hidden: true });
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab pastes cells otherwise
  el.append(button, input);

  const take = async (file) => {
    if (!file) return;
    button.textContent = "Reading ...";
    const sent = { name: file.name, number: (model.get("value")[0]?.number ?? 0) + 1 };
    try {
      sent.content = new DataView(await (await shrink(file)).arrayBuffer());
    } catch (error) {
      sent.problem = error.message;
    }
    button.textContent = model.get("description");
    model.set("value", [sent]);
    model.save_changes();
  };
  const takeGiven = (event) => {
    event.preventDefault();
    event.stopPropagation();
    take((event.dataTransfer ?? event.clipboardData).files[0]);
  };

  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    take(input.files[0]);
    input.value = ""; // the same file once more is a change again
  });
  el.addEventListener("dragover", (event) => event.preventDefault());
  el.addEventListener("drop", takeGiven);
  el.addEventListener("paste", takeGiven);
}

export default { render };
