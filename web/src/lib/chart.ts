import type { BarSeriesOption, LineSeriesOption } from "echarts/charts";
import type { GridComponentOption, LegendComponentOption, TooltipComponentOption } from "echarts/components";
import type { ComposeOption } from "echarts/core";
import type { Stats } from "@/api/types";

export type ChartOption = ComposeOption<
  BarSeriesOption | LineSeriesOption | GridComponentOption | LegendComponentOption | TooltipComponentOption
>;

/** One value for each step; null where there is none. */
export interface Series {
  name: string;
  /** The name of a colour: a CSS variable without its dashes. */
  color: string;
  values: (number | null)[];
}

export interface Chart {
  kind: "bar" | "line";
  series: Series[];
  /** How a value is written. */
  format: (value: number) => string;
}

/** How charts look: taken from the page's own colours. */
export interface Look {
  color: (name: string) => string;
  font: string;
  /** How a time is written below the axis, and in full. */
  time: (at: number) => string;
  fullTime: (at: number) => string;
}

export type Step = Stats["series"][number];

/** When each step of the span begins, in milliseconds. */
export function stepsOf(stats: Stats): number[] {
  const [since, until, step] = [Date.parse(stats.since), Date.parse(stats.until), stats.step_seconds * 1000];
  return Array.from({ length: Math.round((until - since) / step) }, (_, index) => since + index * step);
}

/** A value of each step: `absent` where nothing ended. */
export function valuesOf<Absent>(stats: Stats, value: (step: Step) => number | null, absent: Absent): (number | null | Absent)[] {
  const known = new Map(stats.series.map((step) => [Date.parse(step.at), value(step)]));
  return stepsOf(stats).map((at) => (known.has(at) ? (known.get(at) ?? null) : absent));
}

/** What ECharts is to draw. The hint is drawn too: as HTML it would bring inline styles, which the page's policy refuses. */
export function optionOf({ kind, series, format }: Chart, steps: number[], look: Look): ChartOption {
  const text = { color: look.color("text-faint"), fontFamily: look.font, fontSize: 11 };
  return {
    animation: false,
    grid: { left: 4, right: 26, top: 30, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    legend: { top: 0, left: 0, padding: 0, itemWidth: 9, itemHeight: 9, icon: "roundRect", itemGap: 14, type: "scroll", textStyle: { ...text, color: look.color("text-soft") } },
    tooltip: {
      trigger: "axis",
      renderMode: "richText",
      confine: true,
      backgroundColor: look.color("raised"),
      borderColor: look.color("line-strong"),
      padding: 10,
      textStyle: { ...text, fontSize: 12, color: look.color("text") },
      formatter: (found) => {
        const points = Array.isArray(found) ? found : [found];
        const lines = points.filter(({ value }) => typeof value === "number" && (kind === "line" || value > 0));
        const at = steps[points[0]?.dataIndex ?? 0] ?? 0;
        return [look.fullTime(at), ...lines.map(({ seriesName, value }) => `${seriesName}  ${format(Number(value))}`)].join("\n");
      },
    },
    xAxis: {
      type: "category",
      data: steps.map(String),
      boundaryGap: kind === "bar",
      axisTick: { show: false },
      axisLine: { lineStyle: { color: look.color("line-strong") } },
      axisLabel: { ...text, hideOverlap: true, alignMinLabel: "left", alignMaxLabel: "right", formatter: (at: string) => look.time(Number(at)) },
    },
    yAxis: {
      type: "value",
      splitNumber: 3,
      splitLine: { lineStyle: { color: look.color("line") } },
      axisLabel: { ...text, formatter: format },
    },
    series: series.map(({ name, color, values }) => {
      const shared = { name, data: values, color: look.color(color) };
      return kind === "bar"
        ? { ...shared, type: "bar" as const, stack: "all", barCategoryGap: "22%" }
        : { ...shared, type: "line" as const, symbol: "circle", symbolSize: 4, showSymbol: values.filter((value) => value !== null).length < 40, lineStyle: { width: 1.8 } };
    }),
  };
}
