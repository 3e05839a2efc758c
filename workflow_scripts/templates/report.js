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
    const [title, button] = [header.firstChild, document.createElement("button")];
    button.type = "button";
    button.className = "sort";
    button.textContent = title.textContent;
    button.addEventListener("click", () => sortBy(table, column, header));
    title.replaceWith(button);
  });
}

// Words explain themselves, with their sentence from the glossary: under the mouse, with the focus, at a tap.
const explanation = document.getElementById("explanation");
let explained = null; // the word whose sentence is shown
let later; // what the mouse has just entered or left
function explain(word) {
  clearTimeout(later);
  explained = word;
  explanation.hidden = word === null;
  if (word === null) return;
  const sentence = document.getElementById(word.getAttribute("aria-describedby"));
  const { left, top, bottom } = word.getClientRects()[0];
  show(word, `${sentence.previousElementSibling.textContent}: ${sentence.textContent}`, left, bottom, top);
}
function show(of, text, left, bottom, top = bottom) {
  explained = of;
  explanation.hidden = false;
  explanation.textContent = text;
  const below = bottom + explanation.offsetHeight + 8 < innerHeight;
  const right = document.documentElement.clientWidth - explanation.offsetWidth - 8;
  explanation.style.left = `${scrollX + Math.max(8, Math.min(left, right))}px`;
  explanation.style.top = `${scrollY + (below ? bottom + 4 : top - explanation.offsetHeight - 4)}px`;
}
function soon(word, wait) {
  clearTimeout(later);
  later = setTimeout(() => explain(word), wait);
}
for (const word of document.querySelectorAll(".term")) {
  word.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") soon(word, 150); });
  word.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") soon(null, 250); });
  word.addEventListener("focus", () => { if (word.matches(":focus-visible")) explain(word); });
  word.addEventListener("blur", () => explain(null));
  word.addEventListener("click", () => explain(word));
  word.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    explain(explained === word ? null : word);
  });
}
explanation.addEventListener("pointerenter", () => clearTimeout(later));
explanation.addEventListener("pointerleave", () => soon(null, 250));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") explain(null); });
document.addEventListener("pointerdown", (event) => {
  if (explained !== null && event.target !== explained && !explanation.contains(event.target)) explain(null);
});

// A table or a figure that is wider than its place says so, on the side where more is.
const shade = (scroll) => {
  const rest = scroll.scrollWidth - scroll.clientWidth;
  scroll.parentElement.classList.toggle("before", scroll.scrollLeft > 1);
  scroll.parentElement.classList.toggle("after", scroll.scrollLeft < rest - 1);
};
const resized = new ResizeObserver((entries) => entries.forEach((entry) => shade(entry.target)));
for (const scroll of document.querySelectorAll(".wide > *")) {
  resized.observe(scroll);
  scroll.addEventListener("scroll", () => shade(scroll), { passive: true });
}

// A figure is enlarged by a click on it, or by its button; under it then stand the numbers that it was drawn from.
const enlarged = document.createElement("dialog");
enlarged.id = "enlarged";
document.body.append(enlarged);
function made(name, text, parent) {
  const element = document.createElement(name);
  element.textContent = text;
  parent.append(element);
  return element;
}
function csvRows(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/g)) {
    rows.at(-1).push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === "\n") rows.push([]);
    if (end === "") break;
  }
  return rows.filter((row) => row.length > 1 || row[0]);
}
async function enlarge(figure) {
  const image = figure.querySelector("img").cloneNode();
  image.loading = "eager";
  image.removeAttribute("width");
  image.removeAttribute("height");
  enlarged.replaceChildren();
  enlarged.setAttribute("aria-label", figure.querySelector("b").textContent);
  const close = made("button", "Close", enlarged);
  close.type = "button";
  close.className = "close";
  close.addEventListener("click", () => enlarged.close());
  image.addEventListener("click", () => enlarged.close());
  enlarged.append(image);
  enlarged.showModal();
  const link = figure.querySelector("a[download]");
  if (link === null) return;
  const bytes = Uint8Array.from(atob(link.href.slice(link.href.indexOf(",") + 1)), (letter) => letter.charCodeAt(0));
  const [head, ...rows] = csvRows(new TextDecoder().decode(bytes));
  const place = made("div", "", enlarged);
  place.className = "numbers";
  place.tabIndex = 0;
  place.setAttribute("role", "region");
  place.setAttribute("aria-label", "Numbers");
  const table = made("table", "", place);
  const titles = made("tr", "", made("thead", "", table));
  for (const title of head) made("th", title, titles).scope = "col";
  const body = made("tbody", "", table);
  for (const row of rows) {
    const line = made("tr", "", body);
    for (const cell of row) made("td", cell, line);
  }
}
for (const plate of document.querySelectorAll(".plate")) {
  const figure = plate.closest("figure");
  const button = made("button", "", figure.querySelector("figcaption"));
  button.type = "button";
  button.className = "enlarge";
  button.setAttribute("aria-label", `Enlarge: ${plate.getAttribute("aria-label")}`);
  button.addEventListener("click", () => enlarge(figure));
  plate.querySelector("img").addEventListener("click", () => enlarge(figure));
}

// The small ROC curve says its values under the mouse or the finger.
for (const plot of document.querySelectorAll(".roc svg")) {
  const points = [...plot.querySelector("polyline:not(.network)").points];
  plot.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(plot.getScreenCTM().inverse());
    const gap = (point) => Math.hypot(point.x - at.x, point.y - at.y);
    const nearest = points.reduce((best, point) => (gap(point) < gap(best) ? point : best));
    const [rate, sensitivity] = [nearest.x / 100, 1 - nearest.y / 100];
    show(plot, `false-positive rate ${rate.toFixed(3)}: sensitivity ${sensitivity.toFixed(3)}`, event.clientX, event.clientY);
  });
  plot.addEventListener("pointerleave", () => explain(null));
}

// A link into what is folded unfolds it.
function unfold() {
  for (let part = document.getElementById(decodeURIComponent(location.hash.slice(1))); part; part = part.parentElement) {
    if (part.localName === "details") part.open = true;
  }
}
addEventListener("hashchange", unfold);
unfold();

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
