// The panel beside the phones: faults, the clock, what was called and pushed.
import * as api from "../api.js";
import { t } from "../context.js";
import { el, tell } from "../dom.js";
import { clockTab } from "./clock.js";
import { countersTab } from "./counters.js";
import { faultsTab, markFaults } from "./faults.js";
import { callsTab, pushesTab } from "./records.js";

const EVERY = 800; // milliseconds between two looks
const OPEN = "sandbox.desk.panel";
const TABS = [
  ["faults", faultsTab],
  ["clock", clockTab],
  ["calls", callsTab],
  ["pushes", pushesTab],
  ["counters", countersTab],
];

const panel = document.getElementById("panel");
const toggle = document.getElementById("panel-toggle");
let shown; // the tab on show: `{node, tick}`

/** Accounts, and the names of people: as they are when a tab is opened. */
async function known() {
  const [accounts, people] = await Promise.all([api.accounts(), api.people()]);
  return { accounts, nicknames: Object.fromEntries(people.map((person) => [person.fan, person.nickname])) };
}

async function choose(list, body, index) {
  const [name, make] = TABS[index];
  const context = await known();
  [...list.children].forEach((tab, place) => {
    tab.setAttribute("aria-selected", String(place === index));
    tab.tabIndex = place === index ? 0 : -1;
  });
  shown = make(context);
  body.setAttribute("aria-labelledby", `tab-${name}`);
  body.replaceChildren(shown.node);
  sessionStorage.setItem(OPEN, index);
  await refresh();
}

async function refresh() {
  if (document.hidden) return;
  const faults = await api.faults();
  markFaults(faults);
  if (!panel.hidden) await shown.tick(faults);
}

async function tick() {
  try {
    await refresh();
    panel.removeAttribute("data-offline");
  } catch (error) {
    if (!error.offline) throw error;
    panel.setAttribute("data-offline", t.offline);
  } finally {
    setTimeout(tick, EVERY);
  }
}

function setOpen(open) {
  panel.hidden = !open;
  toggle.setAttribute("aria-expanded", String(open));
  localStorage.setItem(OPEN, open ? "1" : "");
}

/** Draw the panel and keep it fresh as long as the desk is open. */
export async function startPanel() {
  const body = el("div", { class: "panel-body", role: "tabpanel", tabindex: "-1" });
  const list = el("div", { class: "panel-tabs", role: "tablist", "aria-label": t.panel });
  const open = (index) => choose(list, body, index).catch(tell(t.not_answered));
  TABS.forEach(([name], index) => {
    list.append(el("button", { type: "button", role: "tab", id: `tab-${name}`, click: () => open(index) }, t[`tab_${name}`]));
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = ([...list.children].indexOf(document.activeElement) + step + TABS.length) % TABS.length;
    list.children[next].focus();
    open(next);
  });
  panel.replaceChildren(list, body);
  setOpen(localStorage.getItem(OPEN) === "1");
  toggle.addEventListener("click", () => {
    setOpen(panel.hidden);
    refresh().catch(tell(t.not_answered));
  });
  await choose(list, body, Number(sessionStorage.getItem(OPEN) || 0));
  await tick();
}
