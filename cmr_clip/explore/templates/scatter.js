// The scatter: a canvas with its own pan, zoom and hit test.
const map = $("map");
const view = { scale: 1, x: 0, y: 0, fitted: 1, width: 0, height: 0 };
const base = document.createElement("canvas"); // the points, kept while only the hovered one changes
let drawn = false;
let stale = true;

const screenX = (i) => (points().x[i] - view.x) * view.scale + view.width / 2;
const screenY = (i) => (view.y - points().y[i]) * view.scale + view.height / 2;
const zoomed = () => view.scale / view.fitted;
const radius = () => Math.min(9, Math.max(2, 5.2 * (400 / Math.max(150, count())) ** 0.3) * Math.min(2, zoomed() ** 0.35));
const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function fit() {
  const { x, y } = points();
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < x.length; i++) {
    left = Math.min(left, x[i]); right = Math.max(right, x[i]);
    low = Math.min(low, y[i]); high = Math.max(high, y[i]);
  }
  const wide = Math.max(1e-6, right - left);
  const tall = Math.max(1e-6, high - low);
  view.x = (left + right) / 2;
  view.y = (low + high) / 2;
  view.scale = view.fitted = Math.min((view.width - 90) / wide, (view.height - 100) / tall);
  redraw();
}

function zoom(factor, atX = view.width / 2, atY = view.height / 2) {
  const scale = Math.min(view.fitted * 60, Math.max(view.fitted * 0.4, view.scale * factor));
  const shift = 1 / view.scale - 1 / scale;
  view.x += (atX - view.width / 2) * shift;
  view.y -= (atY - view.height / 2) * shift;
  view.scale = scale;
  redraw();
}

function redraw(everything = true) {
  stale ||= everything;
  if (drawn) return;
  drawn = true;
  requestAnimationFrame(() => { drawn = false; draw(); });
}

function resize() {
  const box = $("stage").getBoundingClientRect();
  const first = view.width === 0;
  const ratio = devicePixelRatio || 1;
  const keepFit = zoomed() === 1;
  Object.assign(view, { width: box.width, height: box.height });
  map.width = base.width = Math.round(box.width * ratio);
  map.height = base.height = Math.round(box.height * ratio);
  if (first || keepFit) fit(); else redraw();
}

// Points grouped by colour, so that each colour is one path.
function layers(variable) {
  const shown = new Map();
  const dimmed = [];
  for (let i = 0; i < count(); i++) {
    if (points().placed[i]) continue;
    if (!visible(variable, i)) { dimmed.push(i); continue; }
    const colour = variable ? colourOf(variable, variable.values[valueIndex(variable, i)]) || "" : "";
    if (!shown.has(colour)) shown.set(colour, []);
    shown.get(colour).push(i);
  }
  return { shown, dimmed };
}

function dots(context, rows, colour, alpha, size) {
  context.globalAlpha = alpha;
  context.fillStyle = colour;
  context.beginPath();
  const square = rows.length > 5000; // too small to tell, and several times faster
  for (const i of rows) {
    const [x, y] = [screenX(i), screenY(i)];
    if (x < -size || y < -size || x > view.width + size || y > view.height + size) continue;
    if (square) context.rect(x - size * 0.9, y - size * 0.9, size * 1.8, size * 1.8);
    else { context.moveTo(x + size, y); context.arc(x, y, size, 0, 2 * Math.PI); }
  }
  context.fill();
}

// One by one, each with a hairline of the page's colour that keeps neighbours apart.
function beads(context, rows, colour, alpha, size) {
  context.globalAlpha = alpha;
  context.fillStyle = colour;
  context.strokeStyle = ink("--page");
  context.lineWidth = 0.9;
  for (const i of rows) {
    context.beginPath();
    context.arc(screenX(i), screenY(i), size, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}

function star(context, x, y, size) {
  context.beginPath();
  for (let tip = 0; tip < 10; tip++) {
    const reach = tip % 2 ? size * 0.45 : size;
    const angle = (Math.PI * tip) / 5 - Math.PI / 2;
    context.lineTo(x + reach * Math.cos(angle), y + reach * Math.sin(angle));
  }
  context.closePath();
  context.fillStyle = ink("--star");
  context.strokeStyle = ink("--page");
  context.lineWidth = 4;
  context.stroke();
  context.strokeStyle = ink("--ink");
  context.lineWidth = 1.2;
  context.fill();
  context.stroke();
}

function ring(context, i, width, colour) {
  context.beginPath();
  context.arc(screenX(i), screenY(i), (points().placed[i] ? 13 : radius()) + 3, 0, 2 * Math.PI);
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke();
}

function drawPinned(context) {
  if (state.pinned < 0) return;
  const own = state.unit === "study" ? [state.pinned] : DATA.studies.clips[state.pinned];
  if (state.unit === "study") {
    context.globalAlpha = 0.5;
    context.strokeStyle = ink("--faint");
    context.lineWidth = 1;
    for (const other of DATA.studies.near[state.pinned]) {
      context.beginPath();
      context.moveTo(screenX(state.pinned), screenY(state.pinned));
      context.lineTo(screenX(other), screenY(other));
      context.stroke();
    }
    context.globalAlpha = 1;
  }
  for (const i of own) ring(context, i, 1.5, ink("--ink"));
}

function drawBase(ratio) {
  const context = base.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, view.width, view.height);
  const { shown, dimmed } = layers(colourVariable());
  const size = radius();
  dots(context, dimmed, ink("--faint"), 0.16, size * 0.8);
  const paintPoints = count() > 5000 ? dots : beads;
  for (const [colour, rows] of shown) paintPoints(context, rows, colour || "#9a9a9a", colour ? 0.9 : 0.5, size);
  stale = false;
}

function draw() {
  const context = map.getContext("2d");
  const ratio = map.width / Math.max(1, view.width);
  if (stale) drawBase(ratio);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, map.width, map.height);
  if (base.width && base.height) context.drawImage(base, 0, 0);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  drawPinned(context);
  for (let i = 0; i < count(); i++) if (points().placed[i]) star(context, screenX(i), screenY(i), 12);
  if (state.hovered >= 0) ring(context, state.hovered, 2.5, ink("--accent"));
}

// The point under a pointer, or −1. Placed studies and shown categories come first.
function hit(x, y) {
  const variable = colourVariable();
  let best = -1;
  let least = (radius() + 6) ** 2;
  for (let i = 0; i < count(); i++) {
    const bonus = points().placed[i] ? 0.4 : 1;
    const distance = ((screenX(i) - x) ** 2 + (screenY(i) - y) ** 2) * bonus;
    if (distance < least && (points().placed[i] || visible(variable, i))) [best, least] = [i, distance];
  }
  return best;
}

// The nearest point in a direction (dx, dy), for the arrow keys.
function neighbourTowards(i, dx, dy) {
  if (i < 0) return hit(view.width / 2, view.height / 2) >= 0 ? hit(view.width / 2, view.height / 2) : 0;
  const variable = colourVariable();
  let [best, least] = [i, Infinity];
  for (let j = 0; j < count(); j++) {
    if (!visible(variable, j) && !points().placed[j]) continue;
    const [x, y] = [screenX(j) - screenX(i), screenY(j) - screenY(i)];
    const along = x * dx + y * dy;
    const cost = along + 2.5 * Math.abs(x * dy - y * dx);
    if (j !== i && along > 0.5 && cost < least) [best, least] = [j, cost];
  }
  return best;
}
