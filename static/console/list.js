'use strict';
// Lists: the whole row opens, arrows walk through the rows, a selection brings the bulk bar.

const links = (list) => [...list.querySelectorAll('a.row-link')];

document.addEventListener('click', (event) => {
  const row = event.target.closest('[data-list] tbody tr');
  if (!row || event.target.closest('a, button, input, label, select, summary') || String(getSelection())) return;
  const link = row.querySelector('a.row-link');
  if (link) link.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, ctrlKey: event.ctrlKey, metaKey: event.metaKey, shiftKey: event.shiftKey }));
});

document.addEventListener('keydown', (event) => {
  const steps = { ArrowDown: 1, ArrowUp: -1 };
  if (!(event.key in steps) && event.key !== 'Home' && event.key !== 'End') return;
  const current = event.target.closest?.('a.row-link');
  const list = current?.closest('[data-list]');
  if (!list) return;
  const all = links(list);
  const at = all.indexOf(current);
  const next = event.key === 'Home' ? 0 : event.key === 'End' ? all.length - 1 : at + steps[event.key];
  all[Math.max(0, Math.min(all.length - 1, next))].focus();
  event.preventDefault();
});

// From the filter field one step down leads into the list.
document.addEventListener('keydown', (event) => {
  if (event.key !== 'ArrowDown' || event.target.id !== 'find') return;
  document.querySelector('[data-list] a.row-link')?.focus();
  event.preventDefault();
});

const boxes = (bulk) => [...document.querySelectorAll(`[data-select="${bulk.id}"]`)];
const refresh = (bulk) => {
  const all = boxes(bulk);
  const chosen = all.filter((box) => box.checked).length;
  const whole = document.querySelector(`[data-select-all="${bulk.id}"]`);
  const words = bulk.querySelector('[data-bulk-count]');
  bulk.hidden = chosen === 0;
  words.textContent = words.dataset.text.replace('{n}', chosen);
  whole.checked = chosen > 0 && chosen === all.length;
  whole.indeterminate = chosen > 0 && chosen < all.length;
};

document.addEventListener('change', (event) => {
  const { select, selectAll } = event.target.dataset;
  const bulk = document.getElementById(select ?? selectAll ?? '');
  if (!bulk) return;
  if (selectAll) boxes(bulk).forEach((box) => { box.checked = event.target.checked; });
  refresh(bulk);
});
document.addEventListener('click', (event) => {
  const bulk = event.target.closest('[data-bulk-clear]')?.closest('[data-bulk]');
  if (!bulk) return;
  boxes(bulk).forEach((box) => { box.checked = false; });
  refresh(bulk);
});
