// The page of a training.

function finetune(data) {
  const shell = head(data);
  body();
  const running = data.state === 'running';
  const {step, loss} = data.curves;
  const taken = step.at(-1) ?? 0;
  shell.bar.hidden = !running;
  shell.clock.hidden = !running;
  shell.bar.max = data.steps;
  shell.bar.value = taken;
  const rate = smooth(step.map((s, i) => [s, data.curves.seconds[i]])).at(-1)?.[1];
  shell.clock.textContent = `step ${count(taken)} of ${count(data.steps)}`
    + (rate ? `, about ${Math.ceil(rate * (data.steps - taken))} s of training left` : '');
  finetuneTiles(data, loss);
  part('learning', 'How it learned', data.curves.window > 1
    ? `Each point of a curve is the mean over ${data.curves.window} steps; metrics.jsonl has every step.` : null,
    step.length > 0 || data.evaluations.length > 0, node => learning(node, data));
  part('memory', 'Memory through one step',
    'What the device had in use, by purpose, from allocation to allocation. The three phases are not drawn to the time they take.',
    data.memory.length > 0, node => memory(node, data));
  part('decoder', 'What is trained, and how far it moved',
    'The decoder from input to output. A cell holds the size of the change to a layer’s trained numbers, relative to the numbers '
    + 'themselves: ‖ΔW‖ / ‖W‖. Grey parts are frozen.', data.parameters.length > 0, node => decoder(node, data));
  part('samples', 'Before and after', 'What the model makes of held-out prompts, always taking the likeliest token.',
    data.samples.length > 0, node => samples(node, data));
  part('repeat', 'To repeat it', null, true, node => repeat(node, data));
}

function finetuneTiles(data, loss) {
  const first = data.evaluations.find(e => e.step === 0);
  const last = data.evaluations.at(-1);
  const arrow = (from, to) => from === undefined || from === to ? to : `${from} → ${to}`;
  const accuracies = last && last.accuracy !== null;
  const peak = data.memory.map(m => m.peak);
  tiles([
    accuracies ? ['Accuracy on held-out examples', arrow(first && percent(first.accuracy), percent(last.accuracy)),
      (last.standard_error === null ? '' : `± ${(100 * last.standard_error).toFixed(1)}`)
      + (data.majority === null ? '' : `; always the commonest answer: ${percent(data.majority)}`)] : null,
    last ? ['Loss on held-out examples', arrow(first && first.loss.toFixed(3), last.loss.toFixed(3)),
      `perplexity ${arrow(first && short(Math.exp(first.loss)), short(Math.exp(last.loss)))}`]
      : loss.length ? ['Loss', short(loss.at(-1)), 'of the last step'] : null,
    ['Trained parameters', count(data.trained), `${(100 * data.trained / data.all).toFixed(2)} % of ${count(data.all)}`],
    peak.length ? ['Memory of one step', size(peak[0]),
      peak.length > 1 ? `at its peak; full fine-tuning: ${size(peak[1])}` : 'at its peak'] : null,
  ]);
}

