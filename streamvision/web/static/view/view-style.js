// How the element looks: as a style sheet that is made by script, which needs no permission of a page's
// Content-Security-Policy.

const RULES = `
:host { display: block; background: #0b0e13; color: #fff; font: 14px/1.4 system-ui, sans-serif; overflow: hidden; }
:host([hidden]) { display: none; }
.stage { position: relative; width: 100%; height: 100%; min-height: 3em; aspect-ratio: var(--ratio, 16 / 9); overflow: hidden; }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
:host([fit="cover"]) canvas { object-fit: cover; }
.overlay { pointer-events: none; }
.message { position: absolute; inset: auto 0 0 0; margin: 0; padding: 0.6em 0.9em; background: #0b0e13cc; overflow-wrap: anywhere; }
.message:empty { display: none; }
.stage[data-state="failed"]:not(.has-picture) .message { inset: 0; display: grid; place-content: center; text-align: center; }
.controls { position: absolute; inset: auto 0 0 0; display: flex; gap: 2px; align-items: center; padding: 6px; background: linear-gradient(#0000, #000b); opacity: 0; transition: opacity 0.15s; }
.stage:hover .controls, .stage:focus-within .controls, .stage[data-state="paused"] .controls { opacity: 1; }
.controls[hidden] { display: none; }
.controls button { display: grid; place-content: center; width: 34px; height: 34px; padding: 0; border: 0; border-radius: 6px; background: none; color: inherit; cursor: pointer; }
.controls button:hover { background: #fff3; }
.controls button:focus-visible { outline: 2px solid #fff; outline-offset: -2px; }
.controls button[hidden] { display: none; }
.controls svg { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.controls button[aria-pressed="false"] svg { opacity: 0.55; }
.controls .age { margin-left: auto; padding: 0 8px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.controls:not([hidden]) ~ .message { bottom: 46px; }
@media (prefers-reduced-motion: reduce) { .controls { transition: none; } }
`;

let sheet = null;

export function viewStyle() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(RULES);
  }
  return sheet;
}
