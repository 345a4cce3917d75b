// The phone's router: the address after # says which screen is shown; a tick keeps it fresh.
import * as api from "./api.js";
import { chat } from "./chat.js";
import { person, t } from "./context.js";
import { badge, el, icon, toast } from "./dom.js";
import * as lists from "./lists.js";
import { page } from "./page.js";

const EVERY = 1000; // milliseconds between two looks at the sandbox
const TABS = [["chats", "bubbles"], ["contacts", "contacts"], ["discover", "compass"], ["me", "me"]];

const root = document.getElementById("screen");
let shown = {}; // the screen on show
let drawing = 0; // counts the drawings begun: a slow one must not cover a newer one
let behind = "#/discover"; // the screen that a page was opened from
let seen = ""; // what the lists were drawn from

const route = () => location.hash.slice(2).split("/").map(decodeURIComponent);

async function build() {
  const [name, argument] = route();
  if (name === "new") return lists.newPerson();
  if (!person || name === "people") return lists.people(await api.people());
  const accounts = await api.chats();
  seen = JSON.stringify(accounts);
  const chosen = accounts.find((account) => account.appid === argument);
  if (name === "chat" && chosen) return { ...chat(chosen), accounts };
  if (name === "account" && chosen) return { ...lists.account(chosen, accounts, { redraw }), accounts };
  if (name === "page" && argument) return { ...page(argument, accounts, behind), accounts };
  if (name === "contacts" || name === "discover") return { ...lists[name](accounts), accounts };
  if (name === "me") return { ...lists.me(), accounts };
  return { ...lists.chats(accounts), accounts, redrawn: true };
}

function bar({ title, under, back, closes, action }) {
  return el(
    "header",
    { class: "bar" },
    back && el("a", { class: "bar-button", href: back, "aria-label": closes ? t.close : t.back }, icon(closes ? "close" : "back")),
    el("h1", { tabindex: "-1" }, title, under && el("small", {}, under)),
    action,
  );
}

function tabs(current, accounts) {
  const unread = accounts.reduce((sum, account) => sum + account.unread, 0);
  return el(
    "nav",
    { class: "tabs", "aria-label": t.app },
    ...TABS.map(([name, symbol]) =>
      el(
        "a",
        { href: `#/${name}`, "aria-current": name === current && "page" },
        icon(symbol),
        t[name],
        name === "chats" && unread > 0 && badge(unread),
      )),
  );
}

async function redraw(next) {
  if (next && next !== location.hash) {
    location.hash = next; // draws through hashchange
    return;
  }
  const turn = ++drawing;
  const screen = await build();
  if (turn !== drawing) return;
  if (!screen.closes) behind = location.hash || "#/chats";
  shown = screen;
  root.replaceChildren(bar(shown), ...shown.body, ...(shown.tab ? [tabs(shown.tab, shown.accounts)] : []));
  await shown.tick?.();
}

async function tick() {
  document.getElementById("clock").textContent =
    new Date().toLocaleTimeString(t.lang, { hour: "2-digit", minute: "2-digit", hour12: false });
  try {
    if (document.hidden) return;
    if (shown.tick) await shown.tick();
    else if (shown.tab) {
      const accounts = await api.chats();
      if (JSON.stringify(accounts) !== seen) {
        seen = JSON.stringify(accounts);
        if (shown.redrawn) await redraw();
        else root.querySelector(".tabs").replaceWith(tabs(shown.tab, accounts));
      }
    }
  } catch (error) {
    if (error.status === 404) location.reload(); // the sandbox forgot this person
    else if (error instanceof TypeError) toast(t.offline); // fetch's own: no connection
    else throw error;
  } finally {
    setTimeout(tick, EVERY);
  }
}

addEventListener("hashchange", async () => {
  await redraw();
  root.querySelector("h1").focus({ preventScroll: true });
});

await redraw();
lists.fillDesk(await api.people());
await tick();
