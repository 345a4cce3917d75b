'use strict';
// An answer. It stands in the conversation at once; its key makes a second press the same message.

import { $, $$, ask, me, offline, open } from './base.js';
import { apply, dress, seen, toEnd } from './messages.js';

// What was typed and not sent, by conversation.
export const drafts = new Map();
export const composer = () => $('#composer');
export const words = () => $('#words');
const newKey = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
};
export const allow = (may) => {
  if (!composer()) return;
  const focused = document.activeElement === words();
  composer().toggleAttribute('data-shut', !may);
  $$('textarea, [type=file], [type=submit]', composer()).forEach((control) => { control.disabled = !may; });
  if (focused && !may) $('#talk-title').focus();
};
const room = () => {
  const text = words().value.trim();
  const { characters, bytes } = composer().dataset;
  return Math.min(characters - [...text].length, Math.floor((bytes - new TextEncoder().encode(text).length) / 3));
};
export const count = () => {
  const counter = $('[data-counter]');
  const left = room();
  counter.textContent = left > 120 ? '' : counter.dataset[left < 0 ? 'over' : 'left'].replace('{n}', Math.abs(left));
  counter.classList.toggle('over', left < 0);
};
const refuse = (why) => {
  const notice = document.createElement('p');
  notice.className = 'talk-notice tone-bad';
  notice.setAttribute('role', 'alert');
  notice.textContent = why;
  $('#talk-state').prepend(notice);
};
const fileField = () => $('[type=file]', composer());
const attach = (file) => {
  const chosen = new DataTransfer();
  if (file) chosen.items.add(file);
  fileField().files = chosen.files;
  const preview = $('[data-preview]');
  const shown = $('img', preview);
  URL.revokeObjectURL(shown.src);
  shown.removeAttribute('src');
  if (file) shown.src = URL.createObjectURL(file);
  preview.hidden = !file;
};
const wrongWith = ({ type, size }) => {
  if (!fileField().accept.split(',').includes(type)) return 'noPicture';
  return size > composer().dataset.largest ? 'tooLarge' : '';
};
export const choose = (file) => {
  $$('.talk-notice[role=alert]').forEach((notice) => notice.remove());
  const wrong = file && wrongWith(file);
  if (wrong) refuse(composer().dataset[wrong]);
  attach(wrong ? null : file);
  words().focus();
};
const going = (data) => {
  const text = data.get('text').trim();
  const file = data.get('picture');
  const make = (fill) => {
    const message = $('#message-going').content.firstElementChild.cloneNode(true);
    message.dataset.author = me;
    fill($('.bubble', message));
    dress(message);
    $('#messages').append(message);
    return message;
  };
  const shown = [];
  if (file?.size) {
    shown.push(make((bubble) => {
      bubble.classList.add('picture');
      bubble.append(Object.assign(new Image(), { src: URL.createObjectURL(file), alt: '' }));
    }));
  }
  if (text) shown.push(make((bubble) => { bubble.textContent = text; }));
  toEnd();
  return shown;
};
const giveBack = (data) => {
  words().value = [data.get('text'), words().value].filter(Boolean).join('\n');
  if (data.get('picture')?.size && !fileField().files.length) attach(data.get('picture'));
  count();
};
// One after the other: what was written first goes first.
let line = Promise.resolve();
const queue = (work) => { line = line.then(work, work); };
const post = async (url, data, id, shown) => {
  data.set('after', open()?.dataset.cursor ?? 0);
  const answer = await ask(url, { method: 'POST', body: data }).catch(() => null);
  const lost = !answer || answer.status >= 500;
  if (lost) offline();
  if (open()?.dataset.conversation !== id) {
    if (!answer?.ok) drafts.set(id, data.get('text') ?? '');
    return;
  }
  if (lost) {
    shown.forEach((message) => {
      message.classList.replace('is-pending', 'is-failed');
      const button = Object.assign(document.createElement('button'), { className: 'again', type: 'button', textContent: composer().dataset.again });
      button.addEventListener('click', () => {
        shown.forEach((other) => other.remove());
        queue(() => post(url, data, id, going(data)));
      });
      $('.fate', message).replaceChildren(button);
    });
    return;
  }
  const html = await answer.text();
  shown.forEach((message) => message.remove());
  apply(html, id);
  if (!answer.ok && !html.includes('id="talk-state"')) $('#toasts').append($('#toast-refused').content.cloneNode(true));
  if (!answer.ok) giveBack(data);
  toEnd();
};
document.addEventListener('submit', (event) => {
  const form = event.target;
  const act = form.matches('[data-act]') || form.id === 'chat-act';
  if (!act && form !== composer()) return;
  event.preventDefault();
  const id = open().dataset.conversation;
  const data = new FormData(form);
  if (act) {
    if (form.elements.seen) data.set('seen', seen());
    const button = event.submitter;
    button.disabled = true;
    queue(() => post(button.getAttribute('formaction') ?? form.action, data, id, []).finally(() => { button.disabled = false; }));
    return;
  }
  if (!(data.get('text').trim() || data.get('picture')?.size) || room() < 0) return;
  data.set('seen', seen());
  form.elements.key.value = newKey();
  words().value = '';
  attach(null);
  count();
  const shown = going(data);
  queue(() => post(form.action, data, id, shown));
});
document.addEventListener('input', (event) => { if (event.target.id === 'words') count(); });
document.addEventListener('change', (event) => { if (event.target.matches('#composer [type=file]')) choose(event.target.files[0]); });
document.addEventListener('paste', (event) => {
  const file = [...event.clipboardData.files].find(({ type }) => type.startsWith('image/'));
  if (!file || !event.target.closest?.('.talk') || words()?.disabled !== false) return;
  event.preventDefault();
  choose(file);
});
const dragged = (event) => event.target.closest?.('.talk') && words()?.disabled === false && event.dataTransfer.types.includes('Files');
document.addEventListener('dragover', (event) => {
  $('.talk')?.classList.toggle('dropping', Boolean(dragged(event)));
  if (dragged(event)) event.preventDefault();
});
document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) $('.talk')?.classList.remove('dropping'); });
document.addEventListener('drop', (event) => {
  $('.talk')?.classList.remove('dropping');
  if (!dragged(event)) return;
  event.preventDefault();
  choose(event.dataTransfer.files[0]);
});
