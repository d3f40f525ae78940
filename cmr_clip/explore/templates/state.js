// What is shown, and how to ask for it. Every string of the data is untrusted: it reaches the page as text only.
const $ = (id) => document.getElementById(id);
const DATA = JSON.parse($("data").textContent);
const problems = [];
addEventListener("error", (event) => problems.push(String(event.message)));
addEventListener("securitypolicyviolation", (event) => problems.push(`blocked: ${event.violatedDirective}`));

const state = {
  unit: DATA.unit,
  colour: DATA.colour,
  only: new Set(), // categories to show; empty = all
  hovered: -1,
  pinned: -1, // a study
  playing: !matchMedia("(prefers-reduced-motion: reduce)").matches,
};

DATA.studies.clips = DATA.studies.key.map(() => []);
DATA.clips.study.forEach((study, clip) => DATA.studies.clips[study].push(clip));

const UNITS = { clip: DATA.clips, study: DATA.studies };
const points = () => UNITS[state.unit];
const count = () => points().x.length;
const studyOf = (i) => (state.unit === "clip" ? DATA.clips.study[i] : i);
const shortKey = (study) => DATA.studies.key[study].slice(0, 8);
const viewOrder = (view) => (DATA.views.indexOf(view) + DATA.views.length + 1) % (DATA.views.length + 1);

const darkPage = matchMedia("(prefers-color-scheme: dark)");
const ramp = () => (darkPage.matches ? DATA.ramp.dark : DATA.ramp.light);

const fits = (variable) => variable.level === "study" || state.unit === "clip";
const colourVariable = () => DATA.variables.find((variable) => variable.name === state.colour && fits(variable));

// Index into the values of `variable` for point i of the current unit.
const valueIndex = (variable, i) => (variable.level === "clip" ? i : studyOf(i));

function colourOf(variable, value) {
  if (!variable || value === null || value === -1) return null;
  if (variable.kind === "category") return variable.categories[value].colour;
  const [low, high] = variable.limits;
  const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
  return ramp()[Math.round(share * (ramp().length - 1))];
}

const visible = (variable, i) =>
  state.only.size === 0 || !variable || variable.kind !== "category" ||
  state.only.has(variable.values[valueIndex(variable, i)]);

const clipCount = (n) => (n === 1 ? "1 clip" : `${n} clips`);

const number = (value) =>
  Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 2 : 1);

function textOf(variable, value) {
  if (value === null || value === -1 || value === undefined) return "";
  return variable.kind === "category" ? variable.categories[value].name : number(value);
}

// An element with text and children; nothing here ever parses markup.
function element(tag, { text, className, ...attributes } = {}, children = []) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function facts(study) {
  const list = element("dl");
  for (const variable of DATA.variables) {
    const text = variable.level === "study" ? textOf(variable, variable.values[study]) : "";
    if (text) list.append(element("dt", { text: variable.label }), element("dd", { text, title: text }));
  }
  return list;
}
