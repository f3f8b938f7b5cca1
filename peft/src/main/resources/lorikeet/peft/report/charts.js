'use strict';
// Figures that redraw themselves: text from outside reaches them as text nodes and attributes only, never as HTML.

// ---- building blocks ------------------------------------------------------------------------------------------------

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter(child => child !== null && child !== undefined));
  return node;
}

const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

const count = n => n.toLocaleString('en');
const size = n => n >= 1e9 ? (n / 1e9).toFixed(2) + ' GB' : n >= 1e6 ? (n / 1e6).toFixed(1) + ' MB' : (n / 1e3).toFixed(1) + ' kB';
const total = bytes => bytes.reduce((a, b) => a + b, 0);
const percent = x => (Math.round(1000 * x) / 10).toFixed(1) + ' %'; // halves are rounded up, as the command line does

/** Three digits that say something. */
function short(x) {
  if (x === null || x === undefined) return 'not a number';
  if (x === 0) return '0';
  const magnitude = Math.abs(x);
  return magnitude >= 1000 ? count(Math.round(x)) : magnitude >= 1e-3 ? String(Number(x.toPrecision(3))) : x.toExponential(1);
}

function table(caption, head, rows, kind) {
  return html('table', {class: kind},
    html('caption', {}, caption),
    html('thead', {}, html('tr', {}, head.map(cell => html('th', {scope: 'col'}, cell)))),
    html('tbody', {}, rows.map(([first, ...rest]) =>
      html('tr', {}, html('th', {scope: 'row'}, first), rest.map(cell => html('td', {}, cell))))));
}

/** A table that may be wider than the page: it is scrolled by itself, by keyboard too. */
const scrolled = (name, content) => html('div', {class: 'scroll', role: 'region', 'aria-label': name, tabindex: 0}, content);

function section(id, title, words) {
  const node = html('section', {id, 'aria-labelledby': id + '-title'}, html('h2', {id: id + '-title'}, title),
    words ? html('p', {class: 'soft'}, words) : null);
  return node;
}

function key(entries) {
  return html('ul', {class: 'key'}, entries.map(entry => html('li', {},
    html('span', {class: 'swatch ' + (entry.kind || ''), style: entry.color
      ? (entry.kind ? 'border-color:' : 'background:') + entry.color : null, 'aria-hidden': 'true'}), entry.name)));
}

// ---- charts ---------------------------------------------------------------------------------------------------------

/** About n round numbers from low to high. */
function ticks(low, high, n) {
  const raw = (high - low) / n || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(width => width >= raw * 0.75);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}

function line(points, x, y) {
  let path = '';
  let pen = 'M';
  for (const [a, b] of points) {
    if (b === null) {
      pen = 'M';
    } else {
      path += pen + x(a).toFixed(1) + ' ' + y(b).toFixed(1);
      pen = 'L';
    }
  }
  return path;
}

let charts = 0;

/**
 * A figure with a title, a picture as wide as there is room, a read-out that pointer and arrow keys move along it, and its
 * numbers as a table. What is drawn is up to picture(width), which answers nodes, the stops of the read-out, {x, text}, and
 * the one that it shows when nobody asks.
 */
class Chart {
  constructor(title, height = 210) {
    this.height = height;
    const id = 'chart-' + ++charts;
    this.note = html('p', {id: id + '-note'});
    this.plot = html('div', {class: 'plot', tabindex: 0, role: 'slider', 'aria-label': title + ', read-out along the curve',
      'aria-describedby': id + '-note', 'aria-orientation': 'horizontal'});
    this.readout = html('output', {class: 'readout', 'aria-hidden': 'true'});
    this.legend = html('div');
    this.numbers = html('div');
    this.figure = html('figure', {}, html('figcaption', {}, html('h3', {}, title), this.note), this.plot, this.readout,
      this.legend, html('details', {}, html('summary', {}, 'Numbers'), this.numbers));
    this.at = null;
    new ResizeObserver(() => this.draw()).observe(this.plot);
    this.plot.addEventListener('pointermove', event => {
      const corner = this.plot.getBoundingClientRect();
      this.near(event.clientX - corner.left, event.clientY - corner.top);
    });
    this.plot.addEventListener('pointerleave', () => this.go(null));
    this.plot.addEventListener('blur', () => this.go(null));
    this.plot.addEventListener('keydown', event => this.press(event));
  }

  show(spec) {
    this.spec = spec;
    this.note.textContent = spec.note;
    this.legend.replaceChildren(...(spec.key ? [key(spec.key)] : []));
    const caption = this.figure.querySelector('h3').textContent + ', in numbers';
    this.numbers.replaceChildren(scrolled(caption, table(caption, spec.head, spec.rows)));
    this.draw();
  }

