'use strict';
// The waiting room reads itself again when something changed at its store; the poster is printed.

const shows = ({ store, begin, end }, times) => times.some(([at, moment]) => String(at) === store && (moment === 0 || (moment >= Number(begin) && moment < Number(end))));

document.addEventListener('engage:visits', ({ detail }) => {
  const room = document.querySelector('[data-room]');
  if (room && !document.hidden && shows(room.dataset, detail.times)) htmx.trigger(room, 'engage:room');
});

document.addEventListener('click', (event) => {
  if (event.target.closest('[data-print]')) print();
});
