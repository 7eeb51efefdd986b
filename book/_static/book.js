// What the pages do beside reading: a figure that a narrow page makes small opens at its full size;
// what a search finds begins with the text of a page; a phone's drawer closes.

const NARROW = matchMedia("(max-width: 40rem)");
const READABLE = 500; // pixels: a figure up to this wide can be read on a phone
const AROUND =
  ".bd-header-article, #jb-print-docs-body, h1, .chapter-bar, .bd-sidebar-secondary, footer";
const APART = "li, p, h2, h3, td, .chapter-card span";

function makeDialog() {
  const dialog = document.createElement("dialog");
  dialog.className = "enlarged";
  dialog.setAttribute("aria-label", "The figure at its full size");
  dialog.innerHTML = `
    <form method="dialog"><button aria-label="Close">×</button></form>
    <div class="sheet" role="region" aria-label="Figure, to be scrolled" tabindex="0"><img></div>`;
  dialog.addEventListener("click", event => event.target === dialog && dialog.close());
  document.body.append(dialog);
  return dialog;
}

function enlarge(picture) {
  const dialog = document.querySelector("dialog.enlarged") ?? makeDialog();
  const large = dialog.querySelector("img");
  for (const name of ["src", "alt", "width", "height"]) {
    large.setAttribute(name, picture.getAttribute(name));
  }
  dialog.showModal();
  dialog.querySelector(".sheet").scrollTo(0, 0);
}

function letEnlarge() {
  if (!NARROW.matches) return;
  for (const picture of document.querySelectorAll(".cell_output .text_html > img[width]")) {
    if (picture.getAttribute("width") <= READABLE) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "enlarge";
    button.title = "Enlarge";
    picture.replaceWith(button);
    button.append(picture);
    button.addEventListener("click", () => enlarge(picture));
  }
}

/** What a search finds begins with the text, and leads to the section that says most of it. */
function searchThePlace() {
  if (typeof Search === "undefined") return;
  const { htmlToText: textOf, makeSearchSummary: summarize } = Search;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    for (const part of page.querySelectorAll(AROUND)) part.remove();
    for (const part of page.querySelectorAll(APART)) part.append(" ");
    for (const formula of page.querySelectorAll(".math")) formula.textContent = " … ";
    return textOf(page.documentElement.outerHTML, anchor);
  };
  Search.makeSearchSummary = (html, terms, anchor) => {
    const place = anchor || placeOf(html, [...terms]);
    const summary = summarize(html, terms, place);
    queueMicrotask(() => { // by then it stands beside its link
      const link = summary?.parentElement?.querySelector("a");
      if (link) link.hash = place;
    });
    return summary;
  };
}

function placeOf(html, terms) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const sections = [...page.querySelectorAll("[role=main] section[id]")].reverse(); // the inner ones first
  const scores = sections.map(section => {
    const text = section.textContent.toLowerCase();
    section.remove();
    const counts = terms.map(term => text.split(term).length - 1);
    return 1000 * counts.filter(Boolean).length + counts.reduce((sum, count) => sum + count, 0);
  });
  const best = sections[scores.lastIndexOf(Math.max(...scores))];
  return best ? `#${best.id}` : "";
}

/** The drawer with the page's headings, which a phone has, closes once one is chosen. */
function closeAtAHeading({ target }) {
  target.closest('dialog a[href*="#"]')?.closest("dialog").close();
}

document.addEventListener("click", closeAtAHeading);
document.addEventListener("DOMContentLoaded", () => {
  letEnlarge();
  NARROW.addEventListener("change", letEnlarge);
  searchThePlace();
});
