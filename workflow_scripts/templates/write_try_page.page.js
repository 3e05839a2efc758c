// What a reader sees and does: a picture goes to the worker, its answer comes back and is shown.

import { fromBase64 } from "./decode.js";

const $ = (id) => document.getElementById(id);
const percent = (value) => {
  const hundredths = 100 * value;
  if (hundredths > 99.9 && value < 1) return "> 99.9 %".replaceAll(" ", "\u00a0");
  if (hundredths < 0.1 && value > 0) return "< 0.1 %".replaceAll(" ", "\u00a0");
  return `${hundredths.toFixed(1)}\u00a0%`;
};
const ORANGE = [230, 97, 1];
const BLUE = [33, 113, 181];

const system = await (await fetch("system.json")).json();
const names = system.label_names;
const worker = new Worker("worker.js", { type: "module" });
let id = 0;
let image = null; // that the last answer is about

describe();
listen();

/** What does not depend on a picture. */
function describe() {
  document.title = `Try: ${system.name}`;
  $("title").textContent = `Try: ${system.name}`;
  $("system").textContent = system.words;
  $("warning").textContent = [system.generated && system.generated_warning, system.warning].filter(Boolean).join(" ");
  $("threshold-row").hidden = system.calibration.decision === null;
  $("unlike-row").hidden = $("unlike-words").hidden = !system.input_check;
  $("pixels").textContent = `${system.size}\u00a0×\u00a0${system.size} pixels`;
  if (system.coverage !== null) {
    const words = `It is meant to hold the true class of ${percent(system.coverage)} of images like those of validation.`;
    $("coverage").append(` ${words}`);
  }
  for (const sample of system.samples) {
    const button = document.createElement("button");
    const image = Object.assign(document.createElement("img"), { src: `data:image/png;base64,${sample.png}`, alt: "" });
    const label = Object.assign(document.createElement("span"), { textContent: sample.class, title: sample.class });
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.append(image, label);
    button.addEventListener("click", () => {
      give(new Blob([fromBase64(sample.png)]));
      button.setAttribute("aria-pressed", "true");
    });
    const item = document.createElement("li");
    item.append(button);
    $("samples").append(item);
  }
}

/** Pictures that are chosen, dropped or pasted, and what the worker says. */
function listen() {
  $("file").addEventListener("change", () => {
    if ($("file").files.length) give($("file").files[0]);
    $("file").value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("paste", (event) => takeFrom(event.clipboardData, "what was pasted is no picture"));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  });
  document.addEventListener("dragleave", () => $("drop").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    takeFrom(event.dataTransfer, "what was dropped is no file");
  });
  worker.addEventListener("message", ({ data }) => {
    if (data.id === undefined || data.id === id) HEARD[data.kind](data);
  });
  worker.addEventListener("error", () => HEARD.failed({ reason: "a part of the page is missing, the browser is too old, or there is too little memory" }));
}

function takeFrom(transfer, otherwise) {
  const [file] = transfer.files;
  if (file) {
    give(file);
  } else {
    forget();
    refuse(otherwise);
  }
}

/** What the worker still has to say of the last picture is no longer heard. */
function forget() {
  id += 1;
  for (const button of document.querySelectorAll("[aria-pressed]")) button.setAttribute("aria-pressed", "false");
}

function give(file) {
  forget();
  $("status").textContent = "Looking …";
  $("status").className = "";
  document.body.dataset.state = "busy";
  worker.postMessage({ id, file });
}

function refuse(reason) {
  $("answer").hidden = true;
  $("refusal").hidden = false;
  $("refusal").textContent = `Refused: ${reason}.`;
  $("status").textContent = "";
  document.body.dataset.state = "refused";
}

