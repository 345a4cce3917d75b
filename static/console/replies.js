'use strict';
// A reply's form: the address of a page is put where the cursor stands.

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-put]');
  const field = button && document.getElementById(button.dataset.into);
  if (!field) return;
  if (field.tagName === 'TEXTAREA') {
    field.setRangeText(button.dataset.put, field.selectionStart, field.selectionEnd, 'end');
  } else {
    field.value = button.dataset.put;
  }
  field.focus();
  field.dispatchEvent(new Event('input', { bubbles: true }));
});
