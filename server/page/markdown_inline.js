// Markdown inside a paragraph: emphasis, code, links, line breaks. The result is a list of nodes:
//   "text" | {type: "strong" | "em" | "del", children} | {type: "code", text} | {type: "link", href, children} | {type: "break"}
// href is an http or https URL, or null where the address is incomplete or of another scheme.
//
// As CommonMark says, with these differences: markup of HTML is text (but <br>), images are links, and a line break in the
// source is one in the result, because people and models who write to each other mean it.

const PUNCTUATION = /[\p{P}\p{S}]/u;
const SPACE = /\s/u;
const ESCAPABLE = /[!-/:-@[-`{-~]/;
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };
const LONGEST_LABEL = 500;  // characters of a link's text
const DEEPEST = 32;  // of nested emphasis; more is text

export function safeUrl(text) {
  if (!/^https?:\/\//i.test(text)) return null;
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

// `open`: the text is the end of an answer that is still being written, so what is unfinished is shown as what it will
// probably become: "**bol" is already bold.
export function parseInline(text, open = false, depth = 0) {
  if (open) text = text.replace(/[*_~`]+$|\\$/, "");
  const frames = [{ children: [] }];  // of emphasis that was opened; the first is the whole
  let plain = "";

  const add = (node) => frames.at(-1).children.push(node);
  const flush = () => {
    if (plain) add(plain);
    plain = "";
  };

  for (let at = 0; at < text.length;) {
    const c = text[at];
    if (c === "\\" && text[at + 1] === "\n") {
      flush();
      add({ type: "break" });
      at += 2;
    } else if (c === "\\" && ESCAPABLE.test(text[at + 1] ?? "")) {
      plain += text[at + 1];
      at += 2;
    } else if (c === "\n") {
      plain = plain.trimEnd();
      flush();
      add({ type: "break" });
      at += 1;
    } else if (c === "`") {
      const code = codeSpan(text, at, open);
      if (code.text === null) {
        plain += text.slice(at, code.end);
      } else {
        flush();
        add({ type: "code", text: code.text });
      }
      at = code.end;
    } else if (c === "[" || (c === "!" && text[at + 1] === "[")) {
      const link = depth < 4 ? linkAt(text, c === "!" ? at + 1 : at, open) : null;
      if (!link) {
        plain += c;
        at += 1;
        continue;
      }
      flush();
      const children = parseInline(link.label || link.href || "image", false, depth + 1);
      add({ type: "link", href: safeUrl(link.href), children });
      at = link.end;
    } else if (c === "<") {
      const tag = /^<(?:br\s*\/?|(https?:\/\/[^\s<>]*))>/i.exec(text.slice(at, at + 2048));
      if (!tag) {
        plain += c;
        at += 1;
        continue;
      }
      flush();
      add(tag[1] ? { type: "link", href: safeUrl(tag[1]), children: [tag[1]] } : { type: "break" });
      at += tag[0].length;
    } else if (c === "&") {
      const entity = /^&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos|nbsp));/.exec(text.slice(at, at + 12));
      plain += entity ? characterOf(entity) : c;
      at += entity ? entity[0].length : 1;
    } else if (c === "*" || c === "_" || c === "~") {
      let end = at;
      while (text[end] === c) ++end;
      flush();
      delimiter(frames, c, end - at, text[at - 1] ?? " ", text[end] ?? " ");
      at = end;
    } else if ((c === "h" || c === "H") && !/\w/.test(text[at - 1] ?? "") && /^https?:\/\//i.test(text.slice(at, at + 8))) {
      const address = bareAddress(text, at);
      flush();
      add({ type: "link", href: safeUrl(address), children: [address] });
      at += address.length;
    } else {
      plain += c;
      at += 1;
    }
  }
  flush();
  while (frames.length > 1) endFrame(frames, open);
  return joined(frames[0].children);
}

function characterOf([, decimal, hexadecimal, name]) {
  if (name) return ENTITIES[name];
  const code = decimal ? parseInt(decimal, 10) : parseInt(hexadecimal, 16);
  const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
  return valid ? String.fromCodePoint(code) : "\ufffd";
}

function codeSpan(text, at, open) {
  let start = at;
  while (text[start] === "`") ++start;
  const fence = text.slice(at, start);
  for (let end = text.indexOf(fence, start); end >= 0;) {
    let after = end;
    while (text[after] === "`") ++after;
    if (after - end === fence.length) return { text: codeText(text.slice(start, end)), end: after };
    end = text.indexOf(fence, after);
  }
  if (open && start < text.length) return { text: codeText(text.slice(start)), end: text.length };
  return { text: null, end: start };
}

