// The input check: how unlike the training images an image is, as in medfusion/learning/input_check.py.

export const LIMIT = 1; // of the score

/**
 * The score of an image for one network; above the limit it is called unlike the training images.
 *
 * @param check of system.json, with its arrays
 * @param {Float32Array} features of the network, averaged over views
 * @param {Uint8Array} image rows of size × size pixels
 */
export function score(check, features, image, size, channels) {
  const own = inUnits(featureDistance(check, features), check.feature_units);
  return Math.max(own, inUnits(pixelDistance(check.ranges, statistics(image, size, channels)), check.pixel_units));
}

const inUnits = (distance, [middle, unit]) => (distance - middle) / unit;

function featureDistance(check, features) {
  const { centre, mean, points, kind } = check;
  const values = reduced(check, pooled(features, check.pool).map((value, n) => value - centre[n]));
  const compared = values.map((value, n) => value - mean[n]);
  const place = times(compared, check.whitening, compared.length);
  const squares = new Float64Array(points.length / place.length);
  for (let n = 0; n < squares.length; n++) {
    for (let part = 0; part < place.length; part++) squares[n] += (place[part] - points[n * place.length + part]) ** 2;
  }
  if (kind === "nearest") return Math.sqrt(squares.sort()[check.neighbour - 1]);
  const nearest = squares.reduce((least, square) => Math.min(least, square), Infinity);
  if (kind === "mahalanobis") return Math.sqrt(nearest);
  return nearest - squared(times(compared, check.overall, compared.length));
}

/** Means of so many neighbouring features, the last perhaps of fewer. */
function pooled(features, pool) {
  const result = new Float64Array(Math.ceil(features.length / pool));
  for (let n = 0; n < result.length; n++) {
    const part = features.subarray(n * pool, (n + 1) * pool);
    result[n] = part.reduce((sum, value) => sum + value, 0) / part.length;
  }
  return result;
}

/** Along principal components, and the length of what they miss; without components the values themselves. */
function reduced({ directions }, centred) {
  if (!directions.length) return centred;
  const along = times(centred, directions, directions.length / centred.length);
  const missed = Math.sqrt(Math.max(0, squared(centred) - squared(along)));
  return Float64Array.of(...along, missed);
}

const squared = (values) => values.reduce((sum, value) => sum + value ** 2, 0);

/** A vector times a matrix of so many columns, row by row. */
function times(vector, matrix, columns) {
  const result = new Float64Array(columns);
  vector.forEach((value, row) => {
    for (let column = 0; column < columns; column++) result[column] += value * matrix[row * columns + column];
  });
  return result;
}

/** Means and standard deviations of channels, shares of 0 and of 255, the mean difference of neighbours. */
function statistics(image, size, channels) {
  const [sums, squares] = [new Array(channels).fill(0), new Array(channels).fill(0)];
  let [black, white, rough, neighbours] = [0, 0, 0, 0];
  const step = (from, to) => {
    rough += Math.abs(image[from] - image[to]);
    neighbours += 1;
  };
  for (let place = 0; place < image.length; place++) {
    const value = image[place];
    sums[place % channels] += value;
    squares[place % channels] += value ** 2;
    black += value === 0;
    white += value === 255;
    const pixel = Math.floor(place / channels);
    if ((pixel + 1) % size) step(place, place + channels);
    if (pixel + size < size * size) step(place, place + size * channels);
  }
  const number = size * size;
  const means = sums.map((sum) => sum / number);
  const deviations = squares.map((sum, n) => Math.sqrt(Math.max(0, sum / number - means[n] ** 2)));
  return [...means, ...deviations, black / image.length, white / image.length, rough / Math.max(1, neighbours)];
}

/** How far the statistic lies from the middle of its range that lies farthest out, in half ranges. */
function pixelDistance(ranges, found) {
  return Math.max(...found.map((value, n) => {
    const [low, high] = [ranges[n], ranges[found.length + n]];
    return Math.abs(value - (low + high) / 2) / ((high - low) / 2);
  }));
}
