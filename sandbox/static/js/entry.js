// One entry of a chat as a node.
import { person, t } from "./context.js";
import { avatar, el, icon } from "./dom.js";

const LINK = /<a\s[^>]*?href=["']([^"']+)["'][^>]*>(.*?)<\/a>|(https?:\/\/[^\s<>"']+)/gis;

export const openHref = (url) => `#/page/${encodeURIComponent(url)}`;

/** What the chat list shows of an entry. */
export function digest(entry) {
  if (entry.kind === "notice") return t[entry.code];
  if (entry.kind === "template") return entry.title;
  if (entry.msgtype === "text") return entry.content.replace(LINK, (_, url, label, bare) => label || bare);
  if (entry.msgtype === "news") return entry.articles[0].title;
  return `[${t[entry.msgtype] || entry.msgtype}]`;
}

/** The text of a bubble: links work, everything else is shown as written. */
function richText(content) {
  const parts = [];
  let from = 0;
  for (const match of content.matchAll(LINK)) {
    const url = match[1] || match[3];
    parts.push(content.slice(from, match.index));
    parts.push(/^https?:/i.test(url) ? el("a", { href: openHref(url) }, match[2] || url) : match[0]);
    from = match.index + match[0].length;
  }
  return [...parts, content.slice(from)];
}

function bubble(account, entry, ...content) {
  const mine = entry.kind === "sent";
  const face = mine ? avatar(person.nickname, person.fan) : avatar(account.name, account.appid);
  return el("div", { class: mine ? "row row-mine" : "row" }, face, el("div", { class: "bubble" }, ...content));
}

function templateCard(account, entry) {
  const link = entry.url ? { href: openHref(entry.url) } : {};
  const lines = entry.lines.flatMap(({ label, value }) => [el("dt", {}, label), el("dd", {}, value)]);
  return el(
    entry.url ? "a" : "article",
    { class: "card", ...link },
    el("header", {}, avatar(account.name, account.appid), account.name),
    el("h2", {}, entry.title),
    el("dl", {}, ...lines),
    entry.url && el("footer", {}, t.details, icon("next")),
  );
}

function newsCard({ title, description, picurl, url }) {
  return el(
    "a",
    { class: "card", href: openHref(url) },
    picurl && el("img", { src: picurl, alt: "" }),
    el("h2", {}, title),
    description && el("p", { class: "digest" }, description),
  );
}

export function entryNode(account, entry) {
  if (entry.kind === "notice") return el("p", { class: "line" }, t[entry.code]);
  if (entry.kind === "template") return templateCard(account, entry);
  if (entry.msgtype === "news") return el("div", {}, ...entry.articles.map(newsCard));
  if (entry.msgtype === "text") return bubble(account, entry, ...richText(entry.content));
  return bubble(account, entry, digest(entry));
}
