'use strict';
// Shares of a hundred as bars against a line they should stand above: weeks side by side, or names below each other.

const colour = (point, look) => (point.low ? look.low : point.few ? look.soft : look.bar);
const said = (point) => (point.value === null ? '–' : `${point.value} %`);

const told = (points) => ([bar]) => {
  const point = points[bar.dataIndex];
  return `${point.label}  ${said(point)}  ${point.of}`;
};

const line = (canvas, look, axis) => ({
  silent: true, symbol: 'none', animation: false, z: 1, lineStyle: { color: look.low, type: [4, 4], width: 1.5 },
  label: { color: look.ink, fontSize: 11, formatter: canvas.dataset.lineWords, position: 'end', distance: 4 },
  data: [{ [axis]: Number(canvas.dataset.line) }],
});

const common = (points, look) => ({
  textStyle: { fontFamily: look.font },
  animationDuration: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 350,
  tooltip: {
    renderMode: 'richText', trigger: 'axis', axisPointer: { type: 'none' }, backgroundColor: look.surface, borderColor: look.line,
    textStyle: { color: look.ink, fontFamily: look.font, fontSize: 13 }, formatter: told(points),
  },
});

const data = (points, look, radius) => points.map((point) => ({
  value: point.value, itemStyle: { color: colour(point, look), borderRadius: radius },
}));

// Weeks side by side; every label that fits stands below, and every share on its bar.
export const rates = (points, canvas, look) => ({
  ...common(points, look),
  grid: { left: 4, right: 44, top: 24, bottom: 28 },
  xAxis: {
    type: 'category', data: points.map((point) => point.short), axisTick: { show: false }, axisLine: { lineStyle: { color: look.line } },
    axisLabel: { color: look.ink, fontSize: 12, margin: 10, hideOverlap: true },
  },
  yAxis: { type: 'value', show: false, min: 0, max: 100 },
  series: [{
    type: 'bar', barCategoryGap: '28%', barMaxWidth: 72, cursor: 'pointer', data: data(points, look, [5, 5, 0, 0]),
    label: { show: points.length <= 16, position: 'top', backgroundColor: look.surface, padding: [1, 3], color: look.ink, fontSize: 12, formatter: ({ dataIndex }) => (points[dataIndex].value === null ? '' : Math.round(points[dataIndex].value)) },
    markLine: line(canvas, look, 'yAxis'),
  }],
});

// Names below each other, in the order given; the canvas is as high as they need.
export const ranks = (points, canvas, look) => {
  canvas.style.height = `${points.length * 34 + 30}px`;
  return {
    ...common(points, look),
    grid: { left: 8, right: 104, top: 22, bottom: 4, containLabel: true },
    xAxis: { type: 'value', show: false, min: 0, max: 100 },
    yAxis: {
      type: 'category', inverse: true, data: points.map((point) => point.label), axisTick: { show: false }, axisLine: { lineStyle: { color: look.line } },
      axisLabel: { color: look.ink, fontSize: 13, width: 132, overflow: 'truncate' },
    },
    series: [{
      type: 'bar', barWidth: 18, cursor: 'pointer', data: data(points, look, [0, 5, 5, 0]), barMinHeight: 2,
      label: { show: true, position: 'right', backgroundColor: look.surface, padding: [1, 3], color: look.ink, fontSize: 12, formatter: ({ dataIndex }) => `${said(points[dataIndex])}  {of|${points[dataIndex].of}}`, rich: { of: { color: look.quiet, fontSize: 11 } } },
      markLine: line(canvas, look, 'xAxis'),
    }],
  };
};
