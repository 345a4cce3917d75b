// The chat with one account.
import * as api from "./api.js";
import { person, t } from "./context.js";
import { avatar, el, icon, timeOf, toast } from "./dom.js";
import { entryNode } from "./entry.js";

const PAUSE = 300; // seconds of silence after which the time is shown again

export function chat(account) {
  const log = el("div", { class: "log", role: "log", "aria-label": account.name });
  const view = el("div", { class: "view", tabindex: "0" }, log);
  let last = { seq: 0, at: 0 };
  let pending = null; // what was just written, until the sandbox tells it back

  function append(entry) {
    if (entry.at - last.at > PAUSE) log.append(el("p", { class: "line" }, timeOf(entry.at)));
    log.append(entryNode(account, entry));
    last = entry;
  }

  async function tick() {
    const fresh = (await api.entries(account.appid, last.seq)).filter((entry) => entry.seq > last.seq);
    if (!fresh.length) return;
    if (pending && fresh.some((entry) => entry.kind === "sent")) {
      pending.remove();
      pending = null;
    }
    fresh.forEach(append);
    view.scrollTop = view.scrollHeight;
    await api.markRead(account.appid, last.seq);
  }

  async function send(event) {
    event.preventDefault();
    const input = event.target.elements.content;
    const content = input.value.trim();
    if (!content || pending) return;
    input.value = "";
    pending = el(
      "div",
      { class: "row row-mine" },
      avatar(person.nickname, person.fan),
      el("div", { class: "bubble bubble-pending" }, content),
    );
    log.append(pending);
    view.scrollTop = view.scrollHeight;
    try {
      await api.sendText(account.appid, content);
    } catch {
      pending?.remove();
      pending = null;
      input.value = content;
      toast(t.not_sent);
    }
    await tick();
  }

  const composer = account.following
    ? el(
        "form",
        { class: "composer", submit: send, autocomplete: "off" },
        el("input", { name: "content", "aria-label": t.message, placeholder: t.message, maxlength: "600" }),
        el("button", { class: "button" }, t.send),
      )
    : el(
        "div",
        { class: "composer" },
        el("p", {}, t.not_following_hint),
        el("a", { class: "button", href: `#/account/${account.appid}` }, t.follow),
      );

  return {
    title: account.name,
    back: "#/chats",
    action: el(
      "a",
      { class: "bar-button", href: `#/account/${account.appid}`, "aria-label": t.account_profile },
      icon("more"),
    ),
    body: [view, composer],
    tick,
  };
}
