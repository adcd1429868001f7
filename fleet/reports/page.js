"use strict";
(() => {
  const make = (name, text, attributes) => {
    const one = document.createElement(name);
    if (text !== undefined) one.textContent = text;
    for (const [key, value] of Object.entries(attributes || {})) one.setAttribute(key, value);
    return one;
  };
  const shown = (x) => (x === null || x === undefined || Number.isNaN(x) ? "–"
    : x.toLocaleString("en", Math.abs(x) >= 1000 ? { maximumFractionDigits: 0 }
      : { maximumSignificantDigits: 4 }));
  const labelled = (text, control, kind) => {
    const label = make("label", text + " ");
    if (kind) label.className = kind;
    label.append(control);
    return label;
  };
  const select = (choices) => {
    const one = make("select");
    for (const [value, text] of choices) one.append(make("option", text, { value }));
    return one;
  };
  // `stack` as in tables.py: a row's cells stand below each other on a phone, roles are stated.
  const table = (caption, head, rows, stack) => {
    const role = (name) => (stack ? { role: name } : {});
    const one = make("table", undefined, role("table")), top = make("tr", undefined, role("row"));
    const body = make("tbody", undefined, role("rowgroup")), begin = make("thead", undefined, role("rowgroup"));
    one.append(make("caption", caption));
    head.forEach((name, k) => top.append(
      make("th", name, { scope: "col", class: k ? "number" : "words", ...role("columnheader") })));
    begin.append(top);
    for (const row of rows) {
      const line = make("tr", undefined, role("row"));
      row.forEach((cell, k) => line.append(k
        ? make("td", cell, { class: "number", ...role("cell"), ...(stack ? { "data-label": head[k] } : {}) })
        : make("th", cell, { scope: "row", class: "words", ...role("rowheader") })));
      body.append(line);
    }
    one.append(begin, body);
    const wide = make("div", undefined, { class: stack ? "wide stack" : "wide", tabindex: 0, role: "group", "aria-label": caption });
    wide.append(one);
    return wide;
  };

  // Tables that readers can sort and search.
  const number = (text) => {
    const found = /^[−-]?[\d,]*\.?\d+(e[+-]?\d+)?/i.exec(text.trim());
    return found ? Number(found[0].replace(/,/g, "").replace("−", "-")) : NaN;
  };
  const sortable = (one) => {
    const body = one.tBodies[0], rows = [...body.rows];
    const search = make("input", undefined, { type: "search" });
    const count = make("span", "", { role: "status" });
    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let many = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        many += row.hidden ? 0 : 1;
      }
      count.textContent = words.length ? ` ${many} of ${rows.length} rows` : "";
    };
    search.addEventListener("input", filter);
    const label = labelled("Search in this table:", search, "search");
    label.append(count);
    one.closest(".wide").before(label);
    [...one.tHead.rows[0].cells].forEach((cell, k) => {
      const button = make("button", cell.textContent, { type: "button" });
      cell.replaceChildren(button);
      button.addEventListener("click", () => {
        const up = cell.getAttribute("aria-sort") !== "ascending";
        for (const other of one.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", up ? "ascending" : "descending");
        const key = (row) => row.cells[k].textContent;
        const numeric = rows.every((row) => !key(row) || !Number.isNaN(number(key(row))));
        rows.sort((a, b) => (numeric ? (number(key(a)) || 0) - (number(key(b)) || 0)
          : key(a).localeCompare(key(b), "en")) * (up ? 1 : -1));
        body.append(...rows);
      });
    });
  };

  // The time line: a hand at a moment, and what every arm had then.
  const timeline = (section, data) => {
    const plots = [...section.querySelectorAll("svg[data-plot^=p]")];
    const place = section.querySelector(".cursor");
    const slider = make("input", undefined, { type: "range", min: 0, max: data.many - 1, value: 0, step: 1 });
    const out = make("div", undefined, { "aria-live": "polite" });
    const said = make("output");
    const hands = plots.map((plot) => {
      const hand = document.createElementNS("http://www.w3.org/2000/svg", "line");
      hand.setAttribute("class", "hand");
      hand.setAttribute("y1", "16");
      hand.setAttribute("y2", String(plot.getAttribute("height") - 22));
      plot.append(hand);
      return hand;
    });
    const arms = Object.keys(data.panels[0].arms);
    const show = () => {
      const k = Number(slider.value), at = data.first + k * data.each;
      const share = `${(100 * (k + 0.5)) / data.many}%`;
      for (const hand of hands) { hand.setAttribute("x1", share); hand.setAttribute("x2", share); }
      said.textContent = ` ${shown(at)} s`;
      slider.setAttribute("aria-valuetext", `${shown(at)} seconds`);
      out.replaceChildren(table(`At ${shown(at)} s`, ["number", ...arms, "unit"], data.panels.map(
        (panel) => [panel.title, ...arms.map((arm) => shown(panel.arms[arm][k])), panel.unit]), true));
    };
    slider.addEventListener("input", show);
    const label = labelled("Moment:", slider);
    label.insertBefore(said, slider);
    place.append(label, out);
    plots.forEach((plot) => plot.addEventListener("click", (event) => {
      const box = plot.getBoundingClientRect();
      slider.value = Math.floor(((event.clientX - box.left) / box.width) * data.many);
      show();
    }));
    show();
  };

  // The map: sites by a metric, moment by moment, and a card of one site.
  const unpack = (text, most) => {
    const bytes = atob(text), out = new Float64Array(bytes.length / 2);
    for (let k = 0; k < out.length; k += 1) {
      out[k] = ((bytes.charCodeAt(2 * k) + 256 * bytes.charCodeAt(2 * k + 1)) / 65535) * most;
    }
    return out;
  };
  const CLASSES = 7, FAR = 3;
  const map = (section, data) => {
    const svg = section.querySelector("svg.map"), dots = [...svg.querySelectorAll("circle")];
    const card = section.querySelector(".card"), ramp = section.querySelector(".ramp");
    const caption = section.querySelector("figcaption"), many = data.sites.length;
    const arms = Object.keys(data.arms), moments = data.moments;
    const sums = (arm, key, weight) => {
      const out = new Float64Array(many), of = data.arms[arm];
      data.site.forEach((site, r) => { out[site] += (of[key][r] || 0) * (weight ? of[weight][r] : 1); });
      return out;
    };
    const whole = {
      ms: ["mean latency of results", "ms", (arm) => {
        const late = sums(arm, "ms", "results"), results = sums(arm, "results");
        return late.map((x, k) => (results[k] ? x / results[k] : NaN));
      }],
      missing: ["frames due without a result", "%", (arm) => {
        const due = sums(arm, "due"), results = sums(arm, "results");
        return due.map((x, k) => (x ? 100 * (1 - Math.min(results[k] / x, 1)) : NaN));
      }],
      mbit_s: ["traffic that its sensors send", "Mbit/s", (arm) => sums(arm, "mbit_s")],
    };
    const live = {
      load: ["traffic of the shared links of its cell", "Mbit/s", 0],
      waiting: ["frames waiting at the shared links of its cell", "frames", 1],
    };
    const cells = {};
    if (moments) for (const arm of arms) cells[arm] = moments.arms[arm].map((text, k) => unpack(text, moments.most[k]));
    // Edges of the classes that have a colour: as in places.py, and for queues, which begin at none.
    const edged = (key, of) => {
      if (live[key]) {
        const most = Math.max(1e-9, ...of.map((arm) => cells[arm][live[key][2]].reduce((a, b) => Math.max(a, b), 0)));
        const share = (k) => (key === "waiting" ? Math.expm1((Math.log1p(most) * k) / CLASSES) : (most * k) / CLASSES);
        return Array.from({ length: CLASSES + 1 }, (_, k) => share(k));
      }
      const all = of.flatMap((arm) => [...whole[key][2](arm)]).filter((x) => !Number.isNaN(x));
      const low = all.reduce((a, b) => Math.min(a, b), all.length ? Infinity : 0);
      const most = all.reduce((a, b) => Math.max(a, b), 0), high = most > low ? most : low + 1;
      const far = high > FAR * low && low > 0;
      return Array.from({ length: CLASSES + 1 }, (_, k) => (far
        ? low * (high / low) ** (k / CLASSES) : low + ((high - low) * k) / CLASSES));
    };
    const known = {};
    const edges = (key, of) => (known[`${key} ${of}`] = known[`${key} ${of}`] || edged(key, of));

    const armBox = select(arms.map((arm) => [arm, arm]));
    armBox.value = data.base;
    const metricBox = select([
      ...Object.entries(whole).map(([key, [text]]) => [key, `${text}, whole run`]),
      ...(moments ? Object.entries(live).map(([key, [text]]) => [key, `${text}, by time`]) : []),
    ]);
    const allBox = make("input", undefined, { type: "checkbox" });
    const slider = make("input", undefined, { type: "range", min: 0, max: moments ? moments.many - 1 : 0, value: 0 });
    const said = make("output"), play = make("button", "Play", { type: "button" });
    const find = make("input", undefined, { type: "search", list: `${section.id}-names`, autocomplete: "off" });
    const names = make("datalist", undefined, { id: `${section.id}-names` });
    for (const name of data.sites) names.append(make("option", undefined, { value: name }));
    let picked = -1;

    const values = () => {
      const key = metricBox.value, arm = armBox.value;
      if (whole[key]) return whole[key][2](arm);
      const k = Number(slider.value), of = cells[arm][live[key][2]];
      return Float64Array.from(moments.unit, (unit) => (unit < 0 ? NaN : of[unit * moments.many + k]));
    };
    const paint = () => {
      const key = metricBox.value, edge = edges(key, allBox.checked ? arms : [armBox.value]);
      const [text, unit] = whole[key] || live[key];
      const at = moments ? moments.first + Number(slider.value) * moments.each : 0;
      const down = new Set((moments && live[key] ? moments.down : [])
        .filter(([, from, until]) => from < at + moments.each && until > at).map(([unit]) => unit));
      let unknown = false;
      values().forEach((x, k) => {
        unknown = unknown || Number.isNaN(x);
        const level = Number.isNaN(x) ? "n" : edge.slice(1, -1).filter((one) => x >= one).length;
        dots[k].setAttribute("class", `q${level}${k === picked ? " picked" : ""}${
          moments && down.has(moments.unit[k]) ? " down" : ""}`);
      });
      [...ramp.querySelectorAll("span")].forEach((item, k) => {
        const [a, b] = [shown(edge[k]), shown(edge[k + 1])];
        item.textContent = k === CLASSES - 1 ? `${a} or more ${unit}` : `${a} to ${b} ${unit}`;
      });
      const when = live[key] ? `, from ${shown(at)} s on for ${shown(moments.each)} s` : "";
      caption.textContent = `${many.toLocaleString("en")} sites by ${text}, ${armBox.value}${when}${
        down.size ? "; dashed: a link of the cell is down" : ""}${unknown ? "; hollow: not known" : ""}`;
      if (moments) {
        said.textContent = ` ${shown(at)} s`;
        slider.setAttribute("aria-valuetext", `${shown(at)} seconds`);
      }
    };
    const describe = () => {
      if (picked < 0) { card.replaceChildren(); return; }
      const rows = [];
      data.site.forEach((site, r) => {
        if (site !== picked) return;
        for (const arm of arms) {
          const of = data.arms[arm];
          rows.push([`${data.groups[data.group[r]]} (${data.sensors[r]}), ${arm}`, shown(of.due[r]),
            shown(of.results[r]), shown(of.ms[r]), shown(of.slowest[r]), shown(of.mbit_s[r])]);
        }
      });
      const title = make("h3", data.sites[picked]);
      const found = [title, table(`Sensors at ${data.sites[picked]}`,
        ["group (sensors), arm", "due", "results", "mean, ms", "longest, ms", "Mbit/s"], rows, true)];
      if (moments && moments.unit[picked] >= 0) {
        found.splice(1, 0, make("p", `Its shared links: ${moments.units[moments.unit[picked]]}`));
      }
      card.replaceChildren(...found);
    };
    const pick = (k) => { picked = k; find.value = k < 0 ? "" : data.sites[k]; describe(); paint(); };
    svg.addEventListener("click", (event) => {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      let best = -1, least = 40 ** 2;
      dots.forEach((dot, k) => {
        const away = (dot.cx.baseVal.value - point.x) ** 2 + (dot.cy.baseVal.value - point.y) ** 2;
        if (away < least) { least = away; best = k; }
      });
      pick(best);
    });
    find.addEventListener("input", () => {
      const k = data.sites.indexOf(find.value);
      if (k >= 0) pick(k);
    });
    for (const box of [armBox, metricBox, allBox]) box.addEventListener("change", paint);
    slider.addEventListener("input", () => {
      if (!live[metricBox.value]) metricBox.value = "load";
      paint();
    });
    let timer = 0;
    play.addEventListener("click", () => {
      clearInterval(timer);
      if (play.textContent === "Stop") { play.textContent = "Play"; return; }
      play.textContent = "Stop";
      timer = setInterval(() => {
        slider.value = (Number(slider.value) + 1) % moments.many;
        slider.dispatchEvent(new Event("input"));
      }, 500);
    });
    const controls = section.querySelector(".controls");
    controls.append(labelled("Arm", armBox), labelled("Colour", metricBox));
    if (arms.length > 1) controls.append(labelled("Same scale for all arms", allBox));
    controls.append(labelled("Site", find), names);
    if (moments) {
      const label = labelled("Moment", slider, "grow");
      label.insertBefore(said, slider);
      controls.append(label, play);
    }
    paint();
  };

  document.documentElement.classList.add("scripted");
  document.querySelectorAll(".wide.long > table").forEach(sortable);
  const kinds = { time: timeline, map };
  document.querySelectorAll("section[data-kind]").forEach((section) => {
    const data = section.querySelector("script.data"), show = kinds[section.dataset.kind];
    if (data && show) show(section, JSON.parse(data.textContent));
  });
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const one of closed) one.open = true;
  });
  window.addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
})();
