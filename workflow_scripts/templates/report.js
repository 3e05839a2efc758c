"use strict";

// Tables sort by a column, each group of rows in itself; a second press turns the order round.
function sortBy(table, column, header) {
  const descending = header.getAttribute("aria-sort") === "descending" ||
    (header.getAttribute("aria-sort") === null && header.classList.contains("number")) ? -1 : 1;
  const direction = header.getAttribute("aria-sort") === "descending" ? 1 : descending;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
  const key = (row) => {
    const cell = row.cells[column];
    const text = cell.dataset.sort ?? cell.textContent;
    const value = parseFloat(text.replaceAll(",", ""));
    return Number.isNaN(value) ? text : value;
  };
  const compare = (a, b) => {
    const [x, y] = [key(a), key(b)];
    if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1;
    return direction * (typeof x === "number" ? x - y : x.localeCompare(y, "en", { numeric: true }));
  };
  for (const body of table.tBodies) {
    body.append(...[...body.rows].filter((row) => !row.classList.contains("group")).sort(compare));
  }
}

for (const table of document.querySelectorAll(".scroll table")) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sortBy(table, column, header));
    header.replaceChildren(button);
  });
}

// The contents mark the section that is being read.
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting || !links.has(entry.target.id)) continue;
    for (const link of links.values()) link.removeAttribute("aria-current");
    links.get(entry.target.id).setAttribute("aria-current", "true");
  }
}, { rootMargin: "-5% 0px -80% 0px" });
for (const id of links.keys()) seen.observe(document.getElementById(id));

// A picture waits until it is about to be seen, so that the page opens at once; the others follow, one at a time, when
// the browser has nothing else to do: printed, they would be missing.
const whenIdle = window.requestIdleCallback ?? setTimeout;
const waiting = [...document.images];
function fetchNext() {
  const image = waiting.shift();
  if (image === undefined) return;
  image.loading = "eager";
  whenIdle(fetchNext);
}
addEventListener("load", () => whenIdle(fetchNext));

// Paper has nothing to unfold.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
