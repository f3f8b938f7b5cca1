// What all pages have, and how they follow a run that is under way.

const PAGE = {};

/** Makes a part of the page once; later calls get it again. */
function once(name, make) {
  return PAGE[name] ??= make();
}

function tile(name, figure, note) {
  return html('div', {class: 'tile'}, html('dt', {}, name), html('dd', {class: 'figure'}, figure),
    note ? html('dd', {class: 'note'}, note) : null);
}

function head(data) {
  const shell = once('head', () => {
    const parts = {eyebrow: html('p', {class: 'eyebrow'}), title: html('h1'), status: html('p', {class: 'status soft', role: 'status'}),
      clock: html('p', {class: 'status soft'}), bar: html('progress', {'aria-label': 'steps taken', hidden: true}), nav: html('ul')};
    const node = html('header', {}, parts.eyebrow, parts.title, parts.status, parts.clock, parts.bar,
      html('nav', {'aria-label': 'Parts of this page'}, parts.nav));
    document.body.append(node);
    return parts;
  });
  shell.eyebrow.textContent = data.kind === 'compare' ? 'Lorikeet · methods side by side' : 'Lorikeet · fine-tuning';
  shell.title.textContent = data.title;
  document.title = data.title + ' – Lorikeet';
  if (shell.status.textContent !== data.state) shell.status.textContent = data.state;
  return shell;
}

function body() {
  return once('main', () => {
    const node = html('main');
    document.body.append(node, html('footer', {}, 'Written by Lorikeet. This page needs nothing but itself.'));
    return node;
  });
}

/** A section that appears once there is something to show. */
function part(id, title, words, shown, content) {
  const node = once(id, () => section(id, title, words));
  if (shown && !node.isConnected) {
    const after = [...body().children].find(other => ORDER.indexOf(other.id) > ORDER.indexOf(id));
    body().insertBefore(node, after || null);
    PAGE.head.nav.replaceChildren(...[...body().querySelectorAll('section')].filter(s => s.querySelector('h2'))
      .map(s => html('li', {}, html('a', {href: '#' + s.id}, s.querySelector('h2').textContent))));
  }
  if (shown) content(node);
}

const ORDER = ['tiles', 'scores', 'learning', 'memory', 'decoder', 'samples', 'repeat'];

function tiles(entries) {
  const list = once('tiles', () => {
    const node = html('dl', {class: 'tiles', id: 'tiles'});
    body().prepend(node);
    return node;
  });
  list.replaceChildren(...entries.filter(entry => entry).map(entry => tile(...entry)));
}

// ---- from the data to the page, and on with a run that is under way ---------------------------------------------------

let data = JSON.parse(document.getElementById('data').textContent);
let waiting = false;

function show() {
  waiting = false;
  (data.kind === 'compare' ? compare : finetune)(data);
}

/** Shows what has changed, at most some times a second. */
function soon() {
  if (!waiting) {
    waiting = true;
    setTimeout(show, 200);
  }
}

function follow() {
  const events = new EventSource('events');
  events.addEventListener('run', event => {
    data = JSON.parse(event.data);
    show();
  });
  events.addEventListener('step', event => {
    const step = JSON.parse(event.data);
    if (step.step > (data.curves.step.at(-1) ?? 0)) {
      for (const name of Object.keys(step)) data.curves[name].push(step[name]);
      soon();
    }
  });
  events.addEventListener('end', () => events.close());
  events.addEventListener('error', () => {
    PAGE.head.status.textContent = 'The run does not answer; waiting for it.';
  });
}

show();
if (data.live) follow();
