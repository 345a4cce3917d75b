'use strict';
// A coupon that may be redeemed at any moment: asks every few seconds, while somebody looks.

const EVERY = 3000;
const said = document.getElementById('coupon-said');
let asking = false;

const ask = async () => {
  const coupon = document.getElementById('coupon');
  const { poll } = coupon.dataset;
  if (!poll || asking || document.hidden) return;
  asking = true;
  try {
    const answer = await fetch(poll, { headers: { Accept: 'text/html' } });
    if (answer.status === 200) {
      const place = document.createElement('template');
      place.innerHTML = await answer.text();
      const next = place.content.querySelector('#coupon');
      next.classList.add('arrived');
      coupon.replaceWith(next);
      said.textContent = next.dataset.said;
    }
  } catch {
    // No line just now: the next turn asks again.
  } finally {
    asking = false;
  }
};

setInterval(ask, EVERY);
document.addEventListener('visibilitychange', ask);
