'use strict';
// Filters of people. Words come from the page: a chip says what is chosen in its list.

const NAMED = 2;

const chips = (bar) => [...bar.querySelectorAll('[data-filter]')];
const inputs = (chip) => [...chip.querySelectorAll('input[name]')];
const chosen = (chip) => inputs(chip).filter((input) => input.checked && input.value);
const comma = () => (document.documentElement.lang.startsWith('zh') ? '、' : ', ');

const say = (chip) => {
  const words = chosen(chip).map((input) => input.parentElement.textContent.trim());
  const more = words.length > NAMED ? ` +${words.length - NAMED}` : '';
  chip.querySelector('[data-filter-words]').textContent = words.slice(0, NAMED).join(comma()) + more;
  chip.classList.toggle('on', words.length > 0);
};

// A chip without a choice stays while it is open, then goes back behind "Add filter".
const refresh = (bar) => {
  chips(bar).forEach((chip) => {
    const shown = chosen(chip).length > 0 || chip.querySelector('details').open;
    say(chip);
    chip.hidden = !shown;
    bar.querySelector(`[data-filter-open="${chip.dataset.filter}"]`).parentElement.hidden = shown;
  });
  bar.querySelector('[data-filter-reset]').hidden = !chips(bar).some((chip) => chosen(chip).length);
  bar.querySelector('[data-filter-add]').hidden = chips(bar).every((chip) => !chip.hidden);
};

const clear = (chip) => inputs(chip).forEach((input) => { input.checked = input.type === 'radio' && !input.value; });
const tell = (bar) => bar.dispatchEvent(new Event('change', { bubbles: true }));

document.addEventListener('change', (event) => {
  const bar = event.target.closest?.('[data-filter-bar]');
  if (bar) refresh(bar);
});

document.addEventListener('toggle', (event) => {
  const bar = event.target.closest?.('[data-filter-bar]');
  if (bar && !event.target.open && event.target.closest('[data-filter]')) refresh(bar);
}, true);

document.addEventListener('click', (event) => {
  const bar = event.target.closest('[data-filter-bar]');
  if (!bar) return;
  const add = event.target.closest('[data-filter-open]');
  if (add) {
    const chip = bar.querySelector(`[data-filter="${add.dataset.filterOpen}"]`);
    bar.querySelector('[data-filter-add]').open = false;
    chip.hidden = false;
    chip.querySelector('details').open = true;
    (chip.querySelector('[data-filter-find]') ?? inputs(chip)[0]).focus();
  } else if (event.target.closest('[data-filter-clear]')) {
    const chip = event.target.closest('[data-filter]');
    clear(chip);
    chip.querySelector('details').open = false;
    tell(bar);
    bar.querySelector('[data-filter-add] summary').focus();
  } else if (event.target.closest('[data-filter-reset]')) {
    chips(bar).forEach(clear);
    tell(bar);
    bar.querySelector('[data-filter-add] summary').focus();
  }
});

// What is written finds among the choices; it is none itself, and enter sends nothing.
document.addEventListener('input', (event) => {
  if (!event.target.matches('[data-filter-find]')) return;
  const words = event.target.value.trim().toLowerCase();
  const list = event.target.closest('.filter-choices');
  list.querySelectorAll('label').forEach((label) => { label.hidden = !label.textContent.toLowerCase().includes(words); });
  list.querySelectorAll('.filter-group').forEach((group) => { group.hidden = !group.querySelector('label:not([hidden])'); });
});
document.addEventListener('keydown', (event) => {
  const list = event.target.closest?.('.filter-choices');
  if (!list) return;
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    const all = [...list.querySelectorAll('label:not([hidden]) input')];
    const at = all.indexOf(event.target) + (event.key === 'ArrowDown' ? 1 : -1);
    all[Math.max(0, Math.min(all.length - 1, at))]?.focus();
    event.preventDefault();
  } else if (event.key === 'Enter') {
    event.preventDefault();
    if (event.target.type === 'checkbox' || event.target.type === 'radio') event.target.click();
  }
});

// What asks nothing stays out of the address.
document.addEventListener('htmx:configRequest', (event) => {
  if (!event.target.matches('[data-filter-form]')) return;
  const { parameters } = event.detail;
  Object.keys(parameters).forEach((name) => { if (parameters[name] === '') delete parameters[name]; });
});
