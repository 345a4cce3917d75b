'use strict';
// What is asked: questions move by drag or by their buttons, the clinic's own are added. Words come from the page.

const list = document.querySelector('[data-questions]');
const changed = () => list.dispatchEvent(new Event('change', { bubbles: true }));
const ends = () => [...list.children].forEach((row) => {
  row.querySelector('[data-move="up"]').disabled = !row.previousElementSibling;
  row.querySelector('[data-move="down"]').disabled = !row.nextElementSibling;
});
const moved = () => {
  ends();
  list.closest('form').dataset.dirty = 'yes';
  changed();
};

list.addEventListener('click', (event) => {
  const button = event.target.closest('[data-move]');
  if (!button) return;
  const row = button.closest('[data-question]');
  if (button.dataset.move === 'up') row.previousElementSibling?.before(row);
  else row.nextElementSibling?.after(row);
  moved();
  (button.disabled ? row.querySelector('[data-move]:not(:disabled)') : button)?.focus();
});
document.querySelector('[data-add-question]').addEventListener('click', ({ currentTarget }) => {
  const blank = document.querySelector('template[data-blank]');
  const row = blank.content.firstElementChild.cloneNode(true);
  blank.remove();
  currentTarget.hidden = !document.querySelector('template[data-blank]');
  [...list.children].findLast((other) => other.querySelector('[name="ask"]').checked).after(row);
  moved();
  row.querySelector('input:not([type="hidden"])').focus();
});
addEventListener('load', () => window.Sortable?.create(list, { handle: '.asked-grip', animation: 120, onEnd: moved }));
ends();
