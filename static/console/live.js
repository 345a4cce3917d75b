'use strict';
// One event stream for all tabs of a browser. What it brings is told on `document`: `engage:chat`,
// `engage:visits` with the stores and times at which something changed, and `engage:live-open` where
// something may have been missed and a page reads itself again.

const { live: address, presence, logIn } = document.body.dataset;
const name = `engage-live-${logIn}`;
const channel = new BroadcastChannel(name);

const DOWN_MS = 5000; // so long a line may be away before somebody is told
const BEAT_MS = 25000; // a pulse comes each 20 s
const SILENT_MS = 50000; // a line that says nothing is none
const ANSWER_MS = 5000;
const LONGEST_MS = 30000;
const LOADED = Date.now();

let source = null;
let leads = false;
let heard = Date.now();
let asked = 0;
let beaten = 0;
let faltered = 0;
let delay = 1000;
let state = { up: false, waiting: 0 };

const tell = (what, detail) => document.dispatchEvent(new CustomEvent(`engage:${what}`, { detail }));

const showWaiting = (number) => {
  state.waiting = number;
  const shown = number > 99 ? '99+' : String(number || '');
  document.documentElement.classList.toggle('has-waiting', number > 0);
  document.querySelectorAll('[data-waiting-count]').forEach((badge) => { badge.textContent = shown; });
  document.querySelectorAll('[data-waiting-words]').forEach((words) => {
    words.textContent = number ? words.dataset.waitingWords.replace('{n}', number) : '';
  });
  const title = document.title.replace(/^\(\d+\+?\) /, '');
  document.title = shown ? `(${shown}) ${title}` : title;
};

const showLine = (up) => {
  state.up = up;
  const line = document.getElementById('line-down');
  const words = up ? '' : line.dataset.words;
  if (line.textContent !== words) line.textContent = words;
};

// What the tab that holds the stream hears, all tabs hear.
const hear = ({ is, data }) => {
  heard = Date.now();
  asked = 0;
  if (is === 'down') {
    showLine(false);
  } else {
    showLine(true);
    if (data && 'waiting' in data) showWaiting(data.waiting);
    if (is === 'open') tell('live-open');
    if (is === 'chat' || is === 'visits') tell(is, data);
  }
};
const share = (message) => {
  hear(message);
  channel.postMessage(message);
};

// Presence goes with the pulses: events come in a tab nobody looks at, too, where timers are slowed down.
const beat = async () => {
  beaten = Date.now();
  const token = document.querySelector('input[name="csrf_token"]')?.value ?? '';
  const headers = { 'HX-Request': 'true', 'X-CSRFToken': token }; // a part of a page is not sent to the log-in
  const answer = await fetch(presence, { method: 'POST', headers }).catch(() => null);
  document.documentElement.classList.toggle('online', Boolean(answer?.ok));
  const over = answer?.status === 401 || answer?.status === 400; // logged out, or in as somebody else
  if (over && Date.now() - LOADED > 10000) location.reload(); // the page itself leads to the log-in
};

const falter = () => {
  faltered ||= setTimeout(() => share({ is: 'down' }), DOWN_MS);
};
const connect = () => {
  source?.close();
  heard = Date.now();
  source = new EventSource(address, { withCredentials: true });
  const mine = source;
  source.addEventListener('open', () => {
    clearTimeout(faltered);
    faltered = 0;
    delay = 1000;
    share({ is: 'open' });
  });
  source.addEventListener('chat', (event) => share({ is: 'chat', data: JSON.parse(event.data) }));
  source.addEventListener('visits', (event) => share({ is: 'visits', data: JSON.parse(event.data) }));
  source.addEventListener('pulse', (event) => {
    share({ is: 'pulse', data: JSON.parse(event.data) });
    beat();
  });
  source.addEventListener('error', () => {
    falter();
    if (mine.readyState !== EventSource.CLOSED) return; // it comes again by itself
    beat();
    setTimeout(() => { if (leads && source === mine) connect(); }, delay + Math.random() * 1000);
    delay = Math.min(delay * 2, LONGEST_MS);
  });
};

// Where there are no locks, each tab has a stream of its own.
const lead = (options) => {
  if (!navigator.locks) {
    leads = true;
    connect();
    return;
  }
  navigator.locks.request(name, options, () => {
    leads = true;
    connect();
    return new Promise(() => {}); // as long as the tab is there
  }).catch(() => { // another tab heard nothing from this one and took over
    leads = false;
    source?.close();
    lead({});
  });
};

channel.addEventListener('message', ({ data: message }) => {
  if (message.is !== 'ask') {
    if (!leads) hear(message);
  } else if (leads) {
    const is = state.up ? 'open' : 'down';
    channel.postMessage({ is, data: { waiting: state.waiting } });
  }
});
const ask = () => {
  asked = Date.now();
  channel.postMessage({ is: 'ask' });
};

const watch = () => {
  const now = Date.now();
  if (leads) {
    if (now - heard > SILENT_MS) {
      falter();
      connect();
    }
    if (now - beaten > BEAT_MS) beat();
  } else if (asked && now - asked > ANSWER_MS) {
    asked = 0;
    lead({ steal: true });
  } else if (!asked && now - heard > SILENT_MS) {
    ask();
  }
};

if (address) {
  lead({});
  if (!leads) channel.postMessage({ is: 'ask' });
  setInterval(watch, 5000);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) watch(); });
  addEventListener('online', () => { if (leads) connect(); });
  addEventListener('pageshow', (event) => { if (event.persisted) tell('live-open'); });
}
