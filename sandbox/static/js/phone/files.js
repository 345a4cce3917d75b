// Pictures that a person chooses: as the sandbox takes them, and read as a QR code.
import { el } from "../dom.js";

const LARGEST = 1600; // pixels of the longer side that the decoder is given

/** Ask for a picture; null when none was chosen. */
export function choosePicture() {
  return new Promise((resolve) => {
    const input = el("input", { type: "file", accept: "image/*" });
    input.addEventListener("change", () => resolve(input.files[0] || null));
    input.addEventListener("cancel", () => resolve(null));
    input.click();
  });
}

/** A file's bytes in base64. */
export function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}

async function pixels(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
  } finally {
    URL.revokeObjectURL(image.src);
  }
  const scale = Math.min(1, LARGEST / Math.max(image.naturalWidth, image.naturalHeight));
  const [width, height] = [image.naturalWidth, image.naturalHeight].map((side) => Math.round(side * scale));
  const canvas = el("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff"; // behind what is transparent
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** What the QR code in a picture says; null when there is none to be read. */
export async function readCode(file) {
  const { decodeQR } = await import("/sandbox/static/vendor/qr/decode.js");
  try {
    return decodeQR(await pixels(file));
  } catch {
    return null; // no picture, or no code in it: the decoder tells the ways apart, a person need not
  }
}
