// Masks as COCO's compressed run lengths, the way the manifest has them.
// Runs go down the columns and start with background. In the text, a number is groups of
// five bits, lowest first; the sixth bit of a character says that more follow, and the fifth
// of the last group is the sign. From the fourth number on they are differences to the one
// two before.

/** Decode into a Uint8Array of height * width, row by row, 1 on the target. */
export function decode({ size: [height, width], counts }) {
  const mask = new Uint8Array(height * width);
  let place = 0;
  let inside = false;
  for (const length of readRuns(counts)) {
    if (inside) {
      for (let i = place; i < place + length; i++) {
        mask[(i % height) * width + Math.floor(i / height)] = 1;
      }
    }
    place += length;
    inside = !inside;
  }
  return mask;
}

/** Encode a mask that is stored row by row. */
export function encode(mask, height, width) {
  const runs = [];
  let length = 0;
  let inside = 0;
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      if (mask[y * width + x] !== inside) {
        runs.push(length);
        length = 0;
        inside = 1 - inside;
      }
      length++;
    }
  }
  runs.push(length);
  const counts = runs.map((run, i) => writeNumber(i > 2 ? run - runs[i - 2] : run)).join("");
  return { size: [height, width], counts };
}

function readRuns(text) {
  const runs = [];
  let bits = 0;
  let value = 0;
  for (const character of text) {
    const code = character.charCodeAt(0) - 48;
    value |= (code & 31) << bits;
    bits += 5;
    if (code & 32) continue;
    if (code & 16 && bits < 32) value |= -1 << bits;
    runs.push(runs.length > 2 ? value + runs[runs.length - 2] : value);
    bits = 0;
    value = 0;
  }
  return runs;
}

function writeNumber(number) {
  let text = "";
  for (;;) {
    const group = number & 31;
    number >>= 5;
    const done = group & 16 ? number === -1 : number === 0;
    text += String.fromCharCode((done ? group : group | 32) + 48);
    if (done) return text;
  }
}
