// Faults: presets that a click puts in force, and the list of those in force.
import * as api from "../api.js";
import { t } from "../context.js";
import { el, icon, once, tell } from "../dom.js";

// What each preset does, and whether only calls or only pushes can suffer it.
const PRESETS = [
  { name: "fault_slow", symbol: "hourglass", effect: { latency_ms: 3000 } },
  { name: "fault_502", symbol: "server-off", effect: { http: 502 }, only: "calls" },
  { name: "fault_before", symbol: "plug-connected-x", effect: { drop: "before" } },
  { name: "fault_during", symbol: "plug-connected-x", effect: { drop: "during" } },
  { name: "fault_after", symbol: "plug-connected-x", effect: { drop: "after" } },
  { name: "fault_busy", symbol: "alert-circle", effect: { errcode: -1 }, only: "calls" },
  { name: "fault_token", symbol: "key", effect: { errcode: 40001 }, only: "calls" },
  { name: "fault_quota", symbol: "gauge", effect: { errcode: 45009 }, only: "calls" },
  { name: "fault_twice", symbol: "repeat", effect: { duplicate: 1 }, only: "pushes" },
  { name: "fault_reorder", symbol: "arrows-shuffle", effect: { reorder: true }, only: "pushes" },
];
const PATHS = { calls: "", pushes: "push/*" };

const presetOf = (effect) => PRESETS.find((preset) => JSON.stringify(preset.effect) === JSON.stringify(effect));

const nameOf = (effect) => t[presetOf(effect)?.name] || JSON.stringify(effect);

/** How many faults are in force, on the button that opens the panel. */
export function markFaults(faults) {
  const mark = document.getElementById("fault-mark");
  mark.hidden = !faults.length;
  mark.textContent = faults.length;
  mark.setAttribute("aria-label", `${faults.length} ${t.faults_in_force}`);
}

function select(id, label, options) {
  const field = el("select", { id }, ...options.map(([value, text]) => el("option", { value }, text)));
  return { field, node: el("div", { class: "choice" }, el("label", { for: id }, label), field) };
}

function line(fault, accounts, lift) {
  const account = accounts.find((one) => one.appid === fault.appid);
  const left = fault.times ? `${fault.times} ${t.times_left}` : t.until_lifted;
  const where = [account?.name || t.any_account, fault.path || t.any_path, left];
  const label = `${t.lift} · ${nameOf(fault.effect)}`;
  return el(
    "li",
    { class: "fault" },
    el("span", { class: "cell-text" }, el("strong", {}, nameOf(fault.effect)), el("small", {}, where.join(" · "))),
    el("button", { class: "chip", type: "button", click: lift(fault.id), "aria-label": label }, t.lift),
  );
}

export function faultsTab({ accounts }) {
  const account = select("fault-account", t.account, [["", t.all], ...accounts.map((one) => [one.appid, one.name])]);
  const target = select("fault-target", t.strikes, [["calls", t.target_calls], ["pushes", t.target_pushes]]);
  const times = select("fault-times", t.how_often, [["1", t.once], ["5", t.five_times], ["", t.until_lifted]]);
  const inForce = el("ul", { class: "faults", "aria-live": "polite" });
  const liftAll = el("button", { class: "chip", type: "button", hidden: true }, t.lift_all);
  let drawn;

  const put = (preset) => (event) =>
    once(event.currentTarget, async () => {
      const kind = preset.only || target.field.value;
      await api.addFault({
        match: { appid: account.field.value, path: PATHS[kind] },
        effect: preset.effect,
        ...(times.field.value && { times: Number(times.field.value) }),
      });
      await tick(await api.faults());
    }).catch(tell(t.not_answered));
  const lift = (id) => (event) =>
    once(event.currentTarget, async () => {
      await api.liftFault(id);
      await tick(await api.faults());
    }).catch(tell(t.not_answered));
  liftAll.addEventListener("click", lift());

  async function tick(faults) {
    markFaults(faults);
    const key = JSON.stringify(faults);
    if (key === drawn) return;
    drawn = key;
    liftAll.hidden = faults.length < 2;
    inForce.replaceChildren(...faults.map((fault) => line(fault, accounts, lift)));
    if (!faults.length) inForce.append(el("li", { class: "hint" }, t.no_faults));
  }

  const button = (preset) =>
    el(
      "button",
      { class: "preset", type: "button", click: put(preset) },
      icon(preset.symbol),
      el("span", { class: "cell-text" }, el("strong", {}, t[preset.name]), el("small", {}, t[`${preset.name}_hint`])),
    );
  const node = el(
    "div",
    {},
    el("p", { class: "hint" }, t.faults_hint),
    el("div", { class: "choices-row" }, account.node, target.node, times.node),
    el("div", { class: "presets" }, ...PRESETS.map(button)),
    el("div", { class: "panel-head" }, el("h3", {}, t.in_force), liftAll),
    inForce,
  );
  return { node, tick };
}