const HEARD = {
  ready() {
    if (id) return;
    $("status").textContent = "Ready: give it a picture.";
    document.body.dataset.state = "ready";
  },
  failed({ reason }) {
    refuse(reason);
    $("refusal").textContent = `The system cannot be tried here: ${reason}.`;
    document.body.dataset.state = "failed";
  },
  refused: ({ reason }) => refuse(reason),
  answer({ image: prepared, notes, found, milliseconds }) {
    image = prepared;
    $("refusal").textContent = "";
    $("refusal").hidden = true;
    $("answer").hidden = false;
    const confidence = percent(found.probabilities[found.label]);
    $("class").textContent = names[found.label];
    $("class").parentElement.classList.toggle("long", names[found.label].length > 24);
    $("confidence").textContent = confidence;
    const reason = found.unlike ? ": unlike the training images" : "";
    $("refer").textContent = found.refer ? `Refer to a human${reason}` : "Sure enough: need not be referred";
    $("refer").classList.toggle("refer", found.refer);
    const all = found.unlike ? [...notes, system.unlike] : notes;
    const refer = `${found.unlike ? "; unlike the training images" : ""}${found.refer ? "; refer to a human" : ""}`;
    // For those who hear the page: everybody else sees the same below.
    $("status").textContent = `${names[found.label]}, ${confidence}${refer}.`;
    $("status").className = "unseen";
    if ($("answers").getBoundingClientRect().top > 0.7 * innerHeight) $("answers").scrollIntoView();
    $("classes").replaceChildren(...found.probabilities.map((value, label) => row(value, label, found)));
    const set = names.filter((_, label) => found.set[label]);
    $("set").textContent = set.join("; ");
    if (found.atThreshold !== null) {
      const limit = percent(system.calibration.decision);
      $("threshold").textContent =
        `${names[system.positive]}: ${found.atThreshold ? "yes, at least" : "no, below"} the decision threshold of ${limit}`;
      $("threshold").dataset.reached = found.atThreshold;
    }
    if (found.unlike !== null) {
      const value = Math.max(0, found.score).toFixed(2);
      $("unlike").textContent = found.unlike ? `no: ${value}, above the limit of 1` : `not flagged: ${value} of 1`;
      Object.assign($("unlike").dataset, { unlike: found.unlike, score: Math.max(0, found.score) });
    }
    $("notes").textContent = all.join("; ") || "taken as it is";
    $("time").textContent = `${milliseconds.toFixed(0)}\u00a0ms`;
    draw($("crop"), pixel);
    $("map").style.opacity = 0.35; // until it is there
    $("map-words").textContent = "Looking where the answer comes from …";
    document.body.dataset.state = "answered";
  },
  looking({ share }) {
    $("map-words").textContent = `Looking where the answer comes from … ${Math.round(100 * share)}\u00a0%`;
  },
  map({ falls }) {
    // Falls of less than a hundredth stay pale.
    const most = falls.reduce((top, fall) => Math.max(top, Math.abs(fall)), 0.01);
    draw($("map"), (place) => {
      const [red, green, blue] = pixel(place);
      const grey = 0.299 * red + 0.587 * green + 0.114 * blue;
      const share = Math.abs(falls[place]) / most;
      return (falls[place] > 0 ? ORANGE : BLUE).map((colour) => 0.9 * grey * (1 - share) + colour * share);
    });
    $("map").style.opacity = 1;
    const deepest = Math.max(0, ...falls);
    $("map-words").textContent = deepest >= 0.0005
      ? `Where it looks: hiding the orange parts lowers this probability by up to ${(100 * deepest).toFixed(1)} percentage points`
      : "Where it looks: hiding one part of it does not lower this probability";
    document.body.dataset.state = "mapped";
  },
};

/** A class: its name, its probability as a bar and a number, and whether it is in the prediction set. */
function row(value, label, found) {
  const line = document.createElement("tr");
  line.className = label === found.label ? "first" : "";
  line.innerHTML = '<th scope="row"></th><td><div class="bar"><span><i></i></span><data></data></div></td><td></td>';
  line.querySelector("th").textContent = names[label];
  line.querySelector("i").style.width = `${100 * value}%`;
  Object.assign(line.querySelector("data"), { value, textContent: percent(value) });
  line.lastChild.textContent = found.set[label] ? "yes" : "no";
  return line;
}

/** Red, green and blue of one pixel of the image. */
function pixel(place) {
  const own = image.subarray(place * system.channels, (place + 1) * system.channels);
  return own.length === 3 ? own : [own[0], own[0], own[0]];
}

function draw(canvas, colours) {
  canvas.width = canvas.height = system.size;
  const context = canvas.getContext("2d");
  const data = context.createImageData(system.size, system.size);
  for (let place = 0; place < system.size ** 2; place++) data.data.set([...colours(place), 255], 4 * place);
  context.putImageData(data, 0, 0);
}
