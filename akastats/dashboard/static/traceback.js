/** A traceback as it is read: the project's own frames open, others folded, code in colour. */

import { el } from "./dom.js";
import { visibleLines } from "./visible.js";

const BETWEEN = /^(?:_ )+_?\s*$/;
const PLACE = /^(\S[^\n]*?):(\d+):(?: (.*))?$/;
const SHORT = /^(\S[^\n]*?):(\d+): (in .+)$/;
const NATIVE = /^\s*File "(.+)", line (\d+)(?:, in (.*))?$/;
const CAPTURED = /^-{3,} ?(Captured .+?) ?-{3,}$/;
const FOREIGN = /(?:^|[\\/])(?:site-packages|dist-packages|_pytest|pluggy|lib[\\/]python\d)|^<frozen|^<string>/;

/** Return an element for one traceback; its text is a stranger's. */
export function traceback(text) {
  const lines = visibleLines(text.replace(/\n+$/, ""));
  const blocks = cut(lines);
  return el(
    "div",
    { class: "traceback" },
    blocks.map((block, place) => drawn(block, place === blocks.length - 1)),
  );
}

/** Cut a traceback into frames and captured output: `[{title, path, lines, isForeign, isCaptured}]`. */
export function cut(lines) {
  const blocks = [];
  let open = [];
  let captured = null;
  const close = () => {
    if (open.some((line) => line.trim())) blocks.push(told(open, captured));
    open = [];
  };
  for (const line of lines) {
    const heading = CAPTURED.exec(line);
    if (heading || (BETWEEN.test(line) && captured === null)) {
      close();
      captured = heading ? heading[1] : null;
    } else if (captured === null && isStart(line) && open.some((past) => isStart(past) || PLACE.test(past))) {
      close();
      open.push(line);
    } else {
      open.push(line);
    }
  }
  close();
  return blocks;
}

// pytest's short style and Python's own name a frame's place first, the long style last.
function isStart(line) {
  return SHORT.test(line) || NATIVE.test(line);
}

function told(lines, captured) {
  if (captured !== null) return { title: captured, lines: trimmed(lines), isCaptured: true, isForeign: false };
  const at = place(lines);
  return {
    title: at ? `${at.path}:${at.line}` : "",
    note: at?.note,
    lines: trimmed(lines),
    isCaptured: false,
    isForeign: Boolean(at && FOREIGN.test(at.path)),
  };
}

function place(lines) {
  const first = lines.find(isStart);
  for (const line of first ? [first] : [...lines].reverse()) {
    const found = PLACE.exec(line) ?? NATIVE.exec(line);
    if (found) return { path: found[1], line: found[2], note: found[3] };
  }
  return null;
}

function trimmed(lines) {
  const first = lines.findIndex((line) => line.trim());
  const last = lines.findLastIndex((line) => line.trim());
  return lines.slice(first, last + 1);
}

function drawn(block, isLast) {
  const isOpen = isLast ? !block.isCaptured : !block.isForeign && !block.isCaptured;
  const kind = block.isCaptured ? "captured" : block.isForeign ? "foreign" : "own";
  const code = el(
    "pre",
    { tabindex: "0" },
    el(
      "code",
      {},
      block.lines.map((line) => coloured(line, block.isCaptured)),
    ),
  );
  if (!block.title) return el("div", { class: kind }, code);
  const title = [el("code", {}, block.title), block.note && el("span", { class: "note" }, block.note)];
  return el("details", { class: kind, open: isOpen || !block.title }, el("summary", {}, title), code);
}

function coloured(line, isPlain) {
  if (isPlain) return el("span", { class: "line" }, line);
  if (/^E(?:\s|$)/.test(line)) return el("span", { class: "line error" }, line);
  if (PLACE.test(line) || NATIVE.test(line)) return el("span", { class: "line where" }, line);
  return el("span", { class: line.startsWith(">") ? "line here" : "line" }, tokens(line));
}

const TOKEN =
  /(#.*$)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|\b(and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield|None|True|False)\b|\b(\d[\d_.]*)\b/g;
const KINDS = ["comment", "string", "keyword", "literal"];

/** Return a line of Python as text and coloured spans. */
function tokens(line) {
  const parts = [];
  let at = 0;
  for (const found of line.matchAll(TOKEN)) {
    parts.push(line.slice(at, found.index));
    parts.push(el("span", { class: KINDS[found.slice(1).findIndex(Boolean)] }, found[0]));
    at = found.index + found[0].length;
  }
  return [...parts, line.slice(at)].filter((part) => part !== "");
}
