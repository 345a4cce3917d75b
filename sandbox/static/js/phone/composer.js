// The foot of a chat: the account's menu, or the line to write in with what else can be sent.
import { t } from "../context.js";
import { el, icon, iconButton, once } from "../dom.js";
import { base64, choosePicture } from "./files.js";
import { menuBar } from "./menu.js";

const notFollowing = (account) =>
  el(
    "div",
    { class: "composer" },
    el("p", {}, t.not_following_hint),
    el("a", { class: "button button-small", href: `#/account/${account.appid}` }, t.follow),
  );

function tools(account, send) {
  const sendPicture = async () => {
    const file = await choosePicture();
    if (file) await send({ msgtype: "image", file: await base64(file), name: file.name }, `[${t.type_image}]`);
  };
  const face = (symbol) => el("span", { class: "tool-face" }, icon(symbol));
  const click = (event) => once(event.currentTarget, sendPicture);
  const grid = el(
    "div",
    { class: "tool-grid" },
    el("button", { class: "tool", type: "button", click }, face("photo"), t.type_image),
    el("a", { class: "tool", href: `#/place/${account.appid}` }, face("map-pin"), t.type_location),
  );
  return el("div", { class: "tools", hidden: true }, grid);
}

export function composer({ account, send, tick }) {
  if (!account.following) return notFollowing(account);
  const more = tools(account, send);
  const labels = { "aria-label": t.message, placeholder: t.message };
  const input = el("input", { name: "content", ...labels, maxlength: "600", autocomplete: "off" });
  const sendButton = el("button", { class: "button button-small", hidden: true }, t.send);
  const plus = iconButton("round", "circle-plus", t.more, { "aria-expanded": "false" });
  const show = (open) => {
    more.hidden = !open;
    plus.setAttribute("aria-expanded", String(open));
  };
  const typed = () => {
    sendButton.hidden = !input.value.trim();
    plus.hidden = !sendButton.hidden;
  };
  plus.addEventListener("click", () => show(more.hidden));
  input.addEventListener("input", typed);
  input.addEventListener("focus", () => show(false));
  const submit = (event) => {
    event.preventDefault();
    const content = input.value.trim();
    input.value = "";
    typed();
    if (content) send({ msgtype: "text", content }, content);
  };
  const line = el("form", { class: "composer", submit, autocomplete: "off" }, input, sendButton, plus);
  const foot = el("div", { class: "foot" }, line, more);
  if (!account.menu?.length) return foot;

  const bar = menuBar({ account, tick });
  const switchTo = (shown, hidden) => () => {
    show(false);
    hidden.hidden = true;
    shown.hidden = false;
    (shown.querySelector("input") || shown.querySelector("button")).focus();
  };
  bar.prepend(iconButton("round", "keyboard", t.to_keyboard, { click: switchTo(line, bar) }));
  line.prepend(iconButton("round", "menu-2", t.to_menu, { click: switchTo(bar, line) }));
  line.hidden = true;
  foot.prepend(bar);
  return foot;
}
