'use strict';
// Visits put elsewhere on the board: dragged, or chosen by M and the arrows. The server decides, and the board comes
// back as it is then: a visit that may not go there goes back to its place. Words come from the page.

const LIFT_PX = 6;
const PRESS_MS = 400; // a finger that rests so long lifts the visit; before that it scrolls
const EDGE_PX = 48;
const calm = matchMedia('(prefers-reduced-motion: reduce)');

let lifted = null; // what is on its way: { frame, visit, name, item, span, from, lane, targets, at, ghost, keys }
let pressed = null; // where a pointer went down on a visit, and the hand that may lift it

const say = (frame, words) => { frame.querySelector('[data-board-says]').textContent = words; };
const fill = (words, told) => words.replace(/\{(\w+)\}/g, (_, name) => told[name]);
const clockOf = (frame, step) => {
  const minutes = Number(frame.dataset.first) + step * 5;
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
};
const nameOf = (lane) => lane.querySelector('.lane-head > :first-child').textContent;

// A time is open if a place is free, or if only the visit itself stands in it.
const targetsOf = (frame, visit) => {
  const item = visit.closest('li');
  const mine = visit.closest('.lane');
  const [begin, length] = [Number(item.dataset.from), Number(item.dataset.span)];
  return [...frame.querySelectorAll('.lane[data-targets]')].flatMap((lane) =>
    JSON.parse(lane.dataset.targets).map(([from, span, free, at]) => {
      const own = lane === mine && from < begin + length && from + span > begin;
      return { lane, from, span, at, same: lane === mine && from === begin, open: free > 0 || own };
    }));
};

const show = (target) => {
  const { frame, ghost, visit } = lifted;
  lifted.at = target;
  ghost.hidden = !target;
  if (!target) return;
  const told = { time: clockOf(frame, target.from), column: nameOf(target.lane) };
  target.lane.querySelector('.lane-body').append(ghost);
  ghost.style.setProperty('--from', target.from);
  ghost.style.setProperty('--span', Math.max(lifted.span, target.span));
  ghost.classList.toggle('full', !target.open);
  ghost.querySelector('.ghost-time').textContent = told.time;
  if (lifted.keys) {
    ghost.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    say(frame, fill(target.open ? frame.dataset.sayAt : frame.dataset.sayFull, told));
  }
  visit.closest('li').classList.toggle('same', target.same);
};

const lift = (visit, keys) => {
  const frame = visit.closest('[data-board]');
  const targets = targetsOf(frame, visit);
  const item = visit.closest('li');
  const name = visit.querySelector('strong').textContent;
  if (!targets.some((target) => target.open && !target.same)) {
    say(frame, frame.dataset.sayNone);
    return false;
  }
  const ghost = document.createElement('div');
  ghost.className = 'ghost';
  for (const kind of ['ghost-time', 'ghost-name']) ghost.append(Object.assign(document.createElement('span'), { className: kind }));
  ghost.lastChild.textContent = name;
  lifted = { frame, visit, name, item, keys, targets, ghost, at: null, lane: visit.closest('.lane'), from: Number(item.dataset.from), span: Number(item.dataset.span) };
  frame.classList.add('moving');
  item.classList.add('lifted');
  if (keys) say(frame, fill(frame.dataset.sayBegin, { name }));
  return true;
};

const putDown = () => {
  lifted?.ghost.remove();
  lifted?.frame.classList.remove('moving', 'busy');
  lifted?.item.classList.remove('lifted', 'same');
  lifted = null;
  document.dispatchEvent(new CustomEvent('engage:board-free'));
};

// From where it was let go a visit goes to where it is, be it there already or at its old place.
const slide = (visit, begin) => {
  if (!visit || calm.matches) return;
  const end = visit.getBoundingClientRect();
  const way = `translate(${begin.left - end.left}px, ${begin.top - end.top}px)`;
  visit.animate([{ transform: way, zIndex: 6 }, { transform: 'none', zIndex: 6 }], { duration: 220, easing: 'cubic-bezier(0.2, 0.8, 0.2, 1)' });
};

const leave = () => {
  const { frame, visit, ghost, keys } = lifted;
  const begin = ghost.isConnected && !ghost.hidden ? ghost.getBoundingClientRect() : null;
  putDown();
  if (begin) slide(visit, begin);
  if (keys) say(frame, frame.dataset.sayLeft);
};

const send = async () => {
  const { frame, visit, at, ghost, keys } = lifted;
  if (!at || !at.open || at.same) {
    leave();
    return;
  }
  const begin = ghost.getBoundingClientRect();
  document.querySelectorAll(`#toasts form[action^="${visit.dataset.move}?"]`).forEach((form) => form.closest('[data-toast]').remove()); // what they take back is older
  frame.classList.add('busy');
  say(frame, frame.dataset.sayBusy);
  const values = {
    csrf_token: document.querySelector('input[name="csrf_token"]').value,
    version: visit.dataset.version,
    store: frame.dataset.store,
    doctor: at.lane.dataset.doctor,
    starts_at: at.at,
    back: document.querySelector('[data-day-body]').dataset.here,
  };
  const { id } = visit;
  await htmx.ajax('POST', visit.dataset.move, { target: '#day-body', swap: 'outerHTML', source: document.body, values }).catch(() => null);
  putDown();
  const now = document.getElementById(id);
  slide(now, begin);
  if (keys || document.activeElement === document.body) now?.focus({ preventScroll: true });
};

