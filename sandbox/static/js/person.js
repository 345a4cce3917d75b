// The form that creates a person.
import * as api from "./api.js";
import { t } from "./context.js";
import { el, field, once } from "./dom.js";

/** `made` gets the new person, `failed` the error. */
export function personForm(made, failed) {
  const create = async (event) => {
    event.preventDefault();
    const { nickname, phone, snapshot } = event.target.elements;
    const data = { nickname: nickname.value, phone: phone.value.trim(), snapshot: snapshot.checked };
    const form = event.target;
    await once(event.submitter, async () => {
      const person = await api.putPerson(data);
      form.reset();
      await made(person);
    }).catch(failed);
  };
  return el(
    "form",
    { submit: create, autocomplete: "off" },
    field("nickname", t.nickname, { required: true, maxlength: "32", placeholder: t.nickname_example }),
    field("phone", t.phone_number, { type: "tel", maxlength: "20", inputmode: "tel", placeholder: t.phone_example }),
    el("label", { class: "check" }, el("input", { type: "checkbox", name: "snapshot" }), el("span", {}, t.snapshot_person)),
    el("button", { class: "button" }, t.create),
  );
}
