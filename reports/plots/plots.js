// Draws each plot of the page with uPlot, in place of the picture that is there without a script.
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const counts = Array.from({ length: 15 }, (_, power) => [1, 2, 5].map((unit) => unit * 10 ** power)).flat();
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

/** The values of every line in the places of the x axis, as uPlot wants them. */
export function dataOf(plot) {
  return [plot.names.length ? plot.names.map((_, at) => at) : plot.x, ...plot.lines.map((line) => line.values)];
}

/** What uPlot is told of a plot that is so wide; `colour` knows the page's colours, `paths` are uPlot's ways to draw. */
export function optionsOf(plot, width, colour, paths) {
  const bars = plot.names.length > 0;
  const axis = { stroke: () => colour("soft"), grid: { stroke: () => colour("line"), width: 1 }, ticks: { show: false } };
  const figures = { ...axis, values: (_, splits) => splits.map((value) => compact.format(value)) };
  const series = plot.lines.map((line) => ({
    label: line.label,
    stroke: () => colour(line.tone),
    fill: bars ? () => colour(line.tone) : undefined,
    width: bars ? 0 : 2,
    spanGaps: true,
    points: { show: !bars && plot.x.length < 40, size: 5, fill: () => colour(line.tone) },
    paths: bars ? paths.bars({ size: [0.6, 14] }) : line.steps ? paths.stepped({ align: 1 }) : undefined,
    value: (_, value) => (value == null ? "–" : whole.format(value)),
  }));
  const common = { width, cursor: { drag: { x: !bars, y: false }, points: { show: !bars } } };
  if (!bars) {
    return {
      ...common,
      height: 200,
      scales: { x: { time: false }, y: { range: (_, _low, high) => [0, Math.max(high, 1) * 1.05] } },
      axes: [{ ...figures, ...(plot.x.every(Number.isInteger) ? { incrs: counts } : {}), label: plot.xLabel, labelSize: 18, size: 30, space: 60 }, { ...figures, size: 52, incrs: counts }],
      series: [{ label: plot.xLabel, value: (_, value) => (value == null ? "–" : whole.format(value)) }, ...series],
    };
  }
  const last = plot.names.length - 1;
  return {
    ...common,
    height: 24 * plot.names.length + 40,
    scales: {
      x: { time: false, ori: 1, dir: -1, range: [-0.6, last + 0.6] },
      y: { ori: 0, dir: 1, range: (_, _low, high) => [0, (high || 1) * 1.05] },
    },
    axes: [
      { ...axis, stroke: () => colour("ink"), side: 3, grid: { show: false }, size: 152, splits: () => plot.names.map((_, at) => at), values: (_, splits) => splits.map((at) => plot.names[at]) },
      { ...figures, side: 2, size: 30, space: 60 },
    ],
    series: [{ label: plot.xLabel, value: (_, at) => (at == null ? "–" : plot.names[at]) }, ...series],
  };
}

function draw(figure) {
  const plot = JSON.parse(figure.querySelector("script").textContent);
  const [live, still] = [figure.querySelector(".live"), figure.querySelector(".still")];
  const colour = (name) => getComputedStyle(figure).getPropertyValue(`--${name}`).trim();
  live.setAttribute("aria-label", still.querySelector("svg").getAttribute("aria-label"));
  live.hidden = false;
  const drawn = new uPlot(optionsOf(plot, live.clientWidth, colour, uPlot.paths), dataOf(plot), live);
  still.hidden = true;
  new ResizeObserver(() => drawn.setSize({ width: live.clientWidth, height: drawn.height })).observe(live);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.redraw(false, true));
}

if (typeof document !== "undefined") document.querySelectorAll("figure.plot").forEach(draw);