function codeText(text) {
  text = text.replace(/\n/g, " ");
  return /^ .*[^ ].* $/.test(text) ? text.slice(1, -1) : text;
}

// "[label](address "title")" at text[at]. An unfinished one at the end of an open text has an empty address.
function linkAt(text, at, open) {
  let level = 0;
  let close = at;
  const limit = Math.min(text.length, at + LONGEST_LABEL);
  for (; close < limit; ++close) {
    if (text[close] === "\\") ++close;
    else if (text[close] === "[") ++level;
    else if (text[close] === "]" && --level === 0) break;
  }
  if (close >= limit || text[close + 1] !== "(") return null;
  const label = text.slice(at + 1, close);
  const rest = text.slice(close + 2, close + 2 + 4096);
  const target = /^\s*(?:<([^<>\n]*)>|((?:[^\s()\\]|\\.|\([^\s()]*\))*))(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*\)/.exec(rest);
  if (target) {
    const href = (target[1] ?? target[2]).replace(/\\([!-/:-@[-`{-~])/g, "$1");
    return { label, href, end: close + 2 + target[0].length };
  }
  return open && /^\S*(?:[ \t]+(?:["'(][^\n]*)?)?$/.test(rest) ? { label, href: "", end: text.length } : null;
}

// Up to a space or "<", without the punctuation of the sentence around it.
function bareAddress(text, at) {
  let address = /^[^\s<>"`\u0000-\u001f]+/.exec(text.slice(at, at + 2048))[0];
  for (;;) {
    const last = address.at(-1);
    const unpaired = last === ")" && address.split(")").length > address.split("(").length;
    if (!unpaired && !/[.,;:!?'*_~\]]/.test(last)) return address;
    address = address.slice(0, -1);
  }
}

// A run of `count` characters of emphasis: closes what is open, and opens with what is left.
function delimiter(frames, c, count, before, after) {
  const spaceBefore = SPACE.test(before);
  const spaceAfter = SPACE.test(after);
  const signBefore = PUNCTUATION.test(before);
  const signAfter = PUNCTUATION.test(after);
  const left = !spaceAfter && (!signAfter || spaceBefore || signBefore);
  const right = !spaceBefore && (!signBefore || spaceAfter || signAfter);
  const canOpen = left && (c !== "_" || !right || signBefore);
  const canClose = right && (c !== "_" || !left || signAfter);
  const length = count;
  while (canClose && count > 0) {
    const at = frames.findLastIndex((frame) => frame.c === c && fits(frame, c, length, count, canOpen));
    if (at < 1) break;
    while (frames.length - 1 > at) endFrame(frames, false);
    const frame = frames[at];
    const used = c === "~" ? frame.count : Math.min(2, frame.count, count);
    const type = c === "~" ? "del" : used === 2 ? "strong" : "em";
    frame.children = [{ type, children: joined(frame.children) }];
    frame.count -= used;
    count -= used;
    if (frame.count === 0) {
      frames.pop();
      frames.at(-1).children.push(...frame.children);
    }
  }
  if (count === 0) return;
  if (canOpen && frames.length < DEEPEST && (c !== "~" || count <= 2)) {
    frames.push({ c, count, length: count, closes: canClose, children: [] });
  } else {
    frames.at(-1).children.push(c.repeat(count));
  }
}

function fits(frame, c, length, count, canOpen) {
  if (c === "~") return frame.count === count;
  if (!frame.closes && !canOpen) return true;
  return (frame.length + length) % 3 !== 0 || (frame.length % 3 === 0 && length % 3 === 0);
}

// Emphasis that was never closed: text, or in an open text emphasis up to its end.
function endFrame(frames, open) {
  const frame = frames.pop();
  const parent = frames.at(-1).children;
  const hopeful = open && frame.children.length > 0 && (frame.c !== "~" || frame.count === 2);
  if (!hopeful) {
    parent.push(frame.c.repeat(frame.count), ...frame.children);
    return;
  }
  let children = joined(frame.children);
  if (frame.c === "~") {
    children = [{ type: "del", children }];
  } else {
    if (frame.count >= 2) children = [{ type: "strong", children }];
    if (frame.count % 2 === 1) children = [{ type: "em", children }];
  }
  parent.push(...children);
}

function joined(nodes) {
  const result = [];
  for (const node of nodes) {
    if (typeof node === "string" && typeof result.at(-1) === "string") {
      result[result.length - 1] += node;
    } else {
      result.push(node);
    }
  }
  return result;
}
