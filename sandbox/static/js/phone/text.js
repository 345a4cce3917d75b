// What a message says: in one line for lists, with working links for bubbles.
import { t } from "../context.js";
import { el } from "../dom.js";

const LINK = /<a\s([^>]*)>(.*?)<\/a>|(https?:\/\/[^\s<>"'，。；！？）]+)/gis;
const MENU_LINK = "weixin://bizmsgmenu?";

export const openHref = (url) => `#/page/${encodeURIComponent(url)}`;
export const miniHref = (path) => `#/mini/${encodeURIComponent(path || "/")}`;

const attribute = (written, name) => written.match(new RegExp(`${name}=["']([^"']*)["']`, "i"))?.[1];

/** The line that the chat list shows of an entry. */
export function digest(entry) {
  if (entry.kind === "notice") return t[`notice_${entry.code}`] || entry.code || "";
  if (entry.kind === "template" || entry.kind === "subscribe") return entry.title;
  if (entry.msgtype === "text") return entry.content.replace(LINK, (_, written, label, bare) => label || bare);
  if (entry.msgtype === "news") return entry.articles[0]?.title || "";
  if (entry.msgtype === "msgmenu") return entry.head_content || entry.list[0]?.content || "";
  if (entry.msgtype === "link") return entry.title;
  const name = t[`type_${entry.msgtype}`] || entry.msgtype;
  return entry.title || entry.label ? `[${name}] ${entry.title || entry.label}` : `[${name}]`;
}

function link(written, label, choose) {
  const url = attribute(written, "href") || "";
  if (url.startsWith(MENU_LINK)) {
    const asked = new URLSearchParams(url.slice(MENU_LINK.length));
    const item = { menu_id: asked.get("msgmenuid"), content: asked.get("msgmenucontent") || label };
    return el("button", { class: "text-button", type: "button", click: () => choose(item) }, label);
  }
  if (attribute(written, "data-miniprogram-appid")) {
    return el("a", { href: miniHref(attribute(written, "data-miniprogram-path")) }, label);
  }
  return /^https?:/i.test(url) ? el("a", { href: openHref(url) }, label) : label;
}

/** The text of a bubble: links work, everything else is shown as written. `choose` takes a menu item. */
export function richText(content, choose) {
  const parts = [];
  let from = 0;
  for (const match of content.matchAll(LINK)) {
    parts.push(content.slice(from, match.index));
    parts.push(match[3] ? el("a", { href: openHref(match[3]) }, match[3]) : link(match[1], match[2], choose));
    from = match.index + match[0].length;
  }
  return [...parts, content.slice(from)];
}
