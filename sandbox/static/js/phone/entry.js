// One entry of a chat as a node.
import { person, t } from "../context.js";
import { avatar, el, icon, toast } from "../dom.js";
import { digest, miniHref, openHref, richText } from "./text.js";

const faceOf = (account, entry) =>
  entry.kind === "sent" ? avatar(person.nickname, person.fan) : avatar(account.name, account.appid);

const row = (account, entry, ...content) =>
  el("div", { class: entry.kind === "sent" ? "row row-mine" : "row" }, faceOf(account, entry), ...content);

const bubble = (account, entry, ...content) => row(account, entry, el("div", { class: "bubble" }, ...content));

const text = (account, entry, choose) => bubble(account, entry, ...richText(entry.content, choose));

function image(account, entry) {
  if (!entry.url) return bubble(account, entry, digest(entry));
  const picture = el("img", { src: entry.url, alt: t.type_image, loading: "lazy" });
  return row(account, entry, el("a", { class: "picture", href: `#/image/${encodeURIComponent(entry.url)}` }, picture));
}

function voice(account, entry) {
  const sound = entry.url && new Audio(entry.url);
  const play = () => sound?.play().catch(() => toast(t.not_playable));
  return row(
    account,
    entry,
    el("button", { class: "bubble voice", type: "button", click: play, disabled: !sound }, icon("volume"), t.type_voice),
  );
}

function video(account, entry) {
  const shown = entry.url
    ? el("video", { src: entry.url, controls: true, preload: "metadata", "aria-label": entry.title || t.type_video })
    : el("p", {}, icon("video"), entry.title || t.type_video);
  const under = entry.description && el("small", {}, entry.description);
  return row(account, entry, el("div", { class: "tile" }, shown, under));
}

function tile(account, entry, { href, symbol, title, under, foot }) {
  const inside = [
    el("span", { class: "tile-text" }, el("strong", {}, title), under && el("small", {}, under)),
    el("span", { class: "tile-symbol" }, icon(symbol)),
    foot && el("small", { class: "tile-foot" }, foot),
  ];
  return row(account, entry, el(href ? "a" : "div", { class: "tile", href }, ...inside));
}

const music = (account, entry) =>
  tile(account, entry, {
    href: entry.musicurl && openHref(entry.musicurl), symbol: "music",
    title: entry.title || t.type_music, under: entry.description, foot: t.type_music,
  });

const link = (account, entry) =>
  tile(account, entry, { href: openHref(entry.url), symbol: "link", title: entry.title, under: entry.description });

const miniProgram = (account, entry) =>
  tile(account, entry, {
    href: miniHref(entry.pagepath), symbol: "apps",
    title: entry.title, under: entry.pagepath, foot: t.type_miniprogrampage,
  });

const place = (account, entry) =>
  row(
    account,
    entry,
    el(
      "div",
      { class: "tile place" },
      el("span", { class: "tile-text" }, el("strong", {}, entry.label || t.type_location)),
      el("span", { class: "map", "aria-hidden": "true" }, icon("map-pin")),
    ),
  );

function menuOfChoices(account, entry, choose) {
  const item = ({ id, content }) => {
    const click = () => choose({ menu_id: id, content });
    return el("li", {}, el("button", { class: "text-button", type: "button", click }, content));
  };
  return bubble(
    account,
    entry,
    entry.head_content && el("p", {}, ...richText(entry.head_content, choose)),
    el("ul", { class: "choices" }, ...entry.list.map(item)),
    entry.tail_content && el("p", {}, ...richText(entry.tail_content, choose)),
  );
}

function notice(account, entry) {
  const page = entry.url ? openHref(entry.url) : undefined;
  const href = entry.miniprogram ? miniHref(entry.miniprogram.pagepath) : page;
  const lines = entry.lines.flatMap(({ label, value }) => [el("dt", {}, label), el("dd", {}, value)]);
  return el(
    href ? "a" : "article",
    { class: "card", href },
    el("header", {}, avatar(account.name, account.appid), el("span", {}, account.name)),
    el("h2", {}, entry.title),
    el("dl", {}, ...lines),
    href && el("footer", {}, t.details, icon("chevron-right")),
  );
}

function news(account, entry) {
  const [first, ...rest] = entry.articles;
  const picture = (article) => article.picurl && el("img", { src: article.picurl, alt: "", loading: "lazy" });
  const lead = rest.length
    ? el("a", { class: "lead", href: openHref(first.url) }, picture(first), el("h2", {}, first.title))
    : el(
        "a",
        { href: openHref(first.url) },
        picture(first),
        el("h2", {}, first.title),
        first.description && el("p", { class: "digest" }, first.description),
      );
  const small = (article) =>
    el("a", { class: "more", href: openHref(article.url) }, el("span", {}, article.title), picture(article));
  return el("article", { class: "card news" }, lead, ...rest.map(small));
}

const handedOver = () => el("p", { class: "line" }, t.type_transfer_customer_service);

const KINDS = {
  text, image, voice, video, shortvideo: video, music, news, link, location: place,
  msgmenu: menuOfChoices, miniprogrampage: miniProgram, transfer_customer_service: handedOver,
};

/** `choose` is called with the menu item that the person taps: `{menu_id, content}`. */
export function entryNode(account, entry, choose) {
  if (entry.kind === "notice") return el("p", { class: "line" }, digest(entry));
  if (entry.lines) return notice(account, entry);
  return KINDS[entry.msgtype]?.(account, entry, choose) || bubble(account, entry, digest(entry));
}
