// The side panel: a study with all its clips beating together, and its nearest neighbours.
function panelHead(study) {
  const key = element("span", { className: "key", text: DATA.studies.key[study] });
  const close = element("button", { type: "button", text: "Close", click: () => pin(-1) });
  return element("div", { className: "panel-head" }, [
    element("span", {}, DATA.studies.placed[study] ? [element("span", { className: "star", text: "★ " }), key] : [key]),
    close,
  ]);
}

function clipGrid(study) {
  const clips = [...DATA.studies.clips[study]].sort((a, b) =>
    viewOrder(DATA.clips.view[a]) - viewOrder(DATA.clips.view[b]) || DATA.clips.slice[a] - DATA.clips.slice[b]);
  const long = clips.filter((clip) => DATA.clips.view[clip] !== "SAX");
  const short = clips.filter((clip) => DATA.clips.view[clip] === "SAX");
  const grids = [];
  const grid = (rows, size, pixels) => element("div", { className: `hearts ${size}` }, rows.map((clip) => heartFigure(clip, pixels, clipCaption(clip))));
  if (long.length) grids.push(element("h3", { text: "Long axis" }), grid(long, "three", 200));
  if (short.length) grids.push(element("h3", { text: "Short axis, in order of the stack" }), grid(short, short.length > 3 ? "four" : "three", 160));
  return grids;
}

function nearRow(study, similarity) {
  const variable = DATA.variables.find((known) => known.name === state.colour && known.level === "study");
  const value = variable ? textOf(variable, variable.values[study]) : "";
  const name = value && variable.kind === "number" ? `${variable.label} ` : "";
  const what = [name + value, `similarity ${similarity.toFixed(3)}`].filter(Boolean).join(" · ");
  const row = element("button", { className: "row near", type: "button", click: () => pin(study) }, [
    heart(portrait(study).at(-1) ?? -1, 80),
    element("span", { className: "name" }, [
      element("span", { className: "key", text: shortKey(study) }),
      element("span", { className: "what", text: what }),
    ]),
  ]);
  if (value) row.append(swatch(colourOf(variable, variable.values[study]) || "#9a9a9a"));
  return row;
}

function showPanel() {
  const study = state.pinned;
  if (study < 0) {
    $("panel").replaceChildren(element("p", { className: "empty", text: "Click a point to see all clips of its study and its nearest neighbours." }));
    return;
  }
  const near = DATA.studies.near[study].map((other, i) => nearRow(other, DATA.studies.similarity[study][i]));
  const parts = [panelHead(study), facts(study), ...clipGrid(study)];
  if (near.length) parts.push(element("h3", { text: "Nearest studies in embedding space" }), ...near);
  $("panel").replaceChildren(...parts);
}

function pin(study) {
  state.pinned = study;
  showPanel();
  redraw(false);
  const here = location.pathname + location.search;
  history.replaceState(null, "", study < 0 ? here : `#study=${DATA.studies.key[study]}`);
  if (study >= 0) $("panel").scrollIntoView({ block: "nearest" });
}
