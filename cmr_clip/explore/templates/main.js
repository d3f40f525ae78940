// Controls, pointer, keyboard and deep links (#study=<key>, #hover=<point>, #unit=clip, #colour=<name>).
function showControls() {
  document.querySelectorAll("[data-unit]").forEach((button) =>
    button.setAttribute("aria-pressed", String(button.dataset.unit === state.unit)));
  const options = DATA.variables.filter(fits).map((variable) => element("option", { value: variable.name, text: variable.label }));
  $("colour").replaceChildren(...options);
  if (!colourVariable()) state.colour = $("colour").value;
  $("colour").value = state.colour;
  $("play").textContent = state.playing ? "Pause" : "Play";
  $("play").setAttribute("aria-pressed", String(state.playing));
}

function setUnit(unit) {
  if (!UNITS[unit]) return;
  state.unit = unit;
  state.only.clear();
  hover(-1);
  showControls();
  showLegend();
  fit();
}

function setColour(name) {
  if (!DATA.variables.some((variable) => variable.name === name && fits(variable))) return;
  state.colour = name;
  state.only.clear();
  showControls();
  showLegend();
  showPanel();
  redraw();
}

function showMatches() {
  const wanted = $("search").value.trim().toLowerCase();
  const found = DATA.studies.key.map((_, study) => study).filter((study) => DATA.studies.key[study].includes(wanted));
  const buttons = found.slice(0, 8).map((study) => element("button", {
    type: "button", className: "key", text: DATA.studies.key[study], click: () => choose(study) }));
  const more = found.length > 8 ? `and ${found.length - 8} more` : found.length ? "" : "No study has this key.";
  $("matches").replaceChildren(...buttons, ...(more ? [element("p", { text: more })] : []));
  $("matches").hidden = wanted === "";
  return found;
}

function choose(study) {
  $("matches").hidden = true;
  $("search").value = "";
  pin(study);
}

const at = (event) => {
  const box = map.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};

function listenToPointer() {
  const down = new Map();
  let moved = 0;
  let gap = 0;
  map.addEventListener("pointerdown", (event) => {
    map.setPointerCapture(event.pointerId);
    down.set(event.pointerId, at(event));
    if (down.size === 1) moved = 0;
    gap = 0;
  });
  map.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (!down.has(event.pointerId)) { hover(hit(x, y)); return; }
    const [oldX, oldY] = down.get(event.pointerId);
    down.set(event.pointerId, [x, y]);
    moved += Math.abs(x - oldX) + Math.abs(y - oldY);
    if (moved < 4) return;
    map.classList.add("dragging");
    hover(-1);
    if (down.size === 1) {
      view.x -= (x - oldX) / view.scale;
      view.y += (y - oldY) / view.scale;
      redraw();
    } else {
      const [[ax, ay], [bx, by]] = [...down.values()];
      const now = Math.hypot(ax - bx, ay - by);
      if (gap) zoom(now / gap, (ax + bx) / 2, (ay + by) / 2);
      gap = now;
    }
  });
  const up = (event) => {
    if (down.delete(event.pointerId) && moved < 4 && event.type === "pointerup") {
      const found = hit(...at(event));
      if (found >= 0) pin(studyOf(found));
    }
    map.classList.remove("dragging");
  };
  map.addEventListener("pointerup", up);
  map.addEventListener("pointercancel", up);
  map.addEventListener("pointerleave", () => hover(-1));
  map.addEventListener("wheel", (event) => {
    event.preventDefault();
    hover(-1);
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), ...at(event));
  }, { passive: false });
}

function listenToKeys() {
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  map.addEventListener("keydown", (event) => {
    if (steps[event.key]) hover(neighbourTowards(state.hovered, ...steps[event.key]));
    else if (event.key === "Enter" && state.hovered >= 0) pin(studyOf(state.hovered));
    else if (event.key === "+" || event.key === "=") zoom(1.3);
    else if (event.key === "-") zoom(1 / 1.3);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    $("matches").hidden = true;
    if (state.hovered >= 0) hover(-1); else pin(-1);
  });
}

function listenToControls() {
  document.querySelectorAll("[data-unit]").forEach((button) => button.addEventListener("click", () => setUnit(button.dataset.unit)));
  $("colour").addEventListener("change", () => setColour($("colour").value));
  $("play").addEventListener("click", () => { state.playing = !state.playing; showControls(); });
  $("search").addEventListener("input", showMatches);
  $("search").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const found = showMatches();
    if (found.length) choose(found[0]);
  });
  $("zoom-in").addEventListener("click", () => zoom(1.4));
  $("zoom-out").addEventListener("click", () => zoom(1 / 1.4));
  $("zoom-fit").addEventListener("click", fit);
  darkPage.addEventListener("change", () => { showLegend(); showPanel(); redraw(); });
  addEventListener("hashchange", followLink);
  new ResizeObserver(resize).observe($("stage"));
}

function followLink() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const keys = ["unit", "colour", "study", "hover"].filter((name) => wanted.has(name));
  const follow = {
    unit: setUnit,
    colour: setColour,
    study: (key) => { const study = DATA.studies.key.indexOf(key); if (study >= 0) pin(study); },
    hover: (index) => hover(Number(index)),
  };
  for (const name of keys) follow[name](wanted.get(name));
}

function start() {
  const n = DATA.studies.placed.filter((placed) => !placed).length;
  const clips = DATA.clips.placed.filter((placed) => !placed).length;
  $("counts").textContent = `${n.toLocaleString("en")} studies, ${clips.toLocaleString("en")} clips`;
  listenToPointer();
  listenToKeys();
  listenToControls();
  showControls();
  showPlaced();
  showLegend();
  showPanel();
  resize();
  followLink();
  draw();
  requestAnimationFrame(loop);
  const position = (i) => {
    const box = map.getBoundingClientRect();
    return [box.left + screenX(i), box.top + screenY(i)];
  };
  window.explorer = { state, data: DATA, hover, pin, setUnit, setColour, position, problems };
  setTimeout(() => {
    document.documentElement.dataset.problems = problems.join(" | ");
    document.documentElement.dataset.ready = "true";
  }, 300);
}

start();
