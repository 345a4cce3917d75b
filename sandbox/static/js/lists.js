// The four tabs, the account's profile, and the screen that asks who holds the phone.
import * as api from "./api.js";
import { person, phoneUrl, t } from "./context.js";
import { avatar, badge, cell, cellText, el, empty, icon, timeOf } from "./dom.js";
import { digest, openHref } from "./entry.js";

const RECENT = "sandbox.recent";

const view = (...children) => el("div", { class: "view" }, ...children);
const face = (name) => el("span", { class: "avatar hue-0", "aria-hidden": "true" }, icon(name));
const title = (text) => el("h2", { class: "title" }, text);

function chatCell(account) {
  const face = el("span", { class: "avatar-holder" }, avatar(account.name, account.appid));
  if (account.unread) face.append(badge(account.unread));
  return cell(
    { href: `#/chat/${account.appid}` },
    face,
    cellText(account.name, account.last ? digest(account.last) : t.no_words),
    account.last && el("time", {}, timeOf(account.last.at, { short: true })),
  );
}

export function chats(accounts) {
  const open = accounts
    .filter((account) => account.following || account.last)
    .sort((a, b) => (b.last?.seq || 0) - (a.last?.seq || 0));
  const more = el("a", { class: "button", href: "#/contacts" }, t.see_accounts);
  const body = open.length
    ? el("ul", { class: "cells" }, ...open.map(chatCell))
    : empty("bubbles", t.no_chats, more);
  return { title: t.chats, tab: "chats", body: [view(body)] };
}

export function contacts(accounts) {
  const lines = accounts.map((account) =>
    cell(
      { href: `#/account/${account.appid}` },
      avatar(account.name, account.appid),
      cellText(account.name, account.following ? t.followed : t.not_followed),
      icon("next"),
    ));
  const list = lines.length
    ? el("ul", { class: "cells" }, ...lines)
    : el("p", { class: "title" }, t.no_accounts);
  const others = el(
    "ul",
    { class: "cells" },
    cell({ href: "#/people" }, face("contacts"), cellText(t.people), icon("next")),
    cell({ href: "#/new" }, face("plus"), cellText(t.new_person), icon("next")),
  );
  return { title: t.contacts, tab: "contacts", body: [view(title(t.accounts), list, el("div", { class: "gap" }), others)] };
}

export function account(chosen, accounts, { redraw }) {
  const act = (call, next) => async (event) => {
    event.target.disabled = true;
    await call(chosen.appid);
    await redraw(next);
  };
  const verified = chosen.kind === "production" && icon("verified");
  const actions = chosen.following
    ? [
        el("a", { class: "button", href: `#/chat/${chosen.appid}` }, t.enter),
        el("button", { class: "button button-plain", type: "button", click: act(api.unfollow) }, t.unfollow),
      ]
    : [el("button", { class: "button", type: "button", click: act(api.follow, `#/chat/${chosen.appid}`) }, t.follow)];
  return {
    title: t.account_profile,
    back: "#/contacts",
    body: [
      view(
        el(
          "div",
          { class: "profile" },
          avatar(chosen.name, chosen.appid, "avatar-big"),
          el("div", {}, el("h2", {}, chosen.name), el("p", {}, verified, t[`kind_${chosen.kind}`])),
        ),
        el("div", { class: "gap" }),
        el(
          "ul",
          { class: "cells cells-plain" },
          cell({}, el("span", { class: "cell-text" }, el("small", {}, "AppID"), el("code", {}, chosen.appid))),
          cell({}, el("span", { class: "cell-text" }, el("small", {}, t.your_openid), el("code", {}, chosen.openid))),
        ),
        el("div", { class: "actions" }, ...actions),
      ),
    ],
  };
}

export const recentPages = () => JSON.parse(localStorage.getItem(RECENT) || "[]");

export function rememberPage(url) {
  const pages = [url, ...recentPages().filter((other) => other !== url)].slice(0, 5);
  localStorage.setItem(RECENT, JSON.stringify(pages));
}

