// The scanner: takes a picture of a QR code, or what it says as text.
import * as api from "../api.js";
import { t } from "../context.js";
import { el, icon, once, sentence, tell, toast } from "../dom.js";
import { choosePicture, readCode } from "./files.js";
import { openHref } from "./text.js";

/** Opened from a menu button, what was read goes to the account: `argument` is its app id, `place` the button. */
export function scan({ argument, place, go }) {
  const status = el("p", { class: "scan-status", role: "status" });

  async function take(text) {
    try {
      if (argument) {
        const { page } = await api.tapMenu(argument, place.split("-").map(Number), { result: text });
        go(page ? openHref(page) : `#/chat/${argument}`);
        return;
      }
      const found = await api.scan(text);
      go(found.page ? openHref(found.page) : `#/chat/${found.appid}`);
    } catch (error) {
      toast(sentence(error, error.status === 410 ? t.notice_expired_code : t.unknown_code));
    }
  }

  async function look(file) {
    status.textContent = t.reading;
    const text = await readCode(file);
    status.textContent = text ? "" : t.no_code;
    if (text) await take(text);
  }

  const choose = async () => {
    const file = await choosePicture();
    if (file) await look(file);
  };
  const finder = el(
    "button",
    { class: "finder", type: "button", click: (event) => once(event.currentTarget, choose).catch(tell(t.no_code)) },
    el("span", { class: "finder-line", "aria-hidden": "true" }),
    icon("photo"),
    el("span", {}, t.choose_code),
  );
  finder.addEventListener("dragover", (event) => event.preventDefault());
  finder.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) look(event.dataTransfer.files[0]);
  });
  const submit = (event) => {
    event.preventDefault();
    const text = event.target.elements.code.value.trim();
    if (text) once(event.target.querySelector("button"), () => take(text));
  };
  const form = el(
    "form",
    { class: "scan-form", submit },
    el("label", { for: "code", class: "spoken" }, t.code_text),
    el("input", { id: "code", name: "code", inputmode: "url", autocomplete: "off", placeholder: t.code_text }),
    el("button", { class: "button button-small" }, t.go),
  );
  const pasted = (event) => {
    const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
    if (file) look(file);
  };
  const hint = el("p", { class: "scan-hint" }, t.scan_hint);
  return {
    title: t.scan,
    back: argument ? `#/chat/${argument}` : "#/discover",
    body: [el("div", { class: "scanner", paste: pasted, tabindex: "-1" }, finder, status, form, hint)],
  };
}
