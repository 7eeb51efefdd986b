// Links to what an explorer shows: page.html#explorer=class.1&picture=coffee&classes=967.

const NAMES =
  "picture classes method layer channel kernel row column map fill covered alpha colors".split(" ");

const places = [...document.querySelectorAll(".explorer[data-kind]")];
const ofKind = (kind) => places.filter(({ dataset }) => dataset.kind === kind);

/** Return the link to an explorer, from a model of its settings; an own picture is left out. */
export function linkTo(place, model, isOwn) {
  const { kind } = place.dataset;
  const stays = isOwn ? ["picture", "classes"] : [];
  const names = NAMES.filter((name) => !stays.includes(name) && model.get(name) !== undefined);
  const said = names.map((name) => [name, model.get(name)]);
  const url = new URL(location);
  const which = `${kind}.${ofKind(kind).indexOf(place) + 1}`;
  url.hash = new URLSearchParams([["explorer", which], ...said]);
  return url.href;
}

/** Put what the page's address asks for into an explorer's settings; return its place, if any. */
export function followLink() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const [kind, number] = asked.get("explorer")?.split(".") ?? [];
  const place = kind && (ofKind(kind)[number - 1] ?? ofKind(kind)[0] ?? places[0]);
  for (const name of NAMES) if (place && asked.has(name)) place.dataset[name] = asked.get(name);
  return place;
}

/** Return the option whose name is wanted, or begins most like it; of equal ones the first. */
export function nearest(wanted, options) {
  if (options.includes(wanted)) return wanted;
  const inCommon = (option) => {
    let length = 0;
    while (length < wanted.length && option[length] === wanted[length]) length++;
    return length;
  };
  return options.reduce((best, option) => (inCommon(option) > inCommon(best) ? option : best));
}
