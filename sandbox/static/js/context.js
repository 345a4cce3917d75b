// What the page was served with: the person, the words, and whether host names per person work.
const { fan, words, local } = document.body.dataset;

export const person = JSON.parse(fan);
export const t = JSON.parse(words);

const ownHost = local === "1";

/** Where a person's phone is: on their own host, so that each person has their own cookies. */
export function phoneUrl(id) {
  if (!ownHost) return `/phone/as/${id}`;
  const port = location.port ? `:${location.port}` : "";
  return `${location.protocol}//${id}.localhost${port}/phone?lang=${t.lang}`;
}

/** A patient page's address on this person's own host; other addresses stay as they are. */
export function pageUrl(address, origins) {
  const url = new URL(address);
  const atHome = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (ownHost && atHome && origins.includes(url.origin)) url.hostname = `${person.fan}.localhost`;
  return url.href;
}
