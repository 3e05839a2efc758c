// From the bytes of a PNG or JPEG file to pixels, refusing what `predict` refuses.
//
// PNG is decoded here, because browsers keep 8 of 16 bits and apply colour profiles. JPEG is decoded by the browser, after
// everything is taken out of the file that would have it turn pixels or change colours.

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const SAMPLES = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }; // of a pixel, by the colour type of a PNG
const DEPTHS = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };
// Of an interlaced PNG, the first column and row of each pass, and the steps from one to the next (PNG, section 8.2).
const PASSES = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];
const ORIENTATION = 0x0112; // in EXIF data
const STRIP = 2 ** 22; // pixels that a canvas holds at once: phones refuse large ones
const LONGEST_TEXT = 2 ** 20; // letters of what is said beside pixels
const OTHERS = [
  ["GIF", "GIF8"], ["BMP", "BM"], ["TIFF", "II*\0"], ["TIFF", "MM\0*"], ["WEBP", "RIFF"], ["DICOM", "DICM", 128],
  ["HEIC or AVIF", "ftyp", 4],
];
const TRANSPARENT = "has transparent pixels, behind which anything may lie; expected an opaque picture: flatten it";

/** Why a picture is not taken, in words for a reader. */
export class Refusal extends Error {}

export const fromBase64 = (letters) => Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));

/**
 * Decode a picture.
 *
 * @param {Uint8Array} bytes the file
 * @param {{pixels: number, bytes: number}} most that are taken
 * @returns {Promise<{width: number, height: number, channels: 1 | 3, colour: boolean, cmyk: boolean, orientation: number,
 *   values: Uint8Array | Uint16Array}>} rows of pixels, before they are turned upright; 16-bit values where the file has
 *   them. `colour`: not stored as grey alone
 */
export async function decode(bytes, most) {
  if (!bytes.length) throw new Refusal("an empty file; expected a PNG or JPEG picture");
  if (bytes.length > most.bytes) throw new Refusal(`larger than ${Math.round(most.bytes / 1e6)} MB; make it smaller first`);
  if (PNG.every((value, place) => bytes[place] === value)) return decodePng(bytes, most);
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return decodeJpeg(bytes, most);
  const other = OTHERS.find(([, letters, place = 0]) => text(bytes, place, letters.length) === letters);
  throw new Refusal(
    other ? `${other[0]}; expected PNG or JPEG` : "no picture that can be read, whatever its name says; expected PNG or JPEG",
  );
}

function checkSize(width, height, most) {
  if (width * height > most.pixels) {
    throw new Refusal(
      `${width} × ${height} pixels; expected at most ${most.pixels.toLocaleString("en")} in all: make it smaller first`,
    );
  }
}

const text = (bytes, start, length) => String.fromCharCode(...bytes.subarray(start, start + length));
const number = (bytes, start) => new DataView(bytes.buffer, bytes.byteOffset + start, 4).getUint32(0);

// -- PNG --------------------------------------------------------------------------------------------------------------

async function decodePng(bytes, most) {
  const chunks = pngChunks(bytes);
  const header = chunks.find((chunk) => chunk.kind === "IHDR")?.data;
  if (!header || header.length < 13) throw new Refusal("damaged (without a header); get it again");
  const [width, height, depth, type, interlaced] = [number(header, 0), number(header, 4), header[8], header[9], header[12]];
  if (!width || !height || !DEPTHS[type]?.includes(depth)) throw new Refusal("damaged (a header of no PNG); get it again");
  checkSize(width, height, most);
  const frames = chunks.find((chunk) => chunk.kind === "acTL")?.data;
  if (frames && number(frames, 0) > 1) {
    throw new Refusal(`animated, ${number(frames, 0)} pictures; expected one still picture`);
  }
  const packed = chunks.filter((chunk) => chunk.kind === "IDAT").map((chunk) => chunk.data);
  const shape = { width, height, depth, samples: SAMPLES[type], passes: interlaced ? PASSES : [[0, 0, 1, 1]] };
  const pixels = unpacked(await inflated(packed, sizeOfRows(shape)), shape);
  const palette = chunks.find((chunk) => chunk.kind === "PLTE")?.data;
  const clear = chunks.find((chunk) => chunk.kind === "tRNS")?.data;
  if (clear && depth === 16) throw new Refusal(TRANSPARENT);
  checkOpaque(pixels, type, depth, clear);
  const values = withoutAlpha(pixels, type, depth, palette);
  return {
    width, height, values, channels: type === 0 || type === 4 ? 1 : 3, cmyk: false,
    colour: type !== 0 && !(type === 4 && depth === 8), // with 16 bits and alpha, grey is colour to Pillow
    orientation: await orientationOfPng(chunks),
  };
}