  draw() {
    const width = this.plot.clientWidth;
    if (width && this.spec) {
      const {nodes, stops, rest} = this.picture(width);
      this.stops = stops;
      this.rest = rest;
      this.cursor = svg('line', {class: 'cursor', y1: 8, y2: this.height - 26, visibility: 'hidden'});
      this.plot.replaceChildren(svg('svg', {viewBox: `0 0 ${width} ${this.height}`, height: this.height, 'aria-hidden': 'true'},
        nodes, this.cursor));
      this.plot.setAttribute('aria-valuemin', 0);
      this.plot.setAttribute('aria-valuemax', Math.max(0, stops.length - 1));
      this.go(this.at);
    }
  }

  near(x) {
    let best = null;
    this.stops?.forEach((stop, i) => {
      if (best === null || Math.abs(stop.x - x) < Math.abs(this.stops[best].x - x)) best = i;
    });
    this.go(best);
  }

  press(event) {
    if (!this.stops?.length) return;
    const last = this.stops.length - 1;
    const from = this.at === null ? 0 : this.at;
    const far = Math.max(1, Math.round(last / 10));
    const to = {ArrowRight: this.at === null ? 0 : from + 1, ArrowUp: from + 1, ArrowLeft: from - 1, ArrowDown: from - 1,
      PageUp: from + far, PageDown: from - far, Home: 0, End: last, Escape: null}[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.go(to === null ? null : Math.min(last, Math.max(0, to)));
    }
  }

  go(at) {
    this.at = at === null || !this.stops?.length ? null : Math.min(at, this.stops.length - 1);
    const stop = this.at === null ? null : this.stops[this.at];
    this.readout.textContent = (stop ?? this.stops?.[this.rest])?.text ?? '';
    this.readout.classList.toggle('soft', !stop);
    this.plot.setAttribute('aria-valuenow', this.at ?? 0);
    this.plot.setAttribute('aria-valuetext', stop ? stop.text : 'arrow keys move along the curve');
    if (this.cursor) {
      this.cursor.setAttribute('visibility', stop ? 'visible' : 'hidden');
      if (stop) {
        this.cursor.setAttribute('x1', stop.x);
        this.cursor.setAttribute('x2', stop.x);
      }
    }
  }
}

const LEFT = 52;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 26;

/**
 * Lines over steps. spec: {note, key, head, rows, lines: [{name, color, points, each, dashed, dots}], text(y), low, log}.
 */
class LineChart extends Chart {
  picture(width) {
    const {lines, text = short, low = null, log = false, across = null} = this.spec;
    const all = lines.flatMap(l => [...l.points, ...(l.each || [])]);
    const ys = all.map(p => p[1]).filter(y => y !== null && (!log || y > 0));
    const xs = all.map(p => p[0]);
    if (!ys.length) {
      return {nodes: [svg('text', {x: LEFT, y: this.height / 2}, 'nothing yet')], stops: []};
    }
    const [x0, x1] = [Math.min(...xs), Math.max(...xs, across ?? -Infinity)];
    const up = log ? Math.log10 : y => y;
    let [y0, y1] = [up(low === null ? Math.min(...ys) : Math.min(low, ...ys)), up(Math.max(...ys))];
    const room = (y1 - y0) * 0.06 || Math.abs(y1) * 0.1 || 1;
    y0 = low === null ? y0 - room : y0;
    y1 += room;
    const x = v => LEFT + (x1 === x0 ? 0.5 : (v - x0) / (x1 - x0)) * (width - LEFT - RIGHT);
    const y = v => this.height - BOTTOM - (up(v) - y0) / (y1 - y0) * (this.height - BOTTOM - TOP);
    const nodes = [];
    const levels = log ? ticks(y0, y1, 4).map(t => 10 ** t) : ticks(y0, y1, 4);
    for (const level of levels) {
      nodes.push(svg('line', {class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y(level), y2: y(level)}),
        svg('text', {x: LEFT - 8, y: y(level) + 4, 'text-anchor': 'end'}, text(level)));
    }
    nodes.push(svg('line', {class: 'axis', x1: LEFT, x2: width - RIGHT, y1: this.height - BOTTOM, y2: this.height - BOTTOM}));
    for (const tick of ticks(x0, x1, Math.max(3, Math.floor(width / 90))).filter(Number.isInteger)) {
      nodes.push(svg('text', {x: x(tick), y: this.height - 7, 'text-anchor': x(tick) > width - 30 ? 'end' : 'middle'}, count(tick)));
    }
    for (const l of lines) {
      if (l.each) nodes.push(svg('path', {class: 'each', style: `stroke:${l.color}`, d: line(l.each, x, y)}));
    }
    for (const l of lines) {
      nodes.push(svg('path', {class: 'line', style: `stroke:${l.color}`, 'stroke-dasharray': l.dashed ? '6 4' : null,
        'data-points': l.points.length, d: line(l.points, x, y)}));
      if (l.dots || l.points.length === 1) {
        nodes.push(...l.points.filter(p => p[1] !== null).map(p =>
          svg('circle', {class: 'mark', cx: x(p[0]), cy: y(p[1]), r: 4.5, style: `fill:${l.color}`})));
      }
    }
    const stops = this.readouts(lines, text, x);
    return {nodes, stops, rest: stops.length - 1};
  }

