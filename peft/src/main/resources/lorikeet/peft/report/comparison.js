// The page of a comparison.

const colour = i => `var(--s${i % 8})`;

function compare(data) {
  head(data);
  body();
  part('scores', 'What each brings', 'Mean over seeds; bars are one standard deviation where there are several.', true, node => {
    node.append(html('div', {class: 'card'}, scrolled('The table', table('The lecture’s table, measured', data.head, data.rows))));
    const grid = html('div', {class: 'charts'});
    node.append(grid);
    data.tasks.forEach(task => {
      const chart = new ScoreChart(`${task.name}: ${task.measure}`, 300);
      chart.figure.className = 'wide';
      grid.append(chart.figure);
      chart.show({note: `Over the number of trained parameters.` + (task.untouched === null ? '' : ` Dashed: the untouched base, ${short(task.untouched)}.`),
        ...task, head: ['method', 'trained parameters', task.measure, 'spread'],
        rows: task.methods.map(m => [m.method, count(m.trained), short(m.score), short(m.spread)])});
    });
  });
  part('learning', 'How they learned', 'Loss in training, of the first seed; each point is the mean over as many steps as its curve’s key says.', data.runs.length > 0, node => {
    const grid = html('div', {class: 'charts'});
    node.append(grid);
    for (const task of data.tasks) {
      const runs = data.runs.filter(run => run.data === task.name);
      const chart = new LineChart(`${task.name}: loss`, 320);
      chart.figure.className = 'wide';
      chart.readout.classList.add('tall');
      grid.append(chart.figure);
      const lines = runs.map((run, i) => ({name: run.method, color: colour(i), dashed: i >= 8,
        points: run.loss.map((loss, p) => [Math.round((p + 0.5) * run.window), loss])}));
      chart.show({note: `${runs.length} methods.`, lines,
        key: runs.map((run, i) => ({name: run.window > 1 ? `${run.method} (${run.window})` : run.method, color: colour(i), kind: 'stroke' + (i >= 8 ? ' dashed' : '')})),
        head: ['method', 'first', 'last'], rows: runs.map(run => [run.method, short(run.loss[0]), short(run.loss.at(-1))])});
    }
  });
  part('memory', 'What each costs', 'Memory at its peak in training, by purpose.', data.runs.length > 0 && data.memory.length > 0, node => {
    const chart = new BarChart('Memory', 40 + 34 * data.memory.length);
    chart.readout.classList.add('tall');
    const grid = html('div', {class: 'charts'}, chart.figure);
    chart.figure.className = 'wide';
    node.append(grid);
    chart.show({note: `At most ${size(Math.max(...data.memory.map(m => total(m.bytes))))}.`, purposes: data.purposes, bars: data.memory,
      key: data.purposes.map(purpose => ({name: purpose, color: `var(--${purpose})`})),
      head: ['method', ...data.purposes, 'together'], rows: data.memory.map(m => [m.method, ...m.bytes.map(size), size(total(m.bytes))])});
  });
  part('repeat', 'To repeat it', null, true, node => repeat(node, data));
}
