/** Render tracebacks: frames of the project expanded, frames of libraries collapsed, code highlighted. */

import { el } from "./dom.js";
import { escapeLines } from "./unprintable.js";

const SEPARATOR = /^(?:_ )+_?\s*$/;
const LOCATION = /^(\S[^\n]*?):(\d+):(?: (.*))?$/;
const SHORT = /^(\S[^\n]*?):(\d+): (in .+)$/;
const NATIVE = /^\s*File "(.+)", line (\d+)(?:, in (.*))?$/;
const CAPTURED = /^-{3,} ?(Captured .+?) ?-{3,}$/;
const FOREIGN = /(?:^|[\\/])(?:site-packages|dist-packages|_pytest|pluggy|lib[\\/]python\d)|^<frozen|^<string>/;

/** Return an element for a traceback, which is untrusted text. */
export function traceback(text) {
  const lines = escapeLines(text.replace(/\n+$/, ""));
  const blocks = splitFrames(lines);
  return el(
    "div",
    { class: "traceback" },
    blocks.map((block, index) => blockElement(block, index === blocks.length - 1)),
  );
}

/** Split a traceback into frames and captured output: `[{title, lines, note, isForeign, isCaptured}]`. */
export function splitFrames(lines) {
  const blocks = [];
  let open = [];
  let captured = null;
  const close = () => {
    if (open.some((line) => line.trim())) blocks.push(frameBlock(open, captured));
    open = [];
  };
  for (const line of lines) {
    const heading = CAPTURED.exec(line);
    if (heading || (SEPARATOR.test(line) && captured === null)) {
      close();
      captured = heading ? heading[1] : null;
    } else if (
      captured === null &&
      isStart(line) &&
      open.some((earlier) => isStart(earlier) || LOCATION.test(earlier))
    ) {
      close();
      open.push(line);
    } else {
      open.push(line);
    }
  }
  close();
  return blocks;
}

// pytest's short style and Python's native style begin a frame with its location; pytest's long style ends with it.
function isStart(line) {
  return SHORT.test(line) || NATIVE.test(line);
}

function frameBlock(lines, captured) {
  if (captured !== null)
    return { title: captured, lines: trimBlankLines(lines), isCaptured: true, isForeign: false };
  const location = locate(lines);
  return {
    title: location ? `${location.path}:${location.line}` : "",
    note: location?.note,
    lines: trimBlankLines(lines),
    isCaptured: false,
    isForeign: Boolean(location && FOREIGN.test(location.path)),
  };
}

function locate(lines) {
  const first = lines.find(isStart);
  for (const line of first ? [first] : [...lines].reverse()) {
    const match = LOCATION.exec(line) ?? NATIVE.exec(line);
    if (match) return { path: match[1], line: match[2], note: match[3] };
  }
  return null;
}

function trimBlankLines(lines) {
  const first = lines.findIndex((line) => line.trim());
  const last = lines.findLastIndex((line) => line.trim());
  return lines.slice(first, last + 1);
}

function blockElement(block, isLast) {
  const isOpen = isLast ? !block.isCaptured : !block.isForeign && !block.isCaptured;
  const kind = block.isCaptured ? "captured" : block.isForeign ? "foreign" : "own";
  const code = el(
    "pre",
    { tabindex: "0" },
    el(
      "code",
      {},
      block.lines.map((line) => lineElement(line, block.isCaptured)),
    ),
  );
  if (!block.title) return el("div", { class: kind }, code);
  const title = [el("code", {}, block.title), block.note && el("span", { class: "note" }, block.note)];
  return el("details", { class: kind, open: isOpen || !block.title }, el("summary", {}, title), code);
}

function lineElement(line, isPlain) {
  if (isPlain) return el("span", { class: "line" }, line);
  if (/^E(?:\s|$)/.test(line)) return el("span", { class: "line error" }, line);
  if (LOCATION.test(line) || NATIVE.test(line)) return el("span", { class: "line where" }, line);
  return el("span", { class: line.startsWith(">") ? "line here" : "line" }, highlight(line));
}

const TOKEN =
  /(#.*$)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|\b(and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield|None|True|False)\b|\b(\d[\d_.]*)\b/g;

const TOKEN_CLASSES = ["comment", "string", "keyword", "literal"];

/** Split a line of Python into text and highlighted spans. */
function highlight(line) {
  const parts = [];
  let end = 0;
  for (const match of line.matchAll(TOKEN)) {
    parts.push(line.slice(end, match.index));
    parts.push(el("span", { class: TOKEN_CLASSES[match.slice(1).findIndex(Boolean)] }, match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, line.slice(end)].filter((part) => part !== "");
}