function learning(node, data) {
  const {curves, evaluations} = data;
  const {step} = curves;
  const grid = once('learning-charts', () => {
    const made = html('div', {class: 'charts'});
    node.append(made);
    return made;
  });
  const chart = (name, title, wide) => once('chart-' + name, () => {
    const made = new LineChart(title, wide ? 260 : 200);
    if (wide) made.figure.className = 'wide';
    grid.append(made.figure);
    return made;
  });
  const points = values => step.map((s, i) => [s, values[i]]);
  const plain = (name, title, values, label, color, more) => {
    const {line: l, note} = curve(label, points(values), color, more.text, more.noisy);
    chart(name, title).show({note, lines: [l], head: ['step', label], rows: some(points(values)).map(([s, v]) => [count(s), (more.text || short)(v)]),
      ...more});
  };
  const trained = curve('training', points(curves.loss), 'var(--s0)');
  const held = evaluations.map(e => [e.step, e.loss]);
  chart('loss', 'Loss', true).show({
    note: trained.note + (held.length ? ' Dots: on held-out examples.' : ''),
    lines: [trained.line, ...(held.length ? [{name: 'held-out', color: 'var(--s1)', points: held, dots: true, dashed: true}] : [])],
    key: held.length ? [{name: 'training', color: 'var(--s0)', kind: 'stroke'}, {name: 'held-out', color: 'var(--s1)', kind: 'stroke dashed'}] : null,
    head: ['step', 'training', 'held-out'],
    rows: some([...new Set([...step, ...held.map(h => h[0])])].sort((a, b) => a - b))
      .map(s => [count(s), step.includes(s) ? short(curves.loss[step.indexOf(s)]) : '', held.filter(h => h[0] === s).map(h => short(h[1])).join(', ')]),
  });
  if (evaluations.some(e => e.accuracy !== null)) {
    const seen = evaluations.filter(e => e.accuracy !== null).map(e => [e.step, e.accuracy]);
    chart('accuracy', 'Accuracy on held-out examples').show({
      note: `From ${percent(seen[0][1])} to ${percent(seen.at(-1)[1])}.`
        + (data.majority === null ? '' : ` Dashed: always the commonest answer, ${percent(data.majority)}.`),
      lines: [{name: 'accuracy', color: 'var(--s1)', points: seen, dots: true, dashed: seen.length < 3},
        ...(data.majority === null || seen.length < 2 ? [] : [{name: 'commonest answer', color: 'var(--s7)', dashed: true,
          points: seen.map(p => [p[0], data.majority])}])],
      text: percent, low: 0, head: ['step', 'accuracy'], rows: seen.map(([s, v]) => [count(s), percent(v)]),
    });
  }
  if (step.length) {
    plain('lr', 'Learning rate', curves.lr, 'rate', 'var(--s2)', {low: 0, noisy: false});
    plain('norm', 'Gradient norm', curves.grad_norm, 'norm', 'var(--s4)', {log: wide(curves.grad_norm)});
    plain('speed', 'Tokens per second', curves.tokens_per_second, 'tokens/s', 'var(--s6)', {low: 0, text: v => v === null ? short(v) : count(Math.round(v))});
  }
}

/** Whether positive numbers differ so much that they are better seen by their magnitude. */
function wide(values) {
  const seen = values.filter(v => v !== null);
  return seen.length > 1 && Math.min(...seen) > 0 && Math.max(...seen) / Math.min(...seen) > 30;
}

function memory(node, data) {
  const grid = once('memory-charts', () => {
    const made = html('div', {class: 'charts'});
    node.append(made, key(data.purposes.map(purpose => ({name: purpose, color: `var(--${purpose})`}))));
    return made;
  });
  const most = Math.max(...data.memory.map(m => m.peak));
  for (const {name, how, peak, phases} of data.memory) {
    const chart = once('memory-' + how, () => {
      const made = new MemoryChart(name, 280);
      made.readout.classList.add('tall');
      grid.append(made.figure);
      return made;
    });
    const largest = phase => phase.moments.reduce((a, b) => total(b) > total(a) ? b : a);
    chart.show({note: `${how}; at most ${size(peak)}`, purposes: data.purposes, phases, most,
      head: ['at most in', ...data.purposes, 'together'],
      rows: phases.map(phase => [phase.phase, ...largest(phase).map(size), size(total(largest(phase)))])});
  }
}


/** The mean over neighbours; at the start as many on one side as on the other, or it would begin too low. */
function smooth(points) {
  const reach = Math.floor(points.length / 40);
  return points.map(([x, y], i) => {
    const near = Math.min(reach, i);
    const seen = points.slice(i - near, i + near + 1).map(p => p[1]).filter(v => v !== null);
    return [x, y === null || !seen.length ? null : seen.reduce((a, b) => a + b, 0) / seen.length];
  });
}