/** All parts up to the end, each with the right checksum. */
function pngChunks(bytes) {
  const chunks = [];
  for (let place = PNG.length; ; ) {
    const end = place + 12 <= bytes.length ? place + 12 + number(bytes, place) : Infinity;
    if (end > bytes.length) throw new Refusal("cut short; get it again");
    const kind = text(bytes, place + 4, 4);
    if (kind === "IEND") return chunks;
    if (crc(bytes.subarray(place + 4, end - 4)) !== number(bytes, end - 4)) {
      throw new Refusal(`damaged (the checksum of its part '${kind}' differs); get it again`);
    }
    chunks.push({ kind, data: bytes.subarray(place + 8, end - 4) });
    place = end;
  }
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC_TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return ~value >>> 0;
}

/** Columns and rows of one pass of a picture. */
function sizeOfPass({ width, height }, [left, top, across, down]) {
  return [Math.max(0, Math.ceil((width - left) / across)), Math.max(0, Math.ceil((height - top) / down))];
}

/** Bytes of all filtered rows. */
function sizeOfRows(shape) {
  let total = 0;
  for (const pass of shape.passes) {
    const [columns, rows] = sizeOfPass(shape, pass);
    if (columns) total += rows * (1 + Math.ceil((columns * shape.samples * shape.depth) / 8));
  }
  return total;
}

/** Exactly so many bytes of a zlib stream, in an array; no more are ever unpacked. */
async function inflated(parts, length) {
  const result = new Uint8Array(length);
  let held = 0;
  const reader = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  try {
    for (let step = await reader.read(); !step.done && held <= length; step = await reader.read()) {
      result.set(step.value.subarray(0, length - held), held);
      held += step.value.length;
    }
  } catch {
    throw new Refusal("damaged (its pixels cannot be unpacked); get it again");
  } finally {
    reader.cancel().catch(() => {});
  }
  if (held !== length) throw new Refusal(`damaged (${held < length ? "fewer" : "more"} pixels than it declares); get it again`);
  return result;
}

/** The samples of all pixels, as stored, rows from the top. */
function unpacked(raw, { width, height, depth, samples, passes }) {
  const pixels = new (depth === 16 ? Uint16Array : Uint8Array)(width * height * samples);
  const [step, mask] = [Math.max(1, (samples * depth) >> 3), (1 << depth) - 1];
  let place = 0;
  for (const pass of passes) {
    const [columns, rows] = sizeOfPass({ width, height }, pass);
    const length = columns ? Math.ceil((columns * samples * depth) / 8) : 0;
    let above = new Uint8Array(length);
    for (let row = 0; columns && row < rows; row++, place += 1 + length) {
      const line = raw.subarray(place + 1, place + 1 + length);
      unfilter(raw[place], line, above, step);
      above = line;
      const start = (pass[1] + row * pass[3]) * width + pass[0];
      if (depth === 8 && pass[2] === 1) {
        pixels.set(line, start * samples);
        continue;
      }
      for (let index = 0; index < columns * samples; index++) {
        const target = (start + Math.floor(index / samples) * pass[2]) * samples + (index % samples);
        if (depth === 8) pixels[target] = line[index];
        else if (depth === 16) pixels[target] = (line[2 * index] << 8) | line[2 * index + 1];
        else pixels[target] = (line[(index * depth) >> 3] >> (8 - depth - ((index * depth) & 7))) & mask;
      }
    }
  }
  return pixels;
}

/** Undo the filter of one row, in place (PNG, section 9). */
function unfilter(kind, line, above, step) {
  if (kind > 4) throw new Refusal("damaged (an unknown filter); get it again");
  if (kind === 1) for (let n = step; n < line.length; n++) line[n] += line[n - step];
  if (kind === 2) for (let n = 0; n < line.length; n++) line[n] += above[n];
  if (kind === 3) for (let n = 0; n < line.length; n++) line[n] += ((n < step ? 0 : line[n - step]) + above[n]) >> 1;
  if (kind === 4) {
    for (let n = 0; n < line.length; n++) {
      const [left, up, corner] = n < step ? [0, above[n], 0] : [line[n - step], above[n], above[n - step]];
      const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
      line[n] += a <= b && a <= c ? left : b <= c ? up : corner;
    }
  }
}

