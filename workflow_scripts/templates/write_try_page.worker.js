// Everything that takes time, beside the page: reads the system, answers about pictures, maps where the system looks.

import { decode, fromBase64, Refusal } from "./decode.js";
import { prepare } from "./prepare.js";
import { System, withArrays } from "./system.js";

const SAME = 1e-4; // how far probabilities may lie from those of `predict`
const SAME_SCORE = 1e-3; // how far the input check's score may, as a share of it where it is above 1
const SQUARES = 16; // hidden at once: a new picture waits no longer
const say = (kind, content = {}) => self.postMessage({ kind, ...content });

let latest = 0;
let busy = start();
self.onmessage = ({ data }) => {
  latest = data.id;
  busy = busy.then((system) => answer(system, data).then(() => system));
};

async function start() {
  try {
    const [ort, text, bytes] = await Promise.all([
      import("./runtime/ort.wasm.min.mjs"),
      fetched("system.json").then((response) => response.json()),
      fetched("system.bin").then((response) => response.arrayBuffer()),
    ]);
    ort.env.wasm.numThreads = 1; // more would ask for headers that not every server sends
    ort.env.wasm.wasmPaths = new URL("./runtime/", import.meta.url).href;
    const system = await System.load(withArrays(text, bytes), ort);
    await check(system);
    say("ready");
    return system;
  } catch (error) {
    say("failed", { reason: error.message });
    throw error;
  }
}

async function fetched(name) {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name} is missing (${response.status})`);
  return response;
}

/** The samples must get the answers that `predict` gave when the page was written. */
async function check(system) {
  for (const sample of system.description.samples) {
    const { image } = await prepared(system, fromBase64(sample.png));
    const [{ probabilities, score }] = await system.predict([image]);
    const apart = score === null ? 0 : Math.abs(score - sample.unlike) / Math.max(1, Math.abs(sample.unlike));
    const differs = !(apart <= SAME_SCORE) || probabilities.some((value, label) => !(Math.abs(value - sample.probabilities[label]) <= SAME));
    if (differs) throw new Error("this browser computes otherwise than `predict`: its answers would not be the system's");
  }
}

async function prepared({ description }, bytes) {
  return prepare(await decode(bytes, description.most), description);
}

async function answer(system, { id, file }) {
  if (id !== latest) return;
  try {
    const start = performance.now();
    const { image, notes } = await prepared(system, new Uint8Array(await file.arrayBuffer()));
    const [found] = await system.predict([image]);
    say("answer", { id, image, notes, found, milliseconds: performance.now() - start });
    await occlude(system, id, image, found);
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof RangeError)) console.error(error);
    const reason = error instanceof Refusal ? error.message : `cannot be taken by this browser (${error.message})`;
    say("refused", { id, reason });
  }
}

/**
 * How far the probability of the most probable class falls where a part of the image is hidden (Zeiler & Fergus 2014): each
 * pixel gets the mean fall over the squares that hide it. Squares and colour are those of the saliency maps.
 */
async function occlude(system, id, image, { label, probabilities }) {
  const { size, channels, fill } = system.description;
  const side = Math.max(1, Math.floor(size / 5));
  const stride = Math.floor((side + 1) / 2);
  const steps = [];
  for (let place = 0; place < size - side; place += stride) steps.push(place);
  steps.push(size - side);
  const corners = steps.flatMap((top) => steps.map((left) => [top, left]));
  const [falls, hidden] = [new Float64Array(size * size), new Float64Array(size * size)];
  const eachPixel = ([top, left], act) => {
    for (let y = top; y < top + side; y++) for (let x = left; x < left + side; x++) act(y * size + x);
  };
  for (let start = 0; start < corners.length; start += SQUARES) {
    await new Promise((resolve) => setTimeout(resolve)); // a new picture is heard of here
    if (id !== latest) return;
    const part = corners.slice(start, start + SQUARES);
    const copies = part.map((corner) => {
      const copy = image.slice();
      eachPixel(corner, (place) => copy.set(fill, place * channels));
      return copy;
    });
    (await system.predict(copies)).forEach((found, n) => {
      eachPixel(part[n], (place) => {
        falls[place] += probabilities[label] - found.probabilities[label];
        hidden[place] += 1;
      });
    });
    say("looking", { id, share: Math.min(1, (start + part.length) / corners.length) });
  }
  say("map", { id, falls: falls.map((fall, place) => fall / hidden[place]) });
}
