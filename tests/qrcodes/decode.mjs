// Reads QR codes: raw pictures as JSON lines on stdin ({width, height, file} of RGB bytes), what each says on stdout.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { decodeQR } from "../../node_modules/qr/decode.js";

for await (const line of createInterface({ input: process.stdin })) {
  const { width, height, file } = JSON.parse(line);
  console.log(JSON.stringify(decodeQR({ width, height, data: new Uint8Array(readFileSync(file)) })));
}
