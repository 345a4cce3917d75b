'use strict';
// What all parts of the chats page use.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
export const root = $('#chats');
export const { me } = root.dataset;
const language = document.documentElement.lang;
export const parsed = (html) => {
  const holder = document.createElement('template');
  holder.innerHTML = html;
  return holder.content;
};
export const open = () => $('#open[data-conversation]');
export const which = () => root.dataset.which;

export const ask = async (url, { target = '', ...options } = {}) => {
  const answer = await fetch(url, { ...options, headers: { 'HX-Request': 'true', 'HX-Target': target } });
  if (answer.status === 401) location.reload(); // the session ended: the page itself leads to the log-in
  return answer;
};
export const offline = () => {
  const toast = $('#toast-offline').content.firstElementChild;
  if (!$('#toasts .tone-bad')) $('#toasts').append(toast.cloneNode(true));
};

// A part of the page read again; an answer that came too late, when another was asked for, is left aside.
const asked = new Map();
export const swap = async (url, id) => {
  asked.set(id, url);
  if (id === 'open') asked.delete('person');
  const answer = await ask(url, { target: id }).catch(() => null);
  if (asked.get(id) !== url) return false;
  if (!answer?.ok) {
    offline();
    return false;
  }
  const part = parsed(await answer.text());
  const title = $('title', part);
  if (title) document.title = `${document.title.match(/^\(\d+\+?\) /)?.[0] ?? ''}${title.textContent}`;
  const old = document.getElementById(id);
  const focused = old.contains(document.activeElement) && document.activeElement.closest('[data-row]')?.id;
  old.replaceWith(part.getElementById(id));
  htmx.process(document.getElementById(id));
  if (focused) $(`#${focused} a`)?.focus({ preventScroll: true });
  return true;
};

// Times in words, kept up to date.
const amount = (seconds) => {
  const [unit, size] = [['day', 86400], ['hour', 3600]].find(([, length]) => seconds >= 2 * length) ?? ['minute', 60];
  const format = new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' });
  return format.format(Math.max(seconds < 60 ? 1 : 0, Math.floor(seconds / size)));
};
export const tellTimes = () => {
  const now = Date.now();
  $$('time[data-since]').forEach((time) => { time.textContent = amount((now - new Date(time.dateTime)) / 1000); });
  $$('time[data-until]').forEach((time) => {
    const left = (new Date(time.dateTime) - now) / 1000;
    time.textContent = amount(left);
    if (left <= 0) document.dispatchEvent(new Event('chats:over'));
  });
};
