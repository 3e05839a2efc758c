// Fitted classifiers, computed as scikit-learn and the library compute them. The export describes each as nested objects
// with a `kind`; numbers that come in arrays are typed arrays.

const SMALLEST = 1e-7; // distance of pairwise probabilities from 0 and 1 (margins.py)
const TINY = 2.2250738585072014e-308;

/**
 * Class probabilities of one image.
 *
 * @param part a classifier
 * @param {Float32Array} features of the image
 * @returns {number[]}
 */
export function probabilities(part, features) {
  if (part.kind === "tempered") return scale(untempered(part.of, features), part.temperature);
  if (part.kind === "sigmoid") return sigmoids(part, features);
  if (part.kind === "pipeline") return ofLast(part, features, probabilities);
  if (part.kind === "trees") return votes(part, features);
  const scores = decision(part, features);
  return scores.length === 1 ? pair(scores[0]) : softmax(scores);
}

/** Divide the logarithms of probabilities by a temperature; with the digits of float32, as files hold them. */
export function scale(values, temperature) {
  if (temperature === 1) return [...values];
  const logits = values.map((value) => Math.log(value) / temperature);
  const top = Math.max(...logits);
  const odds = logits.map((value) => Math.exp(value - top));
  const sum = odds.reduce((total, value) => total + value, 0);
  return odds.map((value) => Math.fround(value / sum));
}

/** Scores before they are probabilities: one of two classes, one each of more; null where there are none. */
function decision(part, features) {
  if (part.kind === "pipeline") return ofLast(part, features, decision);
  if (part.kind === "linear") return linear(part, features);
  return part.kind === "svm" ? supportVectors(part, features) : null;
}

function untempered(part, features) {
  if (lastOf(part).kind !== "svm") return probabilities(part, features);
  const scores = decision(part, features);
  return scores.length === 1 ? pair(scores[0]) : scores.map(Math.exp);
}

const lastOf = (part) => (part.kind === "pipeline" ? part.steps.at(-1) : part);

function ofLast(part, features, ask) {
  const changed = part.steps.slice(0, -1).reduce((values, step) => STEPS[step.kind](step, values), features);
  return ask(part.steps.at(-1), changed);
}

const STEPS = {
  scaler: ({ mean, scale: spread }, values) => values.map((value, n) => Math.fround(value - mean[n]) / spread[n]),
  nystroem: (part, values) => {
    const embedded = Float32Array.from(kernels(part, values));
    return Float32Array.from({ length: part.components }, (_, row) => dot(part.normalization, embedded, row));
  },
};

const expit = (value) => 1 / (1 + Math.exp(-value));
const pair = (score) => [expit(-score), expit(score)];

function softmax(scores) {
  const top = Math.max(...scores);
  const odds = scores.map((score) => Math.exp(score - top));
  const sum = odds.reduce((total, value) => total + value, 0);
  return odds.map((value) => value / sum);
}

/** The product of one row of a matrix with a vector. */
function dot(matrix, vector, row) {
  let sum = 0;
  for (let place = row * vector.length, n = 0; n < vector.length; n++) sum += matrix[place + n] * vector[n];
  return sum;
}

const linear = ({ coefficients, intercept }, values) =>
  Array.from(intercept, (constant, row) => dot(coefficients, values, row) + constant);

/** The kernel of a vector with each row of `part.vectors`. */
function kernels({ kernel, gamma, degree, coef0, vectors }, values) {
  const result = new Float64Array(vectors.length / values.length);
  for (let row = 0; row < result.length; row++) {
    if (kernel === "rbf") {
      let sum = 0;
      for (let place = row * values.length, n = 0; n < values.length; n++) sum += (values[n] - vectors[place + n]) ** 2;
      result[row] = Math.exp(-gamma * sum);
    } else {
      const product = dot(vectors, values, row);
      if (kernel === "linear") result[row] = product;
      else if (kernel === "poly") result[row] = (gamma * product + coef0) ** degree;
      else result[row] = Math.tanh(gamma * product + coef0);
    }
  }
  return result;
}

/** LIBSVM's margins between pairs of classes; of more than two classes the logarithms of coupled probabilities. */
function supportVectors(part, values) {
  const kernel = kernels(part, values);
  const k = part.counts.length;
  const starts = Array.from(part.counts, (_, label) => part.counts.slice(0, label).reduce((sum, count) => sum + count, 0));
  const margins = [];
  for (let i = 0; i < k; i++) {
    for (let j = i + 1; j < k; j++) {
      let sum = part.intercept[margins.length];
      for (const [own, other] of [[i, j], [j, i]]) {
        const row = (other > own ? other - 1 : other) * kernel.length;
        for (let n = starts[own]; n < starts[own] + part.counts[own]; n++) sum += part.dual[row + n] * kernel[n];
      }
      margins.push(sum);
    }
  }
  return k === 2 ? [-margins[0]] : couple(margins.map(expit), k).map(Math.log);
}

/** Class probabilities that agree best with pairwise ones (Wu, Lin & Weng 2004, second method). */
function couple(pairs, k) {
  const r = Array.from({ length: k }, () => new Float64Array(k));
  for (let i = 0, n = 0; i < k; i++) {
    for (let j = i + 1; j < k; j++, n++) {
      r[i][j] = Math.min(1 - SMALLEST, Math.max(SMALLEST, pairs[n]));
      r[j][i] = 1 - r[i][j];
    }
  }
  const equations = Array.from({ length: k + 1 }, (_, i) =>
    Array.from({ length: k + 2 }, (_, j) => {
      if (j === k + 1) return i === k ? 1 : 0;
      if (i === k || j === k) return i === j ? 0 : 1;
      return i === j ? r.reduce((sum, row) => sum + row[j] ** 2, 0) : -r[i][j] * r[j][i];
    }),
  );
  const found = solved(equations).slice(0, k).map((value) => Math.max(value, TINY));
  const sum = found.reduce((total, value) => total + value, 0);
  return found.map((value) => value / sum);
}

/** Solve linear equations, each row with its right side behind it, by elimination with pivots. */
function solved(rows) {
  const n = rows.length;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column; row < n; row++) if (Math.abs(rows[row][column]) > Math.abs(rows[pivot][column])) pivot = row;
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    for (let row = 0; row < n; row++) {
      if (row === column) continue;
      const factor = rows[row][column] / rows[column][column];
      for (let place = column; place <= n; place++) rows[row][place] -= factor * rows[column][place];
    }
  }
  return rows.map((row, place) => row[n] / row[place]);
}

/** The mean over trees of the class shares in the leaf that an image comes to. */
function votes({ roots, left, right, feature, threshold, shares, classes }, values) {
  const sums = new Array(classes).fill(0);
  for (let node of roots) {
    while (left[node] !== -1) node = values[feature[node]] <= threshold[node] ? left[node] : right[node];
    for (let label = 0; label < classes; label++) sums[label] += shares[node * classes + label];
  }
  return sums.map((sum) => sum / roots.length);
}

/** Platt's calibration, one class at a time (scikit-learn's CalibratedClassifierCV). */
function sigmoids({ of, slopes, intercepts, classes }, features) {
  let scores = decision(of, features);
  if (!scores) {
    const own = probabilities(of, features);
    scores = classes === 2 ? [own[1]] : own;
  }
  const values = scores.map((score, n) => expit(-(slopes[n] * score + intercepts[n])));
  if (classes === 2) return [1 - values[0], values[0]];
  const sum = values.reduce((total, value) => total + value, 0);
  return values.map((value) => (sum ? value / sum : 1 / classes));
}
