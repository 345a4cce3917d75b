'use strict';
// The board: everything at its time, the line of now, arrows between the columns. Words come from the page.

const number = (element, name) => Number(element.dataset[name]);
const moved = new Map(); // where each board stood, by its name, while the list around it is read again

// Styles set here pass the content policy; the page itself may carry none.
const place = (frame) => {
  frame.style.setProperty('--steps', frame.dataset.steps);
  frame.querySelectorAll('[data-from]').forEach((element) => {
    for (const name of ['from', 'span', 'column', 'columns']) {
      if (name in element.dataset) element.style.setProperty(`--${name}`, element.dataset[name]);
    }
  });
  frame.classList.add('placed');
};

// Now moves on by itself, a step's fraction every half minute.
const drawn = new WeakMap();
const follow = (frame) => {
  if (!('now' in frame.dataset)) return;
  const minutes = (performance.now() - drawn.get(frame)) / 60000;
  frame.style.setProperty('--now', number(frame, 'now') + minutes / 5);
};
setInterval(() => document.querySelectorAll('[data-board]').forEach(follow), 30000);

// The frame opens at now, or at the first visit; read again, it stays where it was.
const show = (frame) => {
  const before = moved.get(frame.getAttribute('aria-label'));
  moved.clear();
  if (before) {
    frame.scrollTo(before);
    return;
  }
  const height = frame.querySelector('.lane-body')?.clientHeight / number(frame, 'steps');
  const first = Math.min(...[...frame.querySelectorAll('li[data-from]')].map((item) => number(item, 'from')));
  const from = 'now' in frame.dataset ? number(frame, 'now') : first;
  frame.scrollTop = Math.max(0, (from - 12) * height);
};

const begin = (frame) => {
  if (drawn.has(frame)) return;
  drawn.set(frame, performance.now());
  place(frame);
  follow(frame);
  show(frame);
};
const beginAll = () => document.querySelectorAll('[data-board]').forEach(begin);
beginAll();
document.addEventListener('htmx:beforeSwap', () => {
  const frame = document.querySelector('[data-board]');
  if (frame) moved.set(frame.getAttribute('aria-label'), { top: frame.scrollTop, left: frame.scrollLeft });
});
document.addEventListener('htmx:afterSwap', beginAll);

// Up and down within a column, left and right to the nearest time of the next one.
const links = (lane) => [...lane.querySelectorAll('li a')];
const at = (link) => number(link.closest('li'), 'from');
const nearest = (lanes, from, step, wished) => {
  for (let index = from + step; index >= 0 && index < lanes.length; index += step) {
    const [found] = links(lanes[index]).sort((one, other) => Math.abs(at(one) - wished) - Math.abs(at(other) - wished));
    if (found) return found;
  }
  return null;
};
document.addEventListener('keydown', (event) => {
  const current = event.target.closest?.('[data-board] li a');
  if (!current || !event.key.startsWith('Arrow')) return;
  const lanes = [...current.closest('[data-board]').querySelectorAll('.lane')];
  const lane = current.closest('.lane');
  const column = links(lane);
  const next = {
    ArrowDown: () => column[column.indexOf(current) + 1],
    ArrowUp: () => column[column.indexOf(current) - 1],
    ArrowRight: () => nearest(lanes, lanes.indexOf(lane), 1, at(current)),
    ArrowLeft: () => nearest(lanes, lanes.indexOf(lane), -1, at(current)),
  }[event.key]?.();
  next?.focus();
  event.preventDefault();
});
