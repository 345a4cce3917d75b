'use strict';
// The one look of charts, taken from the tokens of console.css, so that light and dark follow by themselves.

import { ranks, rates } from './chart_rates.js';

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const theme = () => ({
  ink: token('--ink'), quiet: token('--ink-2'), line: token('--line'), bar: token('--accent'), soft: token('--accent-soft'),
  off: token('--ended-soft'), low: token('--bad'), surface: token('--surface'), font: token('--font'),
});

// What a bar says when pointed at: the words of the page, with the numbers put in.
const told = (points, canvas) => ([bar]) => {
  const point = points[bar.dataIndex];
  const words = canvas.dataset.words ?? `{value} ${canvas.dataset.unit}`;
  return [point.label, point.sub, ' ', words.replace('{value}', point.value).replace('{part}', point.part)].filter(Boolean).join(' ');
};

// Bars with their number on top, what they are of below; a click leads to the rows.
// Where a part of each bar is told, it is filled and stands in the bar.
const bars = (points, canvas) => {
  const look = theme();
  const highest = Math.max(...points.map((point) => point.value));
  const isPart = 'part' in points[0];
  const hasSub = points.some((point) => point.sub);
  const inside = {
    type: 'bar', stack: 'all', cursor: 'pointer', itemStyle: { color: look.bar }, data: points.map((point) => point.part),
    label: { show: true, position: 'insideBottom', color: look.surface, fontSize: 11, formatter: ({ value }) => (value > highest / 8 ? value : '') },
  };
  return {
    textStyle: { fontFamily: look.font },
    animationDuration: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 350,
    grid: { left: 4, right: 4, top: 24, bottom: hasSub ? 46 : 28 },
    tooltip: {
      renderMode: 'richText', trigger: 'axis', axisPointer: { type: 'none' }, backgroundColor: look.surface, borderColor: look.line,
      textStyle: { color: look.ink, fontFamily: look.font, fontSize: 13 },
      formatter: told(points, canvas),
    },
    xAxis: {
      type: 'category', data: points.map((_, index) => index), axisTick: { show: false }, axisLine: { lineStyle: { color: look.line } },
      axisLabel: {
        interval: 0, margin: 10, hideOverlap: false,
        formatter: (index) => {
          const point = points[index];
          return `{${point.now ? 'now' : 'day'}|${point.short ?? point.label}}${hasSub ? `\n{sub|${point.sub}}` : ''}`;
        },
        rich: {
          day: { color: look.ink, fontSize: 12, lineHeight: 16 },
          now: { color: look.bar, fontSize: 12, fontWeight: 700, lineHeight: 16 },
          sub: { color: look.quiet, fontSize: 11, lineHeight: 15 },
        },
      },
    },
    yAxis: { type: 'value', show: false, minInterval: 1 },
    series: [...(isPart ? [inside] : []), {
      type: 'bar', stack: 'all', barCategoryGap: '28%', barMinHeight: 2, cursor: 'pointer',
      data: points.map((point) => ({
        value: point.value - (point.part ?? 0),
        itemStyle: { color: isPart || !point.value ? look.off : look.bar, borderRadius: [5, 5, 0, 0] },
      })),
      label: { show: true, position: 'top', color: look.ink, fontSize: 12, formatter: ({ dataIndex }) => points[dataIndex].value || '' },
    }],
  };
};

const kinds = { bars, rates: (points, canvas) => rates(points, canvas, theme()), ranks: (points, canvas) => ranks(points, canvas, theme()) };
const drawn = new Set();

const draw = (canvas) => {
  const points = JSON.parse(canvas.dataset.points);
  const chart = echarts.getInstanceByDom(canvas) ?? echarts.init(canvas, null, { renderer: 'canvas' });
  chart.setOption(kinds[canvas.dataset.chart](points, canvas), true);
  if (drawn.has(canvas)) return;
  drawn.add(canvas);
  chart.on('click', ({ dataIndex }) => { if (points[dataIndex].url) location.assign(points[dataIndex].url); });
  new ResizeObserver(() => chart.resize()).observe(canvas);
};
const drawAll = (root = document) => root.querySelectorAll('[data-chart]').forEach(draw);

drawAll();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => drawAll());
document.addEventListener('htmx:load', (event) => drawAll(event.detail.elt));