/** Refuse pixels that are not opaque. */
function checkOpaque(pixels, type, depth, clear) {
  const whole = 2 ** depth - 1;
  const samples = SAMPLES[type];
  let seen = false;
  if (type === 4 || type === 6) {
    for (let place = samples - 1; !seen && place < pixels.length; place += samples) seen = pixels[place] !== whole;
  } else if (clear && type === 3) {
    for (let place = 0; !seen && place < pixels.length; place++) seen = (clear[pixels[place]] ?? 255) !== 255;
  } else if (clear) {
    const wanted = Array.from({ length: samples }, (_, sample) => (clear[2 * sample] << 8) | clear[2 * sample + 1]);
    for (let place = 0; !seen && place < pixels.length; place += samples) {
      seen = wanted.every((value, sample) => pixels[place + sample] === value);
    }
  }
  if (seen) throw new Refusal(TRANSPARENT);
}

/** Grey or RGB values, of 8 bits where the file has fewer. */
function withoutAlpha(pixels, type, depth, palette) {
  if (type === 2 || (type === 0 && depth >= 8)) return pixels;
  if (type === 0) return pixels.map((value) => (value * 255) / (2 ** depth - 1));
  const [from, to] = [SAMPLES[type], type === 4 ? 1 : 3];
  const values = new pixels.constructor((pixels.length / from) * to);
  if (type === 3 && !palette) throw new Refusal("damaged (without its palette); get it again");
  for (let source = 0, target = 0; source < pixels.length; source += from, target += to) {
    for (let sample = 0; sample < to; sample++) {
      values[target + sample] = type === 3 ? (palette[3 * pixels[source] + sample] ?? 0) : pixels[source + sample];
    }
  }
  return values;
}

/** Of the EXIF data, of a raw profile with them in hex digits, or of XMP. */
async function orientationOfPng(chunks) {
  const texts = {};
  for (const { kind, data } of chunks.filter((chunk) => /^(tEXt|zTXt|iTXt)$/.test(chunk.kind))) {
    const end = Math.max(0, data.indexOf(0));
    const keyword = text(data, 0, end);
    if (keyword !== "XML:com.adobe.xmp" && keyword !== "Raw profile type exif") continue;
    let [start, packed] = [end + 1, kind === "zTXt"];
    if (packed) start += 1;
    else if (kind === "iTXt") {
      packed = data[end + 1] === 1;
      start = data.indexOf(0, data.indexOf(0, end + 3) + 1) + 1;
    }
    texts[keyword] = await firstWords(data.subarray(start), packed);
  }
  const raw = texts["Raw profile type exif"]?.split("\n").slice(3).join("");
  const exif = chunks.find((chunk) => chunk.kind === "eXIf")?.data ??
    (raw && Uint8Array.from(raw.match(/../g) ?? [], (digits) => parseInt(digits, 16)));
  return (exif && orientationOfExif(exif)) || orientationOfXmp(texts["XML:com.adobe.xmp"]);
}

/** A text, packed or not, of which no more is read than a camera would write. */
async function firstWords(data, packed) {
  const stream = new Blob([data]).stream();
  const reader = (packed ? stream.pipeThrough(new DecompressionStream("deflate")) : stream).getReader();
  let words = "";
  try {
    for (let step = await reader.read(); !step.done && words.length < LONGEST_TEXT; step = await reader.read()) {
      words += new TextDecoder().decode(step.value);
    }
  } catch {
    return ""; // what cannot be unpacked says nothing
  } finally {
    reader.cancel().catch(() => {});
  }
  return words;
}

// -- JPEG -------------------------------------------------------------------------------------------------------------

