/** Escape unprintable characters in untrusted text. */

// Control, format (including bidi), surrogate, private-use, line and paragraph separators, as in akastats/formatting.py.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;
const SHORT_ESCAPES = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Return `text` as one line, with unprintable characters escaped as in Python. */
export function escapeUnprintable(text) {
  return String(text).replace(UNPRINTABLE, escapeCharacter);
}

/** Return the lines of `text`, each escaped; a tab becomes four spaces. */
export function escapeLines(text) {
  return String(text)
    .split(/\r?\n/)
    .map((line) => escapeUnprintable(line.replaceAll("\t", "    ")));
}

function escapeCharacter(character) {
  if (character in SHORT_ESCAPES) return SHORT_ESCAPES[character];
  const hex = character.codePointAt(0).toString(16);
  if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
