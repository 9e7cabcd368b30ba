// Draws the curves of a page with uPlot. The data come from outside: they become text and numbers,
// never markup.
(() => {
  "use strict";

  const { charts, curves } = JSON.parse(document.getElementById("data").textContent);

  // As many colours as page.css has. Dashes tell curves apart without them, and beyond seven.
  const COLORS = 7;
  const DASHES = [[], [9, 5], [2, 4], [10, 4, 2, 4], [5, 3], [14, 4], [4, 2, 1, 2]];
  const MOST_MARKERS = 40;
  const LOG = "logarithmic";

  // What the reader has chosen: which horizontal axis, the part of it by column, the hidden curves.
  let choice = 0;
  const zooms = new Map();
  const hidden = new Set();

  // ---- text and style

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const color = (curve) => `--curve-${(curve % COLORS) + 1}`;
  const dash = (curve) => DASHES[(curve + Math.floor(curve / COLORS)) % DASHES.length];

  // A number between these limits with separators, others with an exponent.
  const written = (value, least, most) => {
    const size = Math.abs(value);
    return size === 0 || (size >= least && size < most)
      ? value.toLocaleString("en", { maximumFractionDigits: 10 })
      : value.toExponential().replace("e+", "e");
  };

  // A value to four digits, or a count.
  const text = (value) => {
    if (value == null) return "–";
    if (!Number.isFinite(value)) return String(value);
    return Number.isInteger(value) ? written(value, 1, 1e15) : written(Number(value.toPrecision(4)), 1e-3, 1e7);
  };

  // A mark at an axis, where there is little room.
  const tick = (value) => written(Number(value.toPrecision(6)), 1e-3, 1e5);

  const element = (name, style, content) => {
    const made = document.createElement(name);
    made.className = style;
    made.append(content);
    return made;
  };

  // A piece of a curve, for its legend.
  const sample = (curve) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 36 4");
    svg.setAttribute("aria-hidden", "true");
    const line = svg.appendChild(document.createElementNS(svg.namespaceURI, "path"));
    line.setAttribute("d", "M0 2H36");
    line.style.stroke = `var(${color(curve)})`;
    line.style.strokeDasharray = dash(curve).join(" ");
    return svg;
  };

  // ---- points and limits

  const acrossOf = (chart) => chart.across[Math.min(choice, chart.across.length - 1)];

  // What a chart can draw of a curve; null where the axis has no place for a value.
  const pointsOf = (chart, curve) => {
    const { column, scale } = chart.upwards;
    const across = acrossOf(chart).column;
    const found = curves[curve].samples.find((each) => across in each && column in each);
    const has = (value) => Number.isFinite(value) && (scale !== LOG || value > 0);
    const values = (name) => found?.[name]?.map(Number).map((value) => (has(value) ? value : null)) ?? [];
    return {
      curve,
      x: found ? found[across].map(Number) : [],
      y: values(column),
      // Also where the axis has no place for it.
      last: found ? Number(found[column].at(-1)) : null,
      // Of several seeds, whose mean y is: from the least to the greatest. The least may have no
      // place on a logarithmic axis; then there is no area.
      least: values(`${column}_least`),
      greatest: values(`${column}_greatest`),
    };
  };

  const drawn = (chart) =>
    curves.map((_, curve) => pointsOf(chart, curve)).filter(({ y }) => y.some((value) => value !== null));

  // The lines that a curve consists of: itself and the edges of its band, if it has one.
  const linesOf = ({ x, y, least, greatest }) =>
    (least.length > 0 ? [y, least, greatest] : [y]).map((values) => ({ x, y: values }));

  // All of a horizontal axis, which charts share.
  const whole = (column) => {
    const x = charts
      .filter((chart) => acrossOf(chart).column === column)
      .flatMap(drawn)
      .flatMap((points) => points.x);
    const low = x.reduce((a, b) => Math.min(a, b), Infinity);
    const high = x.reduce((a, b) => Math.max(a, b), -Infinity);
    return low < high ? [low, high] : [0, high > 0 ? high : 1];
  };

  // The least and the largest value of lines that cross some part of the horizontal axis.
  const extent = (lines, [from, to]) => {
    let [low, high] = [Infinity, -Infinity];
    for (const { x, y } of lines) {
      y.forEach((value, i) => {
        if (value !== null && (x[i + 1] ?? x[i]) >= from && (x[i - 1] ?? x[i]) <= to) {
          low = Math.min(low, value);
          high = Math.max(high, value);
        }
      });
    }
    return [low, high];
  };

  // Those of the vertical axis: values with some room around them.
  const limits = ({ scale, least, most }, values) => {
    const low = Math.max(values[0], least ?? -Infinity);
    const high = Math.min(values[1], most ?? Infinity);
    if (low > high) return scale === LOG ? [1, 10] : [0, 1];
    if (scale === LOG) {
      const room = high > low ? (high / low) ** 0.06 : 2;
      return [low / room, high * room];
    }
    const base = scale === "from-zero" ? Math.min(0, low) : low;
    const room = 0.06 * (high - base) || 0.1 * Math.abs(high) || 1;
    return [base === 0 ? 0 : base - room, high + room];
  };

  // ---- marks at axes

  const inside = (marks, low, high) => marks.filter((mark) => low <= mark && mark <= high);

  const multiples = (step, low, high) => {
    const first = Math.ceil(low / step);
    const count = Math.max(0, Math.floor(high / step) - first + 1);
    return Array.from({ length: count }, (_, k) => Number(((first + k) * step).toPrecision(12)));
  };

  // Powers of ten, and as many between them as make three marks at least.
  const logMarks = (low, high) => {
    const first = Math.floor(Math.log10(low));
    const powers = Array.from({ length: Math.floor(Math.log10(high)) - first + 1 }, (_, k) => first + k);
    const digits = [[1], [1, 3], [1, 2, 5], [1, 2, 3, 5, 7]];
    const step = 10 ** Math.floor(Math.log10(high - low));
    const candidates = [
      ...digits.map((some) => powers.flatMap((power) => some.map((digit) => Number(`${digit}e${power}`)))),
      ...[1, 0.5, 0.2, 0.1].map((part) => multiples(part * step, low, high)),
    ].map((marks) => inside(marks, low, high));
    const enough = candidates.find((marks) => marks.length > 2);
    return enough.filter((_, i) => i % Math.ceil(enough.length / 8) === 0);
  };

  const WHOLE_STEPS = [0, 1, 2, 3, 4, 5, 6, 7, 8].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));

  // ---- a chart

  // The point of a curve next to the pointer; the pointer's own place, where the curve does not reach.
  const nearest = (u, series, index, x) => {
    const [xs, ys] = [u.data[0], u.data[series]];
    let [left, right] = [index, index];
    while (left >= 0 && ys[left] == null) left--;
    while (right < ys.length && ys[right] == null) right++;
    if (left < 0 || right === ys.length) return index;
    return x - xs[left] <= xs[right] - x ? left : right;
  };

  class Plot {
    constructor(chart) {
      this.chart = chart;
      this.figure = document.getElementById(chart.id);
      this.box = this.figure.querySelector(".plot");
      this.reset = this.figure.querySelector(".reset");
      this.reset.addEventListener("click", () => zoom(this.column));
      this.build();
      new ResizeObserver(() => this.uplot.setSize(this.size())).observe(this.box);
    }

    size() {
      const width = this.box.clientWidth;
      return { width, height: Math.round(Math.min(Math.max(0.55 * width, 230), 330)) };
    }

    // Draws against the chosen axis.
    build() {
      this.uplot?.destroy();
      this.across = acrossOf(this.chart);
      this.column = this.across.column;
      this.points = drawn(this.chart);
      this.marks = [[], []];
      this.ticks = element("div", "ticks", "");
      this.legend();
      const all = whole(this.column);
      const range = () => zooms.get(this.column) ?? all;
      const { upwards } = this.chart;
      const visible = () => this.points.filter(({ curve }) => !hidden.has(curve));
      const distribution = ({ scale }) => (scale === LOG ? 3 : 1);
      this.uplot = new uPlot(
        {
          ...this.size(),
          padding: [8, 14, 0, 0],
          legend: { show: false },
          focus: { alpha: 0.25 },
          cursor: this.cursor(),
          scales: {
            x: { time: false, distr: distribution(this.across), range },
            y: { distr: distribution(upwards), range: () => limits(upwards, extent(visible().flatMap(linesOf), range())) },
          },
          axes: [this.axis(this.across, 0, 44, 48), this.axis(upwards, 1, 56, 36)],
          series: [{}, ...this.points.map((points) => this.series(points)), ...this.edges()],
          bands: this.bands(),
          hooks: {
            draw: [(u) => this.label(u)],
            setCursor: [(u) => this.read(u)],
            setSelect: [(u) => this.select(u)],
          },
        },
        this.points.length > 0 ? uPlot.join(this.tables()) : [[]],
        this.box,
      );
      this.uplot.root.querySelector(".u-wrap").append(this.ticks);
      this.read(this.uplot);
    }

    cursor() {
      return {
        y: false,
        points: { size: 9 },
        dataIdx: (u, series, index, x) => (series === 0 ? index : nearest(u, series, index, x)),
        drag: { setScale: false, dist: 5 },
        bind: { dblclick: () => () => zoom(this.column) },
        sync: {
          key: this.column,
          scales: ["x", null],
          filters: { pub: (type) => type === "mousemove" || type === "mouseleave" },
        },
      };
    }

    series({ curve, y }) {
      return {
        show: !hidden.has(curve),
        stroke: () => css(color(curve)),
        width: 2,
        dash: dash(curve),
        points: { show: y.length <= MOST_MARKERS, size: 6, fill: () => css(color(curve)) },
      };
    }

    // Behind the curves come the edges of their bands, the least and the greatest, in pairs.
    banded() {
      return this.points.filter(({ least }) => least.length > 0);
    }

    tables() {
      return [
        ...this.points.map(({ x, y }) => [x, y]),
        ...this.banded().flatMap(({ x, least, greatest }) => [[x, least], [x, greatest]]),
      ];
    }

    edges() {
      return this.banded().flatMap(({ curve }) => {
        const edge = { show: !hidden.has(curve), stroke: "transparent", width: 0, points: { show: false } };
        return [edge, { ...edge }];
      });
    }

    bands() {
      return this.banded().map(({ curve }, i) => {
        const first = 1 + this.points.length + 2 * i;
        return { series: [first + 1, first], fill: () => `${css(color(curve))}30` };
      });
    }

    // Lines at the marks; what stands there is left to label(), since here it would be a picture.
    axis({ scale }, index, size, space) {
      return {
        size,
        space,
        grid: { stroke: () => css("--grid"), width: 1 },
        ticks: { show: false },
        ...(scale === "count" && { incrs: WHOLE_STEPS }),
        ...(scale === LOG && { splits: (u, axis, low, high) => logMarks(low, high) }),
        filter: (u, marks) => marks,
        values: (u, marks) => {
          this.marks[index] = marks;
          return marks.map(() => "");
        },
      };
    }

    // Writes what stands at the axes.
    label(u) {
      const { offsetLeft: left, offsetTop: top, offsetWidth: width, offsetHeight: height } = u.over;
      const placed = (style, content, x, y) => {
        const label = element("span", style, content);
        Object.assign(label.style, { left: `${x}px`, top: `${y}px` });
        return label;
      };
      this.ticks.replaceChildren(
        ...this.marks[0].map((x) => placed("across", tick(x), left + u.valToPos(x, "x"), top + height + 4)),
        ...this.marks[1].map((y) => placed("upwards", tick(y), left - 7, top + u.valToPos(y, "y"))),
        placed("across title", this.across.title, left + width / 2, top + height + 22),
      );
    }

    // Names that hide their curves, with room for values.
    legend() {
      this.values = this.points.map(() => element("span", "value", ""));
      const items = this.points.map(({ curve }, i) => {
        const button = element("button", "", sample(curve));
        button.type = "button";
        button.setAttribute("aria-pressed", String(!hidden.has(curve)));
        button.append(element("span", "name", curves[curve].name));
        button.addEventListener("click", () => toggle(curve));
        button.addEventListener("pointerenter", () => focus(curve));
        button.addEventListener("pointerleave", () => focus(-1));
        const item = element("li", "", button);
        item.append(this.values[i]);
        return item;
      });
      this.figure.querySelector(".legend").replaceChildren(...items);
    }

    // Writes the values at the pointer, or else the last ones.
    read(u) {
      const { idx, idxs } = u.cursor;
      this.figure.querySelector(".where").textContent =
        idx == null ? "At the end" : `${this.across.title}: ${text(u.data[0][idx])}`;
      this.values.forEach((value, i) => {
        const at = idx == null ? this.points[i].last : u.data[i + 1][idxs[i + 1]];
        value.textContent = text(at);
      });
    }

    select(u) {
      const { left, width } = u.select;
      if (width > 0) {
        u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        zoom(this.column, [u.posToVal(left, "x"), u.posToVal(left + width, "x")]);
      }
    }

    // Draws what has been chosen of the axis.
    zoom() {
      this.reset.hidden = !zooms.has(this.column);
      this.uplot.setData(this.uplot.data);
    }

    toggle(curve) {
      const i = this.points.findIndex((points) => points.curve === curve);
      if (i >= 0) {
        const show = !hidden.has(curve);
        this.figure.querySelectorAll(".legend button")[i].setAttribute("aria-pressed", String(show));
        this.uplot.setSeries(i + 1, { show });
        const band = this.banded().findIndex((points) => points.curve === curve);
        if (band >= 0) {
          const first = 1 + this.points.length + 2 * band;
          this.uplot.setSeries(first, { show });
          this.uplot.setSeries(first + 1, { show });
        }
      }
    }

    focus(curve) {
      const i = this.points.findIndex((points) => points.curve === curve);
      this.uplot.setSeries(i < 0 ? null : i + 1, { focus: true });
    }
  }

  // ---- what goes for all charts

  const plots = [];

  const zoom = (column, part) => {
    if (part) zooms.set(column, part);
    else zooms.delete(column);
    plots.filter((plot) => plot.column === column).forEach((plot) => plot.zoom());
  };

  const toggle = (curve) => {
    if (!hidden.delete(curve)) hidden.add(curve);
    plots.forEach((plot) => plot.toggle(curve));
  };

  const focus = (curve) => plots.forEach((plot) => plot.focus(curve));

  // The switch between horizontal axes, where there are several.
  const offerAxes = () => {
    const most = charts.reduce((a, b) => (b.across.length > a.across.length ? b : a));
    const field = document.getElementById("across");
    field.hidden = most.across.length < 2;
    most.across.forEach(({ title }, i) => {
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name: "across", checked: i === 0 });
      input.addEventListener("change", () => {
        choice = i;
        plots.forEach((plot) => {
          plot.build();
          plot.zoom();
        });
      });
      const label = element("label", "", input);
      label.append(title);
      field.append(label);
    });
  };

  // ---- the data as a file

  // A spreadsheet would take some texts for formulas.
  const quoted = (name) => `"${(/^[=+\-@\t\r]/.test(name) ? `'${name}` : name).replaceAll('"', '""')}"`;

  const csv = () => {
    const columns = [...new Set(curves.flatMap(({ samples }) => samples.flatMap((each) => Object.keys(each))))];
    const rows = curves.flatMap(({ name, samples }) =>
      samples.flatMap((each) =>
        Object.values(each)[0].map((_, i) => [quoted(name), ...columns.map((column) => each[column]?.[i] ?? "")]),
      ),
    );
    return [["curve", ...columns], ...rows].map((row) => row.join(",") + "\r\n").join("");
  };

  document.getElementById("controls").hidden = false;
  document.getElementById("save").href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  offerAxes();
  plots.push(...charts.map((chart) => new Plot(chart)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    plots.forEach((plot) => plot.uplot.redraw());
  });
})();
