// The sandbox's clock: shown, and moved forward.
import * as api from "../api.js";
import { t } from "../context.js";
import { el, once, tell } from "../dom.js";

const STEPS = [["step_minute", 60], ["step_hour", 3600], ["step_day", 86400], ["step_window", 48 * 3600]];

export function clockTab() {
  const time = el("p", { class: "big-time" });
  const date = el("p", { class: "hint" });
  const ahead = el("p", { class: "hint", role: "status" });
  let offset = 0; // seconds

  function draw() {
    const shown = new Date(Date.now() + offset * 1000);
    time.textContent = shown.toLocaleTimeString(t.lang, { hourCycle: "h23" });
    date.textContent = shown.toLocaleDateString(t.lang, { year: "numeric", month: "long", day: "numeric", weekday: "long" });
    const minutes = Math.round(offset / 60);
    const hours = Math.floor(minutes / 60);
    const parts = [[Math.floor(hours / 24), t.days], [hours % 24, t.hours], [minutes % 60, t.minutes]];
    const said = parts.filter(([count]) => count).map(([count, unit]) => `${count} ${unit}`).join(" ");
    ahead.textContent = said ? `${t.clock_ahead} ${said}` : t.clock_real;
  }

  async function show(told) {
    offset = (await told).offset_seconds;
    draw();
  }

  function step([word, seconds]) {
    const move = (event) =>
      once(event.currentTarget, () => show(api.advance(seconds))).catch(tell(t.not_answered));
    return el("button", { class: "step", type: "button", click: move }, t[word]);
  }

  const node = el(
    "div",
    { class: "clock" },
    time,
    date,
    ahead,
    el("div", { class: "step-row" }, ...STEPS.map(step)),
    el("p", { class: "hint" }, t.clock_hint, " ", el("code", {}, "engage advance")),
  );
  draw();
  return { node, tick: () => show(api.clock()) };
}
