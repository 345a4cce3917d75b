// The chat with one account.
import * as api from "../api.js";
import { person, t } from "../context.js";
import { avatar, el, icon, iconButton, sentence, timeOf, toast } from "../dom.js";
import { composer } from "./composer.js";
import { entryNode } from "./entry.js";

const PAUSE = 300; // seconds of silence after which the time is shown again
const NEAR = 120; // pixels from the foot within which the chat stays at the foot as it grows

export function chat({ account }) {
  const log = el("div", { class: "log", role: "log", "aria-label": account.name, "aria-busy": "true" });
  const view = el("div", { class: "view", tabindex: "0" }, log);
  const waiting = []; // what was just written, until the sandbox tells it back
  let last = { seq: 0, at: 0 };

  const mine = (accounts) => accounts.find((one) => one.appid === account.appid);
  const toFoot = () => { view.scrollTop = view.scrollHeight; };
  let atFoot = true;
  view.addEventListener("scroll", () => { atFoot = view.scrollHeight - view.scrollTop - view.clientHeight < NEAR; });
  // New entries, pictures that arrive late, a taller foot of the screen: the last line stays in sight.
  const growing = new ResizeObserver(() => { if (atFoot) toFoot(); });
  growing.observe(log);
  growing.observe(view);

  function append(entry) {
    if (entry.at - last.at > PAUSE) log.append(el("p", { class: "line" }, timeOf(entry.at)));
    if (entry.kind === "sent") waiting.shift()?.remove();
    log.append(entryNode(account, entry, choose));
    last = entry;
  }

  async function tick() {
    const fresh = (await api.entries(account.appid, last.seq)).filter((entry) => entry.seq > last.seq);
    log.removeAttribute("aria-busy");
    if (!fresh.length) return;
    fresh.forEach(append);
    waiting.forEach((node) => log.append(node)); // stay at the foot
    await api.markRead(account.appid, last.seq);
  }

  /** Show what is being sent at once; if it fails it stays, to be sent again by a tap. */
  async function send(message, shown) {
    const state = el("span", { class: "sending" });
    const bubble = el("div", { class: "bubble" }, shown);
    const node = el("div", { class: "row row-mine" }, avatar(person.nickname, person.fan), bubble, state);
    waiting.push(node);
    log.append(node);
    toFoot();
    try {
      await api.send(account.appid, message);
      await tick();
    } catch (error) {
      if (!waiting.includes(node)) return; // the sandbox told it back: it was sent
      waiting.splice(waiting.indexOf(node), 1);
      toast(sentence(error, error.status === 409 ? t.not_following_hint : t.not_sent));
      const again = () => { node.remove(); send(message, shown); };
      state.replaceWith(iconButton("failed", "alert-circle", t.send_again, { click: again }));
    }
  }

  const choose = ({ menu_id, content }) => send({ msgtype: "msgmenu", menu_id, content }, content);

  return {
    title: account.name,
    back: "#/chats",
    action: el(
      "a",
      { class: "bar-button", href: `#/account/${account.appid}`, "aria-label": t.account_profile },
      icon("dots"),
    ),
    body: [view, composer({ account, send, tick })],
    // Another menu, or following or not, makes another foot.
    redrawOn: (all) => JSON.stringify(mine(all) && [mine(all).following, mine(all).menu]),
    tick: (accounts) => {
      return !last.seq || mine(accounts)?.last?.seq > last.seq ? tick() : null;
    },
  };
}
