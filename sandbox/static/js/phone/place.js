// Where the person says to be: sent as a message, or through a menu button that asks for it.
import * as api from "../api.js";
import { t } from "../context.js";
import { cell, cellText, el, heading, icon, once, tell, view } from "../dom.js";

// Places in Shanghai: latitude, longitude.
export const PLACES = [
  ["place_xuhui", 31.1955, 121.4372],
  ["place_pudong", 31.2397, 121.4998],
  ["place_jingan", 31.2286, 121.4483],
];
const SCALE = 16;

/** `argument` is the account's app id, `place` the menu button that asked, if one did. */
export function place({ argument, place: button, go }) {
  const chat = `#/chat/${argument}`;
  const choose = (found) => async () => {
    if (button) await api.tapMenu(argument, button.split("-").map(Number), found);
    else await api.send(argument, { msgtype: "location", ...found });
    go(chat);
  };
  const line = ([word, latitude, longitude]) => {
    const work = choose({ latitude, longitude, scale: SCALE, label: t[word] });
    const click = (event) => once(event.currentTarget, work).catch(tell(t.not_sent));
    return cell({ click }, icon("map-pin"), cellText(t[word], `${latitude}, ${longitude}`));
  };
  return {
    title: t.type_location,
    back: chat,
    body: [view(heading(t.place_hint), el("ul", { class: "cells cells-plain" }, ...PLACES.map(line)))],
  };
}
