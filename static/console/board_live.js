'use strict';
// The day reads itself again when somebody changed it, and every minute; not while a visit is on its way. The line in
// which a booking is typed clears itself once it is booked.

const EVERY_MS = 60000;
const REST_MS = 1000;

let wanted = false;
let readAt = 0;
let timer = 0;

const body = () => document.querySelector('[data-day-body]');
const busy = () => document.hidden || document.querySelector('[data-board].moving') || document.querySelector('#day-body.htmx-request');

const read = () => {
  const day = body();
  if (!day) return;
  wanted = true;
  if (timer || busy()) return;
  timer = setTimeout(async () => {
    timer = 0;
    if (busy() || !wanted) return;
    wanted = false;
    readAt = Date.now();
    await htmx.ajax('GET', body().dataset.here, { target: '#day-body', swap: 'outerHTML', source: body() }).catch(() => null);
  }, Math.max(0, readAt + REST_MS - Date.now()));
};
const readIfWanted = () => { if (wanted) read(); };

const shows = ({ store, begin, end }, times) => !begin || times.some(([at, moment]) => String(at) === store && (moment === 0 || (moment >= Number(begin) && moment < Number(end))));

// What was asked for before a visit was lifted comes too late: the board stays as it is under the hand.
document.addEventListener('htmx:beforeSwap', (event) => {
  if (event.target.id !== 'day-body' || !document.querySelector('[data-board].moving:not(.busy)')) return;
  event.detail.shouldSwap = false;
  wanted = true;
});

document.addEventListener('engage:visits', ({ detail }) => {
  const day = body();
  if (day && shows(day.dataset, detail.times)) read();
});
document.addEventListener('engage:live-open', () => { if (Date.now() - performance.timeOrigin > 5000) read(); });
document.addEventListener('engage:board-free', readIfWanted);
document.addEventListener('visibilitychange', readIfWanted);
setInterval(() => { if (Date.now() - readAt >= EVERY_MS) read(); }, EVERY_MS / 4);

// Taking a move back needs no new page.
document.addEventListener('submit', (event) => {
  const form = event.target.closest('#toasts form');
  if (!body() || !form || !new URL(form.action).pathname.endsWith('/place')) return;
  event.preventDefault();
  event.stopPropagation();
  const values = { csrf_token: form.querySelector('input[name="csrf_token"]').value };
  htmx.ajax('POST', form.action, { target: '#day-body', swap: 'outerHTML', source: body(), values }).catch(() => null);
  form.closest('[data-toast]').remove();
}, true);

let words = '';
document.addEventListener('click', (event) => {
  if (event.target.closest('[data-print]')) print();
  words = event.target.closest('a[data-words]')?.dataset.words ?? words;
});
document.addEventListener('htmx:afterSwap', ({ target }) => {
  if (target.id === 'line-read' && target.querySelector('[data-line-done]')) {
    const line = document.getElementById('line-words');
    line.value = '';
    line.focus();
    read();
  }
  // Who was typed in the line and has no chart yet is looked for in the form that opens.
  const field = target.id === 'drawer-content' && words ? target.querySelector('#field-q') : null;
  if (!field) return;
  field.value = words;
  words = '';
  field.dispatchEvent(new Event('input', { bubbles: true }));
});
