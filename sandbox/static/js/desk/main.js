// The desk: phones of several people side by side, each in a frame on its own host.
import * as api from "../api.js";
import { DESK, deskUrl, fromDesk, ownHosts, phoneUrl, t } from "../context.js";
import { avatar, cell, cellText, el, icon, iconButton, sentence, tell, toast } from "../dom.js";
import { personForm } from "../person.js";
import { startPanel } from "./panel.js";

const OPEN = "sandbox.desk.open";
const AGAIN = 2000; // milliseconds until a sandbox that does not answer is asked again
const NARROW = matchMedia("(max-width: 480px)");

const seats = document.getElementById("seats");
const desk = document.getElementById("desk");
const adding = document.getElementById("adding");
let everybody = [];
let open = JSON.parse(localStorage.getItem(OPEN) || "[]"); // ids of the people whose phones lie here

/** A phone; without a person it asks who holds it. */
function seat(person) {
  const src = person ? phoneUrl(person.fan) : `/phone?lang=${t.lang}`;
  const name = person ? person.nickname : t.who;
  const frame = el("iframe", { src, title: `${t.phone_of} ${name}`, allow: "clipboard-write" });
  const alone = { class: "seat-button", href: src, target: "_blank", "aria-label": `${t.open_alone} · ${name}` };
  const label = person
    ? [
        avatar(person.nickname, person.fan, "avatar-small"),
        el("span", { class: "seat-name" }, person.nickname),
        el("a", alone, icon("external-link")),
        iconButton("seat-button", "x", `${t.remove_phone} · ${name}`, { click: () => remove(person.fan) }),
      ]
    : [];
  return el(
    "li",
    { class: "seat", "data-fan": person ? person.fan : "" },
    el("div", { class: "seat-label" }, ...label),
    el("div", { class: "body" }, frame),
  );
}

/** Show the phones that lie on the desk; those that stay are not loaded again. */
function lay() {
  const shown = open.map((fan) => everybody.find((person) => person.fan === fan)).filter(Boolean);
  const wanted = shown.length ? shown : [null];
  for (const old of [...seats.children]) {
    if (!wanted.some((person) => (person?.fan || "") === old.dataset.fan)) old.remove();
  }
  for (const person of wanted) {
    if (![...seats.children].some((there) => there.dataset.fan === (person?.fan || ""))) seats.append(seat(person));
  }
  desk.dataset.phones = Math.min(wanted.length, 3);
  localStorage.setItem(OPEN, JSON.stringify(open));
}

function remove(fan) {
  open = open.filter((one) => one !== fan);
  lay();
  seats.querySelector("button")?.focus();
}

async function show(fan) {
  everybody = await api.people();
  if (!open.includes(fan)) open = [...open, fan];
  adding.hidePopover();
  lay();
  const there = seats.querySelector(`[data-fan="${CSS.escape(fan)}"]`);
  there?.scrollIntoView({ behavior: "smooth", inline: "center" });
  there?.querySelector("iframe").focus();
}

async function listOthers() {
  everybody = await api.people();
  const others = everybody.filter((person) => !open.includes(person.fan));
  const line = ({ fan, nickname, phone }) =>
    cell({ click: () => show(fan) }, avatar(nickname, fan, "avatar-small"), cellText(nickname, phone), icon("plus"));
  document.getElementById("others").replaceChildren(...others.map(line));
}

/** Whether the desk's own host name can be reached; not every system knows names under localhost. */
function reachable(url) {
  return new Promise((resolve) => {
    const probe = new Image();
    probe.addEventListener("load", () => resolve(true));
    probe.addEventListener("error", () => resolve(false));
    probe.src = `${url}sandbox/static/icons/app.svg`;
  });
}

async function start() {
  everybody = await api.people();
  if (location.hostname !== DESK) {
    const found = ownHosts && (await reachable(deskUrl()));
    // Without names for each person there is one phone, handed from one to the other.
    const alone = everybody.length ? `/phone/as/${everybody[0].fan}` : "/phone";
    location.replace(found ? `${deskUrl()}?lang=${t.lang}` : alone);
    return;
  }
  open = open.filter((fan) => everybody.some((person) => person.fan === fan));
  if (!open.length && everybody.length) open = [everybody[0].fan];
  if (NARROW.matches) {
    location.replace(open.length ? phoneUrl(open[0]) : `/phone?lang=${t.lang}`);
    return;
  }
  document.getElementById("new-person").append(personForm(({ fan }) => show(fan), tell(t.not_saved)));
  adding.addEventListener("beforetoggle", (event) => {
    if (event.newState === "open") listOthers();
  });
  addEventListener("message", (event) => {
    if (fromDesk(event) && typeof event.data?.open === "string") show(event.data.open);
  });
  lay();
  await startPanel();
}

async function begin() {
  try {
    await start();
  } catch (error) {
    toast(sentence(error, t.not_answered));
    setTimeout(begin, AGAIN);
  }
}

await begin();
