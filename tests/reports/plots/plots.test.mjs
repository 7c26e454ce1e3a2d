// The part of the script of plots that needs no browser.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { dataOf, optionsOf } from "./plots.mjs";

const lines = JSON.parse(readFileSync("plot.json", "utf8"));
const bars = { title: "t", x: [], xLabel: "strategy", names: ["lock", "blind"], lines: [{ label: "held", values: [3, null], tone: "good", steps: false }] };
const paths = { bars: () => "bars", stepped: () => "stepped" };

test("a value for each place of the x axis", () => {
  assert.deepEqual(dataOf(lines), [[0, 1, 2.5], [0, 10, 4000], [null, 7, null]]);
  assert.deepEqual(dataOf(bars), [[0, 1], [3, null]]);
});

test("a series for each line, in the colours of the page, and the axis from 0", () => {
  const options = optionsOf(lines, 320, (name) => `colour of ${name}`, paths);
  assert.deepEqual(options.series.slice(1).map((one) => [one.label, one.stroke()]), [["runs", "colour of good"], ["steps", "colour of bad"]]);
  assert.equal(options.width, 320);
  assert.equal(options.scales.y.range(null, 5, 100)[0], 0);
  assert.equal(options.series[1].paths, undefined);
});

test("steps and bars are drawn as such, and bars are named", () => {
  const stepped = { ...lines, lines: [{ ...lines.lines[0], steps: true }] };
  assert.equal(optionsOf(stepped, 320, String, paths).series[1].paths, "stepped");
  const options = optionsOf(bars, 320, String, paths);
  assert.equal(options.series[1].paths, "bars");
  assert.deepEqual(options.axes[0].values(null, [0, 1]), ["lock", "blind"]);
  assert.equal(options.series[0].value(null, 1), "blind");
});

test("small figures keep their digits, and counts are whole", () => {
  const axes = optionsOf(bars, 320, String, paths).axes;
  assert.deepEqual(axes[1].values(null, [0.05, 0.1, 1500]), ["0.05", "0.1", "1.5K"]);
  assert.ok(optionsOf(lines, 320, String, paths).axes[1].incrs.every(Number.isInteger));
});

test("an axis of whole numbers has no places between them", () => {
  const searches = { ...lines, x: [1, 2, 3] };
  assert.ok(optionsOf(searches, 320, String, paths).axes[0].incrs.every(Number.isInteger));
  assert.equal(optionsOf(lines, 320, String, paths).axes[0].incrs, undefined);
});
