// Steps through a story: what everybody holds at each step, what led to it, what came of it.
// The page is complete without this script. It loads nothing, sends nothing, and writes text only as text.

export async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(plain).text());
}

export function stateAt(story, index) {
  const state = new Map();
  const frame = story.frames.findLast(([at]) => at <= index);
  const put = (flat) => {
    for (let n = 0; n < flat.length; n += 3) {
      if (story.words[flat[n + 1]] || story.words[flat[n + 2]]) state.set(flat[n], [flat[n + 1], flat[n + 2]]);
      else state.delete(flat[n]);
    }
  };
  if (frame) put(frame[1]);
  for (let at = frame ? frame[0] + 1 : 0; at <= index; at++) put(story.changes[at]);
  return state;
}

export function causesOf(story, index) {
  return walk(index, (at) => story.causes[at].map((back) => at - back).filter((cause) => cause >= 0));
}

export function effectsOf(story, index) {
  story.effects ??= reversed(story);
  return walk(index, (at) => story.effects[at] ?? []);
}

function reversed(story) {
  const effects = [];
  story.causes.forEach((backs, at) => {
    for (const back of backs) {
      if (back > at) continue;
      effects[at - back] ??= [];
      effects[at - back].push(at);
    }
  });
  return effects;
}

const LIT_MAX = 60;

function walk(start, next) {
  const met = new Set();
  const open = [start];
  while (open.length && met.size < LIT_MAX) {
    for (const at of next(open.shift())) {
      if (!met.has(at) && met.size < LIT_MAX) {
        met.add(at);
        open.push(at);
      }
    }
  }
  return met;
}

export function matching(story, texts, wanted) {
  const search = wanted.search.toLowerCase();
  return texts.map(
    (text, at) =>
      (wanted.actor === "" || story.lane[at] === Number(wanted.actor)) &&
      (wanted.kind === "" || story.kind[at] === Number(wanted.kind)) &&
      (wanted.key === "" || story.key[at] === Number(wanted.key)) &&
      (search === "" || text.toLowerCase().includes(search)),
  );
}

const SVG = "http://www.w3.org/2000/svg";
const LANE = 18;
const LANE_MIN = 5;
const NAMED_MIN = 9;

