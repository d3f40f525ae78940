// The legend: counts of the shown points; an entry filters the map to its category.
function swatch(colour) {
  const dot = element("span", { className: "swatch" });
  dot.style.background = colour;
  return dot;
}

function legendRow(name, colour, n, code) {
  const row = element("button", { className: "row", type: "button", "aria-pressed": String(state.only.has(code)) }, [
    swatch(colour),
    element("span", { className: "name", text: name, title: name }),
    element("span", { className: "count", text: n.toLocaleString("en") }),
  ]);
  row.classList.toggle("off", state.only.size > 0 && !state.only.has(code));
  row.addEventListener("click", () => {
    const place = [...row.parentNode.children].indexOf(row);
    if (!state.only.delete(code)) state.only.add(code);
    showLegend();
    redraw();
    $("legend").children[place]?.focus();
  });
  return row;
}

function tally(variable) {
  const counts = new Map();
  for (let i = 0; i < count(); i++) {
    const value = variable.values[valueIndex(variable, i)];
    if (!points().placed[i]) counts.set(value, (counts.get(value) || 0) + 1);
  }
  return counts;
}

function categoryRows(variable) {
  const counts = tally(variable);
  const rows = variable.categories.map(({ name, colour }, code) => [name, colour, counts.get(code) || 0, code]);
  if (counts.get(-1)) rows.push(["unknown", "#9a9a9a", counts.get(-1), -1]);
  return rows.map((row) => legendRow(...row));
}

function numberBar(variable) {
  const bar = element("canvas", { className: "bar", width: ramp().length, height: 1, role: "img" });
  bar.setAttribute("aria-label", `Colours from ${number(variable.limits[0])} to ${number(variable.limits[1])}`);
  const context = bar.getContext("2d");
  ramp().forEach((colour, step) => { context.fillStyle = colour; context.fillRect(step, 0, 1, 1); });
  const middle = (variable.limits[0] + variable.limits[1]) / 2;
  const ends = [variable.limits[0], middle, variable.limits[1]].map((text) => element("span", { text: number(text) }));
  const unknown = tally(variable).get(null);
  const parts = [bar, element("p", { className: "ends" }, ends)];
  if (unknown) parts.push(element("p", { className: "ends", text: `${unknown} unknown, in grey` }));
  return parts;
}

function showLegend() {
  const variable = colourVariable();
  const head = element("div", { className: "legend-head" }, [element("h2", { text: variable ? variable.label : "No colour" })]);
  if (state.only.size) {
    head.append(element("button", { className: "link", type: "button", text: "Show all", click: () => {
      state.only.clear();
      showLegend();
      redraw();
    } }));
  }
  const rows = !variable ? [] : variable.kind === "category" ? categoryRows(variable) : numberBar(variable);
  $("legend").replaceChildren(head, ...rows);
}

function showPlaced() {
  const rows = DATA.studies.key.map((_, study) => study).filter((study) => DATA.studies.placed[study]);
  if (!rows.length) return;
  const noun = rows.length === 1 ? "study was" : "studies were";
  const notice = element("p", { className: "notice", text:
    `${rows.length} ${noun} placed on this map from outside the training distribution. Where a star lands, and what ` +
    "is predicted for it, is a demonstration. Not for clinical use." });
  const buttons = rows.map((study) => element("button", { className: "row", type: "button", click: () => pin(study) }, [
    element("span", { className: "star", text: "★" }),
    element("span", { className: "name key", text: shortKey(study) }),
    element("span", { className: "count", text: clipCount(DATA.studies.clips[study].length) }),
  ]));
  $("placed").replaceChildren(element("h2", { text: "Placed studies" }), notice, ...buttons);
  $("placed").hidden = false;
}
