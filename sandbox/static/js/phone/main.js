// The phone's router: the address after # says which screen is shown; a tick keeps it fresh.
import * as api from "../api.js";
import { clock, now, person, t } from "../context.js";
import { badge, clockOf, el, icon, toast } from "../dom.js";
import { announce } from "./banner.js";
import { chat } from "./chat.js";
import * as lists from "./lists.js";
import { page } from "./page.js";
import { newPerson, people } from "./people.js";
import { place } from "./place.js";
import { scan } from "./scanner.js";
import { sms, unseen } from "./texts.js";
import { image, miniProgram } from "./viewer.js";

const EVERY = 600; // milliseconds between two looks at the sandbox
const FAR = 40; // pixels from the foot from which on a place in a list is worth keeping
const TABS = [["chats", "message-circle"], ["contacts", "address-book"], ["discover", "compass"], ["me", "user"]];
const SCREENS = {
  account: lists.account, chat, contacts: lists.contacts, discover: lists.discover, image, me: lists.me,
  mini: miniProgram, new: newPerson, page, people, place, scan, sms,
};
const ABOUT_ACCOUNT = ["account", "chat"];

const root = document.getElementById("screen");
const places = new Map(); // how far each screen was scrolled
let home = { chats: [], texts: [] }; // what the sandbox said last
let shown = { key: null }; // the screen on show; a key that none has: the first look draws one
let drawing = 0; // counts the drawings begun: a slow one must not cover a newer one
let behind = "#/chats"; // the screen that a page was opened from

const route = () => location.hash.slice(2).split("/").map(decodeURIComponent);

/** Show another screen. */
function go(hash) {
  if (hash === location.hash) redraw();
  else location.hash = hash; // draws through hashchange
}

async function look() {
  home = await api.home();
  clock.offset = home.now * 1000 - Date.now();
}

const keyOf = (screen) => screen.redrawOn?.(home.chats, home.texts);

async function build() {
  const [name, argument, part] = route();
  if (!person) return people();
  await look();
  const account = home.chats.find((one) => one.appid === argument);
  const draw = SCREENS[name];
  const known = draw && (!ABOUT_ACCOUNT.includes(name) || account);
  const context = { account, accounts: home.chats, texts: home.texts, argument, place: part, behind, go, redraw };
  return known ? draw(context) : lists.chats(context);
}

function bar({ title, under, back, closes, lead, action }) {
  const [symbol, label] = closes ? ["x", t.close] : ["chevron-left", t.back];
  const leave = back && el("a", { class: "bar-button", href: back, "aria-label": label }, icon(symbol));
  return el(
    "header",
    { class: "bar" },
    el("div", { class: "bar-side" }, leave, lead),
    el("h1", { tabindex: "-1" }, title, under && el("small", {}, under)),
    el("div", { class: "bar-side" }, action),
  );
}

function tabs(current) {
  const marks = { chats: home.chats.reduce((sum, one) => sum + one.unread, 0), discover: unseen(home.texts) };
  const tab = ([name, symbol]) => {
    const mark = marks[name] > 0 && badge(marks[name]);
    return el("a", { href: `#/${name}`, "aria-current": name === current && "page" }, icon(symbol), t[name], mark);
  };
  return el("nav", { class: "tabs", "aria-label": t.app }, ...TABS.map(tab));
}

/** What a person had begun on a screen, to be put back when it is drawn again. */
function begun() {
  const typed = [...root.querySelectorAll("input[name]:not([type=checkbox])")].map(({ name, value }) => [name, value]);
  const focus = document.activeElement?.getAttribute("href");
  return () => {
    for (const [name, value] of typed) root.querySelector(`input[name="${name}"]`)?.setAttribute("value", value);
    if (focus) root.querySelector(`[href="${focus}"]`)?.focus();
  };
}

async function redraw() {
  const turn = ++drawing;
  const screen = await build();
  if (turn !== drawing) return;
  const restore = screen.title === shown.title ? begun() : null;
  if (!screen.closes) behind = location.hash || "#/chats";
  shown = { ...screen, hash: location.hash, key: keyOf(screen) };
  document.title = person ? `${screen.title} · ${person.nickname}` : screen.title;
  root.replaceChildren(bar(shown), ...shown.body, ...(shown.tab ? [tabs(shown.tab)] : []));
  root.removeAttribute("aria-busy");
  restore?.();
  await shown.tick?.(home.chats);
  const view = root.querySelector(".view");
  if (view && places.has(location.hash)) view.scrollTop = places.get(location.hash);
}

/** Keep the place in the screen that is left, unless it is the foot, where new messages come. */
function keepPlace() {
  const view = root.querySelector(".view");
  if (!view) return;
  const atFoot = view.scrollHeight - view.scrollTop - view.clientHeight < FAR;
  if (atFoot) places.delete(shown.hash);
  else places.set(shown.hash, view.scrollTop);
}

async function refresh() {
  if (shown.key === null) await redraw();
  else await look();
  announce(home, { open: route()[0] === "chat" ? route()[1] : "", onChats: shown.tab === "chats", go });
  if (keyOf(shown) !== shown.key) {
    await redraw();
    return;
  }
  const old = root.querySelector(".tabs");
  const fresh = shown.tab && tabs(shown.tab);
  if (old && fresh && old.textContent !== fresh.textContent) old.replaceWith(fresh);
  await shown.tick?.(home.chats);
}

function report(error) {
  if (error.status === 404) location.reload(); // the sandbox forgot this person
  else if (error.offline) toast(t.offline);
  else throw error;
}

async function tick() {
  document.getElementById("clock").textContent = clockOf(new Date(now()));
  try {
    if (!document.hidden && (person || shown.key === null)) await refresh();
  } catch (error) {
    report(error);
  } finally {
    setTimeout(tick, EVERY);
  }
}

addEventListener("hashchange", async () => {
  keepPlace();
  await redraw().catch(report);
  root.querySelector("h1")?.focus({ preventScroll: true });
});

await tick();
