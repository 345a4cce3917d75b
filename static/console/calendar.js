'use strict';
// A month: arrow keys walk from day to day, a week up or down, and to the ends of a week.

const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };

document.addEventListener('keydown', (event) => {
  const day = event.target.closest('[data-month] td > a');
  if (!day || event.altKey || event.ctrlKey || event.metaKey) return;
  const days = [...day.closest('[data-month]').querySelectorAll('td > a')];
  const at = days.indexOf(day);
  let to = at + (STEPS[event.key] ?? 0);
  if (event.key === 'Home') to = at - (at % 7);
  if (event.key === 'End') to = at - (at % 7) + 6;
  if (to === at || !days[to]) return;
  event.preventDefault();
  days[to].focus();
});
