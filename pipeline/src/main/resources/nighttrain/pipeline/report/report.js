// Draws every .plot from the table behind it. uPlot draws; here is what it is told.
(() => {
  'use strict';
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = i => css('--c' + (1 + i % 8));
  const number = text => text === '' ? null : Number(text.replaceAll(',', ''));

  const short = value => {
    const size = Math.abs(value);
    for (const [unit, name] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
      if (size >= unit) return +(value / unit).toPrecision(3) + ' ' + name;
    }
    return String(+value.toPrecision(3));
  };
  const clock = s => {
    const whole = Math.round(s), two = n => String(n).padStart(2, '0');
    const minutes = two(Math.floor(whole / 60) % 60) + ':' + two(whole % 60);
    return whole >= 3600 ? Math.floor(whole / 3600) + ':' + minutes : minutes;
  };
  const span = ms => ms < 1000 ? +ms.toPrecision(3) + ' ms'
    : ms < 120e3 ? +(ms / 1000).toPrecision(3) + ' s'
    : ms < 7200e3 ? +(ms / 60e3).toPrecision(3) + ' min' : +(ms / 3600e3).toPrecision(3) + ' h';
  const format = unit => unit === 's' ? clock : unit === 'ms' ? span : short;

  // Columns of the table as arrays of numbers, with their heads.
  const columns = plot => {
    const table = plot.parentNode.querySelector('details table');
    const heads = [...table.tHead.rows[0].cells].map(cell => cell.textContent);
    const rows = [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => number(cell.textContent)));
    return heads.map((name, i) => ({ name, values: rows.map(row => row[i]) }));
  };

  // 1, 2 and 5 times the powers of ten, fewer where there is no room.
  const decades = (u, axis, min, max) => {
    const all = [];
    for (let power = Math.floor(min); power <= max; power++) {
      for (const step of [1, 2, 5]) all.push(power + Math.log10(step));
    }
    const seen = all.filter(v => v >= min - 1e-9 && v <= max + 1e-9);
    const room = Math.max(2, u.width / 70);
    return seen.length <= room ? seen : seen.filter(v => Math.abs(v - Math.round(v)) < 1e-9);
  };

  // Whole seconds, minutes and hours.
  const clockSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

  const axes = (xFormat, xOptions) => {
    const common = {
      stroke: () => css('--soft'), grid: { stroke: () => css('--grid'), width: 1 }, ticks: { show: false },
      font: '12px system-ui, sans-serif',
    };
    return [
      { ...common, values: (u, at) => at.map(xFormat), size: 28, space: 70, ...xOptions },
      { ...common, values: (u, at) => at.map(short), size: 52 },
    ];
  };

  const lines = plot => {
    const [x, ...ys] = columns(plot);
    const xFormat = format(plot.dataset.xUnit);
    return {
      data: [x.values, ...ys.map(y => y.values)],
      scales: { x: { time: false }, y: { range: (u, min, max) => [0, max > 0 ? max * 1.05 : 1] } },
      axes: axes(xFormat, plot.dataset.xUnit === 's' ? { incrs: clockSteps } : {}),
      series: [
        { label: x.name.split(',')[0], value: (u, v) => v == null ? '' : xFormat(v) },
        ...ys.map((y, i) => ({
          label: y.name, stroke: () => colour(i), width: 1.75, points: { show: false },
          value: (u, v) => v == null ? '' : short(v) + ' ' + plot.dataset.unit,
        })),
      ],
    };
  };

  const histogram = plot => {
    const [from, to, ...counts] = columns(plot);
    const log = plot.dataset.scale === 'log';
    const place = log ? Math.log10 : v => v, value = log ? v => 10 ** v : v => v;
    const xFormat = format(plot.dataset.xUnit);
    const edges = [...from.values, to.values[to.values.length - 1]];
    const one = counts.length === 1;
    return {
      data: [edges.map(place), ...counts.map(c => [...c.values, c.values[c.values.length - 1]])],
      scales: { x: { time: false }, y: { range: (u, min, max) => [0, max > 0 ? max * 1.05 : 1] } },
      axes: axes(v => xFormat(value(v)), log ? { splits: decades } : {}),
      series: [
        { label: 'from', value: (u, v, series, i) => i == null ? '' : xFormat(edges[i]) + ' to ' + xFormat(edges[Math.min(i + 1, edges.length - 1)]) },
        ...counts.map((c, i) => ({
          label: one ? plot.dataset.unit : c.name, stroke: () => colour(i), width: 1.5, points: { show: false },
          fill: () => `color-mix(in srgb, ${colour(i)} ${one ? 45 : 15}%, transparent)`,
          paths: uPlot.paths.stepped({ align: 1 }), value: (u, v) => v == null ? '' : v.toLocaleString('en'),
        })),
      ],
    };
  };

  const kinds = { lines, histogram };
  const draw = plot => {
    const { data, ...rest } = kinds[plot.dataset.kind](plot);
    const size = () => ({ width: plot.clientWidth, height: Math.max(200, Math.min(280, plot.clientWidth * .45)) });
    const chart = new uPlot({ ...size(), cursor: { y: false, drag: { x: false, y: false } }, ...rest }, data, plot);
    new ResizeObserver(() => { if (plot.clientWidth !== chart.width) chart.setSize(size()); }).observe(plot);
    return chart;
  };

  const charts = [...document.querySelectorAll('.plot')].map(draw);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => charts.forEach(chart => chart.redraw(false)));
  document.documentElement.dataset.drawn = charts.length;
})();
