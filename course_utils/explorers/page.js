// A picture that says where it is clicked: a plain ES module without a framework.

/**
 * Show `value` of the model, a DataView of a PNG; a click sets `clicked` to [across, down, number]:
 * shares of the picture's width and height, and a number that tells two clicks apart.
 */
function render({ model, el }) {
  const picture = document.createElement("img");
  const description = model.get("description");
  Object.assign(picture, { className: "widget-image", title: description, alt: description });
  picture.draggable = false;
  Object.assign(picture.style, { width: "100%", display: "block", cursor: "pointer" });
  const show = () => {
    const before = picture.src;
    picture.src = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
    if (before) URL.revokeObjectURL(before);
  };
  picture.addEventListener("click", ({ clientX, clientY }) => {
    const { left, top, width, height } = picture.getBoundingClientRect();
    const number = (model.get("clicked")[2] ?? 0) + 1;
    model.set("clicked", [(clientX - left) / width, (clientY - top) / height, number]);
    model.save_changes();
  });
  model.on("change:value", show);
  show();
  el.append(picture);
  return () => URL.revokeObjectURL(picture.src);
}

export default { render };
