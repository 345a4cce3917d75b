'use strict';
// An account's menu: entries are dragged or moved by keys, added and removed; the phone beside them is drawn by the
// server from what stands in the form. Words come from the page.

const editor = document.querySelector('[data-menu]');
const columns = editor.querySelector('[data-columns]');
const said = document.querySelector('[data-said]');

const entryOf = (element) => element.closest('[data-entry]');
const nameOf = (entry) => entry.querySelector('[data-name]').textContent;
const rowsOf = (entry) => entry.querySelector('[data-rows]');
const isFull = (list) => list.children.length >= Number(list === columns ? editor.dataset.columnsMost : editor.dataset.rowsMost);
const changed = () => {
  refresh();
  columns.dispatchEvent(new Event('input', { bubbles: true }));
};

// What cannot be added or moved any further is switched off.
const refresh = () => {
  editor.querySelector('[data-add="top"]').hidden = isFull(columns);
  for (const column of columns.children) {
    column.querySelector('[data-add="sub"]').hidden = isFull(rowsOf(column));
  }
  for (const button of editor.querySelectorAll('[data-move]')) {
    button.disabled = !target(entryOf(button), button.dataset.move);
  }
};

// A list's entry goes on into the next list that has room.
const target = (entry, way) => {
  const step = way === 'up' ? 'previousElementSibling' : 'nextElementSibling';
  if (entry[step]) return () => (way === 'up' ? entry[step].before(entry) : entry[step].after(entry));
  if (entry.hasAttribute('data-column')) return null;
  let column = entry.parentElement.closest('[data-column]')[step];
  while (column && (isFull(rowsOf(column)) || column.querySelector('[data-kind]').value !== 'list')) column = column[step];
  return column ? () => (way === 'up' ? rowsOf(column).append(entry) : rowsOf(column).prepend(entry)) : null;
};

const tell = (entry) => {
  const all = [...entry.parentElement.children];
  said.textContent = editor.dataset.words.replace('{name}', nameOf(entry)).replace('{place}', all.indexOf(entry) + 1).replace('{all}', all.length);
};

const open = (entry, wide = true) => {
  const button = entry.querySelector('[data-open]');
  button.setAttribute('aria-expanded', String(wide));
  document.getElementById(button.getAttribute('aria-controls')).hidden = !wide;
};

const add = (button) => {
  const template = document.getElementById(`new-${button.dataset.add}`);
  const made = document.createElement('template');
  made.innerHTML = template.innerHTML.replaceAll('__id__', crypto.randomUUID());
  const entry = made.content.firstElementChild;
  const list = button.dataset.add === 'top' ? columns : rowsOf(entryOf(button));
  list.append(entry);
  if (button.dataset.add === 'top') sort(rowsOf(entry), 'sub');
  naming(entry);
  changed();
  entry.querySelector('[data-name-field]').focus();
};

// A new entry is called as the page it opens, until somebody gives it another name.
const naming = (entry) => {
  const field = entry.querySelector('[data-name-field]');
  const kind = entry.querySelector('[data-kind]');
  const page = entry.querySelector('[data-module]');
  if (field.value && field.value !== entry.dataset.named) return;
  field.value = kind.value === 'module' ? page.selectedOptions[0].textContent.trim() : '';
  entry.dataset.named = field.value;
  named(field);
};

const width = (name) => [...name].reduce((sum, char) => sum + (char.codePointAt(0) < 0x1100 ? 0.5 : 1), 0);
const named = (field) => {
  const entry = entryOf(field);
  const shown = entry.querySelector('[data-name]');
  const counter = entry.querySelector(`output[for="${field.id}"]`);
  shown.textContent = field.value.trim() || shown.dataset.empty;
  counter.value = `${width(field.value.trim())} / ${counter.dataset.width}`;
  counter.classList.toggle('over', width(field.value.trim()) > Number(counter.dataset.width));
};

editor.addEventListener('input', (event) => {
  if (event.target.matches('[data-name-field]')) named(event.target);
});
editor.addEventListener('change', (event) => {
  if (event.target.matches('[data-kind], [data-module]')) naming(entryOf(event.target));
  refresh();
});
editor.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.dataset.add) add(button);
  if (button.hasAttribute('data-open')) open(entryOf(button), button.getAttribute('aria-expanded') !== 'true');
  if (button.dataset.move) {
    const entry = entryOf(button);
    target(entry, button.dataset.move)();
    changed();
    tell(entry);
    (button.disabled ? entry.querySelector('[data-move]:not(:disabled)') ?? entry.querySelector('[data-open]') : button).focus();
  }
  if (button.hasAttribute('data-remove')) {
    const entry = entryOf(button);
    const next = entry.nextElementSibling ?? entry.previousElementSibling ?? entry.parentElement.closest('[data-column]');
    said.textContent = editor.dataset.gone.replace('{name}', nameOf(entry));
    entry.remove();
    changed();
    (next?.querySelector('[data-open]') ?? editor.querySelector('[data-add="top"]')).focus();
  }
});

// A tap on the phone leads to the entry.
document.addEventListener('click', (event) => {
  const entry = document.getElementById(`entry-${event.target.closest('#menu-preview [data-shows]')?.dataset.shows}`);
  if (!entry) return;
  open(entry);
  entry.querySelector('[data-name-field]').focus();
});

// What the server found wrong stands beside its field.
const mark = () => {
  for (const place of editor.querySelectorAll('[data-wrong]')) place.hidden = true;
  for (const sign of editor.querySelectorAll('[data-mark]')) sign.hidden = true;
  for (const problem of document.querySelectorAll('#menu-preview [data-problem]')) {
    const entry = document.getElementById(`entry-${problem.dataset.problem}`);
    if (!entry) continue;
    const place = entry.querySelector(`.entry-fields [data-wrong="${problem.dataset.field}"]`);
    entry.querySelector('[data-mark]').hidden = false;
    if (!place) continue;
    place.textContent = problem.textContent;
    place.hidden = false;
  }
};
const describe = () => {
  for (const part of document.querySelectorAll('#menu-preview [data-shows]')) {
    const does = document.querySelector(`#entry-${CSS.escape(part.dataset.shows)} [data-does]`);
    if (does) does.textContent = part.title;
  }
};
document.addEventListener('htmx:afterSettle', (event) => {
  if (event.detail.target.id !== 'menu-preview' && event.detail.elt.id !== 'menu-preview') return;
  mark();
  describe();
});

const sort = (list, level) => new Sortable(list, {
  group: level === 'sub' ? { name: 'rows', put: (to) => !isFull(to.el) } : 'columns',
  handle: `[data-grip="${level}"]`,
  animation: 160,
  ghostClass: 'is-ghost',
  dragClass: 'is-dragged',
  onEnd: (event) => {
    if (event.from === event.to && event.oldIndex === event.newIndex) return;
    changed();
    tell(event.item);
  },
});
sort(columns, 'top');
for (const column of columns.children) sort(rowsOf(column), 'sub');
refresh();
mark();
