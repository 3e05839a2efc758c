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
  const dialog = of.closest("dialog"); // which lies above everything else
  (dialog ?? document.body).append(explanation);
  explained = of;
  explanation.hidden = false;
  explanation.textContent = text;
  const below = bottom + explanation.offsetHeight + 8 < innerHeight;
  const right = document.documentElement.clientWidth - explanation.offsetWidth - 8;
  explanation.style.left = `${(dialog ? 0 : scrollX) + Math.max(8, Math.min(left, right))}px`;
  explanation.style.top = `${(dialog ? 0 : scrollY) + (below ? bottom + 4 : top - explanation.offsetHeight - 4)}px`;
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
function textOf(address) {
  return decodeURIComponent(address.slice(address.indexOf(",") + 1));
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
function enlarge(figure, image) {
  image = image.cloneNode();
  image.loading = "eager";
  image.removeAttribute("width");
  image.removeAttribute("height");
  enlarged.replaceChildren();
  enlarged.setAttribute("aria-label", figure.querySelector("b").textContent);
  const close = made("button", "Close", enlarged);
  close.type = "button";
  close.className = "close";
  close.addEventListener("click", () => enlarged.close());
  enlarged.append(image);
  (enliven(image)?.host ?? image).addEventListener("click", () => enlarged.close());
  enlarged.showModal();
  const link = figure.querySelector("a[download]");
  if (link === null) return;
  const [head, ...rows] = csvRows(textOf(link.href));
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

// A drawing that is pointed at, or has the focus, comes alive: its picture gives way to the same SVG, in which lines and
// points say their values and are lit. Panels say between which values their frames lie.
const drawings = new WeakMap(); // by the image, and by what takes its place
const LIT = "svg{display:block;width:100%;height:auto;max-height:var(--tallest,none)}.some [data-of]{opacity:.12}.some .lit{opacity:1}";
function enliven(image) {
  if (drawings.has(image) || !image.src?.startsWith("data:image/svg")) return drawings.get(image) ?? null;
  const svg = new DOMParser().parseFromString(textOf(image.src), "image/svg+xml").documentElement;
  const points = pointsOf(svg);
  if (points.length === 0) return null;
  const host = document.createElement("div");
  host.className = "drawing";
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", image.alt);
  if (image.hasAttribute("width")) host.style.maxWidth = `${image.getAttribute("width")}px`;
  const style = document.createElement("style");
  style.textContent = LIT;
  svg.removeAttribute("width");
  svg.removeAttribute("height");
  host.attachShadow({ mode: "open" }).append(style, svg);
  const light = (name) => {
    const lit = points.filter((point) => point.name && (point.name === name || point.name.startsWith(`${name}: `)));
    svg.classList.toggle("some", lit.length > 0);
    for (const { mark } of points) mark.classList.remove("lit");
    for (const { mark } of lit) mark.classList.add("lit");
  };
  const say = (point) => {
    light(point.name);
    const { x, y } = new DOMPoint(point.x, point.y).matrixTransform(svg.getScreenCTM());
    show(host, [point.name, point.values].filter(Boolean).join(": "), x, y + 6, y - 6);
  };
  host.addEventListener("pointermove", (event) => {
    const place = svg.getScreenCTM();
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(place.inverse());
    const gap = (point) => Math.hypot(point.x - at.x, point.y - at.y) * place.a;
    const nearest = points.reduce((best, point) => (gap(point) < gap(best) ? point : best));
    if (gap(nearest) < 14) return say(nearest);
    light(null);
    explain(null);
  });
  host.addEventListener("pointerleave", () => { light(null); explain(null); });
  // With the keys, from point to point.
  let current = -1;
  const step = (by) => {
    current = (current + by + points.length) % points.length;
    const { x } = new DOMPoint(points[current].x, 0).matrixTransform(svg.getScreenCTM());
    host.parentElement.scrollBy(x - innerWidth / 2, 0);
    say(points[current]);
  };
  const drawing = { host, points, light, step };
  drawings.set(image, drawing).set(host, drawing);
  image.replaceWith(host);
  return drawing;
}
function pointsOf(svg) {
  const points = [];
  for (const mark of svg.querySelectorAll("[data-panel] [data-of]")) {
    const panel = mark.closest("[data-panel]");
    const frame = panel.querySelector(":scope > [data-x], :scope > [data-y]");
    if (frame === null) continue; // names on both axes
    const [left, right, bottom, top] = frameOf(frame);
    const axes = [["x", left, right], ["y", bottom, top]].map(([axis, from, to]) => reading(frame, axis, from, to));
    for (const [x, y] of verticesOf(mark)) {
      const values = [axes[0](x), axes[1](y)].filter(Boolean).join(", ");
      points.push({ mark, name: mark.dataset.of, x, y, values });
    }
  }
  return points;
}
function* verticesOf(mark) {
  for (const use of mark.querySelectorAll("use[x]")) yield [+use.getAttribute("x"), +use.getAttribute("y")];
  for (const path of mark.querySelectorAll("path")) {
    if (path.closest("defs")) continue;
    const numbers = path.getAttribute("d").match(/-?[\d.]+/g).map(Number);
    for (let at = 0; at + 1 < numbers.length; at += 2) yield [numbers[at], numbers[at + 1]];
  }
}
function frameOf(frame) {
  const corners = [...verticesOf(frame)];
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  return [Math.min(...xs), Math.max(...xs), Math.max(...ys), Math.min(...ys)];
}
// What an axis says of a place on it; nothing where it has names in place of numbers.
function reading(frame, axis, from, to) {
  const limits = frame.getAttribute(`data-${axis}`);
  if (limits === null) return () => "";
  const [low, high, scale] = limits.split(" ");
  const [a, b] = scale === "log" ? [Math.log10(low), Math.log10(high)] : [+low, +high];
  const decimals = scale === "log" ? 0 : Math.max(0, Math.ceil(3 - Math.log10(Math.abs(b - a))));
  const name = frame.getAttribute(`data-${axis}-name`).replace(/ \(.*\)$/, "");
  return (place) => {
    const value = a + ((place - from) / (to - from)) * (b - a);
    const text = `${+(scale === "log" ? 10 ** value : value).toFixed(Math.min(decimals, 6))}`;
    return name ? `${name} ${text}` : text;
  };
}
for (const plate of document.querySelectorAll(".plate")) {
  const [figure, image] = [plate.closest("figure"), plate.querySelector("img")];
  const button = made("button", "", figure.querySelector("figcaption"));
  button.type = "button";
  button.className = "enlarge";
  button.setAttribute("aria-label", `Enlarge: ${plate.getAttribute("aria-label")}`);
  button.addEventListener("click", () => enlarge(figure, image));
  plate.addEventListener("click", (event) => { if (event.target !== plate) enlarge(figure, image); });
  for (const event of ["pointerenter", "focus"]) plate.addEventListener(event, () => enliven(image), { once: true });
  plate.addEventListener("keydown", (event) => {
    const drawing = drawings.get(image);
    if (!drawing?.points.length || event.target !== plate || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    drawing.step(event.key === "ArrowRight" ? 1 : -1);
  });
  plate.addEventListener("blur", () => { drawings.get(image)?.light(null); explain(null); });
}

// A row of a table lights what the figures of its section show of the same name.
function lightRow(table, row) {
  const head = row?.cells[0].cloneNode(true);
  for (const aside of head?.querySelectorAll("small, .tag") ?? []) aside.remove();
  for (const plate of table.closest("section").querySelectorAll(".plate")) {
    if (plate.offsetParent === null) continue; // folded away
    const image = plate.querySelector("img") ?? plate.firstElementChild;
    (drawings.get(image) ?? (row ? enliven(image) : null))?.light(head ? head.textContent.trim().replace(/\s+/g, " ") : null);
  }
}
for (const table of document.querySelectorAll("main .scroll table")) {
  table.addEventListener("pointerover", (event) => lightRow(table, event.target.closest("tbody tr:not(.group)")));
  table.addEventListener("pointerleave", () => lightRow(table, null));
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