export function discover(accounts) {
  const home = accounts[0]?.origin || location.origin;
  const go = (event) => {
    event.preventDefault();
    const typed = event.target.elements.address.value.trim();
    if (typed) location.hash = openHref(new URL(typed, home).href);
  };
  const form = el(
    "form",
    { submit: go },
    el(
      "div",
      { class: "address" },
      el("label", { for: "address" }, t.open_page),
      el("input", { id: "address", name: "address", inputmode: "url", placeholder: `${home}/`, autocomplete: "off" }),
      el("button", { class: "button" }, t.open),
    ),
  );
  const recent = recentPages().map((url) => cell({ href: openHref(url) }, icon("page"), cellText(url), icon("next")));
  return {
    title: t.discover,
    tab: "discover",
    body: [
      view(
        form,
        recent.length > 0 && title(t.recent),
        el("ul", { class: "cells cells-plain" }, ...recent),
        empty("page", t.pages_hint),
      ),
    ],
  };
}

export function me() {
  const other = t.lang === "zh" ? "en" : "zh";
  return {
    title: t.me,
    tab: "me",
    body: [
      view(
        el(
          "div",
          { class: "profile" },
          avatar(person.nickname, person.fan, "avatar-big"),
          el("div", {}, el("h2", {}, person.nickname), el("p", {}, person.fan)),
        ),
        el("div", { class: "gap" }),
        el(
          "ul",
          { class: "cells cells-plain" },
          person.phone && cell({}, cellText(t.phone_number), el("span", { class: "cell-value" }, person.phone)),
          cell({ href: `?lang=${other}#/me` }, cellText(t.language), el("span", { class: "cell-value" }, t.other_language), icon("next")),
          cell({ href: "#/people" }, cellText(t.switch_person), icon("next")),
        ),
      ),
    ],
  };
}

const personCell = (fan) =>
  cell(
    { href: phoneUrl(fan.fan), "aria-current": fan.fan === person?.fan && "true" },
    avatar(fan.nickname, fan.fan),
    cellText(fan.nickname, fan.phone),
    icon("next"),
  );

function personForm() {
  const create = async (event) => {
    event.preventDefault();
    const { nickname, phone } = event.target.elements;
    event.submitter.disabled = true;
    const made = await api.createPerson({ nickname: nickname.value, phone: phone.value });
    location.assign(phoneUrl(made.fan));
  };
  const field = (name, label, attributes) =>
    el("div", { class: "field" }, el("label", { for: name }, ...label), el("input", { id: name, name, ...attributes }));
  return el(
    "form",
    { submit: create, autocomplete: "off" },
    field("nickname", [t.nickname], { required: true, maxlength: "32", placeholder: t.nickname_example }),
    field("phone", [`${t.phone_number} `, el("small", {}, t.optional)], { type: "tel", maxlength: "20" }),
    el("button", { class: "button" }, t.create),
  );
}

export const newPerson = () => ({ title: t.new_person, back: "#/people", body: [view(personForm())] });

export function people(everybody) {
  const add = cell({ href: "#/new" }, face("plus"), cellText(t.new_person), icon("next"));
  const body = everybody.length
    ? [title(t.who_hint), el("ul", { class: "cells" }, add, ...everybody.map(personCell))]
    : [empty("me", t.nobody), personForm()];
  return { title: person ? t.people : t.who, back: person && "#/me", body: [view(...body)] };
}

/** The phones listed beside this one on a wide screen. */
export function fillDesk(everybody) {
  const links = everybody.map((fan) =>
    el(
      "li",
      {},
      el(
        "a",
        { href: phoneUrl(fan.fan), target: `phone-${fan.fan}`, "aria-current": fan.fan === person?.fan && "true" },
        avatar(fan.nickname, fan.fan, "avatar-small"),
        fan.nickname,
      ),
    ));
  document.getElementById("phones").replaceChildren(...links);
  document.querySelector(".phones").hidden = !links.length;
}
