/* What the page of a report does in a browser. The report stands in the page as JSON; uPlot draws. */
(() => {
  const report = JSON.parse(document.getElementById('report').textContent);
  const root = document.getElementById('root');
  const PLOT_HEIGHT = 280;
  const COLORS = 8;
  const LABEL_WIDTH = 18;
  const LABEL_HEIGHT = 12;
  const WHOLE_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];

  const styles = getComputedStyle(document.documentElement);
  const color = (name) => styles.getPropertyValue(name).trim();
  const plotColor = (i) => () => color(`--plot-${(i % COLORS) + 1}`);

  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  const number = (value) => value.toLocaleString('en', { maximumFractionDigits: 0 });
  const ms = (value) => `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;
  const seconds = (value) => `${(value / 1000).toFixed(1)} s`;
  const percent = (part, whole) => (whole === 0 ? '' : `${((100 * part) / whole).toFixed(1)}%`);

  function section(title, ...children) {
    root.append(element('h2', { textContent: title }), ...children);
  }

  function table(columns, rows) {
    const cell = (tag, text, i) =>
      element(tag, { textContent: text, className: columns[i].startsWith('#') ? 'number' : '' });
    const head = columns.map((name, i) => cell('th', name.replace('#', ''), i));
    const body = rows.map((row) => element('tr', {}, ...row.map((text, i) => cell('td', text, i))));
    const made = element('table', { className: 'report-table' });
    made.append(element('thead', {}, element('tr', {}, ...head)), element('tbody', {}, ...body));
    return element('div', { className: 'scroll' }, made);
  }

  // ---- figures ---------------------------------------------------------------------------------------------------

  function figure(name, text, kind = '') {
    const value = element('dd', { textContent: text, className: kind });
    value.dataset.figure = name;
    return element('div', { className: 'figure' }, element('dt', { textContent: name }), value);
  }

  function figures() {
    const { latencyMs, pauses, watches, check } = report;
    const longest = Math.max(0, ...pauses.all.map(({ lastsMs }) => lastsMs));
    const made = [
      figure('requests', number(report.requests)),
      figure('a second', number(report.perSecond)),
      figure('errors', number(report.errors), report.errors > 0 ? 'bad' : ''),
      figure('p50', ms(latencyMs.p50)),
      figure('p99', ms(latencyMs.p99)),
      figure('p99.9', ms(latencyMs.p999)),
      figure('max', ms(latencyMs.max)),
      figure(`longest pause over ${ms(pauses.thresholdMs)}`, longest === 0 ? 'none' : ms(longest)),
    ];
    if (report.imbalance > 0) made.push(figure('imbalance', report.imbalance.toFixed(2)));
    if (watches !== null)
      made.push(
        figure('watches at most', number(watches.mostOpen)),
        figure('watches back', number(watches.reattached)),
      );
    if (check !== null)
      made.push(figure('violations', number(check.violations), check.violations > 0 ? 'bad' : 'good'));
    return element('dl', { className: 'figures' }, ...made);
  }

  // ---- plots -----------------------------------------------------------------------------------------------------

  const plots = [];

  /** Lines where something happened, numbered as in the table. */
  function drawMarks(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = color('--quiet');
    ctx.fillStyle = color('--ink');
    ctx.setLineDash([4, 4]);
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    let row = 0;
    let lastX = Number.NEGATIVE_INFINITY;
    report.marks.forEach(({ atMs }, i) => {
      const x = plot.valToPos(atMs / 1000, 'x', true);
      if (x < bbox.left || x > bbox.left + bbox.width) return;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      // Those at about the same time stand one below the other.
      row = x - lastX < LABEL_WIDTH * devicePixelRatio ? row + 1 : 0;
      lastX = x;
      const y = bbox.top + (11 + row * LABEL_HEIGHT) * devicePixelRatio;
      ctx.fillText(String(i + 1), x + 3 * devicePixelRatio, y);
    });
    ctx.restore();
  }

  function axis(label, values) {
    return {
      label,
      stroke: () => color('--quiet'),
      grid: { stroke: () => color('--line'), width: 1 },
      ticks: { stroke: () => color('--line'), width: 1 },
      ...(values === undefined ? {} : { values, size: 70 }),
    };
  }

  function plot(title, options, data) {
    const place = element('div', { className: 'plot' });
    place.dataset.plot = title;
    section(title, place);
    const made = new uPlot(
      {
        width: root.clientWidth,
        height: PLOT_HEIGHT,
        cursor: { points: { size: 6 } },
        ...options,
      },
      data,
      place,
    );
    plots.push(made);
  }

  /** @param whole what the legend shows of the whole run, while the pointer is at no second of it */
  function line(label, i, value, whole) {
    return {
      label,
      stroke: plotColor(i),
      width: 1.5,
      points: { show: false },
      value: (_plot, raw, _series, at) => inLegend(raw, at, value, whole),
    };
  }

  function inLegend(raw, at, value, whole) {
    if (at === null || at === undefined) return whole;
    return raw === null ? '' : value(raw);
  }

  const msTicks = (_plot, values) =>
    values.map((value) => (value === null ? '' : value >= 1000 ? `${value / 1000} s` : `${value} ms`));
  const overTime = {
    label: 'second',
    value: (_plot, raw, _series, at) => inLegend(raw, at, (each) => `${each} s`, 'all'),
  };

  function overTimePlot(title, lines, { isLogarithmic = false, label }) {
    const value = isLogarithmic ? ms : number;
    plot(
      title,
      {
        scales: {
          x: { time: false },
          y: isLogarithmic ? { distr: 3 } : { range: (_plot, _least, most) => [0, Math.max(1, most * 1.05)] },
        },
        axes: [
          { ...axis('seconds'), incrs: WHOLE_SECONDS },
          isLogarithmic ? axis(label, msTicks) : axis(label, (_plot, values) => values.map(number)),
        ],
        series: [overTime, ...lines.map(({ name, whole }, i) => line(name, i, value, whole))],
        hooks: { draw: [drawMarks] },
      },
      [report.series.map(({ second }) => second), ...lines.map(({ of }) => report.series.map(of))],
    );
  }

  /** A logarithm has no zero: a second without requests has no latency. */
  const latency = (name) => (second) => (second[name] > 0 ? second[name] : null);

  function drawPlots() {
    const { latencyMs, watches } = report;
    overTimePlot(
      'Latency over time, from when a request was meant to be sent',
      [
        { name: 'p50', of: latency('p50Ms'), whole: ms(latencyMs.p50) },
        { name: 'p99', of: latency('p99Ms'), whole: ms(latencyMs.p99) },
        { name: 'p99.9', of: latency('p999Ms'), whole: ms(latencyMs.p999) },
        { name: 'max', of: latency('maxMs'), whole: ms(latencyMs.max) },
      ],
      { isLogarithmic: true, label: 'latency' },
    );
    overTimePlot(
      'Requests over time',
      [
        { name: 'requests', of: ({ requests }) => requests, whole: number(report.requests) },
        { name: 'errors', of: ({ errors }) => errors, whole: number(report.errors) },
      ],
      { label: 'a second' },
    );
    const shards = Object.keys(report.shards).sort();
    if (shards.length > 0)
      overTimePlot(
        'Requests by shard',
        shards.map((shard) => ({
          name: shard,
          of: (second) => second.shards[shard] ?? 0,
          whole: number(report.shards[shard]),
        })),
        { label: 'a second' },
      );
    if (watches !== null) {
      const most = `${number(watches.mostOpen)} at most`;
      overTimePlot('Open watches', [{ name: 'open', of: (second) => second.watches, whole: most }], {
        label: 'watches',
      });
    }
    if (report.cumulative.length === 0) return;
    // Each latency once: uPlot's x grows.
    const points = report.cumulative.filter(({ ms: at }, i) => at !== report.cumulative[i + 1]?.ms);
    plot(
      'Share of requests that took no longer',
      {
        scales: { x: { time: false, distr: 3 }, y: { range: [0, 100] } },
        axes: [axis('latency', msTicks), axis('percent', (_plot, values) => values.map((value) => `${value}%`))],
        series: [
          { label: 'latency', value: (_plot, raw, _series, at) => inLegend(raw, at, ms, `up to ${ms(latencyMs.max)}`) },
          line('share', 0, (raw) => `${raw}%`, '100%'),
        ],
      },
      [points.map(({ ms: at }) => at), points.map(({ percentile }) => percentile)],
    );
  }

  // ---- tables ----------------------------------------------------------------------------------------------------

  const counts = (counted) => {
    const all = Object.values(counted).reduce((sum, each) => sum + each, 0);
    return Object.entries(counted).map(([name, each]) => [name, number(each), percent(each, all)]);
  };

  function drawTables() {
    const { marks, calls, statuses, shards, pauses, watches, check } = report;
    if (marks.length > 0) {
      const rows = marks.map(({ atMs, text }, i) => [String(i + 1), seconds(atMs), text]);
      section('Marks', table(['#', '#at', 'what'], rows));
    }
    section(
      'Calls',
      table(
        ['call', '#requests', '#errors', '#p50', '#p99', '#p99.9', '#max'],
        calls
          .filter(({ requests }) => requests > 0)
          .map(({ name, requests, errors, latencyMs }) => [
            name,
            number(requests),
            number(errors),
            ...[latencyMs.p50, latencyMs.p99, latencyMs.p999, latencyMs.max].map(ms),
          ]),
      ),
    );
    section('Answers', table(['status', '#requests', '#share'], counts(statuses)));
    if (Object.keys(shards).length > 0) section('Shards', table(['shard', '#answers', '#share'], counts(shards)));
    if (pauses.all.length > 0)
      section(
        `Times in which requests took longer than ${ms(pauses.thresholdMs)}`,
        table(
          ['#from', '#for', '#requests', '#keys'],
          pauses.all
            .slice(0, 100)
            .map(({ fromMs, lastsMs, requests, keys }) => [
              seconds(fromMs),
              ms(lastsMs),
              number(requests),
              number(keys),
            ]),
        ),
      );
    if (watches !== null) drawWatches(watches);
    if (check !== null) drawCheck(check);
  }

  function drawWatches({ ended, reattached, reattachMs, detached, shards }) {
    if (reattached + detached > 0)
      section(
        'Watches that lost their stream',
        table(
          ['#back', '#after p50', '#p99', '#max', '#away in the end'],
          [[number(reattached), ms(reattachMs.p50), ms(reattachMs.p99), ms(reattachMs.max), number(detached)]],
        ),
      );
    if (Object.keys(ended).length > 0)
      section('Ends of watches', table(['status', '#streams', '#share'], counts(ended)));
    if (Object.keys(shards).length > 0)
      section('Watches by shard', table(['shard', '#streams', '#share'], counts(shards)));
  }

  function drawCheck({ rules, operations, keys, keysMoved, writes, events, keysWatched }) {
    const seen = `${number(operations)} calls for ${number(keys)} keys, ${number(keysMoved)} of them by more than one shard; ${number(writes)} writes; ${number(events)} events of ${number(keysWatched)} watched keys`;
    section(
      'Check',
      element('p', { textContent: seen }),
      table(
        ['rule', '#violations', '#affected', 'such as'],
        rules.map(({ rule, violations, affected, examples }) => [
          rule,
          number(violations),
          number(affected),
          examples[0] ?? '',
        ]),
      ),
    );
  }

  /** When, by what and on which machine; nothing of a report that does not say it. */
  function originText(origin) {
    if (origin === undefined) return '';
    const { startedAt, version, node, machine } = origin;
    return `${startedAt.slice(0, 19).replace('T', ' ')} UTC, by Keyway ${version} on Node ${node}, ${machine}`;
  }

  root.append(
    element('h1', { textContent: report.call }),
    element('p', {
      className: 'about',
      textContent: `${report.target}, ${report.pattern}, ${report.seconds.toFixed(1)} s`,
    }),
    element('p', { className: 'about', textContent: originText(report.origin) }),
    figures(),
  );
  drawPlots();
  drawTables();

  const redraw = () => {
    for (const each of plots) each.redraw(false, true);
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  addEventListener('resize', () => {
    for (const each of plots) each.setSize({ width: root.clientWidth, height: PLOT_HEIGHT });
  });
})();
