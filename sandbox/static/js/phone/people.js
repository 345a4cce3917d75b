// Who holds the phone: other people's phones, and new people.
import * as api from "../api.js";
import { DESK, deskUrl, onDesk, person, phoneUrl, t } from "../context.js";
import { avatar, cell, cellText, el, empty, heading, icon, tell, view } from "../dom.js";
import { personForm } from "../person.js";
import { face } from "./lists.js";

/** Show a person's phone: the desk puts it beside this one, a phone alone becomes theirs. */
function show(fan) {
  if (!onDesk) location.assign(phoneUrl(fan));
  else {
    const port = location.port ? `:${location.port}` : "";
    window.parent.postMessage({ open: fan }, `${location.protocol}//${DESK}${port}`);
  }
}

const form = () => el("div", { class: "padded" }, personForm(({ fan }) => show(fan), tell(t.not_saved)));

const personCell = (fan) =>
  cell(
    { click: () => show(fan.fan), "aria-current": fan.fan === person?.fan && "true" },
    avatar(fan.nickname, fan.fan),
    cellText(fan.nickname, fan.phone || fan.fan),
    fan.fan === person?.fan ? icon("check") : icon("chevron-right"),
  );

export const newPerson = () => ({ title: t.new_person, back: "#/contacts", body: [view(form())] });

/** This person's way to others; a phone without a person asks who holds it. */
export async function people() {
  const everybody = await api.people();
  const list = el("ul", { class: "cells" }, ...everybody.map(personCell));
  if (!person) {
    const hint = empty("user-plus", everybody.length ? t.who_hint : t.nobody);
    return { title: t.who, body: [view(hint, list, form())] };
  }
  const next = icon("chevron-right");
  const add = cell({ href: "#/new" }, face("user-plus", 6), cellText(t.new_person), next);
  const desk = !onDesk && cell({ href: deskUrl() }, face("device-mobile", 7), cellText(t.to_desk), next.cloneNode(true));
  return {
    title: t.people,
    back: "#/contacts",
    body: [view(el("ul", { class: "cells" }, add, desk), heading(t.who_hint), list)],
  };
}
