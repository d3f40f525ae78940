"""The style sheet of the page: light and dark, wide and narrow, screen and paper."""

from __future__ import annotations

__all__ = ["STYLE"]

# Blue and orange (of Okabe and Ito) are told apart with every kind of colour vision; nothing is said by colour alone.
STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --raised: #f5f7f9; --ink: #1c2329; --soft: #56616c; --line: #dbe1e7;
  --bar: #0072b2; --track: #e7ecf0; --warn: #8a4b00; --warn-page: #fff4e2; --warn-line: #e9c48d; --link: #0b62a8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #13171b; --raised: #1b2025; --ink: #e5e9ec; --soft: #a4aeb8; --line: #2f363d;
    --bar: #56b4e9; --track: #283038; --warn: #f3c27b; --warn-page: #2b2213; --warn-line: #5c4723; --link: #7cc0f0;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0 auto; max-width: 1180px; padding: 28px 24px 64px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans",
    sans-serif;
  font-variant-numeric: tabular-nums;
}
h1 { margin: 0; font-size: 28px; line-height: 1.2; letter-spacing: -0.02em; }
h2 { margin: 48px 0 4px; padding-top: 20px; border-top: 1px solid var(--line); font-size: 20px; line-height: 1.3; }
h3 { margin: 26px 0 8px; font-size: 15px; }
p { margin: 6px 0 12px; max-width: 74ch; }
.soft, figcaption { color: var(--soft); }
code { font: 0.92em ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }
a { color: var(--link); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 14px 0 0; }
nav a { padding: 3px 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 22px 0 14px; }
.tiles div { background: var(--raised); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; }
.tiles dt { color: var(--soft); font-size: 13px; }
.tiles dd { margin: 0; font-size: 23px; font-weight: 650; line-height: 1.3; letter-spacing: -0.01em; }
.tiles small { display: block; color: var(--soft); font-size: 12.5px; font-weight: 400; letter-spacing: 0; }
.notice {
  background: var(--warn-page); color: var(--warn); border: 1px solid var(--warn-line); border-radius: 6px;
  padding: 8px 12px; max-width: none;
}
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 0 40px; }
.columns > * { min-width: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: baseline; }
th { color: var(--soft); font-size: 12.5px; font-weight: 600; white-space: nowrap; }
td:last-child, th:last-child { padding-right: 0; }
.number { text-align: right; white-space: nowrap; }
.bars td:last-child { width: 24%; min-width: 70px; vertical-align: middle; }
.bars svg { display: block; width: 100%; height: 10px; }
.outliers { min-width: 1000px; }
.outliers td:first-child { min-width: 190px; }
.outliers td:nth-child(6), .outliers code { white-space: nowrap; }
.outliers td:last-child code { user-select: all; }
.bar { fill: var(--bar); }
.track { fill: var(--track); }
.axis { stroke: var(--line); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 18px 26px; }
figure { margin: 0; min-width: 0; }
.chart { display: flex; flex-direction: column; justify-content: space-between; }
.chart svg { display: block; width: 100%; height: auto; margin-top: 4px; }
.chart text { fill: var(--soft); font-size: 11px; }
.chart figcaption { font-size: 13px; }
.chart strong { color: var(--ink); font-weight: 600; }
.montage { display: grid; grid-template-columns: repeat(auto-fill, minmax(86px, 1fr)); gap: 6px; }
.montage.odd { grid-template-columns: repeat(auto-fill, minmax(136px, 1fr)); gap: 14px 10px; }
.montage img { display: block; width: 100%; height: auto; aspect-ratio: 1; border-radius: 4px; background: #000; }
.montage figcaption { margin-top: 4px; font-size: 12px; line-height: 1.35; overflow-wrap: anywhere; }
.montage figcaption b { display: block; color: var(--ink); font-weight: 600; }
dl.measures { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; font-size: 14px; }
dl.measures dd { margin: 0; color: var(--soft); }
@media (max-width: 560px) {
  body { padding: 18px 14px 48px; }
  h1 { font-size: 23px; }
  .tiles { grid-template-columns: 1fr 1fr; }
  .tiles dd { font-size: 19px; }
  .charts { grid-template-columns: 1fr 1fr; gap: 16px; }
  .chart text { font-size: 17px; }
  .montage { grid-template-columns: repeat(4, 1fr); }
  .montage.odd { grid-template-columns: repeat(2, 1fr); }
  dl.measures { grid-template-columns: 1fr; }
  dl.measures dt { margin-top: 8px; }
}
@media print {
  :root { --page: #fff; --raised: #fff; --ink: #000; --soft: #444; --line: #bbb; --bar: #0072b2; --track: #eee;
    --link: #000; --warn: #000; --warn-page: #fff; --warn-line: #888; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  h2 { break-after: avoid; }
  .scroll { overflow: visible; }
  .outliers { min-width: 0; font-size: 8pt; }
  .outliers code { white-space: normal; overflow-wrap: anywhere; }
  tr, figure, .tiles div { break-inside: avoid; }
  .bar, .track, .montage img { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
