'use strict';
// A campaign's form: a quick choice fills in day and time, and shows which one stands there.

const day = document.getElementById('field-day');
const time = document.getElementById('field-time');
const choices = [...document.querySelectorAll('[data-day][data-time]')];

const mark = () => choices.forEach((choice) => {
  choice.setAttribute('aria-pressed', String(choice.dataset.day === day.value && choice.dataset.time === time.value));
});

choices.forEach((choice) => choice.addEventListener('click', () => {
  day.value = choice.dataset.day;
  time.value = choice.dataset.time;
  mark();
  day.dispatchEvent(new Event('input', { bubbles: true }));
  day.dispatchEvent(new Event('change', { bubbles: true }));
}));
[day, time].forEach((field) => field?.addEventListener('input', mark));
if (day && time) mark();
