// Making elements, and the small pieces that several screens show.
import { t } from "./context.js";

const SVG = "http://www.w3.org/2000/svg";
const SPRITE = "/sandbox/static/icons/sprite.svg";
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

/** A coloured square with the first letter; the same colour for the same key. */
export function avatar(name, key, size = "") {
  const sum = [...key].reduce((total, letter) => (total * 31 + letter.codePointAt(0)) % 9973, 7);
  return el("span", { class: `avatar ${size} hue-${sum % HUES}`, "aria-hidden": "true" }, [...name][0] || "·");
}

export const cell = (attributes, ...children) =>
  el("li", {}, el(attributes.href ? "a" : "div", { class: "cell", ...attributes }, ...children));

export const cellText = (title, under) =>
  el("span", { class: "cell-text" }, el("span", {}, title), under ? el("small", {}, under) : null);

export const badge = (count) =>
  el("span", { class: "badge" }, count > 99 ? "99+" : String(count), el("span", { class: "spoken" }, ` ${t.unread}`));

export const empty = (name, text, ...more) => el("div", { class: "empty" }, icon(name), el("p", {}, text), ...more);

const DAY = 86400e3;
const startOfDay = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

/** A time as WeChat writes it: today by the clock, then yesterday, then the date. */
export function timeOf(seconds, { short = false } = {}) {
  const date = new Date(seconds * 1000);
  const clock = date.toLocaleTimeString(t.lang, { hour: "2-digit", minute: "2-digit", hour12: false });
  const days = Math.round((startOfDay(new Date()) - startOfDay(date)) / DAY);
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
