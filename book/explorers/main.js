// Puts a live explorer in place of each still picture of one:
//
//   <div class="explorer" data-kind="class" data-picture="chelsea">the still picture</div>
//
// data-kind is "layer", "convolution", "class", "faithfulness" or "teach". The others are the settings of
// the explorer in the notebook, each of which may be left out: data-network, "vgg16" for its
// convolutions; data-picture, a sample's name; data-classes, a class's index; data-layer, -channel, -kernel, -row,
// -column, -method, -map, -fill, -covered, -alpha, -colors. A link has others, see links.js. The
// picture stays until the explorer is there.

import { followLink } from "./links.js";

const MODULES = {
  layer: "./layer_explorer.js",
  convolution: "./convolution_explorer.js",
  class: "./class_explorer.js",
  faithfulness: "./faithfulness_explorer.js",
  teach: "./teach_explorer.js",
};
const MARGIN = "800px"; // below the window, where an explorer begins to load

async function enliven(place) {
  const { kind, ...values } = place.dataset;
  const el = document.createElement("div");
  try {
    const { render } = await import(MODULES[kind]);
    const model = { get: (name) => values[name], set: (name, value) => (values[name] = value) };
    await render({ model, el });
    place.replaceChildren(el);
    place.classList.add("live");
    if (place === linked) place.scrollIntoView(); // what stands above may have changed its height
  } catch (error) {
    const status = document.createElement("p");
    status.setAttribute("role", "status");
    status.textContent = `The explorer could not be loaded, so this is a picture of it. ${error.message}`;
    place.append(status);
    console.warn(error);
  }
}

function addStyle() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("./explorers.css", import.meta.url);
  const loaded = new Promise((done) => {
    link.addEventListener("load", done);
    link.addEventListener("error", done);
  });
  document.head.append(link);
  return loaded;
}

let linked = followLink();
const places = document.querySelectorAll(".explorer[data-kind]");
if (places.length) {
  const styled = addStyle();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        styled.then(() => enliven(target));
      }
    },
    { rootMargin: MARGIN },
  );
  for (const place of places) observer.observe(place);
  linked?.scrollIntoView();
  addEventListener("hashchange", () => {
    linked = followLink();
    if (linked) styled.then(() => enliven(linked));
  });
}
