'use strict';
// Menus, navigation on a phone, search, drawer, toasts. Words come from the page.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// Top bar gets its line once the page is scrolled.
addEventListener('scroll', () => document.documentElement.classList.toggle('scrolled', scrollY > 0), { passive: true });

// Of a row of tabs that is wider than the page, the current one stays in sight.
$('.subnav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });

// Menus are <details>: one open at a time, closed by Esc, by a click elsewhere or by leaving with Tab.
const closeMenus = (except) => $$('details.menu[open]').forEach((menu) => { if (menu !== except) menu.open = false; });

document.addEventListener('toggle', (event) => {
  if (event.target.matches?.('details.menu') && event.target.open) closeMenus(event.target);
}, true);
document.addEventListener('click', (event) => closeMenus(event.target.closest('details.menu')));
// A press on plain words in a menu moves the focus to what holds the menu. Closing it then would lose the click,
// and crash a Chromium that is about to select what vanishes.
document.addEventListener('focusin', ({ target }) => {
  if (!$$('details.menu[open]').some((menu) => target.contains(menu))) closeMenus(target.closest('details.menu'));
});
document.addEventListener('keydown', (event) => {
  const menu = event.target.closest?.('details.menu');
  if (!menu) return;
  const items = $$('.menu-item', menu);
  const at = items.indexOf(document.activeElement);
  if (event.key === 'Escape' && menu.open) {
    menu.open = false;
    $('summary', menu).focus();
    event.preventDefault();
  } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    menu.open = true;
    items.at((at + (event.key === 'ArrowDown' ? 1 : at < 0 ? 0 : -1)) % items.length)?.focus();
    event.preventDefault();
  }
});

// Navigation on a phone.
const navButton = $('[data-nav]');
const showNav = (shown) => {
  document.documentElement.classList.toggle('nav-shown', shown);
  navButton.setAttribute('aria-expanded', String(shown));
};
navButton?.addEventListener('click', () => showNav(navButton.getAttribute('aria-expanded') !== 'true'));
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && navButton?.getAttribute('aria-expanded') === 'true') {
    showNav(false);
    navButton.focus();
  }
});

// Search over everything: a combobox whose options are links.
const search = $('#search');
const results = $('#search-results');
if (search) {
  const options = () => $$('[role="option"]:not([aria-disabled])', results);
  const show = (shown) => {
    results.hidden = !shown;
    search.setAttribute('aria-expanded', String(shown));
    if (!shown) mark(null);
  };
  const mark = (option) => {
    options().forEach((other) => other.setAttribute('aria-selected', String(other === option)));
    if (option) {
      search.setAttribute('aria-activedescendant', option.id);
      option.scrollIntoView({ block: 'nearest' });
    } else {
      search.removeAttribute('aria-activedescendant');
    }
  };
  document.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });
  results.addEventListener('htmx:afterSwap', () => show(results.childElementCount > 0));
  search.addEventListener('focus', () => { if (results.childElementCount) show(true); });
  search.addEventListener('keydown', (event) => {
    const all = options();
    const at = all.findIndex((option) => option.getAttribute('aria-selected') === 'true');
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (!all.length) return;
      event.preventDefault();
      mark(all.at((at + (event.key === 'ArrowDown' ? 1 : at < 0 ? 0 : -1)) % all.length));
    } else if (event.key === 'Enter' && at >= 0 && !results.hidden) {
      event.preventDefault();
      all[at].click();
    } else if (event.key === 'Escape') {
      if (results.hidden) search.blur();
      show(false);
      event.preventDefault();
    }
  });
  $('[data-search]').addEventListener('focusout', (event) => {
    if (!event.currentTarget.contains(event.relatedTarget)) show(false);
  });
}

// Drawer: <dialog> keeps focus inside, closes on Esc and gives focus back to the row.
const drawer = $('#drawer');
const content = $('#drawer-content');
const unsaved = $('#unsaved');
const target = { target: '#drawer-content', swap: 'innerHTML' };

// An answer that did not come leaves no skeleton behind; a toast says why, what was typed stays.
const giveUp = () => { if ($('.skeleton', content)) drawer.close(); };
const openDrawer = (link) => {
  const skeleton = $('[data-skeleton]', drawer).content.cloneNode(true);
  content.replaceChildren(skeleton);
  if (!drawer.open) drawer.showModal();
  $$('tr.shown').forEach((row) => row.classList.remove('shown'));
  link.closest('tr')?.classList.add('shown');
  htmx.ajax('GET', link.href, { ...target, source: content }).catch(giveUp);
};
const dirty = () => Boolean($('form[data-dirty]', content));
const closeDrawer = () => (dirty() ? unsaved.showModal() : drawer.close());

