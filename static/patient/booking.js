'use strict';
// The chosen time is said, days answer at once, a held time counts down. Words come from the page.

const chosen = document.querySelector('[data-chosen]');
const tell = () => {
  const slot = document.querySelector('[data-slots] input:checked');
  if (!slot) return;
  chosen.textContent = slot.dataset.moment;
  chosen.classList.add('set');
};
if (chosen) {
  document.querySelector('[data-slots]').addEventListener('change', tell);
  tell();
}

// The chosen day is in sight, and a tap on another answers at once.
const days = document.querySelector('[data-days]');
if (days) {
  const current = days.querySelector('[aria-current]');
  if (current) days.scrollLeft = current.offsetLeft - (days.clientWidth - current.offsetWidth) / 2;
  days.addEventListener('click', (event) => {
    const day = event.target.closest('a');
    if (!day) return;
    current?.removeAttribute('aria-current');
    day.setAttribute('aria-current', 'date');
    document.body.classList.add('leaving');
  });
}

// By the time that is left, not by this phone's clock; a phone that slept sees at once what is left.
const timer = document.querySelector('[data-countdown]');
if (timer) {
  const ends = Date.now() + Number(timer.dataset.countdown) * 1000;
  const show = () => {
    const left = Math.max(0, Math.ceil((ends - Date.now()) / 1000));
    timer.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
    if (left) return;
    clearInterval(ticking);
    document.querySelector('[data-held]').hidden = true;
    document.querySelector('[data-over] > span').hidden = false;
  };
  const ticking = setInterval(show, 1000);
  show();
  document.addEventListener('visibilitychange', show);
}

// Who chooses somebody else sees where to write the name.
document.querySelector('[data-other]')?.addEventListener('change', () => {
  document.getElementById('field-name').scrollIntoView({ block: 'nearest' });
});

// Why the visit matters, for what it is booked for.
const item = document.getElementById('field-item');
const why = document.querySelector('[data-item-why]');
if (item && why) {
  const explain = () => {
    why.textContent = item.selectedOptions[0]?.dataset.why ?? '';
    why.hidden = !why.textContent;
  };
  item.addEventListener('change', explain);
  explain();
}