function element(parent, name, attributes = {}, text = "") {
  const made = parent.namespaceURI === SVG || name === "svg" ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

class Explorer {
  constructor(root, story) {
    this.root = root;
    this.story = story;
    this.find = (selector) => root.querySelector(selector);
    this.items = [...root.querySelectorAll(".block > li")];
    this.texts = this.items.map((item) => item.textContent);
    this.shown = this.items.map(() => true);
    this.lit = [];
    this.index = -1;
    this.name = `${root.dataset.prefix}${root.dataset.noun}-`;
    this.pictures = [...(root.closest("article") ?? document).querySelectorAll("svg a[data-last]")];
    root.classList.add("live");
    root.open = true;
    for (const part of root.querySelectorAll(":scope [hidden]")) part.hidden = false;
    this.strips();
    this.choices();
    this.fold();
    this.listen();
  }

  get first() {
    return this.story.first;
  }

  strips() {
    const { story } = this;
    this.columns = [...new Set([...story.lane, ...story.origin])].filter((lane) => lane >= 0).sort((a, b) => a - b);
    const room = this.find(".list").clientWidth * 0.35;
    this.wide = Math.max(LANE_MIN, Math.min(LANE, Math.floor(room / Math.max(this.columns.length, 1))));
    this.x = new Map(this.columns.map((lane, n) => [lane, this.wide * (n + 0.5)]));
    this.root.style.setProperty("--strip", `${Math.max(this.wide * this.columns.length, 4)}px`);
    const head = this.find(".lanes");
    const [named, steep] = [this.wide >= NAMED_MIN, this.wide < 12];
    head.hidden = !named;
    const svg = element(head, "svg", { class: "st", width: this.wide * this.columns.length, height: 62, "aria-hidden": "true" });
    for (const lane of named ? this.columns : []) {
      const label = element(svg, "text", { transform: `translate(${this.x.get(lane) + 4} 60) rotate(${steep ? -90 : -60})`, class: steep ? "steep" : "" }, story.lanes[lane][0].slice(0, 9));
      element(label, "title", {}, story.lanes[lane].join(", "));
    }
    const watch = new IntersectionObserver((seen) => {
      for (const { isIntersecting, target } of seen) {
        if (!isIntersecting) continue;
        watch.unobserve(target);
        for (const item of target.children) if (item.id) this.strip(item, Number(item.id.slice(this.name.length)) - this.first);
      }
    }, { root: this.find(".list"), rootMargin: "400px" });
    for (const block of this.root.querySelectorAll(".block")) watch.observe(block);
  }

  strip(item, at) {
    const { story, x } = this;
    const svg = element(item, "svg", { class: "st track", width: this.wide * this.columns.length, "aria-hidden": "true" });
    const number = at + this.first;
    for (const [lane, begins, ends, what] of story.faults) {
      if (number < begins || (ends && number > ends) || !(x.has(lane) || lane < 0)) continue;
      const left = lane < 0 ? 0 : x.get(lane) - this.wide / 2;
      const band = element(svg, "rect", { class: "fault", x: left, y: 0, width: lane < 0 ? "100%" : this.wide, height: "100%" });
      element(band, "title", {}, story.words[what]);
    }
    for (const lane of this.columns) element(svg, "line", { class: "life", x1: x.get(lane), x2: x.get(lane), y1: 0, y2: "100%" });
    const to = x.get(story.lane[at]);
    if (to === undefined) return;
    const from = x.get(story.origin[at]);
    if (from !== undefined && from !== to) {
      const line = story.words[story.line[at]];
      const side = Math.sign(to - from);
      element(svg, "line", { class: `a ${line}`, x1: from, x2: to - side * 12, y1: 12, y2: 12 });
      element(svg, "polygon", { class: `ah ${line}`, points: `${to - side * 8},12 ${to - side * 14},8.5 ${to - side * 14},15.5` });
    }
    element(svg, "use", { href: `#shape-${story.words[story.shape[at]]}`, x: to - 9, y: 3, width: 18, height: 18 });
  }

  choices() {
    const { story } = this;
    const lanes = this.columns.map((lane) => [lane, story.lanes[lane][0]]);
    const named = (column) => [...new Set(column)].filter((word) => story.words[word]).map((word) => [word, story.words[word]]).sort((a, b) => (a[1] < b[1] ? -1 : 1));
    for (const [selector, options] of [[".by-actor", lanes], [".by-kind", named(story.kind)], [".by-key", named(story.key)]]) {
      for (const [value, text] of options) element(this.find(selector), "option", { value }, text.slice(0, 60));
      this.find(selector).hidden = options.length < 2;
    }
  }

  fold() {
    let run = [];
    const close = () => {
      if (run.length > 2) {
        const items = run;
        const gap = document.createElement("li");
        gap.className = "gap";
        element(gap, "button", { type: "button" }, `${items.length} quiet ${this.root.dataset.noun}s`).onclick = () => this.unfold(items[0]);
        items[0].before(gap);
        for (const item of items) item.gap = [gap, items];
      } else {
        for (const item of run) item.classList.remove("q");
      }
      run = [];
    };
    for (const item of this.items) {
      if (item.classList.contains("q") && (!run.length || run[0].parentNode === item.parentNode)) run.push(item);
      else {
        close();
        if (item.classList.contains("q")) run.push(item);
      }
    }
    close();
    this.find(".quiet").hidden = !this.find(".gap");
    this.root.classList.add("folded");
  }

  unfold(item) {
    if (!item.gap) return;
    const [gap, items] = item.gap;
    gap.remove();
    for (const one of items) {
      one.classList.remove("q");
      one.gap = null;
    }
  }

  listen() {
    for (const button of this.root.querySelectorAll("[data-step]")) button.onclick = () => this.step(Number(button.dataset.step));
    const slider = this.find("[type=range]");
    slider.oninput = () => this.select(Number(slider.value));
    for (const input of this.root.querySelectorAll("[type=search], select")) input.oninput = () => this.filter();
    this.find(".quiet input").onchange = (event) => this.root.classList.toggle("folded", event.target.checked);
    this.find(".list").addEventListener("click", (event) => {
      const item = event.target.closest(".block > li[id]");
      if (item) this.select(Number(item.id.slice(this.name.length)) - this.first);
    });
    this.root.addEventListener("keydown", (event) => {
      const way = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (!way || event.target.matches("input, select") || event.target.closest(".state")) return;
      event.preventDefault();
      this.step(way);
    });
  }

  step(way) {
    const hides = this.root.classList.contains("folded");
    for (let at = this.index + way; at >= 0 && at < this.items.length; at += way) {
      if (this.shown[at] && !(hides && this.items[at].classList.contains("q"))) return this.select(at);
    }
  }

  filter() {
    const value = (selector) => this.find(selector).value;
    this.shown = matching(this.story, this.texts, { search: value("[type=search]"), actor: value(".by-actor"), kind: value(".by-kind"), key: value(".by-key") });
    const all = this.shown.every(Boolean);
    this.root.classList.toggle("folded", all && this.find(".quiet input").checked);
    this.root.classList.toggle("filtered", !all);
    this.items.forEach((item, at) => {
      item.hidden = !this.shown[at];
    });
    const count = this.shown.filter(Boolean).length;
    this.find("output").value = all ? "" : `${count} of ${this.items.length}`;
  }

  select(at, linked = true) {
    if (at < 0 || at >= this.items.length) return;
    for (const [item, how] of this.lit) item.classList.remove(how);
    this.index = at;
    this.root.open = true;
    const item = this.items[at];
    this.unfold(item);
    item.hidden = false;
    this.lit = [[item, "chosen"]];
    for (const cause of causesOf(this.story, at)) this.lit.push([this.items[cause], "cause"]);
    for (const effect of effectsOf(this.story, at)) this.lit.push([this.items[effect], "effect"]);
    const number = at + this.first;
    for (const link of this.pictures) {
      if (link.getAttribute("href") === `#${this.name}${number}` || (Number(link.dataset.first) <= number && number <= Number(link.dataset.last) && link.getAttribute("href").startsWith(`#${this.name}`))) this.lit.push([link, "chosen"]);
    }
    for (const [one, how] of this.lit) one.classList.add(how);
    this.find("[type=range]").value = at;
    this.panel(at);
    this.show(item);
    requestAnimationFrame(() => this.show(item));
    if (linked) history.replaceState(null, "", `#${item.id}`);
  }

  show(item) {
    const list = this.find(".list");
    const top = item.getBoundingClientRect().top - list.getBoundingClientRect().top;
    if (top < 70 || top > list.clientHeight - 50) list.scrollTop += top - list.clientHeight / 2;
  }

  panel(at) {
    const { story } = this;
    const now = stateAt(story, at);
    const before = at ? stateAt(story, at - 1) : new Map();
    const panel = this.find(".state");
    panel.replaceChildren();
    element(panel, "p", { class: "now", "aria-live": "polite" }, `${this.root.dataset.noun} ${at + this.first}`);
    const led = [...causesOf(story, at)].sort((a, b) => a - b);
    this.links(panel, "because of", led);
    this.links(panel, "leads to", [...effectsOf(story, at)].sort((a, b) => a - b));
    const wrong = [...now].filter(([, [, should]]) => story.words[should]);
    if (wrong.length) {
      element(panel, "h3", {}, "Not as it should be");
      const list = element(panel, "ul");
      for (const [cell, [text, should]] of wrong) {
        const [lane, item] = story.cells[cell];
        element(list, "li", {}, `${story.lanes[lane]?.[0] ?? ""}, ${story.words[item]}: ${story.words[text] || "nothing"}; should be ${story.words[should]}`);
      }
    }
    const lanes = new Map();
    for (const cell of new Set([...before.keys(), ...now.keys()])) {
      const lane = story.cells[cell][0];
      if (!lanes.has(lane)) lanes.set(lane, []);
      lanes.get(lane).push(cell);
    }
    const same = (a, b) => a?.[0] === b?.[0] && a?.[1] === b?.[1];
    for (const lane of [...lanes.keys()].sort((a, b) => a - b)) {
      const [name, kind] = story.lanes[lane] ?? ["", ""];
      element(panel, "h3", {}, kind ? `${name} (${kind})` : name);
      const table = element(element(panel, "table"), "tbody");
      for (const cell of lanes.get(lane)) {
        const [held, past] = [now.get(cell), before.get(cell)];
        const row = element(table, "tr", { class: [same(held, past) ? "" : "changed", held && story.words[held[1]] ? "wrong" : ""].join(" ").trim() });
        element(row, "th", { scope: "row" }, story.words[story.cells[cell][1]]);
        const value = element(row, "td");
        if (!same(held, past) && past && story.words[past[0]] && held?.[0] !== past[0]) element(value, "del", {}, story.words[past[0]]);
        if (held) element(value, same(held, past) ? "span" : "ins", {}, story.words[held[0]] || "nothing");
        if (held && story.words[held[1]]) element(value, "strong", {}, `should be ${story.words[held[1]]}`);
      }
    }
  }

  links(panel, words, indices) {
    if (!indices.length) return;
    const shown = words === "leads to" ? indices.slice(0, 8) : indices.slice(-8);
    const line = element(panel, "p", { class: "soft" }, `${words} `);
    for (const at of shown) {
      element(line, "a", { href: `#${this.name}${at + this.first}` }, String(at + this.first));
      line.append(" ");
    }
    if (indices.length > shown.length) line.append(`and ${indices.length - shown.length} more`);
  }
}

async function begin() {
  if (typeof DecompressionStream === "undefined") return;
  const explorers = [];
  for (const root of document.querySelectorAll(".explorer")) {
    explorers.push(new Explorer(root, await unpack(root.querySelector(".story").textContent)));
  }
  const follow = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    const meant = explorers.find(({ name }) => id.startsWith(name) && /^\d+$/.test(id.slice(name.length)));
    if (!meant) return;
    const number = Number(id.slice(meant.name.length));
    const explorer = [meant, ...explorers].find((one) => one.root.dataset.noun === meant.root.dataset.noun && one.items[number - one.first]);
    explorer?.select(number - explorer.first);
    explorer?.root.scrollIntoView({ block: "nearest" });
  };
  addEventListener("hashchange", follow);
  addEventListener("click", (event) => {
    // A link to where one is already changes nothing in the address, but the record may be hidden by now.
    if (event.target.closest?.("a[href]")?.getAttribute("href") === location.hash && location.hash) follow();
  });
  for (const explorer of explorers) explorer.select(explorer.story.open - explorer.first, false);
  for (const frame of document.querySelectorAll(".scroll")) {
    const ring = frame.querySelector(".violation");
    if (ring && frame.classList.contains("tall")) frame.scrollTop = ring.getBoundingClientRect().top - frame.getBoundingClientRect().top - frame.clientHeight / 2;
    if (!ring) continue;
    // No further than it takes to see the ring and its label: what stands at the left edge says which record and which step it is.
    const left = ring.getBoundingClientRect().left - frame.getBoundingClientRect().left;
    frame.scrollLeft += Math.max(0, Math.min(left - frame.clientWidth / 3, left + 220 - frame.clientWidth));
  }
  follow();
  document.documentElement.dataset.ready = "yes";
}

if (typeof document !== "undefined") await begin();