/** So few rows that one can read them: the first, the last, and some between. */
function some(rows, most = 25) {
  const step = Math.ceil(rows.length / most);
  return rows.filter((_, i) => i % step === 0 || i === rows.length - 1);
}

/** A line and what to say of it; one of noisy numbers is drawn twice, as its mean over neighbours and faintly as it is. */
function curve(name, points, color, text = short, noisy = true) {
  const each = smooth(points);
  const means = noisy && points.length >= 40;
  const finite = points.filter(p => p[1] !== null).map(p => p[1]);
  const from = means ? each.find(p => p[1] !== null)?.[1] : finite[0];
  const to = means ? each.findLast(p => p[1] !== null)?.[1] : finite.at(-1);
  return {
    line: {name, color, points: means ? each : points, each: means ? points : null},
    note: !finite.length ? 'Nothing yet.' : `From ${text(from)} to ${text(to)}; between ${text(Math.min(...finite))} and ${text(Math.max(...finite))}.`
      + (means ? ` Bold: mean over up to ${2 * Math.floor(points.length / 40) + 1} neighbours.` : ''),
  };
}

// ---- the map of the decoder -----------------------------------------------------------------------------------------

/** Parameters as one: how many numbers, and how far those that changed have moved, relative to what they were. */
function together(parameters) {
  const moving = parameters.filter(p => p.trained || p.change);
  const norm = Math.hypot(...moving.map(p => p.norm));
  const change = Math.hypot(...moving.map(p => p.change ?? 0));
  return {size: parameters.reduce((sum, p) => sum + p.size, 0), moving,
    known: moving.length > 0 && moving.some(p => p.change !== null),
    relative: norm > 0 ? change / norm : null};
}

function cell(parameters, most, span, label = '') {
  const sum = together(parameters);
  if (!parameters.length) return html('td', {class: 'none', colspan: span}, html('span', {class: 'unseen'}, 'none'));
  const tip = parameters.map(p => `${p.name} ${p.shape}`).join(', ');
  if (!sum.moving.length) {
    return html('td', {colspan: span, title: tip}, label + 'frozen');
  }
  const heat = sum.known && most > 0 ? Math.min(1, (sum.relative ?? most) / most) : 0;
  const what = !sum.known ? 'trained' : sum.relative === null ? 'from zero' : percent(sum.relative);
  return html('td', {class: 'moves', style: `--heat:${heat.toFixed(3)}`, colspan: span, title: tip}, label + what);
}

