'use strict';
// Pressed once, and what was typed survives. Words come from the page.

const free = (form) => {
  delete form.dataset.busy;
  form.querySelectorAll('[aria-busy]').forEach((button) => button.removeAttribute('aria-busy'));
};
// Without a network nothing is sent: a browser would put its own page in place of what was typed. A second tap
// goes through, for a phone may be wrong about its network.
const away = document.querySelector('[data-offline]');
addEventListener('online', () => { away.textContent = ''; });
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!form.matches('[data-once]')) return;
  if (!navigator.onLine && !('warned' in form.dataset)) {
    event.preventDefault();
    form.dataset.warned = '';
    away.textContent = away.dataset.offline;
    return;
  }
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
      if (field.value === kept && !field.disabled && !drafts.querySelector(`[name="${field.name}"]:checked:not([data-guess])`)) field.checked = true;
    } else if (field.type === 'checkbox') {
      field.checked ||= kept === field.value;
    } else {
      field.value ||= kept ?? '';
    }
    const typed = () => (field.type === 'checkbox' && !field.checked ? '' : field.value);
    field.addEventListener('input', () => sessionStorage.setItem(place(field), typed()));
  });
}
const done = document.querySelector('[data-forget]');
if (done) Object.keys(sessionStorage).filter((key) => key.startsWith(`${done.dataset.forget}.`)).forEach((key) => sessionStorage.removeItem(key));

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
