'use strict';
// The queue: rows come, change and move by themselves.

import { $, $$, me, open, parsed, root, swap, tellTimes, which } from './base.js';

// The queue. A row is drawn for everybody; what is one's own is marked here.
export const rowsOf = () => $$('#queue > [data-row]');
const earlier = { waiting: (one, other) => one.dataset.waiting < other.dataset.waiting };
const before = (one, other) => (earlier[which()]?.(one, other) ?? one.dataset.at > other.dataset.at);
const belongs = ({ dataset }) => ({
  waiting: dataset.waiting !== '',
  mine: [dataset.holder, dataset.dedicated].includes(me),
}[which()] ?? true);
export const dressRow = (row) => {
  row.classList.toggle('mine', row.dataset.holder === me);
  const link = $('a', row);
  if (which() !== 'all') link.search = `?which=${which()}`;
  const current = row.dataset.row === open()?.dataset.conversation;
  row.classList.toggle('current', current);
  if (current) link.setAttribute('aria-current', 'true');
  else link.removeAttribute('aria-current');
};
export const putRow = (html) => {
  const row = $('[data-row]', parsed(html));
  if (!row) return;
  const old = document.getElementById(row.id);
  if (old && Number(old.dataset.seq) > Number(row.dataset.seq)) return;
  const current = row.dataset.row === open()?.dataset.conversation;
  if (!belongs(row) && !(old && current)) {
    old?.remove();
    return;
  }
  dressRow(row);
  const focused = old?.contains(document.activeElement);
  const next = rowsOf().find((other) => other !== old && before(row, other));
  if (!next && !old && $('[data-more]')) return; // its place is further down than what is shown
  const stays = old && !belongs(row);
  if (stays || old?.nextElementSibling === (next ?? null)) old.replaceWith(row);
  else {
    old?.remove();
    $('#queue').insertBefore(row, next ?? null);
  }
  if (row.dataset.waiting && row.dataset.waiting !== old?.dataset.waiting) row.classList.add('arrived');
  if (focused) $('a', row).focus({ preventScroll: true });
};
export const dressQueue = () => {
  root.dataset.which = new URLSearchParams($('.queue-tabs [aria-current]').search).get('which') ?? 'all';
  rowsOf().forEach(dressRow);
  tellTimes();
};
export const tellWaiting = (number) => {
  const count = $('.queue-tabs a[href*="which=waiting"] .count');
  if (count) count.textContent = number || '';
};
export const readQueue = async () => {
  const place = $('#queue').scrollTop;
  if (!(await swap(location.href, 'queue-body'))) return;
  dressQueue();
  $('#queue').scrollTop = place;
};
