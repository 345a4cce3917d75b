'use strict';
// The place in the line: asks again every few seconds, while somebody looks, and says what changed.

const EVERY = 10000;
const said = document.getElementById('turn-said');
let asking = false;

const ask = async () => {
  const turn = document.getElementById('turn');
  const { poll } = turn.dataset;
  if (!poll || asking || document.hidden) return;
  asking = true;
  try {
    const answer = await fetch(poll, { headers: { Accept: 'text/html' } });
    if (answer.status === 204) location.reload();
    if (answer.status === 200) {
      const place = document.createElement('template');
      place.innerHTML = await answer.text();
      const next = place.content.querySelector('#turn');
      if (next.dataset.said !== turn.dataset.said) said.textContent = next.dataset.said;
      turn.replaceWith(next);
    }
  } catch {
    // No line just now: the next turn asks again.
  } finally {
    asking = false;
  }
};

setInterval(ask, EVERY);
document.addEventListener('visibilitychange', ask);
