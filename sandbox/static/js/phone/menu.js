// The account's menu at the foot of a chat, with sub-menus that pop up.
import * as api from "../api.js";
import { t } from "../context.js";
import { el, icon, once, tell } from "../dom.js";
import { base64, choosePicture } from "./files.js";
import { openHref } from "./text.js";

// Buttons that need something first → the screen that gets it.
const ASKING = { scancode_push: "scan", scancode_waitmsg: "scan", location_select: "place" };
const PICTURES = ["pic_sysphoto", "pic_photo_or_album", "pic_weixin"];

export function menuBar({ account, tick }) {
  const bar = el("div", { class: "menu-bar", role: "group", "aria-label": t.menu_of_account });

  const close = () => {
    for (const opener of bar.querySelectorAll("[aria-expanded=true]")) opener.setAttribute("aria-expanded", "false");
    for (const list of bar.querySelectorAll(".sub-menu")) list.hidden = true;
  };

  async function tap(button, path) {
    close();
    const asks = ASKING[button.type];
    if (asks) {
      location.hash = `#/${asks}/${account.appid}/${path.join("-")}`;
      return;
    }
    const wantsPicture = PICTURES.includes(button.type);
    const file = wantsPicture && (await choosePicture());
    if (wantsPicture && !file) return;
    const answer = await api.tapMenu(account.appid, path, file ? { file: await base64(file) } : {});
    if (answer.page) location.hash = openHref(answer.page);
    else await tick();
  }

  const tapping = (button, path) => (event) =>
    once(event.currentTarget, () => tap(button, path)).catch(tell(t.not_answered));

  const leaf = (button, path, more = {}) =>
    el("button", { type: "button", click: tapping(button, path), ...more }, el("span", {}, button.name));

  function parent(button, index) {
    const items = button.sub_button.map((sub, place) => el("li", {}, leaf(sub, [index, place])));
    const list = el("ul", { class: "sub-menu", id: `sub-${index}`, hidden: true }, ...items);
    const toggle = (event) => {
      const opening = list.hidden;
      close();
      list.hidden = !opening;
      event.currentTarget.setAttribute("aria-expanded", String(opening));
      if (opening) list.querySelector("button").focus();
    };
    const opener = el(
      "button",
      { type: "button", "aria-expanded": "false", "aria-controls": `sub-${index}`, click: toggle },
      icon("menu-2"),
      el("span", {}, button.name),
    );
    return el("div", { class: "menu-top" }, list, opener);
  }

  account.menu.forEach((button, index) => {
    bar.append(button.sub_button?.length ? parent(button, index) : el("div", { class: "menu-top" }, leaf(button, [index])));
  });
  bar.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    bar.querySelector("[aria-expanded=true]")?.focus();
    close();
  });
  bar.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !bar.contains(event.relatedTarget)) close();
  });
  // A tap anywhere else closes too; the chat that this bar belongs to may be gone by then.
  const outside = (event) => {
    if (!bar.isConnected) removeEventListener("pointerdown", outside);
    else if (!bar.contains(event.target)) close();
  };
  addEventListener("pointerdown", outside);
  return bar;
}
