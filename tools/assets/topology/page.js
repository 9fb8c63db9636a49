'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const get = (id) => document.getElementById(id);
  const LEVELS = ['host', 'guest', 'container', 'process'];
  // The level from which on nodes of a kind are shown.
  const DEPTH = { host: 0, network: 0, external: 0, guest: 1, namespace: 2, interface: 3, process: 3 };
  const COLOURS = {
    host: '#e8e8ee', network: '#2a7f62', guest: '#d6e4f5', namespace: '#f1f1f1', interface: '#8a6d3b',
    process: '#1f5fa8', external: '#a83232',
  };
  const KINDS = ['connection', 'link', 'subnet', 'neighbour', 'route'];
  // So many things are drawn without asking; above that, the page begins with fewer levels.
  const EASY = 600;
  const MOST_ROWS = 2000;
  // The room of a node with its name, the room around boxes, and how much wider than high a box should be.
  const CELL = { width: 150, height: 70 };
  const GAP = 16;
  const SHAPE = 2.2;

  const nodes = new Map(data.nodes.map((node) => [node.id, node]));
  const opened = new Map();
  let chosen = null;

  const text = (tag, content) => {
    const element = document.createElement(tag);
    element.textContent = content;
    return element;
  };

  // Controls.
  for (const kind of KINDS) {
    const label = document.createElement('label');
    const box = document.createElement('input');
    box.type = 'checkbox';
    box.value = kind;
    box.checked = kind === 'connection' || kind === 'link' || kind === 'subnet';
    box.addEventListener('change', () => show(true));
    label.append(box, ` ${kind}`);
    get('kinds').append(label);
  }
  const wantedKinds = () =>
    new Set([...get('kinds').querySelectorAll('input:checked')].map((box) => box.value));

  if (data.times.length > 1) {
    get('time-label').hidden = false;
    get('time').max = data.times.length - 1;
    get('time').value = data.times.length - 1;
  }
  const now = () => Number(get('time').value);
  const isThere = (thing) =>
    data.times.length < 2 || thing.spans.some(([first, last]) => first <= now() && now() <= last);

  // True if a node is to be seen: by the level, unless a node around it was opened or closed by hand.
  const isShown = (node) => {
    const level = LEVELS.indexOf(get('level').value);
    for (let above = nodes.get(node.parent); above; above = nodes.get(above.parent)) {
      if (opened.get(above.id) === false) return false;
    }
    const parent = opened.get(node.parent);
    if (parent === true) return true;
    return DEPTH[node.kind] <= level;
  };

  // A node, or the first one around it that is to be seen.
  const seenAs = (id) => {
    let node = nodes.get(id);
    while (node && !isShown(node)) node = nodes.get(node.parent);
    return node;
  };

  const named = (node) => (node.kind === 'namespace' ? `netns ${node.name}` : node.name);
  const address = (ip, port) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);
  const facts = (edge) => {
    switch (edge.kind) {
      case 'connection':
        return `${edge.protocol} ${address(edge.from_address, edge.from_port)} → ` +
          `${address(edge.to_address, edge.to_port)} ${edge.state ?? '?'}` +
          (edge.both_ends ? '' : ', one end seen');
      case 'link': return edge.mtu === null ? '' : `MTU ${edge.mtu}`;
      case 'subnet': return edge.address;
      case 'neighbour': return `${edge.address} ${edge.mac}`;
      default: return edge.destination;
    }
  };
  const short = (edge) => (edge.kind === 'connection' ? `${edge.protocol} ${edge.to_port}` : edge.kind);

  // The nodes and edges that are to be seen now; edges that look the same are one.
  const visible = () => {
    const kinds = wantedKinds();
    const seen = new Set();
    for (const node of data.nodes) {
      if (isThere(node) && isShown(node)) seen.add(node.id);
    }
    const edges = new Map();
    for (const edge of data.edges) {
      if (!kinds.has(edge.kind) || !isThere(edge)) continue;
      const from = seenAs(edge.from);
      const to = seenAs(edge.to);
      if (!from || !to || from === to) continue;
      const key = JSON.stringify([from.id, to.id, short(edge)]);
      const same = edges.get(key);
      if (same) same.all.push(edge);
      else edges.set(key, { key, from: from.id, to: to.id, kind: edge.kind, label: short(edge), all: [edge] });
    }
    return { nodes: data.nodes.filter((node) => seen.has(node.id)), edges: [...edges.values()] };
  };

  const cy = cytoscape({
    container: get('graph'),
    elements: [],
    style: [
      { selector: 'node', style: {
        label: 'data(label)', 'font-size': 10, 'text-valign': 'bottom', 'text-wrap': 'wrap', 'text-max-width': 140,
        'background-color': 'data(colour)', width: 18, height: 18, color: '#111' } },
      { selector: ':parent', style: {
        'text-valign': 'top', shape: 'round-rectangle', 'background-opacity': 0.6, 'border-color': '#888',
        'border-width': 1, padding: 8 } },
      { selector: 'node[kind = "interface"]', style: { shape: 'rectangle' } },
      { selector: 'node[kind = "network"]', style: { shape: 'hexagon' } },
      { selector: 'node[kind = "external"]', style: { shape: 'diamond' } },
      { selector: 'edge', style: {
        label: 'data(label)', 'font-size': 8, width: 1, 'curve-style': 'bezier', 'line-color': '#999', color: '#444',
        'text-rotation': 'autorotate' } },
      { selector: 'edge[kind = "connection"]', style: {
        'target-arrow-shape': 'triangle', 'line-color': '#1f5fa8', 'target-arrow-color': '#1f5fa8', width: 1.5 } },
      { selector: '.faded', style: { opacity: 0.15 } },
      { selector: '.found', style: { 'border-width': 4, 'border-color': '#d98200' } },
      { selector: '.chosen', style: { 'border-width': 4, 'border-color': '#06c', 'line-color': '#06c', width: 3 } },
    ],
  });

  const describe = (pairs, heading) => {
    const list = document.createElement('dl');
    for (const [name, value] of pairs) list.append(text('dt', name), text('dd', value));
    get('details').replaceChildren(text('h3', heading), list);
  };
  const lifetime = (thing) => {
    if (data.times.length < 2 || thing.spans.length === 0) return [];
    return [
      ['first seen', data.times[thing.spans[0][0]]],
      ['last seen', data.times[thing.spans[thing.spans.length - 1][1]]],
    ];
  };

  let edgesNow = new Map();
  const choose = (key) => {
    chosen = key;
    cy.elements().removeClass('chosen');
    for (const row of get('rows').children) row.classList.toggle('chosen', row.dataset.key === key);
    if (key === null) return;
    const drawn = cy.getElementById(key);
    drawn.addClass('chosen');
    const node = nodes.get(key);
    if (node) {
      describe([['kind', node.kind], ['id', node.id], ...lifetime(node)], node.name);
      return;
    }
    const edge = edgesNow.get(key);
    if (!edge) return;
    const pairs = [['from', edge.from], ['to', edge.to], ['edges', String(edge.all.length)]];
    for (const one of edge.all.slice(0, 50)) {
      pairs.push([one.kind, facts(one)], ['between', `${one.from} → ${one.to}`], ...lifetime(one));
    }
    describe(pairs, edge.label);
  };

  const words = (thing) => {
    const all = thing.all ?? [];
    return [thing.id, thing.name, thing.label, thing.from, thing.to, ...all.map(facts)].join(' ').toLowerCase();
  };

  const rows = (edges) => {
    const shown = edges.slice(0, MOST_ROWS).map((edge) => {
      const row = document.createElement('tr');
      row.dataset.key = edge.key;
      row.tabIndex = 0;
      const more = edge.all.length > 1 ? ` and ${edge.all.length - 1} more` : '';
      row.append(text('td', edge.kind), text('td', edge.from), text('td', edge.to), text('td', facts(edge.all[0]) + more));
      row.addEventListener('click', () => choose(edge.key));
      row.addEventListener('keydown', (event) => { if (event.key === 'Enter') choose(edge.key); });
      return row;
    });
    get('rows').replaceChildren(...shown);
    const more = edges.length > MOST_ROWS ? `: the first ${MOST_ROWS} of ${edges.length}` : '';
    get('caption').textContent = `Edges${more}`;
  };

  // A place for each node that has none in it: boxes in boxes, each filled row by row, about as wide as the window.
  const arranged = (all, shownIds) => {
    const inside = new Map([[null, []]]);
    for (const node of all) {
      const around = shownIds.has(node.parent) ? node.parent : null;
      if (!inside.has(around)) inside.set(around, []);
      inside.get(around).push(node.id);
    }
    const packed = (id) => {
      const inner = inside.get(id);
      if (!inner) return { id, width: CELL.width, height: CELL.height, inner: [] };
      const boxes = inner.map(packed);
      const area = boxes.reduce((sum, box) => sum + box.width * box.height, 0);
      const widest = Math.max(...boxes.map((box) => box.width), Math.sqrt(area * SHAPE));
      let [x, y, row, width] = [0, 0, 0, 0];
      for (const box of boxes) {
        if (x > 0 && x + box.width > widest) [x, y, row] = [0, y + row, 0];
        [box.x, box.y] = [x + GAP, y + GAP];
        x += box.width;
        row = Math.max(row, box.height);
        width = Math.max(width, x);
      }
      return { id, width: width + 2 * GAP, height: y + row + 2 * GAP, inner: boxes };
    };
    const places = new Map();
    const settle = (box, x, y) => {
      if (box.inner.length === 0) places.set(box.id, { x: x + box.width / 2, y: y + box.height / 2 });
      for (const one of box.inner) settle(one, x + one.x, y + one.y);
    };
    settle(packed(null), 0, 0);
    return places;
  };

  // Draws what is to be seen; arranges it anew if asked to.
  function show(isNew) {
    const seen = visible();
    edgesNow = new Map(seen.edges.map((edge) => [edge.key, edge]));
    const asked = get('search').value.trim().toLowerCase();
    const isFound = (thing) => asked !== '' && words(thing).includes(asked);
    const shownIds = new Set(seen.nodes.map((node) => node.id));
    const elements = [
      ...seen.nodes.map((node) => ({ group: 'nodes', data: {
        id: node.id, kind: node.kind, label: named(node), colour: COLOURS[node.kind],
        parent: shownIds.has(node.parent) ? node.parent : undefined } })),
      ...seen.edges.map((edge) => ({ group: 'edges', data: {
        id: edge.key, source: edge.from, target: edge.to, kind: edge.kind,
        label: edge.all.length > 1 ? `${edge.label} ×${edge.all.length}` : edge.label } })),
    ];
    const wanted = new Set(elements.map((element) => element.data.id));
    cy.batch(() => {
      cy.elements().filter((one) => !wanted.has(one.id())).remove();
      const added = elements.filter((element) => cy.getElementById(element.data.id).empty());
      cy.add(added);
      for (const element of elements) cy.getElementById(element.data.id).data('label', element.data.label);
      cy.elements().removeClass('found faded');
      if (asked !== '') {
        const found = new Set([...seen.nodes, ...seen.edges].filter(isFound).map((one) => one.id ?? one.key));
        cy.elements().forEach((one) => {
          const near = found.has(one.id()) || (one.isNode() && one.descendants().some((inner) => found.has(inner.id())));
          one.addClass(near ? (one.isChildless() ? 'found' : '') : 'faded');
        });
      }
    });
    if (isNew) {
      const places = arranged(seen.nodes, shownIds);
      cy.layout({ name: 'preset', positions: (node) => places.get(node.id()), padding: 20 }).run();
    }
    const found = seen.edges.filter(isFound);
    rows(asked === '' ? seen.edges : found);
    const things = `${seen.nodes.length} nodes, ${seen.edges.length} edges`;
    const count = asked === '' ? '' : `, ${found.length + seen.nodes.filter(isFound).length} found`;
    get('status').textContent = things + count;
    if (data.times.length > 0) get('time-shown').textContent = data.times[now()];
    choose(chosen);
  }

  const open = (id) => {
    const node = nodes.get(id);
    if (!node || !data.nodes.some((one) => one.parent === id)) return;
    const hasInner = !cy.getElementById(id).isChildless();
    opened.set(id, !hasInner);
    show(true);
  };

  cy.on('tap', 'node, edge', (event) => choose(event.target.id()));
  cy.on('tap', (event) => { if (event.target === cy) choose(null); });
  cy.on('dbltap', 'node', (event) => open(event.target.id()));
  get('search').addEventListener('input', () => show(false));
  get('level').addEventListener('change', () => { opened.clear(); show(true); });
  get('time').addEventListener('input', () => show(false));
  get('fit').addEventListener('click', () => cy.fit(undefined, 20));

  get('level').value = data.level ?? (data.nodes.length + data.edges.length <= EASY ? 'process' : 'guest');
  show(true);
})();