// By hand
const under = (x, y) => {
  const lane = [...lifted.frame.querySelectorAll('.lane[data-targets]')].find((one) => {
    const { left, right } = one.getBoundingClientRect();
    return x >= left && x < right;
  });
  if (!lane) return null;
  const body = lane.querySelector('.lane-body').getBoundingClientRect();
  const step = ((y - body.top) / body.height) * Number(lifted.frame.dataset.steps) - pressed.grip;
  const here = lifted.targets.filter((target) => target.lane === lane);
  const [found] = here.sort((one, other) => Math.abs(one.from - step) - Math.abs(other.from - step));
  return found ?? null;
};
const follow = () => {
  if (!lifted || !pressed) return;
  const { left, right, top, bottom } = lifted.frame.getBoundingClientRect();
  const pull = (at, from, to) => (at < from + EDGE_PX ? -10 : at > to - EDGE_PX ? 10 : 0);
  lifted.frame.scrollBy(pull(pressed.x, left + 60, right), pull(pressed.y, top + 56, bottom));
  show(under(pressed.x, pressed.y));
  requestAnimationFrame(follow);
};
const raise = () => {
  const visit = document.getElementById(pressed?.visit.id); // the board may have been read again since
  if (!visit || lifted) return;
  if (lift(visit, false)) follow();
  else pressed = null;
};

const ignore = (event) => {
  event.preventDefault();
  event.stopPropagation();
};
document.addEventListener('pointerdown', (event) => {
  const visit = event.target.closest?.('.placed .visit[data-move]');
  if (!visit || event.button || lifted) return;
  const { top, height } = visit.closest('li').getBoundingClientRect();
  const grip = ((event.clientY - top) / height) * Number(visit.closest('li').dataset.span);
  pressed = { visit, grip, x: event.clientX, y: event.clientY, from: [event.clientX, event.clientY], touch: event.pointerType === 'touch' };
  if (pressed.touch) pressed.timer = setTimeout(raise, PRESS_MS);
});
document.addEventListener('pointermove', (event) => {
  if (!pressed) return;
  [pressed.x, pressed.y] = [event.clientX, event.clientY];
  if (lifted) return;
  const far = Math.hypot(event.clientX - pressed.from[0], event.clientY - pressed.from[1]) > LIFT_PX;
  if (far && pressed.touch) letGo();
  else if (far) raise();
});
const letGo = () => {
  clearTimeout(pressed?.timer);
  pressed = null;
};
document.addEventListener('pointerup', () => {
  if (lifted && pressed) {
    addEventListener('click', ignore, true); // the click that ends a drag opens nothing
    setTimeout(() => removeEventListener('click', ignore, true), 50);
    send();
  }
  letGo();
});
document.addEventListener('pointercancel', () => {
  if (lifted && pressed) leave();
  letGo();
});
document.addEventListener('touchmove', (event) => { if (lifted) event.preventDefault(); }, { passive: false });
document.addEventListener('contextmenu', (event) => { if (pressed?.touch) event.preventDefault(); });
document.addEventListener('dragstart', (event) => { if (event.target.closest?.('.visit[data-move]')) event.preventDefault(); });

// By the keyboard
const step = (key) => {
  const open = lifted.targets.filter((target) => target.open);
  const lanes = [...new Set(open.map((target) => target.lane))];
  const { lane, from } = lifted.at;
  const nearest = (there) => open.filter((target) => target.lane === there)
    .sort((one, other) => Math.abs(one.from - from) - Math.abs(other.from - from))[0];
  const column = open.filter((target) => target.lane === lane).sort((one, other) => one.from - other.from);
  return {
    ArrowDown: () => column.find((target) => target.from > from),
    ArrowUp: () => column.findLast((target) => target.from < from),
    ArrowRight: () => nearest(lanes[lanes.indexOf(lane) + 1]),
    ArrowLeft: () => nearest(lanes[lanes.indexOf(lane) - 1]),
  }[key]?.();
};
document.addEventListener('keydown', (event) => {
  if (lifted && event.key === 'Escape') {
    leave();
    letGo();
    event.preventDefault();
    event.stopPropagation();
    return;
  }
  if (lifted?.keys && !lifted.frame.classList.contains('busy')) {
    if (event.key === 'Enter') send();
    else if (event.key === 'Tab') leave();
    else if (event.key.startsWith('Arrow')) show(step(event.key) ?? lifted.at);
    else return;
    event.stopPropagation();
    if (event.key !== 'Tab') event.preventDefault();
    return;
  }
  if (lifted && event.key === 'Enter') event.preventDefault(); // nothing opens while a visit is on its way
  const visit = event.target.closest?.('.visit[data-move]');
  if (!visit || event.key.toLowerCase() !== 'm' || event.ctrlKey || event.metaKey || event.altKey || lifted) return;
  event.preventDefault();
  if (!lift(visit, true)) return;
  const open = lifted.targets.filter((target) => target.open && !target.same);
  const near = open.filter((target) => target.lane === lifted.lane);
  const [first] = (near.length ? near : open).sort((one, other) => Math.abs(one.from - lifted.from) - Math.abs(other.from - lifted.from));
  const begun = lifted.frame.querySelector('[data-board-says]').textContent;
  show(first);
  say(lifted.frame, `${begun} ${lifted.frame.querySelector('[data-board-says]').textContent}`);
}, true);
