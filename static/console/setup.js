'use strict';
// Setting up: the hours of a weekday are taken over by those below it. Words come from the page.

const values = (day) => [...day.querySelectorAll('input')];

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-copy-day]');
  if (!button) return;
  const days = [...button.closest('[data-week]').querySelectorAll('[data-day]')];
  const from = button.closest('[data-day]');
  const source = values(from);
  for (const day of days.slice(days.indexOf(from) + 1)) {
    values(day).forEach((input, index) => {
      if (input.type === 'radio' || input.type === 'checkbox') input.checked = source[index].checked;
      else input.value = source[index].value;
    });
  }
  const said = button.closest('[data-week]').querySelector('[data-copied]');
  said.textContent = said.dataset.text;
  source[0].dispatchEvent(new Event('input', { bubbles: true }));
});
