'use strict';
// The open conversation: its messages, and what changed in it.

import { $, $$, ask, me, open, parsed, swap, tellTimes } from './base.js';
import { allow } from './composer.js';

// Messages: each once, in the order of their numbers, however often and in which order they come.
export const dress = (message) => {
  message.classList.toggle('mine', message.classList.contains('going') || (message.classList.contains('out') && message.dataset.author === me));
  const face = $('.face[data-fan]', message);
  if (face) face.replaceWith($('#fan-face').content.cloneNode(true));
  const name = $('[data-fan-name]', message);
  if (name) name.textContent = open().dataset.name;
};
const sideOf = (message) => (message.classList.contains('in') ? 'in' : `out ${message.dataset.author ?? me}`);
const arrange = () => {
  let last = null;
  $$('#messages > li:not(.going)').forEach((message) => {
    const [at, then] = [new Date(message.dataset.at), last && new Date(last.dataset.at)];
    const newDay = !last || message.dataset.at.slice(0, 10) !== last.dataset.at.slice(0, 10);
    const stamped = newDay || at - then > 5 * 60000;
    message.classList.toggle('new-day', newDay);
    message.classList.toggle('stamped', stamped);
    message.classList.toggle('same', !stamped && sideOf(message) === sideOf(last));
    last = message;
  });
};
export const put = (messages, { news = true } = {}) => {
  const list = $('#messages');
  let arrived = false;
  for (const message of messages) {
    const old = document.getElementById(message.id);
    if (old && Number(old.dataset.changed) >= Number(message.dataset.changed)) continue;
    dress(message);
    const going = news && !old && message.classList.contains('mine') && $('.going.is-pending', list); // sent in their order
    if (old) old.replaceWith(message);
    else {
      const next = $$('li', list).find((other) => other.classList.contains('going') || Number(other.dataset.seq) > Number(message.dataset.seq));
      list.insertBefore(message, next ?? null);
      if (news && message.classList.contains('in')) arrived = true;
    }
    if (going) going.remove();
  }
  arrange();
  if (arrived) {
    const said = $('#chat-said');
    said.replaceChildren(Object.assign(document.createElement('span'), { textContent: said.dataset.text }));
    $('[data-to-end]').hidden = atEnd;
    if (atEnd) reached = last();
  }
};

// Where one reads stays in sight: the end as long as one is there, else the same line.
// What was never in sight is not answered by what is written now.
let atEnd = true;
let reached = 0;
const frame = () => $('#messages-frame');
const last = () => Math.max(0, ...$$('#messages > li.in').map((message) => Number(message.dataset.seq)));
export const seen = () => (atEnd ? last() : reached);
export const toEnd = () => { frame().scrollTop = frame().scrollHeight; };
const grown = new ResizeObserver(() => { if (atEnd && frame()) toEnd(); });
const scrolled = ({ currentTarget }) => {
  if (currentTarget !== frame()) return;
  atEnd = frame().scrollHeight - frame().scrollTop - frame().clientHeight < 60;
  if (atEnd) {
    $('[data-to-end]').hidden = true;
    reached = last();
  }
  if (frame().scrollTop < 160) readOlder();
};
export const begin = () => {
  grown.disconnect();
  if (!open()) return;
  $$('#messages > li').forEach(dress);
  arrange();
  atEnd = true;
  reached = last();
  grown.observe($('#messages'));
  grown.observe(frame());
  toEnd();
  frame().addEventListener('scroll', scrolled, { passive: true });
};

// What has changed since the page's number: acts, state, messages.
export const apply = (html, id) => {
  if (open()?.dataset.conversation !== id) return;
  const answer = parsed(html);
  const state = $('#talk-state', answer);
  if (!state) return;
  const place = open();
  if (Number(state.dataset.cursor) >= Number(place.dataset.cursor)) {
    place.dataset.cursor = state.dataset.cursor;
    $('#talk-acts').replaceWith($('#talk-acts', answer));
    if (state.dataset.person !== $('#talk-state').dataset.person) swap(`${place.dataset.url}/person`, 'person');
    $('#talk-state').replaceWith(state);
    allow(state.dataset.may === 'yes');
    if ('rest' in state.dataset) setTimeout(update);
  }
  put($$('[data-messages] > li', answer));
  $('#toasts').append(...$('[data-toasts]', answer).children);
  tellTimes();
};
let asking = null;
let again = false;
export const update = () => {
  const place = open();
  if (!place) return null;
  again = Boolean(asking);
  asking ??= ask(`${place.dataset.url}/messages?after=${place.dataset.cursor}`)
    .then(async (answer) => { if (answer.ok) apply(await answer.text(), place.dataset.conversation); })
    .catch(() => {}) // the line is down: its coming back asks again
    .finally(() => {
      asking = null;
      if (again) update();
    });
  return asking;
};

let readingOlder = false;
export const readOlder = async () => {
  const link = $('[data-older]');
  if (!link || readingOlder) return;
  readingOlder = true;
  const id = open().dataset.conversation;
  const answer = await ask(link.href).catch(() => null);
  readingOlder = false;
  if (!answer?.ok || open()?.dataset.conversation !== id) return;
  const older = parsed(await answer.text());
  const fromEnd = frame().scrollHeight - frame().scrollTop;
  link.closest('.older').replaceWith($('.older', older));
  put($$('[data-messages] > li', older), { news: false });
  frame().scrollTop = frame().scrollHeight - fromEnd;
};
