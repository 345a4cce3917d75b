// What the page was served with: the person, the words, and whether host names per person work.
const { fan, words, local } = document.body.dataset;

export const person = fan ? JSON.parse(fan) : null;
export const t = JSON.parse(words);

export const ownHosts = local === "1";

/** The sandbox's time: what the panel moved it by, in milliseconds. */
export const clock = { offset: 0 };
export const now = () => Date.now() + clock.offset;

/** Whether the desk shows this phone, beside others. */
export const onDesk = window.parent !== window;

// All phones of the desk lie under one site: a browser sends a frame of another site no cookies.
export const DESK = "desk.localhost";
const SUFFIX = location.hostname.endsWith(DESK) ? DESK : "localhost";
const port = location.port ? `:${location.port}` : "";

/** The desk's own address. */
export const deskUrl = () => (ownHosts ? `${location.protocol}//${DESK}${port}/` : "/");

/** Where a person's phone is: on their own host, so that each person has their own cookies. */
export function phoneUrl(id) {
  return ownHosts ? `${location.protocol}//${id}.${SUFFIX}${port}/phone?lang=${t.lang}` : `/phone/as/${id}`;
}

/** A patient page's address on this person's own host; other addresses stay as they are. */
export function pageUrl(address, origins) {
  const url = new URL(address);
  const atHome = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (ownHosts && atHome && origins.includes(url.origin)) url.hostname = `${person.fan}.${SUFFIX}`;
  return url.href;
}

/** Whether a message comes from one of the desk's own frames. */
export const fromDesk = (event) => {
  const { hostname, port: from } = new URL(event.origin);
  return hostname.endsWith(DESK) && from === location.port;
};
