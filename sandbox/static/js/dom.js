// Making elements, and the small pieces that several screens show.
import { now, t } from "./context.js";

const SVG = "http://www.w3.org/2000/svg";
const SPRITE = "/sandbox/static/vendor/icons.svg";
const HUES = 8;

/** An element; attributes that are functions listen, false ones are left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== false && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

/** A button that shows a symbol only; `label` says what it does. */
export const iconButton = (kind, symbol, label, attributes = {}) =>
  el("button", { class: kind, type: "button", "aria-label": label, ...attributes }, icon(symbol));

/** A coloured square with the first letter; the same colour for the same key. */
export function avatar(name, key, size = "") {
  const sum = [...key].reduce((total, letter) => (total * 31 + letter.codePointAt(0)) % 9973, 7);
  return el("span", { class: `avatar ${size} hue-${sum % HUES}`, "aria-hidden": "true" }, [...name][0] || "·");
}

export const cell = (attributes, ...children) => {
  const tag = attributes.href ? "a" : attributes.click ? "button" : "div";
  return el("li", {}, el(tag, { class: "cell", ...(tag === "button" && { type: "button" }), ...attributes }, ...children));
};

export const cellText = (title, under) =>
  el("span", { class: "cell-text" }, el("span", {}, title), under ? el("small", {}, under) : null);

export const badge = (count) =>
  el("span", { class: "badge" }, count > 99 ? "99+" : String(count), el("span", { class: "spoken" }, ` ${t.unread}`));

export const view = (...children) => el("div", { class: "view" }, ...children);

export const heading = (text) => el("h2", { class: "title" }, text);

export const empty = (name, text, ...more) => el("div", { class: "empty" }, icon(name), el("p", {}, text), ...more);

export const field = (name, label, attributes = {}) =>
  el(
    "div",
    { class: "field" },
    el("label", { for: name }, label, attributes.required ? null : el("small", {}, ` ${t.optional}`)),
    el("input", { id: name, name, ...attributes }),
  );

const DAY = 86400e3;
const startOfDay = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

export const clockOf = (date) => date.toLocaleTimeString(t.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** A time as WeChat writes it: today by the clock, then yesterday, then the date. */
export function timeOf(seconds, { short = false } = {}) {
  const date = new Date(seconds * 1000);
  const clock = clockOf(date);
  const days = Math.round((startOfDay(new Date(now())) - startOfDay(date)) / DAY);
  if (days === 0) return clock;
  const day = days === 1 ? t.yesterday : date.toLocaleDateString(t.lang, { month: "short", day: "numeric" });
  return short ? day : `${day} ${clock}`;
}

/** A line at the phone's foot for a few seconds. */
export function toast(text) {
  const line = document.getElementById("toast");
  line.textContent = text;
  line.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { line.hidden = true; }, 2500);
}

/** Run `work` with the button switched off, so that a second tap does nothing. */
export async function once(button, work) {
  if (button.disabled) return;
  button.disabled = true;
  try {
    await work();
  } finally {
    button.disabled = false;
  }
}

/** What went wrong, as a sentence; errors of our own making go on. */
export function sentence(error, otherwise) {
  if (error.offline) return t.offline;
  if (error.status) return otherwise;
  throw error;
}

export const tell = (otherwise) => (error) => toast(sentence(error, otherwise));
