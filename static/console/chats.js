'use strict';
// Chats: the queue and the open conversation follow what happens by themselves. Words come from the page.

import { $, $$, ask, open, parsed, root, swap, tellTimes } from './chats/base.js';
import { choose, composer, count, drafts, words } from './chats/composer.js';
import * as messages from './chats/messages.js';
import { put, readOlder, toEnd, update } from './chats/messages.js';
import { dressQueue, dressRow, putRow, readQueue, rowsOf, tellWaiting } from './chats/queue.js';

document.addEventListener('engage:chat', ({ detail }) => {
  putRow(detail.row);
  tellWaiting(detail.waiting);
  tellTimes();
  const place = open();
  if (place?.dataset.conversation !== String(detail.conversation)) return;
  if (detail.from <= Number(place.dataset.cursor)) {
    put($$('li', parsed(detail.messages)));
    place.dataset.cursor = Math.max(Number(place.dataset.cursor), detail.to);
  }
  update();
});
document.addEventListener('engage:live-open', () => {
  readQueue();
  update();
});
document.addEventListener('chats:over', update);
let today = new Date().getDate();
setInterval(() => {
  tellTimes();
  if (today !== new Date().getDate()) readQueue();
  today = new Date().getDate();
}, 20000);

// Opening a conversation; what was typed in another is kept for it.
let pointed = false;
const begin = () => {
  const place = open();
  root.classList.toggle('has-open', Boolean(place));
  $$('.queue-tabs a').forEach((tab) => { tab.pathname = location.pathname; });
  rowsOf().forEach(dressRow);
  tellTimes();
  messages.begin();
  if (!composer()) return;
  words().value ||= drafts.get(place.dataset.conversation) ?? '';
  count();
  if (pointed) words().focus();
};
$('#drawer')?.addEventListener('close', () => {
  const place = open();
  if (place) swap(`${place.dataset.url}/person`, 'person');
});

document.addEventListener('click', async (event) => {
  const at = (selector) => event.target.closest?.(selector);
  const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
  if (plain && at('.chat-link, .queue-tabs a')) {
    event.preventDefault();
    pointed = event.detail > 0 && matchMedia('(pointer: fine)').matches;
    if (at('.chat-link')) openChat(at('a').href);
    else {
      history.pushState({}, '', at('a').href);
      await readQueue();
      $('.queue-tabs [aria-current]').focus();
    }
  }
  if (plain && at('.talk-back')) {
    event.preventDefault();
    backToQueue(at('.talk-back').href);
  }
  if (at('[data-drop]')) choose(null);
  if (at('[data-to-end]')) toEnd();
  if (at('[data-shut]:is(button)')) at('dialog').close();
  if (at('[data-keys]')) $('#keys').showModal();
  if (at('[data-person]')) showPerson(!$('#person').classList.contains('shown'));
  if (event.target.id === 'picture') event.target.close();
  if (at('[data-older]')) {
    event.preventDefault();
    readOlder();
  }
  if (plain && at('[data-picture]')) {
    event.preventDefault();
    $('#picture img').src = at('[data-picture]').href;
    $('#picture').showModal();
  }
  if (at('[data-more]')) {
    event.preventDefault();
    const more = at('[data-more]');
    const answer = await ask(more.href, { target: 'queue-body' }).catch(() => null);
    if (!answer?.ok) return;
    const next = parsed(await answer.text());
    $$('[data-row]', next).filter((row) => !document.getElementById(row.id)).forEach((row) => {
      dressRow(row);
      $('#queue').append(row);
    });
    more.closest('p').replaceWith(...$$('.queue-more', next));
  }
});
const show = async (url) => {
  if (words()) drafts.set(open().dataset.conversation, words().value);
  if (await swap(url, 'open')) begin();
};
const openChat = (url) => {
  history.pushState({}, '', url);
  return show(url);
};
const backToQueue = async (url) => {
  const { conversation } = open().dataset;
  await openChat(url);
  $(`#c-${conversation} a`)?.focus();
};
addEventListener('popstate', async () => {
  pointed = false;
  await show(location.href);
  readQueue();
});
const showPerson = (shown) => {
  $('#person').classList.toggle('shown', shown);
  $('.person-open').setAttribute('aria-expanded', String(shown));
  $(shown ? '.person-close' : '.person-open').focus();
};

// The keyboard: J and K walk, Enter opens, R or / writes, Esc goes back.
const walk = (step) => {
  const links = rowsOf().map((row) => $('a', row));
  const at = links.indexOf(document.activeElement.closest?.('.chat-link') ?? $('.current .chat-link'));
  links[Math.max(0, Math.min(links.length - 1, at + step))]?.focus();
};
const keys = {
  j: () => walk(1),
  k: () => walk(-1),
  r: () => words()?.focus(),
  '/': () => words()?.focus(),
  '?': () => $('#keys').showModal(),
};
document.addEventListener('keydown', (event) => {
  const composing = event.isComposing || event.keyCode === 229; // Safari ends a composition before its Enter
  if (event.ctrlKey || event.metaKey || event.altKey || composing || $('dialog[open]')) return;
  if (event.target.id === 'words') {
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      composer().requestSubmit();
    } else if (event.key === 'Escape') ($('.current .chat-link') ?? $('#talk-title')).focus();
    return;
  }
  if (event.key === 'Escape' && $('#person.shown')) showPerson(false);
  if (event.target.closest('input, textarea, select')) return;
  const act = keys[event.key] ?? (event.target.closest('.chat-link') && { ArrowDown: keys.j, ArrowUp: keys.k }[event.key]);
  if (!act) return;
  event.preventDefault();
  act();
});

dressQueue();
begin();
