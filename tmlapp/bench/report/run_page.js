(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const list = document.getElementById("list");
  const items = Array.from(list.children);
  const SVG = "http://www.w3.org/2000/svg";

  const element = (name, text, parent) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  };

  const drawn = (parent, name, attributes, title) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (title) {
      const text = document.createElementNS(SVG, "title");
      text.textContent = title;
      made.append(text);
    }
    parent.append(made);
    return made;
  };

  const timeline = (item) => {
    const ends = [item.length || 0];
    for (const spans of [item.truth, item.user, item.model]) for (const s of spans || []) ends.push(s[1]);
    for (const s of item.said || []) ends.push(s[0] + 0.5);
    const total = Math.max(1, ...ends.filter(Number.isFinite));
    const lanes = [["Truth", item.truth, "truth"], ["User", item.user, "level"], ["Model", item.model, "heard"]].filter(
      (lane) => lane[1] && lane[1].length,
    );
    const height = lanes.length * 20 + 44;
    const x = (t) => 58 + (Math.max(0, t) / total) * 930;
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "tl");
    svg.setAttribute("viewBox", `0 0 1000 ${height}`);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `Timeline of ${total.toFixed(1)} seconds; what was said stands below it`);
    const step = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800].find((s) => total / s <= 14) || 3600;
    for (let t = 0; t <= total + 1e-9; t += step) {
      drawn(svg, "line", { class: "grid", x1: x(t), x2: x(t), y1: 0, y2: height - 16 });
      drawn(svg, "text", { class: "tick", x: x(t), y: height - 3, "text-anchor": "middle" }).textContent = `${t} s`;
    }
    lanes.forEach(([name, spans, kind], lane) => {
      const y = lane * 20 + 2;
      drawn(svg, "text", { class: "lane", x: 0, y: y + 12 }).textContent = name;
      for (const [from, to, label] of spans) {
        const width = Math.max(2, x(to) - x(from));
        const about = `${label || name}: ${from} to ${to} s`;
        drawn(svg, "rect", { class: kind, x: x(from), y, width, height: 16, rx: 2 }, about);
      }
    });
    const y = lanes.length * 20 + 14;
    drawn(svg, "text", { class: "lane", x: 0, y }).textContent = "Said";
    let free = 58;
    for (const [t, text] of item.said || []) {
      drawn(svg, "line", { class: "cue", x1: x(t), x2: x(t), y1: 0, y2: y }, `${t} s: ${text}`);
      const label = text.length > 24 ? text.slice(0, 23) + "…" : text;
      if (x(t) >= free && x(t) + 6.4 * label.length < 1000) {
        drawn(svg, "text", { class: "said", x: x(t) + 3, y }).textContent = label;
        free = x(t) + 10 + 6.4 * label.length;
      }
    }
    return svg;
  };

  const fill = (details) => {
    const item = data[details.dataset.k];
    if (!item || details.querySelector(".in")) return;
    const inside = element("div", undefined, details);
    inside.className = "in";
    show(item, inside);
    for (const part of item.more || []) {
      element("h3", part.name, inside);
      show(part, inside);
    }
  };

  const show = (item, inside) => {
    if (item.note) element("p", item.note, inside).className = "mu";
    if (item.said || item.truth) inside.append(timeline(item));
    if (item.sound) {
      const player = element("audio", undefined, inside);
      player.controls = true;
      player.preload = "none";
      player.src = item.sound;
    }
    if (item.said && item.said.length) {
      const table = element("table", undefined, inside);
      table.className = "list";
      for (const [t, text] of item.said) {
        const row = element("tr", undefined, table);
        element("td", `${Number(t).toFixed(2)} s`, row).className = "r";
        element("td", text, row);
      }
    } else if (item.said) element("p", "Nothing was said.", inside).className = "mu";
    for (const [t, name, given] of item.tools || []) element("p", `${t} s: called ${name} with ${given}`, inside);
    if (item.values) {
      const list = element("dl", undefined, inside);
      for (const [name, value] of Object.entries(item.values)) {
        element("dt", name, list);
        element("dd", String(value), list);
      }
    }
  };
  list.addEventListener("toggle", (event) => event.target.open && fill(event.target), true);

  // An address that ends in #item-0-3 opens that item: something to send to a colleague.
  const follow = () => {
    const item = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!item || !item.classList.contains("item")) return;
    item.open = true;
    fill(item);
    item.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();

  const find = document.getElementById("find");
  const state = document.getElementById("state");
  const run = document.getElementById("run");
  const narrow = () => {
    const text = find.value.toLowerCase();
    let n = 0;
    for (const item of items) {
      const fits =
        (!state.value || item.dataset.s === state.value) &&
        (!run || !run.value || item.dataset.k.startsWith(run.value)) &&
        (!text || item.textContent.toLowerCase().includes(text));
      item.hidden = !fits;
      n += fits;
    }
    document.getElementById("count").textContent = `${n} items`;
  };
  for (const control of [find, state, run]) if (control) control.addEventListener("input", narrow);
})();