async function decodeJpeg(bytes, most) {
  const { width, height, components, orientation, file } = jpegParts(bytes);
  checkSize(width, height, most);
  let bitmap;
  try {
    const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
    bitmap = await createImageBitmap(new Blob([file], { type: "image/jpeg" }), options);
  } catch {
    throw new Refusal("cannot be decoded by this browser; damaged, or a JPEG of a rare kind: save it again");
  }
  const channels = components === 1 ? 1 : 3;
  const values = new Uint8Array(width * height * channels);
  const rows = Math.max(1, Math.min(height, Math.floor(STRIP / width)));
  const context = new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true, alpha: false });
  for (let top = 0, target = 0; top < height; top += rows) {
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, width, Math.min(rows, height - top));
    for (let source = 0; source < data.length; source += 4) {
      values[target++] = data[source];
      if (channels === 1) continue;
      values[target++] = data[source + 1];
      values[target++] = data[source + 2];
    }
  }
  bitmap.close();
  return { width, height, channels, values, orientation, colour: components !== 1, cmyk: components === 4 };
}

/** What the markers of a JPEG file say, and the file without what is said beside its pixels. */
function jpegParts(bytes) {
  const kept = [bytes.subarray(0, 2)];
  let [exif, xmp, frame] = [null, "", null];
  const cut = () => new Refusal("damaged (Premature end of JPEG file); get it again");
  for (let place = 2; ; ) {
    if (place + 4 > bytes.length) throw cut();
    const marker = bytes[place + 1];
    if (bytes[place] !== 0xff) throw new Refusal("damaged (Corrupt JPEG data: extraneous bytes before a marker); get it again");
    if (marker === 0xff) {
      place += 1; // may stand before any marker
      continue;
    }
    if (marker === 0xd9) throw cut();
    if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      place += 2;
      continue;
    }
    const end = place + 2 + ((bytes[place + 2] << 8) | bytes[place + 3]);
    if (end > bytes.length) throw cut();
    const data = bytes.subarray(place + 4, end);
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) frame = data;
    if (marker === 0xe1 && text(data, 0, 6) === "Exif\0\0") exif ??= data.subarray(6);
    if (marker === 0xe1 && text(data, 0, 28) === "http://ns.adobe.com/xap/1.0/") xmp ||= new TextDecoder().decode(data);
    if (marker === 0xda) {
      if (!frame) throw cut();
      kept.push(bytes.subarray(place, endOfScans(bytes, end, cut)));
      break;
    }
    // JFIF's and Adobe's parts stay: they say how colours are coded.
    if (marker === 0xe0 || marker === 0xee || (marker !== 0xfe && marker < 0xe0)) kept.push(bytes.subarray(place, end));
    place = end;
  }
  const [height, width, components] = [(frame[1] << 8) | frame[2], (frame[3] << 8) | frame[4], frame[5]];
  if (!width || !height) throw new Refusal("damaged (no size in its header); get it again");
  const orientation = (exif && orientationOfExif(exif)) || orientationOfXmp(xmp);
  return { width, height, components, orientation, file: new Blob(kept) };
}

/** Where the end of a picture is marked; behind it there may be other pictures. */
function endOfScans(bytes, start, cut) {
  for (let place = start; place + 1 < bytes.length; ) {
    const marker = bytes[place + 1];
    if (bytes[place] !== 0xff || marker === 0xff) place += 1;
    else if (marker === 0xd9) return place + 2;
    else if (marker === 0 || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) place += 2;
    else place += 2 + ((bytes[place + 2] << 8) | bytes[place + 3]);
  }
  throw cut();
}

// -- which way up -----------------------------------------------------------------------------------------------------

/** The orientation that EXIF data declare; 0 if none. */
function orientationOfExif(data) {
  try {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    const start = text(data, 0, 6) === "Exif\0\0" ? 6 : 0;
    const little = view.getUint16(start) === 0x4949;
    const first = start + view.getUint32(start + 4, little);
    for (let entry = 0; entry < view.getUint16(first, little); entry++) {
      const place = first + 2 + 12 * entry;
      if (view.getUint16(place, little) !== ORIENTATION) continue;
      const kind = view.getUint16(place + 2, little);
      return kind === 3 ? view.getUint16(place + 8, little) : kind === 4 ? view.getUint32(place + 8, little) : 0;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // data that end too early say nothing
  }
  return 0;
}

function orientationOfXmp(xmp) {
  return Number(/tiff:Orientation(?:="|>)([0-9])/.exec(xmp ?? "")?.[1] ?? 0);
}
