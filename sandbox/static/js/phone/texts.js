// Text messages of the person's own number.
import * as api from "../api.js";
import { person, t } from "../context.js";
import { el, empty, field, heading, once, tell, timeOf, toast, view } from "../dom.js";

const CODE = /(?<![\d-])\d{4,8}(?![\d-])/;
const SEEN = `sandbox.texts.${person?.fan}`;

export const codeIn = (text) => text.match(CODE)?.[0];

export const unseen = (texts) => texts.filter((one) => one.seq > Number(localStorage.getItem(SEEN) || 0)).length;

export async function copy(text) {
  await navigator.clipboard.writeText(text);
  toast(`${t.copied} ${text}`);
}

/** The text with its code, if it has one, as a button that copies it. */
function withCode(text) {
  const code = codeIn(text);
  if (!code) return [text];
  const at = text.indexOf(code);
  const press = () => copy(code).catch(() => toast(t.not_copied));
  return [
    text.slice(0, at),
    el("button", { class: "text-button code", type: "button", "aria-label": `${t.copy} ${code}`, click: press }, code),
    text.slice(at + code.length),
  ];
}

function numberForm(redraw) {
  const save = async (event) => {
    event.preventDefault();
    const phone = event.target.elements.phone.value.trim();
    await once(event.submitter, async () => {
      await api.putPerson({ ...person, phone });
      person.phone = phone;
      await redraw();
    }).catch(tell(t.not_saved));
  };
  return el(
    "form",
    { submit: save, class: "padded", autocomplete: "off" },
    field("phone", t.phone_number, { type: "tel", required: true, maxlength: "20", inputmode: "tel" }),
    el("button", { class: "button" }, t.save),
  );
}

export function sms({ texts, redraw }) {
  const newest = texts.at(-1)?.seq;
  if (newest) localStorage.setItem(SEEN, newest);
  const items = [...texts].reverse().map((one) =>
    el("li", { class: "sms" }, el("time", {}, timeOf(one.at)), el("p", { class: "bubble" }, ...withCode(one.text))));
  const body = person.phone
    ? items.length
      ? [heading(person.phone), el("ul", { class: "sms-list" }, ...items)]
      : [empty("message-2", `${t.no_texts} ${person.phone}`)]
    : [empty("message-2", t.no_number), numberForm(redraw)];
  return { title: t.sms, back: "#/discover", body: [view(...body)], redrawOn: (_, all) => all.length };
}
