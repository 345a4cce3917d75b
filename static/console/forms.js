'use strict';
// Forms: pressed once, limits counted, passwords looked at, nothing lost unasked. Words come from the page.

// One press only. The button keeps its width and shows that it works.
const free = (form) => {
  delete form.dataset.busy;
  form.querySelectorAll('[aria-busy]').forEach((button) => button.removeAttribute('aria-busy'));
};
document.addEventListener('submit', (event) => {
  const form = event.target.closest('form[data-once]');
  if (!form) return;
  if (form.dataset.busy) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form.dataset.busy = 'yes';
  delete form.dataset.dirty;
  event.submitter?.setAttribute('aria-busy', 'true');
}, true);
document.addEventListener('htmx:afterRequest', (event) => {
  const form = event.detail.elt.closest('form[data-once]');
  if (form) free(form);
});
addEventListener('pageshow', () => document.querySelectorAll('form[data-busy]').forEach(free));

// What was typed and not saved is not left behind without asking.
document.addEventListener('input', (event) => {
  const form = event.target.closest('form[data-guard]');
  if (form) form.dataset.dirty = 'yes';
});
addEventListener('beforeunload', (event) => {
  if (document.querySelector('form[data-dirty]')) event.preventDefault();
});

// Limits counted while typing, in characters as a person counts them.
document.addEventListener('input', (event) => {
  const counter = event.target.id && document.querySelector(`output[data-max][for="${event.target.id}"]`);
  if (!counter) return;
  const length = [...event.target.value].length;
  counter.value = `${length} / ${counter.dataset.max}`;
  counter.classList.toggle('over', length > Number(counter.dataset.max));
});

document.addEventListener('click', (event) => {
  const reveal = event.target.closest('[data-reveal]');
  if (reveal) {
    const input = document.getElementById(reveal.dataset.reveal);
    input.type = input.type === 'password' ? 'text' : 'password';
    reveal.setAttribute('aria-pressed', String(input.type === 'text'));
  }
  const copy = event.target.closest('[data-copy]');
  if (copy) {
    navigator.clipboard.writeText(document.getElementById(copy.dataset.copy).textContent).then(() => {
      copy.querySelector('.button-text').textContent = copy.dataset.done;
    });
  }
});

// "All stores" stands for every store of its row.
document.addEventListener('change', (event) => {
  if (!event.target.matches('[data-whole]')) return;
  event.target.closest('tr').querySelectorAll('input:not([data-whole])').forEach((box) => { box.disabled = event.target.checked; });
});

// The summary of errors names the field of each sentence.
const nameErrors = () => {
  document.querySelectorAll('[data-error-summary] a:not([data-named])').forEach((link) => {
    const name = link.hash.slice(1);
    const label = document.querySelector(`label[for="${CSS.escape(name)}"]`)?.firstChild?.textContent ?? document.getElementById(name)?.getAttribute('aria-label');
    link.dataset.named = label?.trim() ?? '';
    if (link.dataset.named) link.prepend(`${link.dataset.named} · `);
  });
};
document.addEventListener('htmx:afterSettle', nameErrors);
nameErrors();
document.querySelector('[data-error-summary]')?.focus({ preventScroll: true });

// What is chosen or typed while an answer is on its way stays when it comes.
const standing = (part) => new Map([...part.querySelectorAll('input')].map((input) => (input.type === 'radio' ? [`${input.name}=${input.value}`, input.checked] : [input.name, input.value])));
let asked = new Map();
let since = [];
document.addEventListener('htmx:beforeRequest', ({ detail }) => { if (detail.target.id === 'patients') asked = standing(detail.target); });
document.addEventListener('htmx:beforeSwap', ({ detail }) => {
  if (detail.target.id === 'patients') since = [...standing(detail.target)].filter(([name, value]) => asked.get(name) !== value);
});
document.addEventListener('htmx:afterSwap', ({ detail }) => {
  if (detail.target.id !== 'patients') return;
  for (const input of detail.target.querySelectorAll('input')) {
    const [, value] = since.find(([name]) => name === (input.type === 'radio' ? `${input.name}=${input.value}` : input.name)) ?? [];
    if (value === true) input.checked = true;
    else if (typeof value === 'string') input.value = value;
  }
});
