'use strict';
// Stores: the nearest first, the phone's own map, and back to the chat. Words come from the page.
import { ask, phone } from './jssdk.js';

const PLACE = 'phone.place';
const FRESH = 600_000; // milliseconds for which a place is not asked for again
const PATIENCE = 15_000; // the person may be asked for leave first

/** Where the phone is, as maps in China count; null where it does not say. Kept for this visit, on the phone alone. */
async function whereabouts(wx) {
  const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? 'null');
  if (kept && Date.now() - kept.at < FRESH) return kept;
  const { latitude, longitude } = (await ask(wx, 'getLocation', { type: 'gcj02' }, PATIENCE)) ?? {};
  if (latitude === undefined) return null;
  const place = { latitude, longitude, at: Date.now() };
  sessionStorage.setItem(PLACE, JSON.stringify(place));
  return place;
}

async function nearest(form, wx) {
  const place = await whereabouts(wx);
  if (!place) return false;
  form.elements.latitude.value = place.latitude;
  form.elements.longitude.value = place.longitude;
  const answer = await fetch(form.action, { method: 'POST', body: new FormData(form) }).catch(() => null);
  if (!answer?.ok) return false;
  const list = document.querySelector('[data-stores]');
  const focused = list.contains(document.activeElement) && document.activeElement.getAttribute('href');
  list.innerHTML = await answer.text();
  if (focused) list.querySelector(`[href="${focused}"]`)?.focus();
  return true;
}

const form = document.querySelector('[data-near]');
const line = document.querySelector('[data-near-told]');
if (form) {
  phone().then(async (wx) => {
    if (!wx) return;
    line.textContent = line.dataset.looking;
    line.textContent = (await nearest(form, wx)) ? line.dataset.found : line.dataset.unknown;
  });
}

const map = document.querySelector('[data-map]');
let ours = null;
phone().then((wx) => {
  ours = wx;
  if (wx && document.querySelector('[data-leave]')) wx.closeWindow();
});
map?.addEventListener('click', (event) => {
  if (!ours) return; // the link leads to a map on the web
  event.preventDefault();
  const { latitude, longitude, name, address } = map.dataset;
  ours.openLocation({
    latitude: Number(latitude),
    longitude: Number(longitude),
    name,
    address,
    scale: 16,
    fail: () => location.assign(map.href),
  });
});

const gallery = document.querySelector('[data-gallery]');
const at = document.querySelector('[data-gallery-at]');
if (at) {
  gallery.addEventListener('scroll', () => {
    at.textContent = Math.round(Math.abs(gallery.scrollLeft) / gallery.clientWidth) + 1;
  }, { passive: true });
}
