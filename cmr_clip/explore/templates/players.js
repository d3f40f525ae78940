// Beating hearts: each canvas plays the frames of a strip, all in step, one cycle in 0.9 s.
const CYCLE_MS = 900;
const players = new Map();
const images = new Map();

function stripImage(clip) {
  let image = images.get(clip);
  if (image) images.delete(clip);
  else {
    image = new Image();
    image.addEventListener("load", () => paint(performance.now()));
    image.src = `data:image/jpeg;base64,${DATA.clips.strip[clip]}`;
  }
  images.set(clip, image); // the last used is the last to go
  if (images.size > 400) images.delete(images.keys().next().value);
  return image;
}

function drawFrame(canvas, player, frame) {
  const { image } = player;
  if (!image.complete || !image.naturalWidth || player.shown === frame) return;
  const side = image.naturalHeight;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, frame * side, 0, side, side, 0, 0, canvas.width, canvas.height);
  player.shown = frame;
}

function paint(now) {
  const phase = state.playing ? (now % CYCLE_MS) / CYCLE_MS : 0;
  for (const [canvas, player] of players) {
    if (canvas.isConnected) drawFrame(canvas, player, Math.floor(phase * player.frames));
    else players.delete(canvas);
  }
}

function loop(now) {
  paint(now);
  requestAnimationFrame(loop);
}

// A canvas that plays a clip, or a dark square where the page holds no thumbnail of it.
function heart(clip, pixels) {
  if (clip < 0 || !DATA.clips.frames[clip]) return element("div", { className: "none", text: "no image" });
  const canvas = element("canvas", { width: pixels, height: pixels, role: "img" });
  canvas.setAttribute("aria-label", `${DATA.clips.view[clip]} slice ${DATA.clips.slice[clip] + 1}, beating`);
  const image = stripImage(clip);
  players.set(canvas, { image, frames: DATA.clips.frames[clip], shown: -1 });
  return canvas;
}

function heartFigure(clip, pixels, caption) {
  return element("figure", {}, [heart(clip, pixels), element("figcaption", { text: caption })]);
}

const clipCaption = (clip) => {
  const view = DATA.clips.view[clip];
  const alone = DATA.studies.clips[DATA.clips.study[clip]].filter((other) => DATA.clips.view[other] === view).length < 2;
  return alone ? view : `${view} ${DATA.clips.slice[clip] + 1}`;
};

// The clips that stand for a study: its first long axis and the middle of its short axis.
function portrait(study) {
  const clips = DATA.studies.clips[study].filter((clip) => DATA.clips.frames[clip]);
  const byView = (wanted) => clips.filter((clip) => DATA.clips.view[clip] === wanted);
  const shortAxis = byView("SAX").sort((a, b) => DATA.clips.slice[a] - DATA.clips.slice[b]);
  const longAxis = DATA.views.filter((view) => view !== "SAX").flatMap(byView);
  return [longAxis[0], shortAxis[shortAxis.length >> 1]].filter((clip) => clip !== undefined);
}
