'use strict';
// The words of a message: filled with real values while typing, counted, shown as the patient reads them.

const PLACEHOLDER = /\{([^{}|]+)(?:\|([^{}|]*))?\}/g;
const page = () => document.getElementById('wording');
const fields = () => [...document.querySelectorAll('[data-wording]')];

const filled = (text, values) => text.replace(PLACEHOLDER, (_all, name, otherwise) => values[name] || otherwise || '').trim();
const cut = (characters, limit) => `${characters.slice(0, limit - 1).join('').trimEnd()}…`;

// What is cut may be longer by its placeholders, not by what stands beside them.
const fits = (field, text, limit) => {
  const bare = field.value.replace(PLACEHOLDER, '').trim();
  if ('cut' in field.dataset && bare !== field.value.trim()) return [...bare].length <= limit;
  return new RegExp(`^(?:${field.dataset.pattern})$`, 'u').test(text);
};

const show = (field) => {
  const counter = document.getElementById(`count-${field.name}`);
  const limit = Number(counter.dataset.limit);
  const text = filled(field.value, JSON.parse(page().dataset.values));
  const characters = [...text];
  const wrong = text !== '' && !fits(field, text, limit);
  counter.value = `${characters.length} / ${limit}`;
  counter.classList.toggle('over', characters.length > limit);
  field.closest('.field').classList.toggle('wrong', wrong);
  field.setAttribute('aria-invalid', String(wrong));
  const told = document.getElementById(`error-${field.name}`);
  if (told) told.hidden = !wrong;
  const shown = document.querySelector(`[data-shown="${field.dataset.wording}"]`);
  shown.textContent = 'cut' in field.dataset && characters.length > limit ? cut(characters, limit) : text;
};

document.addEventListener('input', (event) => {
  if (event.target.matches('[data-wording]')) show(event.target);
});

let last = null;
document.addEventListener('focusin', (event) => {
  if (event.target.matches('[data-wording]')) last = event.target;
});
document.addEventListener('click', (event) => {
  const chip = event.target.closest('[data-insert]');
  if (!chip) return;
  const field = last?.isConnected ? last : fields()[0];
  field.focus();
  field.setRangeText(chip.dataset.insert, field.selectionStart, field.selectionEnd, 'end');
  field.dispatchEvent(new Event('input', { bubbles: true }));
});
