// What a page inside the phone asks the phone for, through WeChat's script: its place, a map, the scanner.
import * as api from "../api.js";
import { t } from "../context.js";
import { cell, cellText, el, heading, icon, toast } from "../dom.js";
import { choosePicture, readCode } from "./files.js";
import { PLACES } from "./place.js";

// GCJ-02 against WGS-84 around Shanghai, in degrees: enough to see which of them was asked for.
const SHIFTED = { latitude: -0.0021, longitude: 0.0045 };
const ACCURACY = 30; // metres

const said = (call, how, more = {}) => ({ ...more, errMsg: `${call}:${how}` });

/** A sheet over the page; `choose` is given the way to close it with an answer. */
function sheet(over, title, choose) {
  return new Promise((resolve) => {
    const close = (answer) => {
      box.remove();
      resolve(answer);
    };
    const box = el("section", { class: "sheet", role: "dialog", "aria-label": title }, heading(title), ...choose(close));
    over.append(box);
    box.querySelector("button, input")?.focus();
  });
}

const refusing = (close, label) =>
  el("button", { class: "button button-plain", type: "button", click: () => close(null) }, label);

async function whereabouts(over, name) {
  const known = await api.place();
  if (known.refuse) return null;
  if (known.latitude !== undefined) return known;
  return sheet(over, `${name} · ${t.place_ask}`, (close) => [
    el("ul", { class: "cells cells-plain" }, ...PLACES.map(([word, latitude, longitude]) =>
      cell({ click: () => close({ latitude, longitude }) }, icon("map-pin"), cellText(t[word], `${latitude}, ${longitude}`)))),
    refusing(close, t.refuse),
  ]);
}

async function getLocation({ type = "wgs84" }, { over, name }) {
  const found = await whereabouts(over, name);
  if (!found) return said("getLocation", "fail, user deny");
  const shift = type === "gcj02" ? { latitude: 0, longitude: 0 } : SHIFTED;
  return said("getLocation", "ok", {
    latitude: found.latitude - shift.latitude,
    longitude: found.longitude - shift.longitude,
    speed: 0,
    accuracy: ACCURACY,
  });
}

async function openLocation({ latitude, longitude, name = "", address = "" }, { over }) {
  const given = [latitude, longitude].every((degrees) => typeof degrees === "number");
  if (!given) return said("openLocation", "fail, invalid coordinates"); // strings are a common mistake
  sheet(over, name || t.type_location, (close) => [
    el("div", { class: "map", "aria-hidden": "true" }, icon("map-pin")),
    el("p", { class: "map-place" }, address, el("small", {}, `${latitude}, ${longitude}`)),
    refusing(close, t.close),
  ]);
  return said("openLocation", "ok");
}

async function scanQRCode(_options, { over }) {
  const text = await sheet(over, t.scan, (close) => {
    const look = async () => {
      const file = await choosePicture();
      const read = file && await readCode(file);
      if (read) close(read);
      else toast(t.no_code);
    };
    const submit = (event) => {
      event.preventDefault();
      const typed = event.target.elements.code.value.trim();
      if (typed) close(typed);
    };
    return [
      el("button", { class: "button", type: "button", click: look }, t.choose_code),
      el(
        "form",
        { class: "scan-form", submit },
        el("input", { name: "code", autocomplete: "off", "aria-label": t.code_text, placeholder: t.code_text }),
        el("button", { class: "button button-small" }, t.go),
      ),
      refusing(close, t.close),
    ];
  });
  return text ? said("scanQRCode", "ok", { resultStr: text }) : said("scanQRCode", "cancel");
}

const shared = (call) => () => said(call, "ok");

const CALLS = {
  config: (options) => api.checkPage(options),
  getLocation,
  openLocation,
  scanQRCode,
  closeWindow(_options, { leave }) {
    leave();
    return said("closeWindow", "ok");
  },
  updateAppMessageShareData: shared("updateAppMessageShareData"),
  updateTimelineShareData: shared("updateTimelineShareData"),
};

/** Answer what the page in `frame` asks; `phone` is where its sheets go, its name, and how it is left. */
export function answering(frame, phone) {
  async function hear({ source, origin, data }) {
    if (!frame.isConnected) removeEventListener("message", hear);
    const work = source === frame.contentWindow && CALLS[data?.jweixin];
    if (!work) return;
    const result = await work(data.data || {}, phone);
    if (data.jweixin === "config" && result.errcode) toast(`${result.errcode} ${result.errMsg}`);
    source.postMessage({ jweixin: data.id, result }, origin);
  }
  addEventListener("message", hear);
}
