// Puts a live explorer in place of each still picture of one:
//
//   <div class="explorer" data-kind="class" data-picture="chelsea">the still picture</div>
//
// data-kind is "layer", "convolution", "class", "faithfulness" or "teach". The others are the
// settings of the explorer in the notebook, each of which may be left out: data-network, "vgg16"
// for its convolutions; data-picture, a sample's name; data-classes, a class's index; data-layer,
// -channel, -kernel, -row, -column, -method, -map, -fill, -covered, -alpha, -colors. A link has
// others, see links.js. The picture stays until the explorer is there. The page has the styles.

import { make } from "./controls.js";
import { followLink } from "./links.js";

const MARGIN = "800px"; // below the window, where an explorer begins to load

async function enliven(place) {
  const { kind, ...values } = place.dataset;
  const el = make("div");
  try {
    const { render } = await import(`./${kind}_explorer.js`);
    const model = { get: (name) => values[name], set: (name, value) => (values[name] = value) };
    await render({ model, el });
    place.replaceChildren(el);
    place.classList.add("live");
    if (place === linked) place.scrollIntoView(); // what stands above may have changed its height
  } catch (error) {
    const words = `The explorer could not be loaded, so this is a picture of it. ${error.message}`;
    place.append(make("p", { role: "status" }, words));
    console.warn(error);
  }
}

const linked = followLink();
const observer = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      enliven(target);
    }
  },
  { rootMargin: MARGIN },
);
for (const place of document.querySelectorAll(".explorer[data-kind]")) observer.observe(place);
linked?.scrollIntoView();
// A link within the page begins anew: what the explorer of before still does ends with its page.
addEventListener("hashchange", () => followLink() && location.reload());
