// A web page inside the phone.
import { pageUrl, t } from "./context.js";
import { el, icon } from "./dom.js";
import { rememberPage } from "./lists.js";

/** `back` is where closing leads: the frame has a history of its own, so going back would stay in it. */
export function page(address, accounts, back) {
  const url = pageUrl(address, accounts.map((account) => account.origin));
  rememberPage(address);
  const frame = el("iframe", { class: "frame", src: url, title: t.open_page });
  const reload = () => { frame.src = url; };
  const { host, origin, pathname } = new URL(url);
  const owner = accounts.find((account) => pageUrl(account.origin, [account.origin]).startsWith(origin));
  return {
    title: owner?.name || host,
    under: host + pathname,
    back,
    closes: true,
    action: el("button", { class: "bar-button", type: "button", "aria-label": t.reload, click: reload }, icon("reload")),
    body: [frame],
  };
}
