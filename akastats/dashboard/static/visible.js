/** Text of strangers, fit to be shown: what would not be seen as itself is written as an escape. Pure. */

// Control, format (bidi among them), surrogate, private use, line and paragraph ends: as akastats/formatting.py.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Return `text` on one line, with what is hidden escaped as Python writes it. */
export function visible(text) {
  return String(text).replace(HIDDEN, escaped);
}

/** Return the lines of `text`, each visible; tabs become spaces. */
export function visibleLines(text) {
  return String(text)
    .split(/\r?\n/)
    .map((line) => visible(line.replaceAll("\t", "    ")));
}

function escaped(character) {
  if (character in SHORT) return SHORT[character];
  const hex = character.codePointAt(0).toString(16);
  if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
