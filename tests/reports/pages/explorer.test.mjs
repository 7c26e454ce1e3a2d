// The part of the explorer's script that needs no browser: `node --test tests/reports/pages/explorer.test.mjs`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { causesOf, effectsOf, matching, stateAt, unpack } from "../../../reports/pages/explorer.js";

const given = JSON.parse(readFileSync(process.env.REFOLD_STORY, "utf8"));

test("data are unpacked as they were packed", async () => {
  assert.deepEqual(await unpack(given.packed), given.story);
});

test("the state at every step is the one that Python folded", () => {
  given.states.forEach((expected, index) => {
    const found = [...stateAt(given.story, index)].map(([cell, [text, should]]) => [cell, text, should]);
    assert.deepEqual(found.sort((a, b) => a[0] - b[0]), expected, `step ${index}`);
  });
});

test("causes and effects are each other's inverse", () => {
  const { story } = given;
  for (let at = 0; at < story.causes.length; at++) {
    for (const back of story.causes[at]) {
      assert.ok(causesOf(story, at).has(at - back));
      assert.ok(effectsOf(story, at - back).has(at) || effectsOf(story, at - back).size === 60);
    }
  }
});

test("filters leave what matches all of them", () => {
  const { story } = given;
  const texts = story.kind.map((kind) => story.words[kind]);
  const everything = { search: "", actor: "", kind: "", key: "" };
  assert.ok(matching(story, texts, everything).every(Boolean));
  const one = matching(story, texts, { ...everything, kind: String(story.kind[0]) });
  assert.deepEqual(one, story.kind.map((kind) => kind === story.kind[0]));
  assert.ok(!matching(story, texts, { ...everything, search: "no such text" }).some(Boolean));
});
