// Calls that the sandbox received and pushes that it sent, the newest on top, as they come.
import * as api from "../api.js";
import { t } from "../context.js";
import { clockOf, el, empty } from "../dom.js";

const KEPT = 200; // lines shown

const seconds = (at) => {
  const date = new Date(at * 1000);
  return `${clockOf(date)}:${String(date.getSeconds()).padStart(2, "0")}`;
};

const code = (data) => el("pre", { tabindex: "0" }, typeof data === "string" ? data : JSON.stringify(data, null, 2));

const part = (title, data) => [el("h4", {}, title), code(data)];

const hasContent = (data) => data && (typeof data === "string" || Object.keys(data).length > 0);

const outcome = (good, text) => el("span", { class: good ? "outcome good" : "outcome bad" }, text);

function record(title, under, result, ms, ...details) {
  return el(
    "details",
    { class: "record" },
    el(
      "summary",
      {},
      el("span", { class: "cell-text" }, el("span", { class: "record-title" }, title), el("small", {}, under)),
      result,
      el("span", { class: "ms" }, `${Math.round(ms)} ms`),
    ),
    ...details,
  );
}

function callLine(call, { accounts }) {
  const account = accounts.find((one) => one.appid === call.appid);
  const failed = call.errcode !== 0 || call.status >= 400;
  const result = call.errcode ? String(call.errcode) : call.status >= 400 ? `HTTP ${call.status}` : "ok";
  const under = [seconds(call.at), call.method, account?.name || call.appid].filter(Boolean).join(" · ");
  return record(
    call.path,
    under,
    outcome(!failed, result),
    call.ms,
    ...(hasContent(call.query) ? part(t.query, call.query) : []),
    ...(hasContent(call.body) ? part(t.body, call.body) : []),
    ...(call.fault ? part(t.fault, call.fault) : []),
  );
}

function pushLine(push, { accounts, nicknames }) {
  const account = accounts.find((one) => one.appid === push.appid);
  const tries = push.attempts.length;
  const result = push.problem || (tries > 1 ? `${tries} ×` : "ok");
  const under = [seconds(push.at), nicknames[push.fan] || push.fan, account?.name || push.appid].join(" · ");
  const ms = push.attempts.reduce((sum, attempt) => sum + (attempt.ms || 0), 0);
  return record(
    push.label,
    under,
    outcome(!push.problem && tries <= 1, result),
    ms,
    ...part(t.fields, push.fields),
    ...part(t.attempts, push.attempts),
  );
}

function recordsTab(context, { ask, line, search, symbol, nothing }) {
  const list = el("div", { class: "records", role: "log", "aria-live": "off", tabindex: "0", "aria-label": search });
  const blank = empty(symbol, nothing);
  const filter = el("input", { type: "search", "aria-label": search, placeholder: search });
  let after = 0;

  const sift = (nodes) => {
    const wanted = filter.value.trim().toLowerCase();
    for (const node of nodes) node.hidden = !node.firstChild.textContent.toLowerCase().includes(wanted);
  };
  filter.addEventListener("input", () => sift([...list.children]));

  async function tick() {
    const fresh = (await ask(after)).filter((one) => one.seq > after);
    if (!fresh.length) return;
    after = fresh.at(-1).seq;
    const nodes = fresh.slice(-KEPT).map((one) => line(one, context)).reverse();
    if (list.children.length) nodes.forEach((node) => node.classList.add("record-fresh"));
    sift(nodes);
    list.prepend(...nodes);
    while (list.children.length > KEPT) list.lastChild.remove();
    blank.hidden = true;
  }
  return { node: el("div", { class: "records-tab" }, filter, blank, list), tick };
}

export const callsTab = (context) =>
  recordsTab(context, { ask: api.calls, line: callLine, search: t.search_calls, symbol: "activity", nothing: t.no_calls });

export const pushesTab = (context) =>
  recordsTab(context, { ask: api.pushes, line: pushLine, search: t.search_pushes, symbol: "bell", nothing: t.no_pushes });
