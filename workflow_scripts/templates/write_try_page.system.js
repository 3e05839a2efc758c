// The exported system at work: from images to calibrated probabilities, prediction sets and referrals, as in `predict`.

import { LIMIT, score } from "./check.js";
import { probabilities, scale } from "./classifiers.js";

const ARRAYS = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array };
const EQUAL = 1e-3;
const PIXELS = 2 ** 18; // of images that a network is given at once: bounds memory

/**
 * Which classes are in the prediction set: those of which all more probable ones together have at most the threshold's
 * probability; all where that is null. Classes whose probabilities differ by less than a thousandth are equally probable.
 */
export function predictionSet(probabilities, threshold) {
  return probabilities.map((own) => {
    const left = probabilities.filter((other) => !(other > (1 + EQUAL) * own));
    const remaining = left.length === probabilities.length ? 1 : left.reduce((sum, value) => sum + value, 0);
    return threshold === null || 1 - remaining <= threshold;
  });
}

/** What system.json describes, with every array that it names taken out of system.bin. */
export function withArrays(value, bytes) {
  if (Array.isArray(value)) return value.map((part) => withArrays(part, bytes));
  if (value === null || typeof value !== "object") return value;
  if ("array" in value) return new ARRAYS[value.array](bytes, value.at, value.length);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withArrays(part, bytes)]));
}

/** A system, read and ready. */
export class System {
  /**
   * @param description as `withArrays` returns it
   * @param ort ONNX Runtime Web
   */
  static async load(description, ort) {
    const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" };
    const sessions = [];
    for (const { onnx } of description.networks) sessions.push(await ort.InferenceSession.create(onnx, options));
    return new System(description, sessions, ort);
  }

  constructor(description, sessions, ort) {
    Object.assign(this, { description, sessions, ort });
  }

  /**
   * What the system says of images, one object each.
   *
   * @param {Uint8Array[]} images rows of size × size pixels
   * @returns {Promise<{probabilities: number[], label: number, set: boolean[], refer: boolean, atThreshold: boolean | null,
   *   unlike: boolean | null, score: number | null}[]>}
   */
  async predict(images) {
    const outputs = [];
    for (let n = 0; n < this.sessions.length; n++) outputs.push(await this.#averaged(n, images));
    const scores = images.map((image, place) => this.#unlike(outputs, image, place));
    return this.#fused(outputs, images).map((values, place) => this.#answer(values, scores[place]));
  }

  /** How unlike the training images one image is: the mean over networks. */
  #unlike(outputs, image, place) {
    const { input_check: checks, size, channels } = this.description;
    if (!checks) return null;
    const found = checks.map((check, n) => score(check, outputs[n][place].features, image, size, channels));
    return found.reduce((sum, value) => sum + value, 0) / found.length;
  }

  /** The weighted mean of all members, before calibration. */
  #fused(outputs, images) {
    return images.map((_, image) => {
      const sums = new Array(this.description.label_names.length).fill(0);
      for (const { network, classifier, weight, temperature } of this.description.members) {
        const { features, own } = outputs[network][image];
        const found = classifier === null ? own : probabilities(this.description.classifiers[classifier], features);
        const scaled = scale(Array.from(found, Math.fround), temperature);
        scaled.forEach((value, label) => (sums[label] += weight * value));
      }
      return sums.map(Math.fround);
    });
  }

  #answer(values, score) {
    const { calibration, positive, task } = this.description;
    const scaled = scale(values, calibration.temperature);
    const unlike = score === null ? null : score > LIMIT;
    return {
      probabilities: scaled,
      // Of two classes the second where its probability exceeds 0.5; else the first of the most probable.
      label: task === "binary-class" ? Number(values[1] > 0.5) : values.indexOf(Math.max(...values)),
      set: predictionSet(scaled, calibration.marginal),
      refer: Math.max(...scaled) < calibration.referral || unlike === true,
      unlike,
      score,
      atThreshold: calibration.decision === null ? null : scaled[positive] >= calibration.decision,
    };
  }

  /** Features and class probabilities of one network, averaged over the views of each image. */
  async #averaged(network, images) {
    const { size, channels, networks } = this.description;
    const views = images.map((image) => viewsOf(image, networks[network].views, size, channels));
    const all = views.flat();
    const rows = { features: [], probabilities: [] };
    const step = Math.max(1, Math.floor(PIXELS / size ** 2));
    for (let start = 0; start < all.length; start += step) {
      const part = all.slice(start, start + step);
      const data = new Uint8Array(part.length * part[0].length);
      part.forEach((view, n) => data.set(view, n * view.length));
      const input = new this.ort.Tensor("uint8", data, [part.length, size, size, channels]);
      const found = await this.sessions[network].run({ images: input });
      for (const [name, list] of Object.entries(rows)) {
        const values = found[name].data;
        const width = values.length / part.length;
        for (let n = 0; n < part.length; n++) list.push(values.slice(n * width, (n + 1) * width));
      }
    }
    return views.map((own, image) => {
      const places = own.map((_, view) => image * own.length + view);
      const values = mean(places.map((place) => rows.probabilities[place]));
      return {
        features: mean(places.map((place) => rows.features[place])),
        own: values.length === 1 ? [Math.fround(1 - values[0]), values[0]] : values,
      };
    });
  }
}

/** In float32, as NumPy's. */
function mean(vectors) {
  const sum = vectors[0].slice();
  for (const vector of vectors.slice(1)) vector.forEach((value, n) => (sum[n] += value));
  return sum.map((value) => value / vectors.length);
}

/** Where in an image of `size` the pixel (x, y) of a view is. */
const SYMMETRIES = {
  horizontal_flip: (x, y, size) => [size - 1 - x, y],
  vertical_flip: (x, y, size) => [x, size - 1 - y],
  transpose: (x, y) => [y, x],
};
const SHIFTS = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => [right, down])).filter(([x, y]) => x || y);

/** Every combination of the kinds of views, the image itself first. */
function viewsOf(image, kinds, size, channels) {
  const reflected = (place) => (place < 0 ? -place : place >= size ? 2 * size - 2 - place : place);
  const moved = (view, source) => {
    const result = new Uint8Array(view.length);
    for (let y = 0, target = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const [column, row] = source(x, y);
        for (let channel = 0; channel < channels; channel++) result[target++] = view[(row * size + column) * channels + channel];
      }
    }
    return result;
  };
  let views = [image];
  for (const kind of kinds) {
    const sources = kind === "shifts"
      ? SHIFTS.map(([right, down]) => (x, y) => [reflected(x + right), reflected(y + down)])
      : [(x, y) => SYMMETRIES[kind](x, y, size)];
    views = [...views, ...views.flatMap((view) => sources.map((source) => moved(view, source)))];
  }
  return views;
}
