'use strict';
// Pressed once, what was typed survives, the chosen time is said. Words come from the page.

const free = (form) => {
  delete form.dataset.busy;
  form.querySelectorAll('[aria-busy]').forEach((button) => button.removeAttribute('aria-busy'));
};
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!form.matches('[data-once]')) return;
  if (form.dataset.busy) {
    event.preventDefault();
    return;
  }
  form.dataset.busy = 'yes';
  event.submitter?.setAttribute('aria-busy', 'true');
});
addEventListener('pageshow', () => {
  document.body.classList.remove('leaving');
  document.querySelectorAll('form[data-busy]').forEach(free);
});

// What was typed stays for this visit: through another day, an error, a reload, the authorization detour.
const drafts = document.querySelector('[data-drafts]');
if (drafts) {
  const place = (field) => `${drafts.dataset.drafts}.${field.dataset.draft}`;
  drafts.querySelectorAll('[data-draft]').forEach((field) => {
    const kept = sessionStorage.getItem(place(field));
    if (field.type === 'radio') {
      if (field.value === kept && !field.disabled && !drafts.querySelector(`[name="${field.name}"]:checked`)) field.checked = true;
    } else {
      field.value ||= kept ?? '';
    }
    field.addEventListener('input', () => sessionStorage.setItem(place(field), field.value));
  });
}
const done = document.querySelector('[data-forget]');
if (done) Object.keys(sessionStorage).filter((key) => key.startsWith(`${done.dataset.forget}.`)).forEach((key) => sessionStorage.removeItem(key));

// The chosen time stands above the button.
const chosen = document.querySelector('[data-chosen]');
const tell = () => {
  const slot = document.querySelector('[data-slots] input:checked');
  if (!slot) return;
  chosen.textContent = slot.dataset.moment;
  chosen.classList.add('set');
};
if (chosen) {
  document.querySelector('[data-slots]').addEventListener('change', () => {
    tell();
    const next = [...chosen.closest('form').elements].find((field) => field.required && !field.value && field.type === 'text');
    next?.closest('.weui-cell').scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  });
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

document.addEventListener('click', (event) => {
  if (event.target.closest('[data-reload]')) location.reload();
  const copy = event.target.closest('[data-copy]');
  if (copy) {
    const text = document.getElementById(copy.dataset.copy);
    const told = () => { copy.querySelector('.btn-text').textContent = copy.dataset.done; };
    // Old browsers, and pages without https, cannot copy: there the text is marked, to be copied by hand.
    const marked = () => getSelection().selectAllChildren(text);
    if (navigator.clipboard) navigator.clipboard.writeText(text.textContent).then(told, marked);
    else marked();
  }
});