if (drawer) {
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-drawer]');
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    openDrawer(link);
  });
  drawer.addEventListener('cancel', (event) => {
    event.preventDefault();
    closeDrawer();
  });
  drawer.addEventListener('click', (event) => {
    if (event.target === drawer || event.target.closest('[data-close]')) closeDrawer();
  });
  drawer.addEventListener('close', () => {
    $$('tr.shown').forEach((row) => row.classList.remove('shown'));
    content.replaceChildren();
  });
  $('[data-keep]', unsaved).addEventListener('click', () => unsaved.close());
  $('[data-discard]', unsaved).addEventListener('click', () => {
    unsaved.close();
    drawer.close();
  });
  // A form in the drawer answers into the drawer; the list behind it is read again.
  drawer.addEventListener('submit', async (event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    const form = event.target;
    const name = event.submitter?.name;
    const values = name ? { [name]: event.submitter.value } : {};
    await htmx.ajax(form.method, form.action, { ...target, source: form, values }).catch(giveUp);
    if ($('#list')) htmx.ajax('GET', location.href, { target: '#list', select: '#list', swap: 'outerHTML' });
  });
  // A visit that others change meanwhile is drawn as it is now, unless somebody writes in it, or reads why not.
  const works = (sheet) => !sheet.isConnected || $('details[open], [role="alert"]', sheet) || $('.htmx-request', drawer);
  const told = (sheet) => sheet.dataset.version + sheet.textContent;
  document.addEventListener('engage:visits', async ({ detail }) => {
    const sheet = $('[data-visit]', content);
    const meant = ([store, moment]) => String(store) === sheet.dataset.store && (!moment || String(moment) === sheet.dataset.at);
    if (!sheet || works(sheet) || !detail.times.some(meant)) return;
    const headers = { 'HX-Request': 'true', 'HX-Target': content.id };
    const answer = await fetch(sheet.dataset.visit, { headers }).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const fresh = $('[data-visit]', new DOMParser().parseFromString(await answer.text(), 'text/html'));
    if (!fresh || works(sheet) || told(fresh) === told(sheet)) return;
    const focused = sheet.contains(document.activeElement) ? document.activeElement.id : null;
    sheet.replaceWith(fresh);
    htmx.process(fresh);
    if (focused !== null) (document.getElementById(focused) ?? $('#drawer-title', content)).focus();
  });
  // A part inside it that reads itself again leaves the focus where somebody works.
  content.addEventListener('htmx:afterSwap', (event) => {
    if (event.target === content) ($('[data-error-summary]', content) ?? $('[autofocus]', content) ?? $('#drawer-title', content))?.focus();
  });
}

// A part that reads itself again waits while somebody works inside it.
document.addEventListener('htmx:beforeRequest', (event) => {
  const part = event.detail.elt;
  if (part.getAttribute('hx-trigger')?.startsWith('every') && part.contains(document.activeElement)) event.preventDefault();
});

// Toasts leave by themselves unless they tell of a failure or somebody points at them.
const toasts = $('#toasts');
const settle = (toast) => {
  if (toast.dataset.toast === 'seen') return;
  toast.dataset.toast = 'seen';
  if (toast.classList.contains('tone-bad')) return;
  const leave = () => (toast.matches(':hover, :focus-within') ? setTimeout(leave, 2000) : toast.remove());
  setTimeout(leave, $('form', toast) ? 10000 : 6000);
};
const say = (id) => {
  const toast = document.getElementById(id)?.content.firstElementChild;
  if (toast) toasts.append(toast.cloneNode(true));
};
$$('[data-toast]', toasts).forEach(settle);
new MutationObserver(() => $$('[data-toast]', toasts).forEach(settle)).observe(toasts, { childList: true });
document.addEventListener('click', (event) => {
  if (event.target.closest('[data-close]')) event.target.closest('[data-toast]')?.remove();
});
// A modal dialog makes all else inert: toasts move into it while it is open.
drawer?.addEventListener('toggle', () => (drawer.open ? drawer : document.body).append(toasts));

document.addEventListener('htmx:sendError', () => say('toast-offline'));
document.addEventListener('htmx:timeout', () => say('toast-offline'));
document.addEventListener('htmx:responseError', (event) => {
  const { status } = event.detail.xhr;
  if (event.detail.target === content) giveUp();
  if (status === 401) location.reload(); // the session ended: the page itself leads to the log-in
  else say(status >= 500 ? 'toast-offline' : 'toast-refused');
});
