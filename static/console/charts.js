'use strict';
// The one look of charts, taken from the tokens of console.css, so that light and dark follow by themselves.

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const theme = () => ({
  ink: token('--ink'), quiet: token('--ink-2'), line: token('--line'), bar: token('--accent'), soft: token('--accent-soft'),
  off: token('--ended-soft'), surface: token('--surface'), font: token('--font'),
});

// Bars with their number on top; day and weekday below; a click leads to the rows.
const bars = (points, unit) => {
  const look = theme();
  return {
    textStyle: { fontFamily: look.font },
    animationDuration: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 350,
    grid: { left: 4, right: 4, top: 28, bottom: 46 },
    tooltip: {
      renderMode: 'richText', trigger: 'axis', axisPointer: { type: 'none' }, backgroundColor: look.surface, borderColor: look.line,
      textStyle: { color: look.ink, fontFamily: look.font, fontSize: 13 },
      formatter: ([bar]) => `${points[bar.dataIndex].label} ${points[bar.dataIndex].sub}  ${bar.value} ${unit}`,
    },
    xAxis: {
      type: 'category', data: points.map((_, index) => index), axisTick: { show: false }, axisLine: { lineStyle: { color: look.line } },
      axisLabel: {
        interval: 0, margin: 10, hideOverlap: false,
        formatter: (index) => {
          const point = points[index];
          return `{${point.now ? 'now' : 'day'}|${point.short ?? point.label}}\n{sub|${point.sub}}`;
        },
        rich: {
          day: { color: look.ink, fontSize: 12, lineHeight: 16 },
          now: { color: look.bar, fontSize: 12, fontWeight: 700, lineHeight: 16 },
          sub: { color: look.quiet, fontSize: 11, lineHeight: 15 },
        },
      },
    },
    yAxis: { type: 'value', show: false, minInterval: 1 },
    series: [{
      type: 'bar', barCategoryGap: '28%', barMinHeight: 2, cursor: 'pointer',
      data: points.map((point) => ({ value: point.value, itemStyle: { color: point.value ? look.bar : look.off, borderRadius: [5, 5, 0, 0] } })),
      label: { show: true, position: 'top', color: look.ink, fontSize: 12, formatter: ({ value }) => (value ? value : '') },
    }],
  };
};

const kinds = { bars };
const drawn = new Set();

const draw = (canvas) => {
  const points = JSON.parse(canvas.dataset.points);
  const chart = echarts.getInstanceByDom(canvas) ?? echarts.init(canvas, null, { renderer: 'canvas' });
  chart.setOption(kinds[canvas.dataset.chart](points, canvas.dataset.unit), true);
  if (drawn.has(canvas)) return;
  drawn.add(canvas);
  chart.on('click', ({ dataIndex }) => { if (points[dataIndex].url) location.assign(points[dataIndex].url); });
  new ResizeObserver(() => chart.resize()).observe(canvas);
};
const drawAll = (root = document) => root.querySelectorAll('[data-chart]').forEach(draw);

drawAll();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => drawAll());
document.addEventListener('htmx:load', (event) => drawAll(event.detail.elt));
