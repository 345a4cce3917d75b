// A picture on the whole screen, and what stands where a mini program would open.
import { t } from "../context.js";
import { el, empty, view } from "../dom.js";

export const image = ({ argument, behind }) => ({
  title: t.type_image,
  back: behind,
  closes: true,
  body: [el("a", { class: "viewer", href: behind, "aria-label": t.close }, el("img", { src: argument, alt: t.type_image }))],
});

export const miniProgram = ({ argument, behind }) => ({
  title: t.type_miniprogrampage,
  back: behind,
  closes: true,
  body: [view(empty("apps", t.mini_hint, el("code", {}, argument)))],
});