function decoder(node, data) {
  const base = data.parameters.filter(p => !p.added);
  const added = data.parameters.filter(p => p.added);
  const layerOf = name => /(?:^|\.)h\.(\d+)\./.exec(name)?.[1];
  const moduleOf = name => name.replace(/^h\.\d+\./, '').replace(/\.(weight|bias)$/, '');
  const inBlocks = base.filter(p => layerOf(p.name) !== undefined);
  const layers = [...new Set(inBlocks.map(p => Number(layerOf(p.name))))];
  const modules = [...new Set(inBlocks.map(p => moduleOf(p.name)))];
  const outside = [...new Set(base.filter(p => layerOf(p.name) === undefined).map(p => moduleOf(p.name)))];
  const first = outside.filter(name => /^w[tp]e$/.test(name));
  const last = outside.filter(name => !first.includes(name));
  const inFront = added.filter(p => layerOf(p.name) === undefined);
  const perLayer = added.some(p => layerOf(p.name) !== undefined);
  // What is beside a layer shows its effect in the layer, where it can be written into it; else its own way is shown.
  const folded = base.some(p => p.change);
  const at = (layer, module) => inBlocks.filter(p => Number(layerOf(p.name)) === layer && moduleOf(p.name) === module);
  const beside = layer => added.filter(p => Number(layerOf(p.name)) === layer);
  const groups = [...layers.flatMap(l => modules.map(m => at(l, m))), ...outside.map(m => base.filter(p => moduleOf(p.name) === m)),
    ...(folded ? [] : [...layers.map(beside), inFront])];
  const most = Math.max(0, ...groups.map(g => together(g).relative ?? 0).filter(Number.isFinite));
  const columns = modules.length + (perLayer ? 1 : 0);
  const row = (name, cells) => html('tr', {}, html('th', {scope: 'row'}, name), cells);
  const span = (name, parameters) => row(name, cell(parameters, most, columns));
  const map = html('table', {class: 'map'},
    html('caption', {}, data.parameters.some(p => p.change !== null) ? 'Relative change by layer' : 'Which layers are trained'),
    html('thead', {}, html('tr', {}, html('td', {class: 'none'}), modules.map(m => html('th', {scope: 'col'}, m)),
      perLayer ? html('th', {scope: 'col'}, 'added') : null)),
    html('tbody', {},
      inFront.length ? row('in front', cell(inFront, most, columns, `${count(together(inFront).size)} added: `)) : null,
      first.map(name => span(name, base.filter(p => moduleOf(p.name) === name))),
      layers.map(layer => row('block ' + layer, [...modules.map(m => cell(at(layer, m), most)),
        perLayer ? (folded ? html('td', {title: beside(layer).map(p => `${p.name} ${p.shape}`).join(', ')}, `${count(together(beside(layer)).size)} numbers`)
          : cell(beside(layer), most)) : null])),
      last.map(name => span(name, base.filter(p => moduleOf(p.name) === name)))));
  const all = data.parameters.filter(p => p.trained || p.change);
  const list = table('Trained parameters', ['parameter', 'shape', 'norm before', 'norm of the change', 'relative'], all.map(p =>
    [p.name + (p.trained ? '' : ' (effect of what is beside it)'), p.shape, short(p.norm), p.change === null ? '' : short(p.change),
      p.change === null ? '' : p.norm > 0 ? percent(p.change / p.norm) : 'from zero']));
  const holder = once('decoder-holder', () => {
    const made = {map: html('div'), key: html('div'), list: html('div')};
    node.append(html('div', {class: 'card'}, made.map, made.key,
      html('details', {}, html('summary', {}, 'Every trained parameter'), made.list)));
    return made;
  });
  holder.map.replaceChildren(scrolled('Map of the decoder', map));
  holder.key.replaceChildren(key([...(most > 0 ? [{name: `0 to ${percent(most)}`, kind: 'heat'}] : []), {name: 'frozen', kind: 'frozen'}]));
  holder.list.replaceChildren(scrolled('Every trained parameter', list));
}

function samples(node, data) {
  const holder = once('samples-holder', () => {
    const made = html('div');
    node.append(made);
    return made;
  });
  holder.replaceChildren(...data.samples.map(sample => html('dl', {class: 'card sample'},
    ...[['prompt', sample.prompt, ''], ['wanted', sample.wanted, ''], ['before', sample.before, ''], ['after', sample.after, 'after']]
      .filter(([, text]) => text !== null)
      .flatMap(([name, text, kind]) => [html('dt', {}, name), html('dd', {class: kind}, text.trim() === '' ? '(nothing)' : text)]))));
}

function repeat(node, data) {
  const holder = once('repeat-holder', () => {
    const made = html('div');
    node.append(made);
    return made;
  });
  holder.replaceChildren(html('pre', {tabindex: 0, 'aria-label': 'The command'}, data.command),
    facts(data.about), html('details', {}, html('summary', {}, 'Versions, options and fingerprints'), facts(data.repeat)));
}

const facts = entries => html('dl', {class: 'facts'}, Object.entries(entries).flatMap(([name, value]) =>
  [html('dt', {}, name), html('dd', {}, value)]));
