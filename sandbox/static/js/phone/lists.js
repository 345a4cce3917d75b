// The four tabs, and the account's profile.
import * as api from "../api.js";
import { person, t } from "../context.js";
import { avatar, badge, cell, cellText, el, empty, heading, icon, once, tell, timeOf, view } from "../dom.js";
import { recentPages } from "./page.js";
import { digest, openHref } from "./text.js";
import { unseen } from "./texts.js";

const next = () => icon("chevron-right");
const value = (text) => el("span", { class: "cell-value" }, text);

export const face = (name, hue = 0) =>
  el("span", { class: `avatar hue-${hue}`, "aria-hidden": "true" }, icon(name));

function chatCell(account) {
  const holder = el("span", { class: "avatar-holder" }, avatar(account.name, account.appid));
  if (account.unread) holder.append(badge(account.unread));
  return cell(
    { href: `#/chat/${account.appid}` },
    holder,
    cellText(account.name, account.last ? digest(account.last) : t.no_words),
    account.last && el("time", {}, timeOf(account.last.at, { short: true })),
  );
}

export function chats({ accounts }) {
  const open = accounts
    .filter((account) => account.following || account.last)
    .sort((a, b) => (b.last?.seq || 0) - (a.last?.seq || 0));
  const more = el("a", { class: "button", href: "#/contacts" }, t.see_accounts);
  const body = open.length
    ? el("ul", { class: "cells" }, ...open.map(chatCell))
    : empty("message-circle", t.no_chats, more);
  return { title: t.chats, tab: "chats", body: [view(body)], redrawOn: (all) => JSON.stringify(all) };
}

export function contacts({ accounts }) {
  const lines = accounts.map((account) =>
    cell(
      { href: `#/account/${account.appid}` },
      avatar(account.name, account.appid),
      cellText(account.name, account.following ? t.followed : t.not_followed),
      next(),
    ));
  const list = lines.length
    ? el("ul", { class: "cells" }, ...lines)
    : el("p", { class: "hint padded" }, t.no_accounts);
  const others = el(
    "ul",
    { class: "cells" },
    cell({ href: "#/people" }, face("device-mobile", 7), cellText(t.people), next()),
    cell({ href: "#/new" }, face("user-plus", 6), cellText(t.new_person), next()),
  );
  return {
    title: t.contacts,
    tab: "contacts",
    body: [view(others, heading(t.accounts), list)],
    redrawOn: (all) => JSON.stringify(all.map((one) => [one.appid, one.following])),
  };
}

export function account({ account: chosen, redraw, go }) {
  const act = (call, then) => (event) =>
    once(event.currentTarget, async () => {
      await call(chosen.appid);
      if (then) go(then);
      else await redraw();
    }).catch(tell(t.not_answered));
  const chat = `#/chat/${chosen.appid}`;
  const verified = chosen.kind === "production" && icon("check");
  const actions = chosen.following
    ? [
        el("a", { class: "button", href: chat }, t.enter),
        el("button", { class: "button button-plain", type: "button", click: act(api.unfollow) }, t.unfollow),
      ]
    : [el("button", { class: "button", type: "button", click: act(api.follow, chat) }, t.follow)];
  const fact = (name, value) =>
    cell({}, el("span", { class: "cell-text" }, el("small", {}, name), el("code", {}, value)));
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
        el("ul", { class: "cells cells-plain" }, fact("AppID", chosen.appid), fact(t.your_openid, chosen.openid)),
        el("div", { class: "actions" }, ...actions),
      ),
    ],
    redrawOn: (all) => all.find((one) => one.appid === chosen.appid)?.following,
  };
}

export function discover({ accounts, texts, go }) {
  const home = accounts[0]?.origin || location.origin;
  const open = (event) => {
    event.preventDefault();
    const typed = event.target.elements.address.value.trim();
    if (typed) go(openHref(new URL(typed, home).href));
  };
  const fresh = unseen(texts);
  const apps = el(
    "ul",
    { class: "cells" },
    cell({ href: "#/scan" }, face("scan", 2), cellText(t.scan), next()),
    cell({ href: "#/sms" }, face("message-2", 6), cellText(t.sms), fresh > 0 && badge(fresh), next()),
  );
  const form = el(
    "form",
    { submit: open, class: "padded" },
    el(
      "div",
      { class: "address" },
      el("label", { for: "address" }, t.open_page),
      el("input", { id: "address", name: "address", inputmode: "url", placeholder: `${home}/`, autocomplete: "off" }),
      el("button", { class: "button button-small" }, t.open),
    ),
    el("p", { class: "hint small" }, t.pages_hint),
  );
  const recent = recentPages().map((url) => cell({ href: openHref(url) }, icon("file-text"), cellText(url), next()));
  return {
    title: t.discover,
    tab: "discover",
    body: [view(apps, form, recent.length > 0 && heading(t.recent), el("ul", { class: "cells cells-plain" }, ...recent))],
    redrawOn: (_, all) => unseen(all),
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
          { class: "cells" },
          cell({ href: "#/sms" }, face("phone", 6), cellText(t.phone_number), value(person.phone || t.none), next()),
          cell({ href: `?lang=${other}#/me` }, face("language", 2), cellText(t.language), value(t.other_language), next()),
          cell({ href: "#/people" }, face("device-mobile", 7), cellText(t.switch_person), next()),
        ),
      ),
    ],
  };
}