  /** One stop a step of any line, with what each line is there. */
  readouts(lines, text, x) {
    const values = new Map();
    lines.forEach(l => (l.each || l.points).forEach((point, i) => {
      if (!values.has(point[0])) values.set(point[0], []);
      const mean = l.each && l.points[i][1] !== null ? ` (mean ${text(l.points[i][1])})` : '';
      values.get(point[0]).push([point[1], `${l.name} ${point[1] === null ? 'not finite' : text(point[1])}${mean}`]);
    }));
    return [...values.entries()].sort((a, b) => a[0] - b[0]).map(([step, found]) => ({x: x(step),
      text: `step ${count(step)}: ` + found.sort((a, b) => b[0] - a[0]).map(f => f[1]).join(', ')}));
  }
}

const PHASES = {forward: 4, backward: 5, optimizer: 2};

/** Memory by purpose, stacked, through the phases of a step. spec: {note, head, rows, purposes, phases, most}. */
class MemoryChart extends Chart {
  picture(width) {
    const {purposes, phases, most} = this.spec;
    const shares = phases.map(phase => PHASES[phase.phase]);
    const all = shares.reduce((a, b) => a + b, 0);
    const top = most * 1.06;
    const y = v => this.height - BOTTOM - v / top * (this.height - BOTTOM - TOP - 12);
    const [unit, name] = most >= 1e9 ? [1e9, 'GB'] : most >= 1e6 ? [1e6, 'MB'] : [1e3, 'kB'];
    const nodes = ticks(0, top / unit, 4).flatMap(level => [
      svg('line', {class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y(level * unit), y2: y(level * unit)}),
      svg('text', {x: LEFT - 8, y: y(level * unit) + 4, 'text-anchor': 'end'}, `${count(level)} ${name}`)]);
    const stops = [];
    let from = LEFT;
    phases.forEach((phase, p) => {
      const to = from + shares[p] / all * (width - LEFT - RIGHT);
      const step = (to - from) / phase.moments.length;
      phase.moments.forEach((bytes, i) => stops.push({x: from + (i + 0.5) * step, from: from + i * step, to: from + (i + 1) * step,
        bytes, text: `${phase.phase}: ${size(total(bytes))} = `
          + purposes.map((purpose, k) => `${purpose} ${size(bytes[k])}`).join(', ')}));
      from = to;
    });
    purposes.forEach((purpose, k) => {
      const sum = (bytes, n) => total(bytes.slice(0, n));
      const above = stops.map(s => `L${s.from.toFixed(1)} ${y(sum(s.bytes, k + 1)).toFixed(1)}L${s.to.toFixed(1)} ${y(sum(s.bytes, k + 1)).toFixed(1)}`);
      const below = stops.map(s => `L${s.to.toFixed(1)} ${y(sum(s.bytes, k)).toFixed(1)}L${s.from.toFixed(1)} ${y(sum(s.bytes, k)).toFixed(1)}`).reverse();
      nodes.push(svg('path', {class: 'area', 'data-purpose': purpose, style: `fill:var(--${purpose})`,
        d: 'M' + (above.join('') + below.join('')).slice(1) + 'Z'}));
    });
    from = LEFT;
    phases.forEach((phase, p) => {
      const to = from + shares[p] / all * (width - LEFT - RIGHT);
      nodes.push(svg('line', {class: 'axis', x1: to, x2: to, y1: TOP, y2: this.height - BOTTOM + 4}));
      if (phases.length <= 3) {
        nodes.push(svg('text', {x: (from + to) / 2, y: this.height - 7, 'text-anchor': 'middle'}, phase.phase));
      }
      from = to;
    });
    nodes.push(svg('line', {class: 'axis', x1: LEFT, x2: width - RIGHT, y1: this.height - BOTTOM, y2: this.height - BOTTOM}));
    return {nodes, stops, rest: stops.findIndex(s => total(s.bytes) === Math.max(...stops.map(t => total(t.bytes))))};
  }
}

