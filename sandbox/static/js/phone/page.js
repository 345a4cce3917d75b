// A web page inside the phone.
import * as api from "../api.js";
import { onDesk, pageUrl, person, t } from "../context.js";
import { el, iconButton, once, tell } from "../dom.js";
import { answering } from "./asks.js";

const RECENT = "sandbox.recent";

export const recentPages = () => JSON.parse(localStorage.getItem(RECENT) || "[]");

function remember(url) {
  const pages = [url, ...recentPages().filter((other) => other !== url)].slice(0, 5);
  localStorage.setItem(RECENT, JSON.stringify(pages));
}

function fullService(reload) {
  const leave = async () => {
    await api.putPerson({ ...person, snapshot: false });
    person.snapshot = false;
    reload();
    bar.remove();
  };
  const click = (event) => once(event.currentTarget, leave).catch(tell(t.not_answered));
  const bar = el(
    "div",
    { class: "snapshot" },
    el("p", {}, t.snapshot_hint),
    el("button", { class: "button button-small", type: "button", click }, t.full_service),
  );
  return bar;
}

/** `behind` is where closing leads: the frame has a history of its own, so going back would stay in it. */
export function page({ argument, accounts, behind }) {
  const url = pageUrl(argument, accounts.map((account) => account.origin));
  remember(argument);
  const { host, origin, pathname } = new URL(url);
  const owner = accounts.find((account) => pageUrl(account.origin, [account.origin]).startsWith(origin));
  const frame = el("iframe", { class: "frame", title: owner?.name || host });
  const progress = el("span", { class: "progress", "aria-hidden": "true" });
  let depth = 0; // pages seen in the frame; a frame of another host tells no more
  const leave = iconButton("bar-button", "chevron-left", t.back, { hidden: true });
  const reload = () => {
    depth = 0;
    progress.hidden = false;
    frame.src = url;
  };
  frame.addEventListener("load", () => {
    depth += 1;
    leave.hidden = depth < 2;
    progress.hidden = true;
  });
  leave.addEventListener("click", () => {
    // All phones of the desk share one history: going back there might turn the page of another phone.
    if (onDesk) { reload(); return; }
    depth -= 2;
    history.back();
  });
  frame.src = url;
  const browser = el("div", { class: "browser" }, progress, frame, person.snapshot && fullService(reload));
  answering(frame, { over: browser, name: owner?.name || host, leave: () => { location.hash = behind; } });
  return {
    title: owner?.name || host,
    under: host + pathname,
    back: behind,
    closes: true,
    lead: leave,
    action: iconButton("bar-button", "refresh", t.reload, { click: reload }),
    body: [browser],
  };
}
