// From a decoded picture to an image like those that the networks were trained on, by the same arithmetic as `predict`.

import { Refusal } from "./decode.js";

const DEPTHS = [8, 10, 12, 14]; // bits that detectors and scanners give, in files of 16
const SUPPORT = 2; // of the bicubic filter, in pixels
const PRECISION = 22; // bits behind the point, of Pillow's weights

/**
 * Turn a picture upright, into 8-bit grey or RGB, crop it to its middle, and resize it.
 *
 * @param picture as `decode` returns it
 * @param {{size: number, channels: 1 | 3, bits: number | null, crop: {sizes: number[][], side: number} | null}} form
 * @returns {{image: Uint8Array, notes: string[]}} rows of size × size pixels, and what was done, in words
 */
export function prepare(picture, form) {
  const notes = [];
  const { channels } = picture;
  const values = eightBits(picture, form, notes);
  const turned = picture.orientation >= 2 && picture.orientation <= 8;
  if (turned) notes.push("turned upright");
  const { width, height, origin, right, down } = upright(picture, turned ? picture.orientation : 1);
  if (picture.cmyk) notes.push("CMYK converted");
  if (form.channels === 3 && !picture.colour) notes.push("grey: no colour to go by");
  if (form.channels === 1 && channels === 3 && isColourful(values)) notes.push("colour turned to grey");

  const asItIs = width === form.size && height === form.size;
  const [left, top, side] = asItIs ? [0, 0, form.size] : cropBox(width, height, form.crop);
  const cropped = new Uint8Array(side * side * form.channels);
  for (let y = 0, target = 0; y < side; y++) {
    let source = (origin + left * right + (top + y) * down) * channels;
    for (let x = 0; x < side; x++, source += right * channels) {
      if (form.channels === channels || channels === 1) {
        for (let channel = 0; channel < form.channels; channel++) {
          cropped[target++] = values[source + (channels === 1 ? 0 : channel)];
        }
      } else {
        cropped[target++] = luma(values[source], values[source + 1], values[source + 2]);
      }
    }
  }
  if (asItIs) return { image: cropped, notes };
  if (left || top || side !== width || side !== height) notes.push(`cropped to its middle ${side} × ${side}`);
  if (side < form.size) notes.push("enlarged: smaller than what the networks saw");
  return { image: resize(cropped, side, form.size, form.channels), notes };
}

/** ITU-R 601, in Pillow's integers. */
const luma = (red, green, blue) => (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;

function isColourful(values) {
  for (let place = 0; place < values.length; place += 3) {
    if (values[place] !== values[place + 1] || values[place] !== values[place + 2]) return true;
  }
  return false;
}

/** Values of 16 bits, of which the lowest `form.bits` hold values, as 8. */
function eightBits({ values }, form, notes) {
  if (values instanceof Uint8Array) return values;
  const brightest = values.reduce((most, value) => Math.max(most, value), 0);
  const bits = form.bits ?? 16;
  if (brightest >= 2 ** bits) {
    throw new Refusal(`has values up to ${brightest}; expected at most ${2 ** bits - 1} with ${bits} bits`);
  }
  const likely = DEPTHS.find((depth) => brightest < 2 ** depth);
  if (form.bits === null && likely) {
    throw new Refusal(
      `16 bits a pixel, of which ${likely} seem to hold values (up to ${brightest}), so that it would be nearly black; ` +
        "the model package was trained on no picture of 16 bits and does not say: save it with 8",
    );
  }
  notes.push(bits === 16 ? "16 bits scaled to 8" : `16 bits, of which ${bits} hold values, scaled to 8`);
  const most = 2 ** bits - 1;
  return Uint8Array.from(values, (value) => Math.floor((2 * 255 * value + most) / (2 * most)));
}

/**
 * The picture turned upright: its size, and where in the file's order its first pixel is, how far from any pixel that to its
 * right, and how far that below it.
 */
function upright({ width, height }, orientation) {
  const [last, lowest] = [width - 1, (height - 1) * width];
  const [origin, right, down] = {
    1: [0, 1, width],
    2: [last, -1, width],
    3: [lowest + last, -1, -width],
    4: [lowest, 1, -width],
    5: [0, width, 1],
    6: [lowest, -width, 1],
    7: [lowest + last, -width, -1],
    8: [last, width, -1],
  }[orientation];
  const [across, along] = orientation >= 5 ? [height, width] : [width, height];
  return { width: across, height: along, origin, right, down };
}

/** The middle square: of the shorter side, or as MedMNIST cut it out of pictures of its source. */
function cropBox(width, height, crop) {
  const known = crop?.sizes.some((size) => size[0] === width && size[1] === height);
  const side = known ? crop.side : Math.min(width, height);
  return [Math.floor((width - side) / 2), Math.floor((height - side) / 2), side];
}

/** Pillow's bicubic resize of 8-bit values: first along rows, then along columns, rounded after each. */
function resize(values, side, size, channels) {
  if (side === size) return values;
  const weights = weightsOf(side, size);
  const rows = resizedAlong(values, weights, { lines: side, step: side * channels, across: channels }, size, channels, false);
  return resizedAlong(rows, weights, { lines: size, step: channels, across: size * channels }, size, channels, true);
}

function resizedAlong(values, weights, { lines, step, across }, size, channels, down) {
  const result = new Uint8Array(lines * size * channels);
  const half = 2 ** (PRECISION - 1);
  for (let line = 0; line < lines; line++) {
    for (let place = 0; place < size; place++) {
      const { first, factors } = weights[place];
      const target = down ? (place * lines + line) * channels : (line * size + place) * channels;
      for (let channel = 0; channel < channels; channel++) {
        let sum = half;
        let source = line * step + first * across + channel;
        for (let index = 0; index < factors.length; index++, source += across) sum += values[source] * factors[index];
        result[target + channel] = Math.min(255, Math.max(0, sum >> PRECISION));
      }
    }
  }
  return result;
}

/** For each place of the result, the first source pixel and the weights from there on (Pillow's `precompute_coeffs`). */
function weightsOf(side, size) {
  const scale = side / size;
  const wide = Math.max(scale, 1);
  return Array.from({ length: size }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - SUPPORT * wide + 0.5));
    const last = Math.min(side, Math.trunc(centre + SUPPORT * wide + 0.5));
    const found = Array.from({ length: last - first }, (_, index) => bicubic((index + first - centre + 0.5) * (1 / wide)));
    const sum = found.reduce((total, value) => total + value, 0);
    const factors = found.map((value) => {
      const scaled = (value / sum) * 2 ** PRECISION;
      return Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
    });
    return { first, factors: Int32Array.from(factors) };
  });
}

function bicubic(place) {
  const a = -0.5;
  const x = Math.abs(place);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}