/** One dot a method: score over trained parameters, by magnitude. spec: {methods: [{method, trained, score, spread}], untouched}. */
class ScoreChart extends Chart {
  picture(width) {
    const {methods, untouched} = this.spec;
    if (!methods.length) return {nodes: [], stops: []};
    const sizes = methods.map(m => Math.log10(m.trained));
    const ends = methods.flatMap(m => [m.score - m.spread, m.score + m.spread]).concat(untouched ?? []);
    const [x0, x1] = [Math.min(...sizes) - 0.2, Math.max(...sizes) + 0.2];
    const room = (Math.max(...ends) - Math.min(...ends)) * 0.12 || 1;
    const [y0, y1] = [Math.min(...ends) - room, Math.max(...ends) + room];
    const x = v => LEFT + (Math.log10(v) - x0) / (x1 - x0) * (width - LEFT - RIGHT);
    const y = v => this.height - BOTTOM - (v - y0) / (y1 - y0) * (this.height - BOTTOM - TOP);
    const nodes = ticks(y0, y1, 5).flatMap(level => [
      svg('line', {class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y(level), y2: y(level)}),
      svg('text', {x: LEFT - 8, y: y(level) + 4, 'text-anchor': 'end'}, short(level))]);
    for (let power = Math.ceil(x0); power <= x1; power++) {
      nodes.push(svg('text', {x: x(10 ** power), y: this.height - 7, 'text-anchor': 'middle'}, count(10 ** power)));
    }
    nodes.push(svg('line', {class: 'axis', x1: LEFT, x2: width - RIGHT, y1: this.height - BOTTOM, y2: this.height - BOTTOM}));
    if (untouched !== null) {
      nodes.push(svg('line', {class: 'cursor', x1: LEFT, x2: width - RIGHT, y1: y(untouched), y2: y(untouched)}));
    }
    const sorted = methods.map((m, i) => ({...m, i})).sort((a, b) => a.trained - b.trained);
    const labels = [];
    for (const m of sorted) {
      nodes.push(svg('line', {style: `stroke:${colour(m.i)}`, 'stroke-width': 2, x1: x(m.trained), x2: x(m.trained), y1: y(m.score - m.spread), y2: y(m.score + m.spread)}),
        svg('circle', {class: 'mark', cx: x(m.trained), cy: y(m.score), r: 6, style: `fill:${colour(m.i)}`}));
      const name = m.method.length > 22 ? m.method.slice(0, 21) + '…' : m.method;
      const end = x(m.trained) > width * 0.7;
      const box = {x: end ? x(m.trained) - 10 - 6.6 * name.length : x(m.trained) + 10, y: y(m.score) + 4, w: 6.6 * name.length};
      if (width > 480) {
        while (labels.some(l => Math.abs(l.y - box.y) < 13 && l.x < box.x + box.w && box.x < l.x + l.w)) box.y += 13;
        labels.push(box);
        nodes.push(svg('text', {x: end ? x(m.trained) - 10 : box.x, y: box.y, 'text-anchor': end ? 'end' : 'start'}, name));
      }
    }
    return {nodes, stops: sorted.map(m => ({x: x(m.trained),
      text: `${m.method}: ${short(m.score)}${m.spread ? ' ± ' + short(m.spread) : ''} with ${count(m.trained)} trained parameters`}))};
  }
}

/** A bar a method, stacked by purpose. spec: {bars: [{method, bytes}], purposes}. */
class BarChart extends Chart {
  picture(width) {
    const {bars, purposes} = this.spec;
    const most = Math.max(...bars.map(b => total(b.bytes)));
    const names = Math.min(180, width * 0.34);
    const x = v => names + v / most * (width - names - 76);
    const nodes = bars.flatMap(({method, bytes}, row) => {
      const y = 6 + row * 34;
      const letters = Math.floor(names / 7.2);
      let from = 0;
      return [svg('text', {x: names - 10, y: y + 17, 'text-anchor': 'end'}, method.length > letters ? method.slice(0, letters - 1) + '…' : method),
        ...purposes.map((purpose, k) => {
          const rect = svg('rect', {style: `fill:var(--${purpose})`, x: x(from), y, width: Math.max(0, x(from + bytes[k]) - x(from)), height: 24});
          from += bytes[k];
          return rect;
        }), svg('text', {x: x(from) + 8, y: y + 17}, size(from))];
    });
    return {nodes, stops: bars.map((b, row) => ({x: names, y: 18 + row * 34,
      text: `${b.method}: ${size(total(b.bytes))} = ` + purposes.map((p, k) => `${p} ${size(b.bytes[k])}`).join(', ')}))};
  }

  draw() {
    super.draw();
    this.cursor?.remove();
    this.cursor = null;
  }

  /** Bars lie below each other: the pointer's height decides. */
  near(_, y) {
    this.go(Math.max(0, Math.floor((y - 6) / 34)));
  }
}
