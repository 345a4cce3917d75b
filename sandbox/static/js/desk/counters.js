// How often each account called each path on the sandbox's day.
import * as api from "../api.js";
import { t } from "../context.js";
import { el, empty } from "../dom.js";

function table(account, counts) {
  const rows = Object.entries(counts)
    .sort(([, one], [, other]) => other - one)
    .map(([path, count]) => el("tr", {}, el("th", { scope: "row" }, path), el("td", {}, count.toLocaleString(t.lang))));
  return el("table", { class: "counts" }, el("caption", {}, account), el("tbody", {}, ...rows));
}

export function countersTab({ accounts }) {
  const node = el("div", {});
  let drawn;

  async function tick() {
    const told = await api.counters();
    const key = JSON.stringify(told);
    if (key === drawn) return;
    drawn = key;
    const tables = Object.entries(told.counts).map(([appid, counts]) =>
      table(accounts.find((one) => one.appid === appid)?.name || appid || t.no_account, counts));
    node.replaceChildren(
      el("p", { class: "hint" }, t.counters_hint, " ", told.day),
      ...(tables.length ? tables : [empty("list-details", t.no_calls)]),
    );
  }
  return { node, tick };
}
