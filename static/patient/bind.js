'use strict';
// Until another code can be sent the seconds are counted. Words come from the page.

const again = document.querySelector('[data-again]');
const wait = Number(again?.dataset.again);
if (wait) {
  const ends = Date.now() + wait * 1000;
  const show = () => {
    const left = Math.max(0, Math.ceil((ends - Date.now()) / 1000));
    again.querySelector('b').textContent = left;
    if (left) return;
    clearInterval(ticking);
    again.querySelector('p').hidden = true;
    again.querySelector('button').hidden = false;
  };
  const ticking = setInterval(show, 1000);
  document.addEventListener('visibilitychange', show);
}
