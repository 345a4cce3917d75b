// The banner at the phone's head: what came while another screen is shown.
import { t } from "../context.js";
import { avatar, el, icon, toast } from "../dom.js";
import { digest } from "./text.js";
import { codeIn, copy } from "./texts.js";

const SHOWN = 6000; // milliseconds
const SILENT = ["sent", "notice"];

const place = document.getElementById("banner");
const known = new Map(); // the newest that was seen of each sender; nothing is announced at the first look
let timer;

function isNew(sender, seq, isFirst) {
  const before = known.get(sender) ?? 0;
  known.set(sender, Math.max(before, seq));
  return !isFirst && seq > before;
}

function show(face, title, text, act) {
  const press = () => {
    place.replaceChildren();
    act();
  };
  place.replaceChildren(
    el(
      "button",
      { class: "banner", type: "button", click: press },
      face,
      el("span", { class: "cell-text" }, el("strong", {}, title), el("span", {}, text)),
    ),
  );
  clearTimeout(timer);
  timer = setTimeout(() => place.replaceChildren(), SHOWN);
}

function showText(message, go) {
  const code = codeIn(message.text);
  const act = code ? () => copy(code).catch(() => toast(t.not_copied)) : () => go("#/sms");
  const face = el("span", { class: "avatar avatar-small hue-6", "aria-hidden": "true" }, icon("message-2"));
  show(face, code ? `${t.sms} · ${t.tap_to_copy}` : t.sms, message.text, act);
}

/** `open` is the app id of the chat on show; a list of chats shows everything by itself. */
export function announce({ chats, texts }, { open, onChats, go }) {
  const isFirst = known.size === 0;
  known.set("", 0);
  for (const account of chats) {
    const { last } = account;
    if (!last || !isNew(account.appid, last.seq, isFirst) || SILENT.includes(last.kind)) continue;
    if (account.appid === open || onChats) continue;
    const face = avatar(account.name, account.appid, "avatar-small");
    show(face, account.name, digest(last), () => go(`#/chat/${account.appid}`));
  }
  const newest = texts.at(-1);
  if (newest && isNew("sms", newest.seq, isFirst)) showText(newest, go);
}
