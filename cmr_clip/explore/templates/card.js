// The card beside the pointer: the heart of the point, beating, and what is known of it.
const card = $("card");

function cardHearts(i) {
  if (state.unit === "clip") return element("div", { className: "hearts" }, [heartFigure(i, 276, clipCaption(i))]);
  const chosen = portrait(studyOf(i));
  const figures = chosen.map((clip) => heartFigure(clip, 200, clipCaption(clip)));
  if (!figures.length) figures.push(heartFigure(-1, 200, ""));
  return element("div", { className: figures.length > 1 ? "hearts two" : "hearts" }, figures);
}

function showCard(i) {
  const study = studyOf(i);
  const what = state.unit === "clip" ? clipCaption(i) : clipCount(DATA.studies.clips[study].length);
  const title = element("p", { className: "title" }, [
    element("span", { className: "key", text: shortKey(study) }),
    element("span", { text: what }),
  ]);
  card.replaceChildren(cardHearts(i), title, facts(study));
  if (DATA.studies.placed[study]) {
    card.append(element("p", { className: "notice", text: "★ Outside the training distribution: a demonstration." }));
  }
  card.hidden = false;
  placeCard(screenX(i), screenY(i));
}

function placeCard(x, y) {
  const [width, height] = [card.offsetWidth, card.offsetHeight];
  const left = x + 20 + width < view.width ? x + 20 : x - 20 - width;
  const top = Math.min(view.height - height - 8, Math.max(8, y - height / 3));
  card.style.transform = `translate(${Math.round(Math.max(8, left))}px, ${Math.round(Math.max(8, top))}px)`;
}

function hover(i) {
  if (i === state.hovered) return;
  state.hovered = i >= 0 && i < count() ? i : -1;
  map.classList.toggle("over", state.hovered >= 0);
  if (state.hovered >= 0) showCard(state.hovered);
  else card.hidden = true;
  redraw(false);
}
