// <section data-chart="columns|line">: draws the numbers of the table behind it (Ui/Chart.razor). Colours are the theme's, so another theme only redraws.
import uPlot from "uplot";
import { mount } from "./ui/mount";

interface Series { name: string; color: string; values: number[]; texts: string[] }
interface Facts { isLine: boolean; unit: string; limit: number | null; limitName: string; labels: string[]; series: Series[] }

const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const font = () => `11px ${token("--font-sans") || "sans-serif"}`;
const wholes = [1, 2, 5].flatMap((step) => Array.from({ length: 15 }, (_, power) => step * 10 ** power)).sort((a, b) => a - b);
const drawn = new Set<Chart>();

class Chart {
  readonly #place: HTMLElement;
  #plot: uPlot | undefined;
  #shown = "";

  constructor(private readonly root: HTMLElement) {
    this.#place = root.querySelector<HTMLElement>("[data-chart-plot]")!;
    new ResizeObserver(() => this.draw()).observe(this.#place);
    const told = new MutationObserver(() => this.draw());
    told.observe(root, { attributes: true });
    for (const table of root.querySelectorAll("details")) told.observe(table, { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ["value"] });
  }

  get isGone(): boolean { return !this.root.isConnected; }

  /** Draws when there is room and something has changed; always when forced. */
  draw(isForced = false): void {
    const { clientWidth: width, clientHeight: height } = this.#place;
    if (width === 0 || height === 0) return;
    const facts = read(this.root);
    const state = JSON.stringify([width, height, facts]);
    if (!isForced && state === this.#shown && this.#plot !== undefined) return;
    this.clear();
    this.#shown = state;
    if (facts.labels.length > 0 && facts.series.length > 0) this.#plot = new uPlot({ width, height, ...options(facts, this.root) }, numbers(facts), this.#place);
  }

  clear(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
    this.#place.replaceChildren();
  }
}

function read(root: HTMLElement): Facts {
  const rows = [...root.querySelectorAll<HTMLTableRowElement>("tbody tr")].reverse();
  const heads = [...root.querySelectorAll<HTMLElement>("thead th")].slice(1);
  const cells = rows.map((row) => [...row.querySelectorAll("data")]);
  const { unit, limit, limitName } = root.dataset;
  return {
    isLine: root.dataset["chart"] === "line",
    unit: unit ?? "count",
    limit: limit === undefined ? null : Number(limit),
    limitName: limitName ?? "",
    labels: rows.map((row) => row.querySelector("th")?.textContent ?? ""),
    series: heads.map((head, at) => ({
      name: head.textContent ?? "",
      color: head.dataset["color"] ?? "1",
      values: cells.map((row) => Number(row[at]?.value ?? 0)),
      texts: cells.map((row) => row[at]?.textContent ?? ""),
    })),
  };
}

/** What is drawn: of stacked parts the sums, the highest first, so that each lower one lies before it. */
function numbers({ isLine, labels, series, limit }: Facts): uPlot.AlignedData {
  const xs = labels.map((_, at) => at);
  if (isLine) return [xs, series[0]!.values, ...(limit === null ? [] : [xs.map(() => limit)])];
  const sums: number[][] = [];
  for (const { values } of series) sums.unshift(values.map((value, at) => value + (sums[0]?.[at] ?? 0)));
  return [xs, ...sums.map((values) => values.map((value) => value || null))]; // a column of nothing would still have its edge
}

function options(facts: Facts, root: HTMLElement): Omit<uPlot.Options, "width" | "height"> {
  const { isLine, labels, series, limit } = facts;
  const axis = token("--chart-axis");
  const highest = Math.max(limit ?? 0, ...numbers(facts).slice(1).flatMap((values) => [...values].map(Number)));
  const write = writer(facts.unit, highest);
  const first = `--chart-${series[0]?.color ?? 1}`;
  const bars = uPlot.paths.bars!({ size: [0.62, 26], radius: 0.12 });
  const line: uPlot.Series[] = [
    { stroke: token(first), width: 2, fill: `color-mix(in oklab, ${token(first)} 12%, transparent)`, points: { show: labels.length === 1 } },
    { stroke: token("--muted-foreground"), width: 1, dash: [4, 4], points: { show: false } },
  ];
  const columns = series.map((part): uPlot.Series => ({ paths: bars, fill: token(`--chart-${part.color}`), stroke: token("--card"), width: series.length > 1 ? 1 : 0, points: { show: false } })).reverse();
  return {
    padding: [10, 12, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false, setScale: false } },
    scales: { x: { time: false, range: [-0.6, labels.length - 0.4] }, y: { range: [0, highest > 0 ? highest * 1.08 : 1] } },
    axes: [
      { stroke: axis, font: font(), grid: { show: false }, ticks: { show: false }, gap: 8, size: 28, space: 70, incrs: [1, 2, 3, 4, 5, 6, 7, 10, 14, 21, 30, 60, 90, 180, 365], values: (_, at) => at.map((i) => labels[i] ?? "") },
      {
        stroke: axis, font: font(), grid: { stroke: token("--chart-grid"), width: 1 }, ticks: { show: false }, gap: 8, space: 40, values: (_, at) => at.map(write),
        size: (_, texts) => 16 + 6.2 * Math.max(3, ...(texts ?? []).map((text) => text.length)),
        ...(facts.unit === "count" ? { incrs: wholes } : {}),
      },
    ],
    series: [{}, ...(isLine ? line.slice(0, limit === null ? 1 : 2) : columns)],
    plugins: [pointed(facts, root), ...(limit !== null && facts.limitName !== "" ? [named(facts.limitName, limit)] : [])],
  };
}

/** How the axis writes its numbers, all alike. */
function writer(unit: string, highest: number): (value: number) => string {
  const say = (value: number, most: number, least = 0) => value.toLocaleString("en-US", { minimumFractionDigits: least, maximumFractionDigits: most });
  if (unit === "dollars") return highest >= 10 ? (v) => `$${say(v, 2)}` : (v) => `$${say(v, highest >= 0.1 ? 2 : 4, 2)}`;
  const steps = unit === "gigabytes" ? [[1, " GB"], [1e-3, " MB"], [1e-6, " kB"], [1e-9, " B"]] as const : [[1e9, " B"], [1e6, " M"], [1e4, " k"], [0, ""]] as const;
  const [size, name] = steps.find(([from]) => highest >= from) ?? steps[steps.length - 1]!;
  const by = name === " k" ? 1000 : size || 1;
  return (v) => (v === 0 ? "0" : say(v / by, 2) + name);
}

/** The values of the day under the pointer. */
function pointed(facts: Facts, root: HTMLElement): uPlot.Plugin {
  const template = root.querySelector<HTMLTemplateElement>("[data-chart-tip]");
  const tip = (template?.content.cloneNode(true) as DocumentFragment | undefined)?.querySelector<HTMLElement>("div");
  const row = tip?.querySelector<HTMLElement>("[data-row]");
  if (!tip || !row) return { hooks: {} };
  const rows = facts.series.map((part) => {
    const copy = row.cloneNode(true) as HTMLElement;
    copy.querySelector("rect")!.classList.add(`c${part.color}`);
    copy.querySelector("[data-name]")!.textContent = part.name;
    return copy;
  });
  row.replaceWith(...rows);
  tip.hidden = true;
  return {
    hooks: {
      init: (plot) => {
        plot.over.append(tip);
        plot.over.addEventListener("mouseleave", () => (tip.hidden = true));
      },
      setCursor: ({ cursor, over }) => {
        const { idx, left } = cursor;
        tip.hidden = idx == null || left === undefined || left < 0;
        if (idx == null || left === undefined || tip.hidden) return;
        tip.querySelector("[data-at]")!.textContent = facts.labels[idx] ?? "";
        rows.forEach((shown, at) => (shown.querySelector("[data-value]")!.textContent = facts.series[at]?.texts[idx] ?? ""));
        const width = tip.offsetWidth;
        tip.style.left = `${left + width + 24 > over.clientWidth ? Math.max(0, left - width - 12) : left + 12}px`;
      },
    },
  };
}

/** The name of the dashed line, at its right end. */
function named(name: string, limit: number): uPlot.Plugin {
  return {
    hooks: {
      draw: ({ ctx, bbox, valToPos }) => {
        ctx.save();
        ctx.font = font().replace("11px", `${11 * devicePixelRatio}px`);
        ctx.fillStyle = token("--muted-foreground");
        ctx.textAlign = "right";
        ctx.textBaseline = "bottom";
        ctx.fillText(name, bbox.left + bbox.width, valToPos(limit, "y", true) - 3 * devicePixelRatio);
        ctx.restore();
      },
    },
  };
}

function forget(): void {
  for (const chart of drawn) {
    if (!chart.isGone) continue;
    chart.clear();
    drawn.delete(chart);
  }
}

function redraw(): void {
  forget();
  for (const chart of drawn) chart.draw(true);
}

await document.fonts.ready; // the axes are written in it
mount<HTMLElement>("[data-chart]", (root) => {
  forget();
  const chart = new Chart(root);
  drawn.add(chart);
  chart.draw();
});
addEventListener("themechange", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
// What Turbo keeps of a page has an empty place for the chart; what a live part brings anew leaves the place alone.
document.addEventListener("turbo:before-cache", () => { for (const chart of drawn) chart.clear(); });
document.addEventListener("turbo:before-morph-element", (event) => { if (event.target instanceof Element && event.target.matches("[data-chart-plot]")) event.preventDefault(); });
